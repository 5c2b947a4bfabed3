"""Where Rasa keeps its conversations: one row each, read whole and replaced whole, of bounded size.

Rasa's own SQL store appends an event a row, counts rows to know what is new (so that a failed read loses a message),
and reads everything back on every turn, so that a turn costs more and more. Here a conversation keeps the events of
its last turns; older ones are replaced by a short history that leaves the same state behind: see `shortened`.
"""

import asyncio
import functools
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.constants import ACTION_LISTEN_NAME, ACTION_SESSION_START_NAME
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActiveLoop,
    AllSlotsReset,
    BotUttered,
    ConversationPaused,
    ConversationResumed,
    Event,
    LoopInterrupted,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUttered,
)
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.exceptions import RasaException
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

logger = logging.getLogger(__name__)

ROOT = Path(__file__).resolve().parent.parent
MOST_TURNS = 8  # a conversation with more of them is shortened …
KEPT_TURNS = 5  # … to these, so that it is not done on every turn
REMEMBERED_ACTIONS = 12  # and of what is cut off, the steps that a policy (max_history: up to 10) may look back to
SHORT_HISTORY = "puente_short_history"  # in the first event's metadata: how many events stand for what was cut off
Result = TypeVar("Result")


class StoreUnavailable(RasaException):
    """The conversation could not be read or written now; nothing was changed."""


conversations = sa.Table(
    "rasa_conversations",
    sa.MetaData(),
    sa.Column("sender_id", sa.String(255), primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("events", sa.Text, nullable=False),
    sa.Column("updated_at", sa.Float, nullable=False),
)


class ConversationStore(TrackerStore):
    """The tracker store that endpoints.yml names: PUENTE_BOT_DATABASE_URL, or a file in PUENTE_HOME."""

    def __init__(self, domain: Any = None, event_broker: Any = None, url: str | None = None, **_: Any) -> None:
        super().__init__(domain, event_broker)
        self._url = url or _configured_url()
        self._engine: Engine | None = None
        self._opening = threading.Lock()

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Replace the conversation. Raises StoreUnavailable also when somebody else has replaced it meanwhile."""
        await self.stream_events(tracker)
        known = getattr(tracker, "stored_revision", None)
        row = {
            "sender_id": tracker.sender_id,
            "revision": (known or 0) + 1,
            "events": _as_json(shortened(tracker)),
            "updated_at": time.time(),
        }
        await self._in_thread(functools.partial(_replace, row, known))
        tracker.stored_revision = row["revision"]  # type: ignore[attr-defined]

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The conversation, or None when there is none. A read error raises: it is never a new conversation."""
        row = await self._in_thread(functools.partial(_read, sender_id))
        if row is None:
            return None
        events = [_event(event) for event in json.loads(row.events)]
        tracker = DialogueStateTracker.from_events(sender_id, events, self.domain.slots)
        tracker.stored_revision = row.revision  # type: ignore[attr-defined]
        return tracker

    async def mentions(self, sender_id: str, message_id: str) -> bool:
        """Whether the conversation may hold this message: a quick look, without bringing it back to life."""
        row = await self._in_thread(functools.partial(_read, sender_id))
        return row is not None and json.dumps(message_id) in row.events

    async def keys(self) -> Iterable[str]:
        return await self._in_thread(
            lambda connection: list(connection.execute(sa.select(conversations.c.sender_id)).scalars())
        )

    async def _in_thread(self, work: Callable[[Connection], Result]) -> Result:
        """Run one transaction outside the event loop, where other conversations go on."""
        try:
            return await asyncio.get_event_loop().run_in_executor(None, self._transaction, work)
        except SQLAlchemyError as problem:
            raise StoreUnavailable(f"conversation store: {type(problem).__name__}") from problem

    def _transaction(self, work: Callable[[Connection], Result]) -> Result:
        with self._opening:
            if self._engine is None:
                self._engine = _opened(self._url)
        with self._engine.begin() as connection:
            return work(connection)


def recent_events(tracker: DialogueStateTracker) -> list[Event]:
    """The conversation's events as they happened, without the short history that stands for older ones."""
    events = list(tracker.events)
    replaced = events[0].metadata.get(SHORT_HISTORY, 0) if events else 0
    return events[replaced:]


def shortened(tracker: DialogueStateTracker) -> list[Event]:
    """The conversation's events, older turns replaced by a short history once there are more than MOST_TURNS.

    Playing them back gives the same state, and the same answers to every question that Rasa asks about the past:
    slots, active loop, pause, session, and the steps that policies compare with their rules and stories. (One thing
    is lost: a story that goes on after more than REMEMBERED_ACTIONS steps of rules. We have none.)
    """
    events = list(tracker.events)
    recent = recent_events(tracker)
    turns = [position for position, event in enumerate(recent) if isinstance(event, UserUttered)]
    if len(turns) <= MOST_TURNS:
        return events
    kept = recent[turns[-KEPT_TURNS] :]
    if any(isinstance(event, (SessionStarted, Restarted)) for event in kept):
        return kept  # all that came before is void
    return [*_short_history(tracker, events[: len(events) - len(kept)]), *kept]


def _short_history(tracker: DialogueStateTracker, events: list[Event]) -> list[Event]:
    """A few events that stand for all of `events`, which end where a user's turn begins."""
    past = _replayed(tracker, events)
    applied = past.applied_events()  # Rasa's own reading: without reverted turns, a form's answers as one
    actions = [position for position, event in enumerate(applied) if isinstance(event, ActionExecuted)]
    start = actions[-REMEMBERED_ACTIONS] if len(actions) > REMEMBERED_ACTIONS else 0
    forgotten, remembered = applied[:start], applied[start:]
    moment = remembered[0].timestamp if remembered else time.time()
    history = [
        ActionExecuted(ACTION_SESSION_START_NAME, timestamp=moment),
        SessionStarted(timestamp=moment),
        *_state_after(tracker, forgotten, moment),
        *_without_bulk(tracker, remembered),
    ]
    if _state(_replayed(tracker, history)) != _state(past):  # a shape of conversation that nobody foresaw
        logger.error("conversation %s could not be shortened faithfully and stays long", tracker.sender_id)
        return events
    history[0].metadata = {SHORT_HISTORY: len(history)}
    return history


def _state_after(tracker: DialogueStateTracker, forgotten: list[Event], moment: float) -> list[Event]:
    """Events that bring a new session to where `forgotten` brought it."""
    if not forgotten:
        return []
    then = _replayed(tracker, forgotten)
    # The step that begins every session. Without one that is not a rule's, Rasa's MemoizationPolicy fails.
    events: list[Event] = [ActionExecuted(ACTION_LISTEN_NAME, timestamp=moment)]
    loop = then.active_loop
    if loop and loop.name:
        events.append(ActiveLoop(loop.name, timestamp=moment))
        if loop.rejected:
            events.append(ActionExecutionRejected(loop.name, timestamp=moment))
    events += _last_slot_values(forgotten)
    if then.is_paused():
        events.append(ConversationPaused(timestamp=moment))
    last_words = (then.latest_message, then.latest_bot_utterance)
    events += [event for event in forgotten if any(event is last for last in last_words)]
    return _known_slots_only(tracker, events)


def _last_slot_values(events: list[Event]) -> list[Event]:
    last: dict[str, Event] = {}
    for event in events:
        if isinstance(event, AllSlotsReset):
            last.clear()
        elif isinstance(event, SlotSet):
            last[event.key] = event
    return list(last.values())


def _without_bulk(tracker: DialogueStateTracker, events: list[Event]) -> list[Event]:
    """`events` without what leaves no trace: old replies, and what was replaced before the next action.

    As Rasa reads them, the answers to a long form are one run without an action in between; so are messages that
    came while the assistant was paused.
    """
    kept: list[Event] = []
    seen: set[tuple[str, ...]] = set()
    for event in reversed(events):
        if isinstance(event, ActionExecuted):
            seen &= {(BotUttered.type_name,)}
        key = _replaces(event)
        if key is None or key not in seen:
            kept.append(event)
        if key is not None:
            seen.add(key)
    return _known_slots_only(tracker, kept[::-1])


def _replaces(event: Event) -> tuple[str, ...] | None:
    """Events with the same key replace one another; None for those that all count."""
    if isinstance(event, SlotSet):
        return (SlotSet.type_name, event.key)
    if isinstance(event, ActionExecutionRejected):
        return (ActionExecutionRejected.type_name, event.action_name)
    if isinstance(event, (ConversationPaused, ConversationResumed)):
        return (ConversationPaused.type_name,)
    if isinstance(event, (UserUttered, BotUttered, LoopInterrupted, AllSlotsReset)):
        return (event.type_name,)
    return None


def _known_slots_only(tracker: DialogueStateTracker, events: list[Event]) -> list[Event]:
    """Without slots that the domain no longer has: Rasa would log an error for each of them on every turn."""
    return [event for event in events if not isinstance(event, SlotSet) or event.key in tracker.slots]


def _replayed(tracker: DialogueStateTracker, events: list[Event]) -> DialogueStateTracker:
    return DialogueStateTracker.from_events(tracker.sender_id, events, tracker.slots.values())


def _state(tracker: DialogueStateTracker) -> tuple[Any, ...]:
    """All that the next message, which comes right after, can depend on."""
    loop = tracker.active_loop
    bot = tracker.latest_bot_utterance
    return (
        tracker.current_slot_values(),
        (loop.name, loop.rejected, loop.is_interrupted) if loop else None,
        tracker.is_paused(),
        tracker.latest_action,
        (bot.text, bot.data) if bot else None,
    )


def _read(sender_id: str, connection: Connection) -> Any:
    query = sa.select(conversations.c.events, conversations.c.revision).where(conversations.c.sender_id == sender_id)
    return connection.execute(query).one_or_none()


def _replace(row: dict[str, Any], known: int | None, connection: Connection) -> None:
    """Write the row if it is still the one that was read."""
    if known is None:
        written = connection.execute(_insert_unless_there(connection).values(row))
    else:
        same = (conversations.c.sender_id == row["sender_id"]) & (conversations.c.revision == known)
        written = connection.execute(conversations.update().where(same).values(row))
    if written.rowcount != 1:
        raise StoreUnavailable("the conversation was changed meanwhile")


def _insert_unless_there(connection: Connection) -> Any:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    return insert(conversations).on_conflict_do_nothing()


def _event(written: dict[str, Any]) -> Event:
    """Rasa's own reader, which walks all event classes for every event: a fifth of a turn's time."""
    return _event_class(written["event"])._from_parameters(written)


_event_class = functools.lru_cache(maxsize=None)(Event.resolve_by_type)


def _as_json(events: list[Event]) -> str:
    return json.dumps([event.as_dict() for event in events], default=plain)


def plain(value: Any) -> Any:
    """A number or array of numpy's as Python's own, for json."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be written as JSON")


def _configured_url() -> str:
    url = os.environ.get("PUENTE_BOT_DATABASE_URL")
    if url:
        _, _, rest = url.partition("://")  # whatever driver it names, ours is psycopg 2
        return f"postgresql+psycopg2://{rest}" if url.startswith("postgres") else url
    return f"sqlite:///{Path(os.environ.get('PUENTE_HOME') or ROOT / 'var').resolve() / 'rasa.db'}"


def _opened(url: str) -> Engine:
    engine = _sqlite(url) if url.startswith("sqlite") else _postgresql(url)
    try:
        conversations.create(engine, checkfirst=True)
    except DBAPIError:
        if not sa.inspect(engine).has_table(conversations.name):  # else another process was faster
            raise
    return engine


def _sqlite(url: str) -> Engine:
    file = Path(sa.engine.make_url(url).database)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch(mode=0o600)  # what families write is nobody else's to read
    engine = sa.create_engine(url, poolclass=QueuePool, connect_args={"check_same_thread": False, "timeout": 5})

    @sa.event.listens_for(engine, "connect")
    def _set_up(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")  # a saved turn survives a power cut too

    return engine


def _postgresql(url: str) -> Engine:
    limits = {"connect_timeout": 3, "options": "-c statement_timeout=5000"}
    return sa.create_engine(url, pool_size=5, max_overflow=5, pool_pre_ping=True, connect_args=limits)
