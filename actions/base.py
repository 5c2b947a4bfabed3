"""What every action shares: the database, what the tracker says, and a safe way to fail."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import cache, wraps
from typing import Any, cast

from rasa_sdk import Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from puente import clock, log
from puente import settings as configuration
from puente.cases.intake import Heard
from puente.db import Database

logger = log.get("actions")
Events = list[dict[str, Any]]
TIMEOUT_SECONDS = 8  # well below Rasa's own, whose expiry would lose the whole message (facts/rasa.md §1.5)
KEPT_FOR = timedelta(minutes=30)  # an older message is not what a button pressed now means
TO_A_PERSON = {"title": "Hablar con alguien", "payload": "/hablar_con_persona"}
SORRY = (
    "Tuve un problema para terminar eso, pero su mensaje quedó guardado. "
    "¿Lo intentamos de nuevo, o prefiere que le atienda una persona?"
)


@cache
def database() -> Database:
    """The one database of this process, opened at first use."""
    return Database(configuration.load().puente_database_url)


def safely(run: Callable[..., Awaitable[Events]]) -> Callable[..., Awaitable[Events]]:
    """Wrap an action's `run`: a failure or a delay becomes an apology with a way to a person, never silence."""

    @wraps(run)
    async def guarded(self: Any, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                return await run(self, dispatcher, tracker, domain)
        except Exception:
            logger.exception("action failed", action=self.name(), contact=tracker.sender_id)
            dispatcher.messages.clear()
            dispatcher.utter_message(
                text=SORRY,
                buttons=[
                    {"title": "Intentar de nuevo", "payload": "/afirmar"},
                    TO_A_PERSON,
                ],
            )
            return []

    return guarded


def heard(tracker: Tracker) -> Heard:
    """The last message as it was understood. A pressed button is understood for sure."""
    message = tracker.latest_message
    intent = message.get("intent") or {}
    text = (message.get("metadata") or {}).get("shown_text") or message.get("text") or ""
    entities = tuple(
        {"entity": entity["entity"], "value": entity.get("value")}
        for entity in message.get("entities", [])
        if entity.get("value") not in (None, "")
    )
    return Heard(text, intent.get("name") or "", float(intent.get("confidence") or 0), entities)


def message_id(tracker: Tracker) -> str:
    """The WhatsApp id of the last message: what makes an action idempotent."""
    return str(tracker.latest_message.get("message_id") or "")


def sent_at(tracker: Tracker) -> datetime:
    """When the family wrote the last message; dates in it count from then."""
    stamp = (tracker.latest_message.get("metadata") or {}).get("sent_at")
    moment = datetime.fromisoformat(stamp) if stamp else clock.utcnow()
    return moment.astimezone(clock.MEXICO_CITY)


def keep(tracker: Tracker) -> dict[str, Any]:
    """The slot event that keeps the last message's words and data until the family says what she meant."""
    said = heard(tracker)
    value = {"text": said.text, "entities": list(said.entities), "at": sent_at(tracker).isoformat()}
    return cast(dict[str, Any], SlotSet("pendiente", value))


def kept(tracker: Tracker) -> Heard:
    """The last message; when it is a button that only says what the one before meant, that one's words and data."""
    said, pending = heard(tracker), tracker.get_slot("pendiente")
    pressed = str(tracker.latest_message.get("text") or "").startswith("/")
    if not pending or not pressed or said.entities:
        return said
    if sent_at(tracker) - datetime.fromisoformat(pending["at"]) > KEPT_FOR:
        return said
    return Heard(pending["text"], said.intent, said.confidence, tuple(pending["entities"]))
