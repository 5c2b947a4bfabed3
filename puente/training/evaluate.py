"""How well the assistant understands: labelled messages against what it says of them.

`measure` gives plain data (the JSON), `page.py` renders it for a trainer.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from puente.training.lines import Message

Fits = Callable[[Message, Message], bool]
Table = dict[str, dict[str, Any]]

NOTHING = "(nada)"  # the intent of a message of which the assistant says none
ALL = "todas"  # the row over all kinds of entities
NO_VOICE = "(sin voz)"
BINS = 10
# Kinds that stand for nothing but what was written: to leave them unresolved proves nothing.
AS_WRITTEN = frozenset({"paciente", "sintoma", "servicio"})


@dataclass(frozen=True, slots=True)
class Share:
    """A proportion with its 95 % Wilson interval."""

    right: int
    total: int

    def as_json(self) -> dict[str, Any]:
        low, high = wilson(self.right, self.total)
        value = round(self.right / self.total, 4) if self.total else None
        return {"value": value, "low": round(low, 4), "high": round(high, 4), "right": self.right, "n": self.total}


@dataclass(frozen=True, slots=True)
class Scores:
    """Precision, recall and F1 of one label, from counts. None where there is nothing to divide by."""

    hits: int
    support: int
    predicted: int

    @property
    def f1(self) -> float | None:
        everything = self.support + self.predicted
        return 2 * self.hits / everything if everything else None

    def as_json(self) -> dict[str, Any]:
        low, high = wilson(self.hits, self.support)
        return {
            "precision": _ratio(self.hits, self.predicted),
            "recall": _ratio(self.hits, self.support),
            "recall_low": round(low, 4),
            "recall_high": round(high, 4),
            "f1": _rounded(self.f1),
            "support": self.support,
            "predicted": self.predicted,
        }


@dataclass
class Report:
    """Everything that is measured; shares and scores between 0 and 1, None where nothing could be measured."""

    messages: int
    accuracy: dict[str, Any]
    macro_f1: float | None
    wrong_with_confidence: dict[str, Any]
    asked: dict[str, Any]
    offered: dict[str, Any]
    calibration_error: float | None
    entity_f1: float | None
    entity_f1_exact: float | None
    intents: Table
    voices: Table
    confusions: list[dict[str, Any]]
    matrix: dict[str, dict[str, int]]
    entities_overlapping: Table
    entities_exact: Table
    resolution: Table | None
    calibration: list[dict[str, Any]]
    errors: list[dict[str, Any]]
    entity_errors: list[dict[str, Any]]
    resolution_errors: list[dict[str, Any]]
    not_held: list[str] | None = None  # the thresholds not held, in words; None when none were asked for

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Pair:
    """A labelled message and what the assistant says of it; `line` is its place in the labelled file."""

    line: int
    gold: Message
    said: Message

    @property
    def intent(self) -> str:
        return str(self.gold["intent"])

    @property
    def taken_for(self) -> str:
        return self.said["intent"] or NOTHING

    @property
    def right(self) -> bool:
        return self.intent == self.taken_for

    @property
    def asked(self) -> bool:
        return bool(self.said["decision"] == "ask")


def measure(labelled: Sequence[Message], understood: Sequence[Message], numbers: Sequence[int] | None = None) -> Report:
    """Compare message by message. `labelled` as `lines.labelled` gives them, `understood` what `complete` makes.

    A message without `intent` (or `entities`) is not measured for intents (or entities). `numbers` are the messages'
    lines, for the lists of errors. Raises ValueError when the two do not have the same messages in the same order.
    """
    if [line["text"] for line in labelled] != [line["text"] for line in understood]:
        raise ValueError("the labelled and the understood messages are not the same, in the same order")
    pairs = [Pair(*each) for each in zip(numbers or range(1, len(labelled) + 1), labelled, understood, strict=True)]
    meant = [pair for pair in pairs if pair.gold.get("intent") is not None]
    marked = [pair for pair in pairs if pair.gold.get("entities") is not None]
    overlapping, exact = entity_scores(marked, overlap), entity_scores(marked, same_span)
    per_intent = _per_intent(meant)
    calibration = _calibration(meant)
    return Report(
        messages=len(pairs),
        accuracy=_accuracy(meant),
        macro_f1=_rounded(_macro_f1(per_intent.values())),
        wrong_with_confidence=_wrong_with_confidence(meant),
        asked=Share(sum(pair.asked for pair in pairs), len(pairs)).as_json(),
        offered=_offered(meant),
        calibration_error=_calibration_error(calibration),
        entity_f1=_rounded(overlapping[ALL].f1),
        entity_f1_exact=_rounded(exact[ALL].f1),
        intents={label: scores.as_json() for label, scores in sorted(per_intent.items())},
        voices=_voices(pairs),
        confusions=_confusions(meant),
        matrix=_matrix(meant),
        entities_overlapping={label: scores.as_json() for label, scores in overlapping.items()},
        entities_exact={label: scores.as_json() for label, scores in exact.items()},
        resolution=_resolution(marked),
        calibration=[group.as_json() for group in calibration],
        errors=[_error(pair) for pair in meant if not pair.right],
        entity_errors=[error for pair in marked for error in _entity_errors(pair)],
        resolution_errors=[error for pair in marked for error in _resolution_errors(pair)],
    )


def wilson(right: int, total: int, z: float = 1.959964) -> tuple[float, float]:
    """The Wilson score interval of a proportion (Wilson 1927); (0, 1) when nothing was measured."""
    if total == 0:
        return 0.0, 1.0
    share = right / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


# ---- intents


def _accuracy(pairs: Sequence[Pair]) -> dict[str, Any]:
    return Share(sum(pair.right for pair in pairs), len(pairs)).as_json()


def _wrong_with_confidence(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Of all messages, those that were misunderstood and acted upon without a question."""
    return Share(sum(not pair.right and not pair.asked for pair in pairs), len(pairs)).as_json()


def _offered(pairs: Sequence[Pair]) -> dict[str, Any]:
    """Of the messages where it asks, those where what was meant is among the two meanings that it offers."""
    asked = [pair for pair in pairs if pair.asked and "alternatives" in pair.said]
    return Share(sum(pair.intent in _alternatives(pair)[:2] for pair in asked), len(asked)).as_json()


def _alternatives(pair: Pair) -> list[str]:
    return [entry["intent"] for entry in pair.said.get("alternatives", [])]


def _per_intent(pairs: Sequence[Pair]) -> dict[str, Scores]:
    support = Counter(pair.intent for pair in pairs)
    predicted = Counter(pair.taken_for for pair in pairs)
    hits = Counter(pair.intent for pair in pairs if pair.right)
    return {label: Scores(hits[label], support[label], predicted[label]) for label in {*support, *predicted}}


def _macro_f1(scores: Collection[Scores]) -> float | None:
    """The mean over the intents that the messages hold: one that is only ever said wrongly lowers others' precision."""
    f1s = [each.f1 or 0.0 for each in scores if each.support]
    return sum(f1s) / len(f1s) if f1s else None


def _voices(pairs: Sequence[Pair]) -> Table:
    """The main figures for each voice that wrote the messages; empty when they name none."""
    groups: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[str(pair.gold.get("voice") or NO_VOICE)].append(pair)
    if set(groups) <= {NO_VOICE}:
        return {}
    return {voice: _voice(group) for voice, group in sorted(groups.items())}


def _voice(pairs: Sequence[Pair]) -> dict[str, Any]:
    meant = [pair for pair in pairs if pair.gold.get("intent") is not None]
    marked = [pair for pair in pairs if pair.gold.get("entities") is not None]
    return {
        "messages": len(pairs),
        "accuracy": _accuracy(meant),
        "wrong_with_confidence": _wrong_with_confidence(meant),
        "asked": Share(sum(pair.asked for pair in pairs), len(pairs)).as_json(),
        "entity_f1": _rounded(entity_scores(marked, overlap)[ALL].f1),
    }


def _confusions(pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Which intent is taken for which, the most frequent first, with the lines where it happens."""
    lines: dict[tuple[str, str], list[int]] = defaultdict(list)
    for pair in pairs:
        if not pair.right:
            lines[pair.intent, pair.taken_for].append(pair.line)
    return [
        {"intent": intent, "taken_for": taken_for, "count": len(where), "lines": where}
        for (intent, taken_for), where in sorted(lines.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    ]


def _matrix(pairs: Sequence[Pair]) -> dict[str, dict[str, int]]:
    matrix: dict[str, Counter[str]] = defaultdict(Counter)
    for pair in pairs:
        matrix[pair.intent][pair.taken_for] += 1
    return {intent: dict(row) for intent, row in sorted(matrix.items())}


def _error(pair: Pair) -> dict[str, Any]:
    return {
        **_place(pair),
        "intent": pair.intent,
        "taken_for": pair.taken_for,
        "confidence": pair.said["confidence"],
        "decision": pair.said["decision"],
        "alternatives": _alternatives(pair),
    }


def _place(pair: Pair) -> dict[str, Any]:
    voice = {"voice": pair.gold["voice"]} if pair.gold.get("voice") else {}
    return {"line": pair.line, "text": pair.gold["text"], **voice}


# ---- confidence


@dataclass(frozen=True, slots=True)
class _Bin:
    """The messages whose confidence lies between `index` and `index + 1` tenths."""

    index: int
    confidences: list[float]
    right: int

    @property
    def confidence(self) -> float:
        return sum(self.confidences) / len(self.confidences)

    @property
    def gap(self) -> float:
        return abs(self.confidence - self.right / len(self.confidences))

    def as_json(self) -> dict[str, Any]:
        share = Share(self.right, len(self.confidences)).as_json()
        return {
            "from": self.index / BINS,
            "to": (self.index + 1) / BINS,
            "messages": len(self.confidences),
            "confidence": round(self.confidence, 4),
            "right": share["value"],
            "low": share["low"],
            "high": share["high"],
        }


def _calibration(pairs: Sequence[Pair]) -> list[_Bin]:
    """For each tenth of confidence: how many messages, mean confidence, share that was right."""
    groups: dict[int, list[Pair]] = defaultdict(list)
    for pair in pairs:
        groups[min(int(float(pair.said["confidence"]) * BINS), BINS - 1)].append(pair)
    return [
        _Bin(index, [float(pair.said["confidence"]) for pair in group], sum(pair.right for pair in group))
        for index, group in sorted(groups.items())
    ]


def _calibration_error(bins: Sequence[_Bin]) -> float | None:
    """The expected calibration error: the mean distance of confidence from truth, weighted by messages."""
    total = sum(len(group.confidences) for group in bins)
    return round(sum(len(group.confidences) * group.gap for group in bins) / total, 4) if total else None


# ---- entities


def overlap(wanted: Message, found: Message) -> bool:
    return _shared(wanted, found) > 0


def same_span(wanted: Message, found: Message) -> bool:
    return bool(wanted["start"] == found["start"] and wanted["end"] == found["end"])


def matches(wanted: Sequence[Message], found: Sequence[Message], fits: Fits) -> list[Message | None]:
    """For each labelled span the found one of its kind that it is paired with, or None.

    As many pairs as possible, each found span in one at most (augmenting paths); the longest overlap is tried first.
    """
    owner: dict[int, int] = {}
    options = [
        sorted(
            (index for index, other in enumerate(found) if other["entity"] == want["entity"] and fits(want, other)),
            key=lambda index: -_shared(want, found[index]),
        )
        for want in wanted
    ]

    def place(want: int, tried: set[int]) -> bool:
        for index in options[want]:
            if index not in tried:
                tried.add(index)
                if index not in owner or place(owner[index], tried):
                    owner[index] = want
                    return True
        return False

    for want in range(len(wanted)):
        place(want, set())
    paired = {want: found[index] for index, want in owner.items()}
    return [paired.get(want) for want in range(len(wanted))]


def entity_scores(pairs: Sequence[Pair], fits: Fits) -> dict[str, Scores]:
    """Scores of each kind and, under ALL, over all of them (micro-averaged)."""
    hits: Counter[str] = Counter()
    support: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    for pair in pairs:
        wanted, found = pair.gold["entities"], pair.said["entities"]
        support.update(entity["entity"] for entity in wanted)
        predicted.update(entity["entity"] for entity in found)
        hits.update(entity["entity"] for entity in matches(wanted, found, fits) if entity is not None)
    table = {label: Scores(hits[label], support[label], predicted[label]) for label in sorted({*support, *predicted})}
    return {**table, ALL: Scores(hits.total(), support.total(), predicted.total())}


def _entity_errors(pair: Pair) -> list[dict[str, Any]]:
    """What was missed, cut otherwise, or seen where nothing is."""
    wanted, found = pair.gold["entities"], pair.said["entities"]
    paired = matches(wanted, found, overlap)
    errors = []
    for want, got in zip(wanted, paired, strict=True):
        if got is None:
            errors.append({"error": "falta", "entity": want["entity"], "value": want["value"], "found": None})
        elif not same_span(want, got):
            cut = {"entity": want["entity"], "value": want["value"], "found": got["value"]}
            errors.append({"error": "recorte", **cut})
    used = [id(got) for got in paired if got is not None]
    errors += [
        {"error": "sobra", "entity": got["entity"], "value": None, "found": got["value"]}
        for got in found
        if id(got) not in used
    ]
    return [{**_place(pair), **error} for error in errors]


def _shared(one: Message, other: Message) -> int:
    return int(min(one["end"], other["end"]) - max(one["start"], other["start"]))


# ---- what entities stand for


def _judged(pair: Pair) -> list[tuple[Message, Message | None]]:
    """The labelled entities that say what they stand for, each with what was found in its place."""
    wanted = pair.gold["entities"]
    return [
        (want, got)
        for want, got in zip(wanted, matches(wanted, pair.said["entities"], overlap), strict=True)
        if "resolved" in want and want["entity"] not in AS_WRITTEN
    ]


def resolved_right(want: Message, got: Message | None) -> bool:
    """Whether the one meant was named, or doubt was admitted: exactly the labelled candidates, or rightly left open.

    An entity that was not found is resolved wrong: whoever reads the answer gets nothing of it.
    """
    if got is None or got.get("resolved") != want["resolved"]:
        return False
    if want["resolved"] is not None or "candidates" not in want:
        return True
    return set(got.get("candidates", [])) == set(want["candidates"])


def _resolution(pairs: Sequence[Pair]) -> Table | None:
    """For each kind the share resolved right, and the same of only those that were found."""
    judged = [(want["entity"], resolved_right(want, got), got is not None) for p in pairs for want, got in _judged(p)]
    if not judged:
        return None
    table = {}
    for kind in [*sorted({kind for kind, _, _ in judged}), ALL]:
        rows = [(right, found) for label, right, found in judged if kind in (label, ALL)]
        of_found = Share(sum(right for right, _ in rows), sum(found for _, found in rows)).as_json()
        table[kind] = {**Share(sum(right for right, _ in rows), len(rows)).as_json(), "of_found": of_found}
    return table


def _resolution_errors(pair: Pair) -> list[dict[str, Any]]:
    return [
        {
            **_place(pair),
            "entity": want["entity"],
            "value": want["value"],
            "expected": want["resolved"],
            "expected_candidates": want.get("candidates", []),
            "found": None if got is None else got["value"],
            "resolved": None if got is None else got.get("resolved"),
            "candidates": [] if got is None else got.get("candidates", []),
        }
        for want, got in _judged(pair)
        if not resolved_right(want, got)
    ]
