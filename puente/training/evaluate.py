"""How well the assistant understands: labelled messages against what it says of them.

`measure` gives plain data (the JSON), `page.py` renders it for a trainer.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

Message = dict[str, Any]


@dataclass(frozen=True)
class Share:
    """A proportion with its 95 % Wilson interval."""

    right: int
    total: int

    @property
    def value(self) -> float:
        return self.right / self.total if self.total else 0.0

    def as_json(self) -> dict[str, Any]:
        low, high = wilson(self.right, self.total)
        return {"value": round(self.value, 4), "low": round(low, 4), "high": round(high, 4), "n": self.total}


@dataclass
class Scores:
    """Precision, recall and F1 of one label."""

    precision: float
    recall: float
    f1: float
    support: int
    predicted: int


@dataclass
class Report:
    """Everything that is measured; shares and scores between 0 and 1."""

    messages: int
    accuracy: dict[str, Any]
    macro_f1: float
    wrong_with_confidence: dict[str, Any]
    asked: dict[str, Any]
    intents: dict[str, dict[str, Any]]
    confusions: list[dict[str, Any]]
    matrix: dict[str, dict[str, int]]
    entities_overlapping: dict[str, dict[str, Any]]
    entities_exact: dict[str, dict[str, Any]]
    resolution: dict[str, Any] | None
    calibration: list[dict[str, Any]]
    errors: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def measure(labelled: Sequence[Message], understood: Sequence[Message]) -> Report:
    """Compare line by line. `labelled` has `text`, `intent` and `entities`; `understood` what `make understand` writes.

    Raises ValueError when the two do not have the same messages in the same order.
    """
    if [line["text"] for line in labelled] != [line["text"] for line in understood]:
        raise ValueError("the labelled and the understood messages are not the same, in the same order")
    pairs = list(zip(labelled, understood, strict=True))
    per_intent = _per_label(Counter((gold["intent"], said["intent"]) for gold, said in pairs))
    right = sum(gold["intent"] == said["intent"] for gold, said in pairs)
    wrong_sure = sum(gold["intent"] != said["intent"] and said["decision"] == "act" for gold, said in pairs)
    asked = sum(said["decision"] == "ask" for _, said in pairs)
    supported = [scores for scores in per_intent.values() if scores.support]
    return Report(
        messages=len(pairs),
        accuracy=Share(right, len(pairs)).as_json(),
        macro_f1=round(sum(scores.f1 for scores in supported) / max(len(supported), 1), 4),
        wrong_with_confidence=Share(wrong_sure, len(pairs)).as_json(),
        asked=Share(asked, len(pairs)).as_json(),
        intents={label: asdict(scores) for label, scores in sorted(per_intent.items())},
        confusions=_confusions(pairs),
        matrix=_matrix(pairs),
        entities_overlapping=_entity_scores(pairs, _overlap),
        entities_exact=_entity_scores(pairs, _same_span),
        resolution=_resolution(pairs),
        calibration=_calibration(pairs),
        errors=[_error(gold, said) for gold, said in pairs if gold["intent"] != said["intent"]],
    )


def wilson(right: int, total: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a proportion (Wilson 1927); (0, 1) when nothing was measured."""
    if total == 0:
        return 0.0, 1.0
    share = right / total
    centre = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    scale = 1 + z * z / total
    return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)


def _per_label(counts: Counter[tuple[str, str]]) -> dict[str, Scores]:
    support: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    for (gold, said), count in counts.items():
        support[gold] += count
        predicted[said] += count
    return {
        label: _scores(counts[(label, label)], support[label], predicted[label]) for label in {*support, *predicted}
    }


def _scores(hits: int, support: int, predicted: int) -> Scores:
    precision = hits / predicted if predicted else 0.0
    recall = hits / support if support else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return Scores(round(precision, 4), round(recall, 4), round(f1, 4), support, predicted)


def _confusions(pairs: Sequence[tuple[Message, Message]]) -> list[dict[str, Any]]:
    counts = Counter((gold["intent"], said["intent"]) for gold, said in pairs if gold["intent"] != said["intent"])
    return [{"intent": gold, "taken_for": said, "count": count} for (gold, said), count in counts.most_common(30)]


def _matrix(pairs: Sequence[tuple[Message, Message]]) -> dict[str, dict[str, int]]:
    matrix: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for gold, said in pairs:
        matrix[gold["intent"]][said["intent"]] += 1
    return {gold: dict(row) for gold, row in sorted(matrix.items())}


def _error(gold: Message, said: Message) -> dict[str, Any]:
    return {
        "text": gold["text"],
        "intent": gold["intent"],
        "taken_for": said["intent"],
        "confidence": said["confidence"],
        "decision": said["decision"],
    }


def _overlap(gold: Message, said: Message) -> bool:
    return bool(gold["start"] < said["end"] and said["start"] < gold["end"])


def _same_span(gold: Message, said: Message) -> bool:
    return bool(gold["start"] == said["start"] and gold["end"] == said["end"])


def _entity_scores(pairs: Sequence[tuple[Message, Message]], fits: Any) -> dict[str, dict[str, Any]]:
    """Scores by entity and over all (`todas`, micro-averaged): each labelled span may be matched once."""
    hits: Counter[str] = Counter()
    support: Counter[str] = Counter()
    predicted: Counter[str] = Counter()
    for gold, said in pairs:
        free = list(said["entities"])
        predicted.update(entity["entity"] for entity in free)
        for wanted in gold.get("entities", []):
            support[wanted["entity"]] += 1
            match = next((e for e in free if e["entity"] == wanted["entity"] and fits(wanted, e)), None)
            if match is not None:
                free.remove(match)
                hits[wanted["entity"]] += 1
    table = {
        label: asdict(_scores(hits[label], support[label], predicted[label]))
        for label in sorted({*support, *predicted})
    }
    table["todas"] = asdict(_scores(hits.total(), support.total(), predicted.total()))
    return table


def _resolution(pairs: Sequence[tuple[Message, Message]]) -> dict[str, Any] | None:
    """Of the labelled entities that say what they stand for, the share resolved so (or rightly left open)."""
    right = total = 0
    for gold, said in pairs:
        for wanted in gold.get("entities", []):
            if "resolved" not in wanted:
                continue
            total += 1
            found = [e for e in said["entities"] if e["entity"] == wanted["entity"] and _overlap(wanted, e)]
            right += any(e.get("resolved") == wanted["resolved"] for e in found)
    return Share(right, total).as_json() if total else None


def _calibration(pairs: Sequence[tuple[Message, Message]], bins: int = 10) -> list[dict[str, Any]]:
    """For each tenth of confidence: how many messages, mean confidence, share that was right."""
    groups: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for gold, said in pairs:
        confidence = float(said["confidence"])
        groups[min(int(confidence * bins), bins - 1)].append((confidence, gold["intent"] == said["intent"]))
    return [
        {
            "from": index / bins,
            "messages": len(group),
            "confidence": round(sum(confidence for confidence, _ in group) / len(group), 4),
            "right": round(sum(right for _, right in group) / len(group), 4),
        }
        for index, group in sorted(groups.items())
    ]
