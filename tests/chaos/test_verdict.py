"""The judge of a chaos run sees each kind of damage, and the plan of a seed is always the same."""

from dataclasses import replace

import pytest

from puente.knowledge import texts
from tests.chaos import plan, verdict
from tests.chaos.evidence import Evidence, OpenCase, Row, Seen, Story

ASKED = Row(1, "in", "w1", "no hay vincristina", "familia", "done", 1)
TOLD = Row(2, "out", "o2", "Quedó con el folio PU-7K3M-9F4C", "bot", "delivered", 1)
ASKED_MORE = Row(3, "in", "w3", "hola", "familia", "done", 4)
LEADS = Row(4, "in", "w4", "como va", "familia", "done", 4)
TOLD_MORE = Row(5, "out", "o5", "Va bien", "bot", "read", 4)
CASE = OpenCase("PU-7K3M-9F4C", "desabasto", "vincristina", "w1")


def _bubble(row: Row) -> Seen:
    return Seen(row.wamid or "", row.direction, row.text, "delivered", row.id if row.direction == "out" else None)


@pytest.fixture
def story() -> Story:
    """A conversation with which nothing is wrong: two turns, the second of two messages."""
    rows = [ASKED, TOLD, ASKED_MORE, LEADS, TOLD_MORE]
    return Story("5215555500000", [_bubble(row) for row in rows], list(rows), [CASE])


def test_nothing_is_wrong_with_a_good_conversation(story: Story) -> None:
    assert verdict.judge(Evidence([story], [], [])) == []


def test_a_message_that_was_never_kept(story: Story) -> None:
    story.rows.remove(ASKED_MORE)
    assert verdict.judge_contact(story) == ["written 'hola', kept 0 times"]


def test_a_message_kept_twice(story: Story) -> None:
    story.rows.append(replace(LEADS, id=6))
    assert verdict.judge_contact(story) == ["written 'como va', kept 2 times"]


def test_a_message_without_an_answer(story: Story) -> None:
    story.rows.remove(TOLD_MORE)
    story.seen.remove(_bubble(TOLD_MORE))
    assert verdict.judge_contact(story) == ["'hola' was not answered", "'como va' was not answered"]


def test_the_apology_for_a_delay_is_no_answer(story: Story) -> None:
    apology = replace(TOLD_MORE, text=texts.get("asistente_demorado"), author="sistema")
    story.rows[-1], story.seen[-1] = apology, _bubble(apology)
    assert "'como va' was not answered" in verdict.judge_contact(story)


def test_a_message_that_is_with_a_person_needs_no_answer_of_ours(story: Story) -> None:
    story.handoffs.append("lo pidió la familia")
    silent = replace(ASKED_MORE, id=6, wamid="w6", turn_id=None)
    story.rows.append(silent)
    story.seen.append(_bubble(silent))
    assert verdict.judge_contact(story) == []


def test_a_message_that_the_assistant_gave_up(story: Story) -> None:
    story.handoffs.append(verdict.GAVE_UP)
    assert verdict.judge_contact(story) == [f"given to a person: {verdict.GAVE_UP}"]


def test_a_row_that_is_stuck(story: Story) -> None:
    story.rows[3] = replace(LEADS, status="received")
    assert verdict.judge_contact(story) == ["'como va' is received"]


def test_a_reply_that_never_reached_the_phone(story: Story) -> None:
    story.seen.remove(_bubble(TOLD_MORE))
    assert "'Va bien' (read) never reached the phone" in verdict.judge_contact(story)


def test_a_reply_that_reached_the_phone_and_is_not_known_to_have(story: Story) -> None:
    story.rows[-1] = replace(TOLD_MORE, status="failed")
    assert verdict.judge_contact(story) == ["'Va bien' reached the phone and is failed"]


def test_a_reply_sent_twice(story: Story) -> None:
    story.seen.append(replace(_bubble(TOLD_MORE), wamid="o6"))
    assert verdict.judge_contact(story) == ["'Va bien' was seen 2 times"]


def test_a_turn_answered_twice(story: Story) -> None:
    again = replace(TOLD_MORE, id=6, wamid="o6")
    story.rows.append(again)
    story.seen.append(_bubble(again))
    assert verdict.judge_contact(story) == ["turn 4 was told 'Va bien' 2 times"]


def test_replies_in_another_order(story: Story) -> None:
    story.seen.reverse()
    assert verdict.judge_contact(story) == ["seen in the order [5, 2]"]


def test_a_report_that_became_two_cases(story: Story) -> None:
    story.cases.append(replace(CASE, folio="PU-AAAA-BBBB", source_wamid="w4"))
    assert verdict.judge_contact(story) == [
        "2 cases of ('desabasto', 'vincristina')",
        "was not told of the case PU-AAAA-BBBB",
    ]


def test_a_folio_that_leads_nowhere(story: Story) -> None:
    story.cases.clear()
    assert verdict.judge_contact(story) == ["was told of the case PU-7K3M-9F4C, which does not exist"]


def test_what_is_left_over_or_quarantined_and_the_whole_transcript_of_a_failure(story: Story) -> None:
    story.cases.clear()
    left, quarantined, failure = verdict.judge(Evidence([story], ["1 messages out/sending"], ["no type"]))
    assert (left, quarantined) == ("left over: 1 messages out/sending", "quarantined: no type")
    assert all(repr(row.text) in failure for row in story.rows)


def test_a_seed_gives_the_same_plan_and_another_seed_another() -> None:
    short = plan.SIZES["short"]
    drawn = plan.draw(7, short, with_database=True)
    assert drawn == plan.draw(7, short, with_database=True)
    assert drawn.families != plan.draw(8, short, with_database=True).families
    assert sum(len(lines) for lines in drawn.families.values()) == short.messages
    assert len(drawn.kills) == len(plan.PROCESSES) * short.kills + 1
