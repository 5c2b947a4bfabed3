"""The coalescer as logic: every message in exactly one turn, in order, never late, never with what must be alone."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from puente.dispatch import bursts
from puente.dispatch.bursts import Go, Part, Wait, plan, unfinished

START = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    ["buenas", "Hola", "buenas tardes", "oiga", "disculpe, una pregunta", "hola buenas noches!", "no hay quimio en",
     "fíjese que", "es que...", "mi hijo tiene cita y", "necesito", "le quiero preguntar:"],
)  # fmt: skip
def test_an_opening_or_a_cut_sentence_is_unfinished(text: str) -> None:
    assert unfinished(text)


@pytest.mark.parametrize(
    "text",
    ["no hay quimio", "sí", "no", "gracias", "vincristina", "¿a qué hora abren?", "PU-7K3M-9F4C", "5555550101", "👍",
     "", "mañana a las 5", "Mateo", "no sé.", "¿y el doctor que?"],
)  # fmt: skip
def test_what_can_stand_alone_is_finished(text: str) -> None:
    assert not unfinished(text)


@st.composite
def conversations(draw: st.DrawFn) -> list[Part]:
    """Messages of one family in the order in which she wrote them, arriving in any order."""
    parts, said = [], 0.0
    for number in range(draw(st.integers(1, 12))):
        said += draw(st.sampled_from([0, 0.5, 1, 3, 9, 11, 300]))
        arrived = said + draw(st.sampled_from([0, 0.1, 2, 60]))
        text = draw(st.sampled_from(["buenas", "oiga", "no hay quimio", "y", "sí", "x" * 400, "¿qué hago?"]))
        joins = draw(st.sampled_from([True, True, True, False]))
        parts.append(
            Part(number, text, START + timedelta(seconds=said), START + timedelta(seconds=arrived), joins)
        )  # fmt: skip
    return parts


def _run(parts: list[Part]) -> list[tuple[datetime, tuple[int, ...]]]:
    """(moment, turn) of each turn, as the lane would take them: looking whenever a message comes or a wait ends."""
    now, left, turns = min(part.arrived_at for part in parts), list(parts), []
    while left:
        here = [part for part in left if part.arrived_at <= now]
        decision = plan(here, now) if here else None
        coming = [part.arrived_at for part in left if part.arrived_at > now]
        if isinstance(decision, Go):
            turns.append((now, decision.ids))
            left = [part for part in left if part.id not in decision.ids]
        elif isinstance(decision, Wait):
            assert now < decision.until <= now + bursts.PATIENCE
            now = min([decision.until, *coming])
        else:
            now = min(coming)
    return turns


@settings(max_examples=100)
@given(conversations())
def test_every_message_is_in_exactly_one_turn(parts: list[Part]) -> None:
    said = [number for _, turn in _run(parts) for number in turn]
    assert sorted(said) == [part.id for part in parts]


@settings(max_examples=100)
@given(conversations())
def test_a_turn_keeps_the_order_and_its_limits(parts: list[Part]) -> None:
    known = {part.id: part for part in parts}
    for _, turn in _run(parts):
        members = [known[number] for number in turn]
        assert list(turn) == sorted(turn)
        assert len(members) == 1 or all(member.joins for member in members)
        assert len(members) <= bursts.MOST_PARTS
        assert len(members) == 1 or sum(len(member.text) for member in members) <= bursts.MOST_CHARACTERS
        gaps = [later.sent_at - earlier.sent_at for earlier, later in zip(members, members[1:])]
        assert all(gap <= bursts.CLOSE_TOGETHER for gap in gaps)


@settings(max_examples=100)
@given(conversations())
def test_nobody_waits_longer_than_the_patience(parts: list[Part]) -> None:
    known = {part.id: part for part in parts}
    for moment, turn in _run(parts):
        first = min(known[number].arrived_at for number in turn)
        assert moment - first <= bursts.MOST_PATIENCE
        last = max(known[number].arrived_at for number in turn)
        assert moment - last <= bursts.PATIENCE
        if not unfinished(known[turn[-1]].text) or not known[turn[-1]].joins:
            assert moment == last  # finished: at once


@settings(max_examples=100)
@given(conversations(), st.integers(0, 11))
def test_a_turn_that_was_begun_is_repeated_as_it_was_whatever_came_since(parts: list[Part], after: int) -> None:
    late = START + timedelta(hours=1)
    first = plan(parts[: after + 1], late)
    assert isinstance(first, Go)
    begun = [Part(**{**vars(part), "turn": first.ids[-1]}) if part.id in first.ids else part for part in parts]
    assert plan(begun, late) == first


def test_a_clock_that_runs_ahead_keeps_nobody_waiting_for_long() -> None:
    part = Part(1, "buenas", START, START + timedelta(hours=2), True)
    assert plan([part], START) == Wait(START + bursts.PATIENCE)


def test_after_an_outage_questions_and_answers_do_not_run_together() -> None:
    said = ["no hay prednisona", "sí", "¿qué es la licencia 140 bis?", "oiga", "¿cuándo es la junta?", "gracias"]
    moments = [START + timedelta(seconds=at) for at in range(len(said))]
    parts = [Part(at, text, moments[at], moments[at], True) for at, text in enumerate(said)]
    turns = []
    while parts:
        go = plan(parts, START + timedelta(minutes=5))
        assert isinstance(go, Go)
        turns.append([said[at] for at in go.ids])
        parts = [part for part in parts if part.id not in go.ids]
    assert turns == [[said[0]], [said[1]], [said[2]], said[3:5], [said[5]]]
