"""Alarm signs that the dialogue engine recognises: the second net below the safety gate."""

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy import select

from actions.base import Events, database, heard, message_id, safely
from puente import clock
from puente.knowledge import texts
from puente.messages.models import Message
from puente.safety import alarms


class ActionUrgencia(Action):
    """Asks whether it is happening now, unless the gate has already spoken about this very message."""

    def name(self) -> str:
        return "action_urgencia"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        alarm = (tracker.latest_message.get("metadata") or {}).get("alarm", "none")
        if alarm == "resumed":
            if not tracker.active_loop:  # a form asks its own question again
                dispatcher.utter_message(text=texts.get("seguimos"))
            return []
        if alarm != "none":
            return []
        kind = "suicidio" if heard(tracker).intent == "crisis_emocional" else "dicho_por_la_familia"
        async with database().transaction() as session:
            query = select(Message).where(Message.wamid == message_id(tracker))
            message = (await session.execute(query)).scalar_one_or_none()
            reply = await alarms.second_net(session, message, kind, clock.utcnow()) if message else None
        if reply:
            dispatcher.utter_message(text=reply["text"], buttons=reply["buttons"])
        return []
