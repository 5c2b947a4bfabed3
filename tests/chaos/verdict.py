"""What must hold after a run. Pure: from the evidence to the list of what is wrong."""

import re
from collections import Counter

from puente.knowledge import texts
from puente.messages.models import SYSTEM
from tests.chaos.evidence import Evidence, OpenCase, Row, Story

FOLIO = re.compile(r"\bPU-\w{4}-\w{4}\b")
GAVE_UP = "el asistente no pudo procesar el mensaje"


def judge(evidence: Evidence) -> list[str]:
    """Everything that is wrong, each with the whole transcript of the contact that it concerns."""
    problems = [f"left over: {item}" for item in evidence.unfinished]
    problems += [f"quarantined: {reason}" for reason in evidence.quarantined]
    for story in evidence.stories:
        found = judge_contact(story)
        if found:
            problems.append("\n".join([f"{story.phone}:", *(f"  - {one}" for one in found), transcript(story)]))
    return problems


def judge_contact(story: Story) -> list[str]:
    """What is wrong with one contact's conversation."""
    return [
        *_lost(story),
        *_unanswered(story),
        *_not_delivered(story),
        *_seen_twice(story),
        *_answered_twice(story),
        *_out_of_order(story),
        *_two_cases(story),
        *_folios(story),
        *[f"given to a person: {reason}" for reason in story.handoffs if reason == GAVE_UP],
    ]


def transcript(story: Story) -> str:
    """The phone's bubbles beside the rows behind them, then the rows that no phone shows, and the cases."""
    rows = {row.id: row for row in story.rows}
    by_wamid = {row.wamid: row for row in story.rows if row.direction == "in"}
    lines, shown = [], set()
    for bubble in story.seen:
        row = by_wamid.get(bubble.wamid) if bubble.direction == "in" else rows.get(bubble.row or 0)
        shown.add(row.id if row else 0)
        arrow = ">" if bubble.direction == "in" else "<"
        lines.append(f"    {arrow} {bubble.text!r} [{bubble.status}] {_about(row)}")
    lines += [f"    ? {row.direction} {row.text!r} {_about(row)}" for row in story.rows if row.id not in shown]
    lines += [f"    case {case.folio} {case.kind} {case.medicine} of {case.source_wamid}" for case in story.cases]
    return "\n".join(lines)


def _about(row: Row | None) -> str:
    if row is None:
        return "(no row)"
    return f"(row {row.id}, turn {row.turn_id}, {row.author}, {row.status}{', handled' if row.handled else ''})"


def _lost(story: Story) -> list[str]:
    """Every message is kept, once."""
    kept = Counter(row.wamid for row in story.rows if row.direction == "in")
    return [
        f"written {bubble.text!r}, kept {kept[bubble.wamid]} times"
        for bubble in story.seen
        if bubble.direction == "in" and kept[bubble.wamid] != 1
    ]


def _unanswered(story: Story) -> list[str]:
    """Every message is done, and its turn's answer was seen. What is with a person is a person's to answer."""
    seen = {bubble.row for bubble in story.seen}
    delay = texts.get("asistente_demorado")
    answered = {
        row.turn_id
        for row in story.rows
        if row.direction == "out" and row.id in seen and not (row.author == SYSTEM and row.text == delay)
    }
    with_a_person = bool(story.handoffs)
    problems = []
    for row in (row for row in story.rows if row.direction == "in"):
        turn = row.id if row.handled else row.turn_id
        if row.status != "done":
            problems.append(f"{row.text!r} is {row.status}")
        elif turn not in answered and not (with_a_person and turn is None):
            problems.append(f"{row.text!r} was not answered")
    return problems


def _not_delivered(story: Story) -> list[str]:
    """Everything that was to be said was seen, and Puente knows it."""
    seen = {bubble.row for bubble in story.seen}
    problems = []
    for row in (row for row in story.rows if row.direction == "out"):
        if row.id not in seen:
            problems.append(f"{row.text!r} ({row.status}) never reached the phone")
        elif row.status not in ("delivered", "read"):
            problems.append(f"{row.text!r} reached the phone and is {row.status}")
    return problems


def _seen_twice(story: Story) -> list[str]:
    """No message of ours is on the phone twice."""
    count = Counter(bubble.row for bubble in story.seen if bubble.direction == "out")
    texts_of = {bubble.row: bubble.text for bubble in story.seen}
    return [f"{texts_of[row]!r} was seen {times} times" for row, times in count.items() if times > 1 or row is None]


def _answered_twice(story: Story) -> list[str]:
    """No turn was answered by the same words twice, nor by the dialogue more often than once."""
    count = Counter((row.turn_id, row.text) for row in story.rows if row.direction == "out" and row.turn_id)
    return [f"turn {turn} was told {text!r} {times} times" for (turn, text), times in count.items() if times > 1]


def _out_of_order(story: Story) -> list[str]:
    """The phone shows our messages in the order in which they were written."""
    order = [bubble.row for bubble in story.seen if bubble.direction == "out" and bubble.row is not None]
    first = list(dict.fromkeys(order))
    return [] if first == sorted(first) else [f"seen in the order {first}"]


def _two_cases(story: Story) -> list[str]:
    """No report became two cases: a family names a medicine in one report only, and has one emergency."""
    count = Counter(_same(case) for case in story.cases)
    return [f"{times} cases of {about}" for about, times in count.items() if times > 1]


def _same(case: OpenCase) -> tuple[str, str]:
    return case.kind, "" if case.kind == "urgencia" else case.medicine or case.source_wamid


def _folios(story: Story) -> list[str]:
    """Every folio that the family was told exists, and she was told that of every case of hers (but an alarm's)."""
    told = {folio for bubble in story.seen if bubble.direction == "out" for folio in FOLIO.findall(bubble.text)}
    opened = {case.folio for case in story.cases}
    to_tell = {case.folio for case in story.cases if case.kind not in ("urgencia", "crisis")}
    return [
        *(f"was told of the case {folio}, which does not exist" for folio in sorted(told - opened)),
        *(f"was not told of the case {folio}" for folio in sorted(to_tell - told)),
    ]
