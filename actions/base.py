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
from puente.cases import matters
from puente.cases.intake import Heard
from puente.contacts import notice as notices
from puente.db import Database
from puente.knowledge import bank, privacy, texts

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
                begun = await _begin_answer(dispatcher, tracker)
                return [*begun, *await run(self, dispatcher, tracker, domain)]
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


async def _begin_answer(dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
    """What goes before any answer: the introduction if it had to wait, and a word to who sends bank data."""
    if bank.find(_words(tracker)) and texts.get("datos_de_banco") not in _said_in_this_turn(tracker):
        dispatcher.utter_message(text=texts.get("datos_de_banco"))
    if tracker.get_slot("aviso_pendiente") and alarm(tracker) == "none":
        return await _introduce(dispatcher, tracker)
    return []


async def _introduce(dispatcher: CollectingDispatcher, tracker: Tracker) -> Events:
    """Who answers here, with the privacy notice, to whom was not given it yet. Without a database it waits."""
    notice = privacy.notice()
    try:
        async with database().transaction() as session:
            due = await notices.give(
                session,
                tracker.sender_id,
                version=notice.version,
                source_wamid=message_id(tracker),
                now=clock.utcnow(),
            )
    except Exception:
        logger.exception("the notice waits", contact=tracker.sender_id)
        return []
    if due:
        url = configuration.load().puente_privacy_url
        dispatcher.utter_message(text=f"{texts.get('presentacion')}\n\n{notice.text(url)}")
    said = [("aviso_pendiente", False), ("presentado", due)]
    return [cast(dict[str, Any], SlotSet(name, value)) for name, value in said]


def alarm(tracker: Tracker) -> str:
    """What the safety gate saw in the last message: "none" when nothing."""
    return str((tracker.latest_message.get("metadata") or {}).get("alarm", "none"))


def _said_in_this_turn(tracker: Tracker) -> str:
    said: list[str] = []
    for event in reversed(tracker.events or []):
        if event["event"] == "user":
            break
        if event["event"] == "bot":
            said.append(event.get("text") or "")
    return "\n".join(said)


def _words(tracker: Tracker) -> str:
    """The last message as it was written; of a button, its title."""
    message = tracker.latest_message or {}
    return str((message.get("metadata") or {}).get("shown_text") or message.get("text") or "")


def heard(tracker: Tracker) -> Heard:
    """The last message as it was understood. A pressed button is understood for sure; bank data is left out."""
    message = tracker.latest_message
    intent = message.get("intent") or {}
    text = bank.without(_words(tracker))
    entities = tuple(
        {"entity": entity["entity"], "value": entity.get("value")}
        for entity in message.get("entities", [])
        if entity.get("value") not in (None, "") and not bank.find(str(entity.get("value")))
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


def two_matters(tracker: Tracker) -> tuple[Heard, Heard | None]:
    """What to deal with in the last message, and its other request if it holds two."""
    said, second = heard(tracker), tracker.latest_message.get("second_intent")
    if not second or pressed(tracker):
        return said, None
    placed = [entity for entity in tracker.latest_message.get("entities", []) if entity.get("value") not in (None, "")]
    return matters.split(said, placed, second) or (said, None)


def language(tracker: Tracker) -> str | None:
    """The language of the last message, when it surely is not Spanish (bot/channel.py)."""
    found: str | None = tracker.latest_message.get("language")
    return found


def in_a_form(tracker: Tracker) -> bool:
    """Whether something is being filled in, or talked about with questions and answers."""
    return bool((tracker.active_loop or {}).get("name"))


def pressed(tracker: Tracker) -> bool:
    """Whether the last message is a button that names what is meant."""
    return str(tracker.latest_message.get("text") or "").startswith("/")


def as_request(said: Heard, tracker: Tracker) -> matters.Request:
    """Words and data that wait, and since when."""
    return {
        "intent": said.intent,
        "text": said.text,
        "entities": list(said.entities),
        "at": sent_at(tracker).isoformat(),
    }


def keep(tracker: Tracker) -> dict[str, Any]:
    """The slot event that keeps the last message's words and data until the family says what she meant."""
    value = as_request(heard(tracker), tracker)
    return cast(dict[str, Any], SlotSet("pendiente", {**value, "intent": None}))


def kept(tracker: Tracker) -> Heard:
    """What the last message asks first. A button that only says what was meant stands for the words before it."""
    said, _ = two_matters(tracker)
    pending = tracker.get_slot("pendiente")
    if not pending or not pressed(tracker) or said.entities or not recent(pending, tracker):
        return said
    return Heard(pending["text"], said.intent, said.confidence, tuple(pending["entities"]))


def recent(request: matters.Request, tracker: Tracker) -> bool:
    """Whether what was kept is still what the conversation is about."""
    return sent_at(tracker) - datetime.fromisoformat(request["at"]) <= KEPT_FOR
