"""A message's status: events may be missing, repeated, early or reversed; what was reached is never lost."""

import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puente.messages.models import OUTBOUND_STATES
from puente.messages.statuses import RANK, merge


def _after(*events: str, start: str = "sending") -> str:
    status = start
    for event in events:
        status = merge(status, event)
    return status


def test_the_usual_way() -> None:
    assert [_after(*events) for events in (["sent"], ["sent", "delivered"], ["sent", "delivered", "read"])] == [
        "sent",
        "delivered",
        "read",
    ]


@pytest.mark.parametrize("events", itertools.permutations(["sent", "delivered", "read"]))
def test_in_any_order_the_farthest_counts(events: tuple[str, ...]) -> None:
    assert _after(*events) == "read"


def test_delivered_may_be_skipped() -> None:
    assert _after("sent", "read") == "read"


def test_a_repeated_event_changes_nothing() -> None:
    assert _after("sent", "delivered", "sent", "delivered") == "delivered"


@pytest.mark.parametrize("start", ["queued", "sending", "sent"])
def test_failed_ends_what_did_not_arrive(start: str) -> None:
    assert merge(start, "failed") == "failed"


@pytest.mark.parametrize("start", ["delivered", "read"])
def test_failed_does_not_undo_what_arrived(start: str) -> None:
    assert merge(start, "failed") == start


def test_a_late_sent_does_not_undo_a_failure_but_a_late_delivery_does() -> None:
    assert _after("failed", "sent") == "failed"
    assert _after("failed", "delivered") == "delivered"
    assert _after("sent", "failed", "read") == "read"


def test_a_played_voice_note_counts_as_read() -> None:
    assert _after("sent", "played") == "read"


@pytest.mark.parametrize("status", OUTBOUND_STATES)
def test_an_unknown_event_changes_nothing(status: str) -> None:
    assert merge(status, "warning") == status


def test_every_status_of_a_row_has_a_rank() -> None:
    assert set(RANK) == set(OUTBOUND_STATES)


EVENTS = st.lists(st.sampled_from(["sent", "delivered", "read", "played", "failed", "", "deleted"]), max_size=8)


@given(EVENTS)
def test_whatever_comes_the_status_is_one_of_ours(events: list[str]) -> None:
    assert _after(*events) in OUTBOUND_STATES


@given(EVENTS, st.data())
def test_repetition_changes_nothing(events: list[str], data: st.DataObject) -> None:
    repeated = list(events)
    for event in data.draw(st.lists(st.sampled_from(events), max_size=5)) if events else []:
        first = repeated.index(event)
        repeated.insert(data.draw(st.integers(first + 1, len(repeated))), event)
    assert _after(*events) == _after(*dict.fromkeys(events))
    arrived = {"delivered", "read", "played"} & set(events)
    if arrived or "failed" not in events:  # without a delivery, what came last between sent and failed may count
        assert _after(*repeated) == _after(*events)


@given(EVENTS, st.randoms())
def test_of_what_arrived_the_order_does_not_matter(events: list[str], random: Random) -> None:
    shuffled = list(events)
    random.shuffle(shuffled)
    if {"delivered", "read", "played"} & set(events):
        assert _after(*shuffled) == _after(*events)


@given(EVENTS, EVENTS)
def test_no_event_takes_back_what_was_reached(before: list[str], after: list[str]) -> None:
    reached, later = _after(*before), _after(*before, *after)
    if reached in ("delivered", "read"):
        assert RANK[later] >= RANK[reached]
    if "read" in before or "played" in before:
        assert later == "read"


@given(EVENTS)
def test_a_missing_event_is_made_up_by_a_later_one(events: list[str]) -> None:
    assert _after(*(event for event in events if event not in ("sent", "delivered")), "read") == "read"
