"""Alarm signs that the dialogue engine recognises: the second net below the safety gate."""

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy import select

from actions.base import TO_A_PERSON, Events, alarm, database, heard, in_a_form, keep, message_id, safely
from puente import clock
from puente.knowledge import meanings, texts
from puente.messages.models import Message
from puente.safety import alarms

ALARMS = ("urgencia_medica", "crisis_emocional", "nlu_fallback")
LIKELY = 0.03  # beside an alarm, which takes most of the probability, this much is a real second meaning


class ActionUrgencia(Action):
    """Asks whether it is happening now, unless the gate has already spoken about this very message."""

    def name(self) -> str:
        return "action_urgencia"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        seen = alarm(tracker)
        if seen == "resumed":
            return _take_up_the_rest(dispatcher, tracker)
        if seen != "none":
            return []
        kind = "suicidio" if heard(tracker).intent == "crisis_emocional" else "dicho_por_la_familia"
        async with database().transaction() as session:
            query = select(Message).where(Message.wamid == message_id(tracker))
            message = (await session.execute(query)).scalar_one_or_none()
            reply = await alarms.second_net(session, message, kind, clock.utcnow()) if message else None
        if reply:
            dispatcher.utter_message(text=reply["text"], buttons=reply["buttons"])
        return []


def _take_up_the_rest(dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
    """The danger is dealt with: offer what else the message was about, if it was about anything else."""
    if in_a_form(tracker):
        return []  # the form asks its question again
    ranking = tracker.latest_message.get("intent_ranking") or []
    rest = [entry for entry in ranking if entry.get("name") not in ALARMS and entry.get("confidence", 0) >= LIKELY]
    likely = meanings.likeliest(rest)
    if not likely:
        dispatcher.utter_message(text=texts.get("seguimos"))
        return []
    dispatcher.utter_message(
        text=f"También me hablaba de otra cosa. ¿Quiere {' o '.join(meaning.words for meaning in likely)}?",
        buttons=[
            *({"title": meaning.button, "payload": f"/{meaning.intent}"} for meaning in likely),
            TO_A_PERSON,
        ],
    )
    return [keep(tracker)]
