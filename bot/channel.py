"""The channel between Puente and Rasa: one message in, the replies to it and how it was understood out.

    POST /webhooks/puente/turn    {sender, message_id, text, payload, metadata}  →  {replies, parse, replayed}
    GET  /webhooks/puente/health  200 once a model is loaded, else 503

A turn is idempotent on `message_id`: the same message again gives what it gave the first time, and changes nothing.
500 means that this very message fails; 503 that any message would, so it can wait.
"""

import asyncio
import hmac
import json
import logging
import os
import re
from typing import Any, NamedTuple

from rasa.core.agent import Agent
from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from rasa.core.exceptions import AgentNotReady
from rasa.core.lock_store import LockError
from rasa.core.tracker_store import FailSafeTrackerStore, TrackerStore
from rasa.shared.constants import DEFAULT_NLU_FALLBACK_INTENT_NAME
from rasa.shared.core.events import BotUttered, Event, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from sanic import Blueprint
from sanic.request import Request
from sanic.response import HTTPResponse

from bot.action_server import ActionFailed, ActionServerDown, StrictActionServer, check_answers_quickly
from bot.conversation_store import ConversationStore, StoreUnavailable, plain, recent_events
from puente.knowledge import languages

logger = logging.getLogger(__name__)

NAME = "puente"
DEVELOPMENT_TOKEN = "interno-desarrollo"  # noqa: S105  the same default as in puente/settings.py
LOCK_POLL_SECONDS = 0.05
RANKED_INTENTS = 5
ENTITY_KEYS = ("entity", "value", "start", "end", "extractor")
PARSE_KEYS_NOT_OURS = {"text", "intent", "intent_ranking", "entities", "metadata", "message_id", "text_tokens"}
REPLY_KEYS = ("text", "buttons", "image", "custom")
# Rasa takes a text that begins with "/" for an intent. Invisible characters in front of it would hide it from us.
LEADING_SLASHES = re.compile(
    r"^[\s/／\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufe00-\ufe0f\ufeff]+"
)
ALARMS = ("urgencia_medica", "crisis_emocional")  # understood as such in any language, they stay what they are
NOTHING_LEFT = "?"  # a message of slashes only; the pipeline need not cope with an empty one


class BadRequest(Exception):
    """The request is not what the protocol says; the message tells why."""


class Incoming(NamedTuple):
    """A message as Rasa is to see it."""

    sender: str
    message_id: str
    text: str
    metadata: dict[str, Any]


class PuenteChannel(InputChannel):
    """Rasa's end of the boundary; `puente/dispatch/rasa.py` is the other."""

    def __init__(self) -> None:
        self._turns: set[asyncio.Task[dict[str, Any]]] = set()

    @classmethod
    def name(cls) -> str:
        return NAME

    def blueprint(self, on_new_message: Any) -> Blueprint:
        routes = Blueprint("puente_channel", __name__)

        @routes.get("/health")
        async def health(request: Request) -> HTTPResponse:
            if _agent(request) is None:
                return _answer({"error": "no model is loaded"}, 503)
            return _answer({"status": "ok"}, 200)

        @routes.post("/turn")
        async def turn(request: Request) -> HTTPResponse:
            if not _knows_the_token(request):
                return _answer({"error": "wrong X-Puente-Token"}, 401)
            agent = _agent(request)
            if agent is None:
                return _answer({"error": "no model is loaded"}, 503)
            try:
                return _answer(await self._finish(take_turn(agent, incoming(request.body))), 200)
            except BadRequest as problem:
                return _answer({"error": str(problem)}, 400)
            except (AgentNotReady, StoreUnavailable, LockError, ActionServerDown) as problem:
                logger.warning("turn put off: %s", problem)
                return _answer({"error": str(problem)[:200]}, 503)
            except (Exception, ActionFailed) as problem:
                logger.exception("turn failed")
                return _answer({"error": f"{type(problem).__name__}: {problem}"[:200]}, 500)

        return routes

    async def _finish(self, turn: Any) -> dict[str, Any]:
        """Let the turn come to its end even when the caller hangs up: the next try then finds it done."""
        task = asyncio.ensure_future(turn)
        self._turns.add(task)
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: "asyncio.Task[dict[str, Any]]") -> None:
        self._turns.discard(task)
        if not task.cancelled():
            task.exception()  # the handler reports it; without one to do so, nobody waits for the answer


class Collector(OutputChannel):
    """Keeps what the assistant says, whole, in the shape of the protocol."""

    def __init__(self) -> None:
        self.replies: list[dict[str, Any]] = []

    @classmethod
    def name(cls) -> str:
        return NAME

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        reply = as_reply(message)
        if reply:
            self.replies.append(reply)


def incoming(body: bytes) -> Incoming:
    """Read a request. Only a trusted payload can name an intent: what a person types is always just text."""
    try:
        request = json.loads(body)
    except ValueError as problem:
        raise BadRequest("the body is not JSON") from problem
    if not isinstance(request, dict):
        raise BadRequest("the body is not a JSON object")
    for field in ("sender", "message_id"):
        if not isinstance(request.get(field), str) or not request[field]:
            raise BadRequest(f"{field} is missing or not a text")
    for field, kind in (("text", str), ("payload", str), ("metadata", dict)):
        if not isinstance(request.get(field), (kind, type(None))):
            raise BadRequest(f"{field} is not a {kind.__name__}")
    text, payload = request.get("text") or "", request.get("payload") or ""
    metadata = dict(request.get("metadata") or {})
    if payload.startswith("/"):
        metadata["shown_text"] = text
        said = payload
    else:
        said = LEADING_SLASHES.sub("", payload or text).strip() or NOTHING_LEFT
    return Incoming(request["sender"], request["message_id"], said, metadata)


async def take_turn(agent: Agent, message: Incoming) -> dict[str, Any]:
    """Handle the message, or find what handling it gave before."""
    _make_strict(agent)
    async with agent.lock_store.lock(message.sender, wait_time_in_seconds=LOCK_POLL_SECONDS):
        done = await _earlier_turn(agent.tracker_store, message)
        if done:
            return {**done, "replayed": True}
        return {**await _handle(agent, message), "replayed": False}


async def _earlier_turn(store: TrackerStore, message: Incoming) -> dict[str, Any] | None:
    if isinstance(store, ConversationStore) and not await store.mentions(message.sender, message.message_id):
        return None
    tracker = await store.retrieve(message.sender)
    return earlier_turn(tracker, message.message_id) if tracker else None


async def _handle(agent: Agent, message: Incoming) -> dict[str, Any]:
    """What Agent.handle_message does inside its lock, with the parse kept for the answer."""
    processor = agent.processor
    if processor is None:
        raise AgentNotReady("no model is loaded")
    output = Collector()
    heard = UserMessage(
        message.text,
        output,
        message.sender,
        input_channel=NAME,
        message_id=message.message_id,
        metadata=message.metadata,
    )
    heard.parse_data = in_another_language(await processor.parse_message(heard))
    parse = as_parse(heard.parse_data)  # before the dialogue can change it
    await processor.handle_message(heard)
    return {"replies": output.replies, "parse": parse}


def in_another_language(parse: dict[str, Any]) -> dict[str, Any]:
    """The parse, marked as not understood when the message is not in Spanish: what the model makes of it is chance."""
    text, intent = parse.get("text") or "", parse.get("intent") or {}
    language = None if text.startswith("/") or intent.get("name") in ALARMS else languages.detect(text)
    if language is None:
        return parse
    doubt = {"name": DEFAULT_NLU_FALLBACK_INTENT_NAME, "confidence": 1.0}
    ranking = [doubt, *(parse.get("intent_ranking") or [])]
    return {**parse, "intent": doubt, "intent_ranking": ranking, "entities": [], "language": language}


def earlier_turn(tracker: DialogueStateTracker, message_id: str) -> dict[str, Any] | None:
    """What the message gave when it was handled, from the conversation; None when it was not.

    A "sí" to an offer stands there twice: as it was written, and as what it means (actions/pedidos.py).
    """
    events: list[Event] = recent_events(tracker)
    turn: list[Event] = []
    for event in events:
        theirs = isinstance(event, UserUttered) and event.message_id == message_id
        if theirs or (turn and not isinstance(event, UserUttered)):
            turn.append(event)
        elif turn:
            break
    if not turn:
        return None
    replies = [as_reply(event.message()) for event in turn if isinstance(event, BotUttered)]
    return {"replies": [reply for reply in replies if reply], "parse": as_parse(turn[0].parse_data)}


def as_reply(message: dict[str, Any]) -> dict[str, Any]:
    """The part of a bot message that the protocol knows."""
    reply = {key: message[key] for key in REPLY_KEYS if message.get(key)}
    if "buttons" in reply:
        reply["buttons"] = [{"title": button["title"], "payload": button["payload"]} for button in reply["buttons"]]
    return reply


def as_parse(parse: dict[str, Any]) -> dict[str, Any]:
    """How the message was understood, in plain values: the intent, its rivals, the entities, and our own extras."""
    extras = {key: value for key, value in parse.items() if key not in PARSE_KEYS_NOT_OURS and not key.startswith("_")}
    return {
        "text": parse.get("text"),
        "intent": _intent(parse.get("intent") or {}),
        "intent_ranking": [_intent(intent) for intent in (parse.get("intent_ranking") or [])[:RANKED_INTENTS]],
        "entities": [_entity(entity) for entity in parse.get("entities") or []],
        **extras,
    }


def _intent(intent: dict[str, Any]) -> dict[str, Any]:
    return {"name": intent.get("name"), "confidence": float(intent.get("confidence") or 0)}


def _entity(entity: dict[str, Any]) -> dict[str, Any]:
    confidence = entity.get("confidence_entity", entity.get("confidence"))
    known = {key: entity.get(key) for key in ENTITY_KEYS}
    return {**known, "confidence": None if confidence is None else float(confidence)}


def _make_strict(agent: Agent) -> None:
    """Undo what makes Rasa pass over failures; a model that was swapped in brings it along again.

    Its wrapper of the store answers a read error with "a new conversation", and keeps in memory what could not be
    written. Its calls to the action server may fail without failing the turn: see bot/action_server.py.
    """
    processor = agent.processor
    if processor is None:
        return
    if isinstance(agent.tracker_store, FailSafeTrackerStore):
        agent.tracker_store = agent.tracker_store._tracker_store
        processor.tracker_store = agent.tracker_store
    if processor.action_endpoint and not isinstance(processor.action_endpoint, StrictActionServer):
        processor.action_endpoint = StrictActionServer.like(processor.action_endpoint)
        check_answers_quickly()


def _agent(request: Request) -> Agent | None:
    agent = getattr(request.app.ctx, "agent", None)
    return agent if agent is not None and agent.is_ready() else None


def _knows_the_token(request: Request) -> bool:
    expected = os.environ.get("PUENTE_INTERNAL_TOKEN") or DEVELOPMENT_TOKEN
    given = request.headers.get("X-Puente-Token", "")
    return hmac.compare_digest(given.encode(), expected.encode())


def _answer(body: dict[str, Any], status: int) -> HTTPResponse:
    text = json.dumps(body, default=plain)
    return HTTPResponse(text, status=status, content_type="application/json")
