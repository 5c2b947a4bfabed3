"""The 24-hour window, as a rule: free text inside it and templates always."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from puente.dispatch.window import WINDOW, is_open, may_send

NOW = datetime(2026, 11, 22, 18, tzinfo=UTC)
AGES = st.timedeltas(timedelta(days=-2), timedelta(days=400))


@given(st.none() | AGES.map(lambda age: NOW - age))
def test_a_template_may_always_be_sent(last: datetime | None) -> None:
    assert may_send("template", last, NOW)


@given(st.sampled_from(["text", "interactive", "image"]))
def test_a_family_that_never_wrote_gets_no_free_text(type_: str) -> None:
    assert not may_send(type_, None, NOW)


@given(AGES)
def test_free_text_goes_out_exactly_while_the_last_message_is_young_enough(age: timedelta) -> None:
    assert may_send("text", NOW - age, NOW) == (age < WINDOW)


@given(AGES, st.timedeltas(timedelta(0), timedelta(days=3)))
def test_time_only_closes_it(age: timedelta, later: timedelta) -> None:
    last = NOW - age
    assert is_open(last, NOW) or not is_open(last, NOW + later)


def test_the_margin_is_on_the_safe_side() -> None:
    assert timedelta(hours=24) > WINDOW
