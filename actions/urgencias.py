"""Alarm signs that the dialogue engine recognises: the second net below the safety gate."""

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy import select

from actions.base import Events, database, heard, message_id, safely
from puente import clock
from puente.messages.models import Message
from puente.safety import alarms
from puente.safety.gate import CERTAIN, Verdict


class ActionUrgencia(Action):
    """Gives the safe answer and raises the alarm, unless the gate has already spoken about this very message."""

    def name(self) -> str:
        return "action_urgencia"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        if (tracker.latest_message.get("metadata") or {}).get("alarm", "none") != "none":
            return []
        kind = "suicidio" if heard(tracker).intent == "crisis_emocional" else "dicho_por_la_familia"
        async with database().transaction() as session:
            query = select(Message).where(Message.wamid == message_id(tracker))
            message = (await session.execute(query)).scalar_one_or_none()
            if message is not None:
                await alarms.raise_case(session, message, kind, clock.utcnow())
        dispatcher.utter_message(text=alarms.safe_answer(Verdict(CERTAIN, kind)))
        return []
