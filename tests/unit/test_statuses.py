"""A message's status: events may be missing, repeated, early or reversed; what was reached is never lost."""

import itertools

import pytest

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
