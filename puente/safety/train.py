"""Train the gate's model from data/safety/*.jsonl:  python -m puente.safety.train [--report FILE]

Scores and thresholds come from cross-validation by author: a message is always judged by a model that never saw
anything of whoever wrote it (data/safety/voices.yml says which voices share one). Ridge regression gives these scores
exactly, without training anew.
"""

import argparse
import hashlib
import json
import random
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csc_matrix, csr_matrix
from sklearn.linear_model import LogisticRegression

from puente.safety import examples as data
from puente.safety import features, model, signs
from puente.safety.examples import UNCLASSIFIED, Example
from puente.safety.model import ALARM, Floats
from puente.safety.signs import SIGNS_FILE

# Shares of hard harmless messages that may get any alarm, and the certain one, in cross-validation.
ANY_ALARM, CERTAIN_ALARM = 0.12, 0.025
LARGEST_AUTHOR = 1 / 3  # without an author of more of the examples than this, a model is too poor to judge by
SUICIDE_FACTOR = 0.4  # of the threshold for any alarm, where the words speak of somebody's life
CERTAIN_OF_SUICIDE = 0.85  # below it a third more of those who are only tired would get that answer
GENERAL_MESSAGES = 2000  # harmless ones; more of them change nothing
COPY_WEIGHT, GENERAL_WEIGHT = 0.5, 0.5  # beside a hard example's 1
RIDGE = 0.02
Rows = NDArray[np.int64]


@dataclass(slots=True)
class Fitted:
    """The examples as vectors, and the inverse of their kernel, from which all else follows."""

    examples: list[Example]
    kinds: tuple[str, ...]
    targets: Floats
    groups: list[Rows]  # of each author, the rows
    words: csr_matrix
    sentences: Floats
    inverse: Floats
    model: model.Model


def misspelled(examples: list[Example]) -> list[Example]:
    """Copies of every hard example as a thumb on a small screen writes it: letters lost, swapped, words joined."""
    dice = random.Random(5)  # noqa: S311
    return [replace(e, text=_slips(e.text, dice), copy=True) for e in examples if not e.general]


def _slips(text: str, dice: random.Random) -> str:
    words: list[str] = []
    for word in text.split():
        chance = dice.random()
        at = dice.randrange(1, len(word) - 2) if len(word) > 4 else 0
        if at and chance < 0.10:
            word = word[:at] + word[at + 1 :]
        elif at and chance < 0.18:
            word = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        elif at and chance < 0.24:
            word = word[:at] + dice.choice("aeiosrnlt") + word[at + 1 :]
        words.append(words.pop() + word if words and dice.random() < 0.06 else word)
    slipped = " ".join(words)
    return re.sub(r"[,.;¿?¡!]", "", slipped) if dice.random() < 0.6 else slipped


def fingerprint() -> str:
    """Of what a model is made from: data, lexicon, and the code that turns a message into numbers."""
    digest = hashlib.sha256()
    code = [Path(file) for file in (features.__file__, signs.__file__, model.__file__)]
    for file in [*sorted(data.DATA.glob("*.jsonl")), features.ABBREVIATIONS_FILE, data.VOICES_FILE, SIGNS_FILE, *code]:
        digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]


def class_of(example: Example) -> str:
    """What an example votes for. Ordinary harmless messages are one kind, whatever they ask for."""
    if example.alarm:
        return ALARM + example.kind
    return "harmless:general" if example.general else "harmless:" + example.kind


def fit(originals: list[Example]) -> Fitted:
    """Learn from all examples."""
    spelling = features.learn_spelling([e.text for e in originals], [e.voice for e in originals])
    examples = _chosen(originals)
    kinds = tuple(sorted({class_of(e) for e in examples}))
    targets = np.array([[class_of(e) == kind for kind in kinds] for e in examples], dtype=np.float32)
    targets -= targets.mean(axis=0)
    known, rarity, words = _words(examples)
    sentences, axes = _shorter(_sentences([e.text for e in examples], spelling))
    inverse = _inverse(words, sentences, np.array([_weight(e) for e in examples], dtype=np.float32))
    votes = inverse @ targets
    by_ngram = csc_matrix(words)
    built = model.Model(
        ngrams=known,
        rarity=rarity,
        first_posting=by_ngram.indptr.astype(np.int32),
        posting_example=by_ngram.indices.astype(np.uint16),
        posting_weight=by_ngram.data,
        axes=axes,
        sentences=sentences,
        votes=votes,
        kinds=kinds,
        spelling=spelling,
        info={},
    )
    return Fitted(examples, kinds, targets, _groups(examples), words, sentences, inverse, built)


def _chosen(originals: list[Example]) -> list[Example]:
    """All hard examples with their misspelled copies; of the general ones, the alarms and some of the others."""
    hard = [e for e in originals if not e.general]
    alarms = [e for e in originals if e.general and e.alarm]
    ordinary = [e for e in originals if e.general and not e.alarm]
    dice = random.Random(0)  # noqa: S311
    return hard + misspelled(hard) + alarms + dice.sample(ordinary, min(len(ordinary), GENERAL_MESSAGES))


def _weight(example: Example) -> float:
    return COPY_WEIGHT if example.copy else GENERAL_WEIGHT if example.general and not example.alarm else 1.0


def _groups(examples: list[Example]) -> list[Rows]:
    authors = data.authors()
    names = np.array([authors.get(e.voice, e.voice) for e in examples])
    return [np.where(names == name)[0] for name in np.unique(names)]


def _words(examples: list[Example]) -> tuple[NDArray[np.uint32], Floats, csr_matrix]:
    """The n-grams of two messages or more (copies do not count), how rare each is, and the messages' vectors."""
    counted = [features.ngrams(e.text) for e in examples]
    originals = [one for one, e in zip(counted, examples, strict=True) if not e.copy]
    ngrams, seen = np.unique(np.array([n for one in originals for n in one], dtype=np.uint32), return_counts=True)
    ngrams, seen = ngrams[seen > 1], seen[seen > 1]
    rarity = (np.log((1 + len(originals)) / (1 + seen)) + 1).astype(np.float32)
    rows = [model.known(one, ngrams, rarity) for one in counted]
    return ngrams, rarity, _matrix(rows, len(ngrams))


def _matrix(rows: list[tuple[NDArray[np.int64], Floats]], width: int) -> csr_matrix:
    ends = np.cumsum([0, *(len(places) for places, _ in rows)])
    places, values = (np.concatenate(column) for column in zip(*rows, strict=True))
    return csr_matrix((values.astype(np.float32), places, ends), shape=(len(rows), width))


def _sentences(texts: list[str], spelling: dict[str, str]) -> Floats:
    """In batches of messages of one length, which is quickest."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    found = np.empty((len(texts), 512), dtype=np.float32)
    for start in range(0, len(order), 64):
        batch = order[start : start + 64]
        found[batch] = model.embed([features.corrected(texts[i], spelling) for i in batch])
    return found


def _shorter(sentences: Floats) -> tuple[Floats, Floats]:
    """The vectors along the axes on which they differ most, and those axes."""
    _, directions = np.linalg.eigh(sentences.T @ sentences)
    axes = np.ascontiguousarray(directions[:, : -model.AXES - 1 : -1])
    return sentences @ axes, axes


def _inverse(words: csr_matrix, sentences: Floats, weight: Floats) -> Floats:
    """(K + ridge)⁻¹; an example of little weight is held to its label by a weaker spring."""
    kernel = (words @ words.T).toarray() * np.float32(model.WORDS_WEIGHT)
    kernel += sentences @ sentences.T * np.float32(model.SENTENCE_WEIGHT)
    kernel -= np.float32(model.WORDS_WEIGHT + model.SENTENCE_WEIGHT)
    np.exp(kernel, out=kernel)
    kernel[np.diag_indices_from(kernel)] += RIDGE / weight
    factor, problem = lapack.spotrf(kernel.T, lower=1, overwrite_a=1, clean=0)
    inverse, problem_too = lapack.spotri(factor, lower=1, overwrite_c=1)
    if problem or problem_too:
        raise ArithmeticError("The kernel of the examples could not be inverted; raise RIDGE.")
    lower = np.tril(inverse, -1)
    return np.asarray(lower + lower.T + np.diag(np.diag(inverse)), dtype=np.float32)


@dataclass(slots=True)
class Judged:
    """What every example would get from a model that never saw its author."""

    examples: list[Example]
    evidence: NDArray[np.float64]
    votes: Floats

    @property
    def alarm(self) -> NDArray[np.bool_]:
        return np.array([e.alarm for e in self.examples])

    @property
    def hard(self) -> NDArray[np.bool_]:
        """What thresholds are chosen on: neither general nor a copy, nor of an author who wrote too many."""
        authors = data.authors()
        names = np.array([authors.get(e.voice, e.voice) for e in self.examples])
        hard = np.array([not e.general and not e.copy for e in self.examples])
        large = [name for name in np.unique(names) if (names[hard] == name).mean() > LARGEST_AUTHOR]
        return np.asarray(hard & ~np.isin(names, large))


def judge(fitted: Fitted) -> Judged:
    """Cross-validation by author, of whole messages and of the hard ones' clauses."""
    votes = fitted.model.votes
    whole = np.empty_like(votes)
    worst = np.full(len(votes), -np.inf)
    for group in fitted.groups:
        own = np.linalg.solve(fitted.inverse[np.ix_(group, group)], votes[group])
        whole[group] = fitted.targets[group] - own
        without = votes - fitted.inverse[:, group] @ own
        without[group] = 0
        blind = replace(fitted.model, votes=without)
        for row in group:
            example = fitted.examples[row]
            parts = features.clauses(example.text)
            if len(parts) > 1 and not example.copy:
                worst[row] = model.alarm_evidence(blind.votes_for(parts, fitted.sentences[row]), fitted.kinds).max()
    evidence = model.alarm_evidence(whole, fitted.kinds)
    joined = np.array([model.joined(a, b) for a, b in zip(evidence, worst, strict=True)])
    return Judged(fitted.examples, joined, whole)


def train(originals: list[Example]) -> tuple[model.Model, dict[str, Any]]:
    fitted = fit(originals)
    judged = judge(fitted)
    hard, alarm = judged.hard, judged.alarm
    line = LogisticRegression(C=10).fit(judged.evidence[hard, None], alarm[hard])
    slope, offset = float(line.coef_[0, 0]), float(line.intercept_[0])
    chances = 1 / (1 + np.exp(-(slope * judged.evidence + offset)))
    thresholds = {
        "possible": float(np.quantile(chances[hard & ~alarm], 1 - ANY_ALARM)),
        "certain": float(np.quantile(chances[hard & ~alarm], 1 - CERTAIN_ALARM)),
    }
    thresholds["possible_suicide"] = thresholds["possible"] * SUICIDE_FACTOR
    thresholds["certain_suicide"] = max(thresholds["certain"], CERTAIN_OF_SUICIDE)
    fitted.model.info = {
        "fingerprint": fingerprint(),
        "thresholds": thresholds,
        "calibration": [slope, offset],
        "examples": len(originals),
    }
    return fitted.model, _report(judged, chances, fitted.kinds, thresholds)


def _report(
    judged: Judged, chances: NDArray[np.float64], kinds: tuple[str, ...], thresholds: dict[str, float]
) -> dict[str, Any]:
    possible, certain = chances >= thresholds["possible"], chances >= thresholds["certain"]
    hard, alarm = judged.hard, judged.alarm
    general = np.array([e.general for e in judged.examples])
    out: dict[str, Any] = {"thresholds": thresholds}
    for name, mask in (("hard", hard), ("general", general)):
        out[name] = {
            "alarms": int((mask & alarm).sum()),
            "harmless": int((mask & ~alarm).sum()),
            **_shares(possible, certain, mask, alarm),
            "curve": _curve(chances[mask & alarm], chances[mask & ~alarm]),
        }
    out["by_kind"], out["by_voice"] = {}, {}
    names = np.array([("alarm:" if e.alarm else "harmless:") + e.kind for e in judged.examples])
    voices = np.array([e.voice for e in judged.examples])
    for name in np.unique(names[hard]):
        group = hard & (names == name)
        out["by_kind"][str(name)] = [round(float(possible[group].mean()), 3), int(group.sum())]
    for voice in np.unique(voices[hard]):
        out["by_voice"][str(voice)] = _shares(possible, certain, hard & (voices == voice), alarm)
    out["right_kind"] = _right_kind(judged, kinds, hard & alarm)
    return out


def _shares(possible: Any, certain: Any, mask: Any, alarm: Any) -> dict[str, float]:
    """Of the alarms and of the harmless messages among these, the shares that get an alarm."""

    def share(said: Any, among: Any) -> float:
        return round(float(said[among].mean()), 3) if among.any() else 0.0

    return {
        "caught": share(possible, mask & alarm),
        "certain": share(certain, mask & alarm),
        "any_alarm_on_harmless": share(possible, mask & ~alarm),
        "certain_on_harmless": share(certain, mask & ~alarm),
    }


def _curve(alarms: NDArray[np.float64], harmless: NDArray[np.float64]) -> list[dict[str, float]]:
    curve = []
    for share in (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.10, 0.12, 0.15, 0.20):
        threshold = float(np.quantile(harmless, 1 - share))
        curve.append({"harmless_share": share, "threshold": threshold, "caught": float((alarms >= threshold).mean())})
    return curve


def _right_kind(judged: Judged, kinds: tuple[str, ...], among: NDArray[np.bool_]) -> float:
    """How often the kind of an alarm is the right one."""
    columns = [i for i, kind in enumerate(kinds) if kind.startswith(ALARM) and kind != ALARM + UNCLASSIFIED]
    guessed = [kinds[columns[best]] for best in judged.votes[among][:, columns].argmax(axis=1)]
    right = [class_of(e) for e, here in zip(judged.examples, among, strict=True) if here]
    return round(float(np.mean([a == b for a, b in zip(guessed, right, strict=True)])), 3)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Entrena la compuerta de seguridad con data/safety/*.jsonl")
    parser.add_argument("--report", type=Path, help="escribe aquí la evaluación cruzada (JSON)")
    options = parser.parse_args(argv)
    try:
        originals = data.load()
    except data.BadExample as problem:
        sys.exit(f"data/safety: {problem}")
    built, report = train(originals)
    model.save(built)
    text = json.dumps(report, indent=1, ensure_ascii=False)
    if options.report:
        options.report.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
