"""The pair's bucket: whatever the rhythm of a conversation, WhatsApp's own bucket is never found empty."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from puente.dispatch.pace import PAIR_BURST, pair_refilled, pair_wait

PAUSES = st.lists(st.sampled_from([0.0, 0.2, 1.0, 5.0, 6.0, 7.0, 60.0, 600.0]), min_size=1, max_size=200)


@given(PAUSES)
def test_whatsapp_never_refuses_for_the_pair_rate(pauses: list[float]) -> None:
    ours, theirs = PAIR_BURST, 45.0
    for pause in pauses:
        waited = pause
        ours = pair_refilled(ours, timedelta(seconds=pause))
        if ours < 1:
            wait = pair_wait(ours)
            waited += wait.total_seconds()
            ours = pair_refilled(ours, wait)
        theirs = min(45.0, theirs + waited / 6)
        assert theirs >= 1, "131056"
        ours, theirs = ours - 1, theirs - 1


@given(st.floats(0, PAIR_BURST))
def test_the_wait_is_long_enough_and_no_longer(left: float) -> None:
    wait = pair_wait(left)
    assert left >= 1 or pair_refilled(left, wait + timedelta(milliseconds=1)) >= 1
    assert wait <= timedelta(seconds=6)


def test_a_clock_set_back_empties_no_bucket() -> None:
    assert pair_refilled(3, -timedelta(hours=1)) == 3
