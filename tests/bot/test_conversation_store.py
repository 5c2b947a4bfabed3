"""The store keeps a conversation small, and nobody can tell from its state."""

import asyncio
import json
import logging
import time
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import (
    ActionExecuted,
    ActionExecutionRejected,
    ActionReverted,
    ActiveLoop,
    AllSlotsReset,
    BotUttered,
    ConversationPaused,
    ConversationResumed,
    DefinePrevUserUtteredFeaturization,
    Event,
    LoopInterrupted,
    Restarted,
    SessionStarted,
    SlotSet,
    UserUtteranceReverted,
    UserUttered,
    deserialise_events,
)
from rasa.shared.core.trackers import DialogueStateTracker

from bot import conversation_store as module
from bot.conversation_store import (
    KEPT_TURNS,
    MOST_TURNS,
    REMEMBERED_ACTIONS,
    ConversationStore,
    StoreUnavailable,
    conversations,
    recent_events,
    shortened,
)

DOMAIN = Domain.from_yaml(
    """
version: "3.1"
intents: [saludo, pedido, dato, si]
entities: [unidad]
slots:
  unidad: {type: text, influence_conversation: true, mappings: [{type: custom}]}
  medicina: {type: text, mappings: [{type: custom}]}
  veces: {type: float, initial_value: 3, max_value: 10, mappings: [{type: custom}]}
  confirmado: {type: bool, mappings: [{type: custom}]}
forms:
  formulario: {required_slots: [unidad, medicina]}
  otro: {required_slots: [medicina]}
responses:
  utter_a: [{text: a}]
  utter_b: [{text: b}]
"""
)
SENDER = "contacto-1"
STATES_COMPARED = REMEMBERED_ACTIONS - 2  # the next message may take back two of them


# A conversation is a list of turns; each turn is a name, and a number that chooses among variants.


def _user(intent: str, n: int) -> UserUttered:
    entities = [{"entity": "unidad", "value": f"unidad {n}", "start": 0, "end": 3}] if n % 2 else []
    parse = {
        "text": f"mensaje {n}",
        "intent": {"name": intent, "confidence": 0.9},
        "entities": entities,
        "intent_ranking": [{"name": intent, "confidence": 0.9}],
    }
    return UserUttered(parse["text"], parse["intent"], entities, parse, message_id=f"wamid.{n}")


def _did(action: str) -> ActionExecuted:
    return ActionExecuted(action, policy="prueba", confidence=1.0)


LISTEN = "action_listen"
VALUES: dict[str, list[Any]] = {
    "unidad": ["centro", "norte", None],
    "medicina": ["vincristina", None],
    "veces": [1.0, 7.0],
    "confirmado": [True, False, None],
}


def _some_slot(n: int) -> SlotSet:
    name = sorted(VALUES)[n % 4]
    return SlotSet(name, VALUES[name][n % len(VALUES[name])])


def turn(kind: str, n: int, loop: str | None) -> list[Event]:
    """The events that Rasa appends for one user message (or for something that happens between two of them)."""
    if kind.startswith("form") and (kind == "form_starts") == bool(loop):
        kind = "form_answer" if loop else "form_starts"  # as in life: only a form that was begun goes on
    form = loop or ("formulario" if n % 3 else "otro")
    user = _user("pedido" if n % 2 else "saludo", n)
    asks = SlotSet("requested_slot", "unidad" if n % 2 else "medicina")
    return {
        "chat": [user, _some_slot(n), _did("utter_a"), BotUttered(f"a{n}"), _did(LISTEN)],
        "long_chat": [user, *(_did("utter_b"), BotUttered("b")) * 2, _did("utter_a"), _did(LISTEN)],
        "silent": [user, _did(LISTEN)],
        "nothing_happens": [user],
        "featurization": [user, DefinePrevUserUtteredFeaturization(False), _did("utter_b"), _did(LISTEN)],
        "slots_reset": [user, _did("utter_b"), AllSlotsReset(), _some_slot(n), _did(LISTEN)],
        "form_starts": [user, _did(form), ActiveLoop(form), asks, BotUttered("¿qué?"), _did(LISTEN)],
        "form_answer": [user, _some_slot(n), _did(form), _some_slot(n + 1), asks, BotUttered("¿y?"), _did(LISTEN)],
        "form_aside": [user, ActionExecutionRejected(form), _did("utter_b"), BotUttered("b"), _did(LISTEN)],
        "form_aside_and_back": [
            user,
            ActionExecutionRejected(form),
            _did("utter_a"),
            LoopInterrupted(True),
            _did(form),
            BotUttered("¿sigue?"),
            _did(LISTEN),
        ],
        "form_interrupted": [user, _did("utter_a"), LoopInterrupted(n % 2 == 0), _did(LISTEN)],
        "form_ends": [
            user,
            _did(form),
            ActiveLoop(None),
            SlotSet("requested_slot", None),
            _did("utter_a"),
            BotUttered("listo"),
            _did(LISTEN),
        ],
        "pause": [user, _did("utter_b"), ConversationPaused()],
        "resume": [ConversationResumed()],
        "revert": [user, _did("action_default_fallback"), BotUttered("¿?"), UserUtteranceReverted(), _did(LISTEN)],
        "undo": [user, _did("utter_a"), _some_slot(n), ActionReverted(), _did("utter_b"), _did(LISTEN)],
        "restart": [
            user,
            _did("action_restart"),
            Restarted(),
            _did("action_session_start"),
            SessionStarted(),
            _did(LISTEN),
        ],
        "new_session": [
            _did("action_session_start"),
            SessionStarted(),
            *([_some_slot(n), ActiveLoop(loop)] if loop else []),
            _did(LISTEN),
            *turn_of_a_new_session(user, n),
        ],
    }[kind]


def turn_of_a_new_session(user: UserUttered, n: int) -> list[Event]:
    return [user, _did("utter_a"), BotUttered(f"otra vez {n}"), _did(LISTEN)]


KINDS = [
    *("chat", "long_chat", "silent", "nothing_happens", "featurization", "slots_reset"),
    *("form_starts", "form_answer", "form_aside", "form_aside_and_back", "form_interrupted", "form_ends"),
    *("pause", "resume", "revert", "undo", "restart", "new_session"),
]
steps = st.tuples(st.sampled_from([*KINDS, *["form_answer"] * 6, *["chat"] * 3]), st.integers(0, 50))


def empty() -> DialogueStateTracker:
    tracker = DialogueStateTracker(SENDER, DOMAIN.slots)
    for event in (_did("action_session_start"), SessionStarted(), _did(LISTEN)):
        tracker.update(event)
    return tracker


def stored_and_read(tracker: DialogueStateTracker) -> DialogueStateTracker:
    written = json.loads(json.dumps([event.as_dict() for event in shortened(tracker)]))
    return DialogueStateTracker.from_dict(SENDER, written, DOMAIN.slots)


def visible(tracker: DialogueStateTracker) -> dict[str, Any]:
    """All that Rasa, its policies and the actions can know about the conversation, but for its list of events."""
    state = tracker.current_state()
    for unused in ("events", "latest_event_time"):
        state.pop(unused)
    if state["active_loop"]:
        state["active_loop"].pop("trigger_message")  # nothing in Rasa reads it
    last_user: UserUttered | None = tracker.get_last_event_for(UserUttered)
    loop = tracker.active_loop_name
    return {
        **state,
        "set_slots": {name for name, slot in tracker.slots.items() if slot.has_been_set},
        "session_counts_from": last_user and last_user.timestamp,
        "latest_bot_utterance": tracker.latest_bot_utterance and tracker.latest_bot_utterance.text,
        "a_form_run_now_is_an_answer": loop
        and not tracker._first_loop_execution_or_unhappy_path(loop, tracker.applied_events()),
        "seen_by_policies": tracker.past_states(DOMAIN)[-STATES_COMPARED:],
        "last_actions": [event.action_name for event in tracker.applied_events() if isinstance(event, ActionExecuted)][
            -STATES_COMPARED:
        ],
    }


def fresh(events: list[Event]) -> list[Event]:
    """The same events again, as other objects: trackers change the messages in them."""
    return deserialise_events([event.as_dict() for event in events])


RULE_ONLY = {"rule_only_slots": [], "rule_only_loops": ["formulario", "otro"]}


def seen_by_stories(tracker: DialogueStateTracker) -> list[Any]:
    """What a policy of stories sees: nothing of what rules did. It fails when nothing is left."""
    return tracker.past_states(DOMAIN, ignore_rule_only_turns=True, rule_only_data=RULE_ONLY)


def live_by_rules(steps: list[Any]) -> None:
    """The same where rules decided every step, compared at every step, since a policy is asked at each."""
    whole, small = empty(), empty()
    for kind, n in steps:
        events = turn(kind, n, whole.active_loop_name)
        for event in events:
            if isinstance(event, ActionExecuted) and "session" not in event.action_name:
                event.hide_rule_turn = True
        for event, same_event in zip(fresh(events), fresh(events), strict=True):
            whole.update(event)
            small.update(same_event)
            assert visible(small) == visible(whole), f"at {event} of {kind}"
            assert seen_by_stories(small)[-1:] == seen_by_stories(whole)[-1:]
        small = stored_and_read(small)


def live(steps: list[Any], check_every_turn: bool) -> DialogueStateTracker:
    """Live through a conversation twice, never shortened and shortened at every turn, and compare."""
    whole, small = empty(), empty()
    for kind, n in steps:
        events = turn(kind, n, whole.active_loop_name)
        for event in fresh(events):
            whole.update(event)
        for event in fresh(events):
            small.update(event)
        small = stored_and_read(small)
        if check_every_turn:
            assert visible(small) == visible(whole), f"after {kind}"
    assert visible(small) == visible(whole)
    return small


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=MOST_TURNS, max_size=30))
def test_a_shortened_conversation_cannot_be_told_from_the_whole_one(steps: list[Any]) -> None:
    live(steps, check_every_turn=True)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(steps, min_size=MOST_TURNS, max_size=20))
def test_nor_in_the_middle_of_a_turn_or_where_rules_decide(steps: list[Any]) -> None:
    live_by_rules(steps)


@pytest.mark.parametrize("kind", KINDS)
def test_a_conversation_of_one_kind_of_turn_stays_small_and_the_same(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    start = [("form_starts", 1)] if kind.startswith("form") or kind == "new_session" else []
    with caplog.at_level(logging.ERROR):
        small = live([*start, *[(kind, n) for n in range(120)]], check_every_turn=False)
    assert not caplog.records
    assert sum(isinstance(event, UserUttered) for event in small.events) <= MOST_TURNS + REMEMBERED_ACTIONS
    assert len(small.events) < 250


def test_a_form_of_many_answers_goes_on_after_being_shortened() -> None:
    small = live([("form_starts", 1), *[("form_answer", n) for n in range(40)]], check_every_turn=True)
    assert small.active_loop_name == "formulario"
    assert small.get_slot("requested_slot")


def test_the_turns_kept_keep_their_message_ids_and_replies() -> None:
    small = live([("chat", n) for n in range(30)], check_every_turn=False)
    kept = [event.message_id for event in recent_events(small) if isinstance(event, UserUttered)]
    assert KEPT_TURNS <= len(kept) <= MOST_TURNS
    assert kept == [f"wamid.{n}" for n in range(30)][-len(kept) :]
    assert "a29" in [event.text for event in recent_events(small) if isinstance(event, BotUttered)]


def test_a_slot_that_the_domain_no_longer_has_is_left_behind() -> None:
    tracker = empty()
    tracker.slots["retirado"] = tracker.slots["unidad"]
    tracker.update(SlotSet("retirado", "x"))
    del tracker.slots["retirado"]
    for n in range(MOST_TURNS + 1):
        for event in turn("chat", n, None):
            tracker.update(event)
    assert "retirado" not in [event.key for event in shortened(tracker) if isinstance(event, SlotSet)]


# The database


def store(url: str) -> ConversationStore:
    return ConversationStore(DOMAIN, url=url)


async def test_a_conversation_comes_back_as_it_was_saved(store_url: str) -> None:
    tracker = empty()
    for event in [*turn("form_starts", 1, None), *turn("form_answer", 2, "formulario")]:
        tracker.update(event)
    await store(store_url).save(tracker)
    again = await store(store_url).retrieve(SENDER)
    assert again is not None and visible(again) == visible(tracker)
    assert [event.as_dict() for event in again.events] == [event.as_dict() for event in tracker.events]


async def test_a_conversation_is_one_row_however_long(store_url: str) -> None:
    conversation = store(store_url)
    sizes = []
    for n in range(60):
        tracker = await conversation.get_or_create_tracker(SENDER)
        for event in turn("chat", n, None):
            tracker.update(event)
        await conversation.save(tracker)
        with sa.create_engine(store_url).connect() as connection:
            rows = connection.execute(sa.select(conversations)).all()
        assert len(rows) == 1
        sizes.append(len(rows[0].events))
    assert max(sizes[40:]) <= 1.1 * max(sizes[:40])


async def test_nobody_there_is_none_and_all_ids_are_listed(store_url: str) -> None:
    conversation = store(store_url)
    assert await conversation.retrieve("nadie") is None
    await conversation.get_or_create_tracker("uno")
    assert list(await conversation.keys()) == ["uno"]


async def test_text_with_odd_characters_and_numpy_numbers_can_be_kept(store_url: str) -> None:
    tracker = empty()
    parse = {"intent": {"name": "saludo", "confidence": np.float32(0.5)}, "entities": [], "vector": np.zeros(2)}
    tracker.update(UserUttered("cero\x00 medio \ud83d 🙏", parse["intent"], [], parse, message_id="m"))
    await store(store_url).save(tracker)
    again = await store(store_url).retrieve(SENDER)
    assert again is not None and again.latest_message is not None
    assert again.latest_message.text == "cero\x00 medio \ud83d 🙏"
    assert again.latest_message.intent["confidence"] == 0.5


async def test_of_two_turns_from_the_same_state_only_one_is_saved(store_url: str) -> None:
    conversation = store(store_url)
    await conversation.save(empty())
    first, second = await conversation.retrieve(SENDER), await conversation.retrieve(SENDER)
    assert first and second
    first.update(_user("saludo", 1))
    second.update(_user("saludo", 2))
    await conversation.save(first)
    with pytest.raises(StoreUnavailable):
        await conversation.save(second)
    kept = await conversation.retrieve(SENDER)
    assert kept and kept.latest_message and kept.latest_message.message_id == "wamid.1"


async def test_two_first_messages_at_once_do_not_overwrite_each_other(store_url: str) -> None:
    results = await asyncio.gather(*(store(store_url).save(empty()) for _ in range(4)), return_exceptions=True)
    assert sorted(str(type(result).__name__) for result in results) == ["NoneType", *["StoreUnavailable"] * 3]


async def test_a_read_error_is_raised_and_never_a_new_conversation(tmp_path: Any) -> None:
    path = tmp_path / "rasa.db"
    path.write_bytes(b"this is not a database" * 100)
    with pytest.raises(StoreUnavailable):
        await store(f"sqlite:///{path}").retrieve(SENDER)


async def test_a_database_that_is_down_is_told_quickly_and_used_again_when_it_is_back(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    conversation = store("postgresql+psycopg2://nadie@127.0.0.1:1/nada")
    with pytest.raises(StoreUnavailable):
        await conversation.retrieve(SENDER)
    conversation._url = store_url
    assert await conversation.retrieve(SENDER) is None


def test_where_conversations_are_kept_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setenv("PUENTE_HOME", str(tmp_path))
    monkeypatch.delenv("PUENTE_BOT_DATABASE_URL", raising=False)
    assert module._configured_url() == f"sqlite:///{tmp_path}/rasa.db"
    monkeypatch.setenv("PUENTE_BOT_DATABASE_URL", "postgresql+psycopg://u:p@db/puente")
    assert module._configured_url() == "postgresql+psycopg2://u:p@db/puente"


def test_importing_and_creating_a_store_touches_no_database(tmp_path: Any) -> None:
    ConversationStore(DOMAIN, url=f"sqlite:///{tmp_path}/nada/rasa.db")
    assert not list(tmp_path.iterdir())


async def test_the_file_is_only_for_its_owner(tmp_path: Any) -> None:
    await store(f"sqlite:///{tmp_path}/rasa.db").save(empty())
    assert (tmp_path / "rasa.db").stat().st_mode & 0o077 == 0


def test_the_clock_of_a_session_is_that_of_the_last_message() -> None:
    small = live([("chat", n) for n in range(20)], check_every_turn=False)
    last = small.get_last_event_for(UserUttered)
    assert last is not None and time.time() - last.timestamp < 60
