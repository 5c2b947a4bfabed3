"""Decides whether a message tells of a danger that is happening now, to the patient or to the person who writes.

`certain` gets the safe answer at once; `possible` gets one short question. The decision is a trained model's over
interpretable signs (`signs.py`, `model.py`). Should the model fail, the signs alone decide: the gate is never shut.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import structlog

from puente.safety import model
from puente.safety.model import SUICIDE
from puente.safety.signs import Reading, lexicon, read

CERTAIN, POSSIBLE, NONE = "certain", "possible", "none"
FEW_WORDS, SURE_OF_FEW_WORDS = 6, 0.97

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Verdict:
    """The gate's decision: how sure (`tier`), which sign (`kind`), and a score between 0 and 1."""

    tier: str
    kind: str | None = None
    score: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {"tier": self.tier, "kind": self.kind, "score": self.score}


def warm_up() -> None:
    """Load everything that the first message would wait for. Called when the edge starts."""
    decide("buenas tardes")


def decide(text: str) -> Verdict:
    """Look at one message. Never raises."""
    try:
        if not text or not text.strip():
            return Verdict(NONE)
        try:
            trained = _trained()
            score, kind, reading = trained.score(text)
        except Exception as error:
            # Only its type: a traceback would write the family's words into the log.
            log.error("safety_model_failed", error=type(error).__name__)
            return by_signs(read(text))
        return _verdict(score, kind, reading, trained.info["thresholds"])
    except Exception:
        # Nothing is left to judge with, perhaps not even a log: better one question too many than an alarm not heard.
        return Verdict(POSSIBLE, None, 0.5)


def _says_too_little(reading: Reading, score: float) -> bool:
    """A few words without any sign ("cancele todo", a list of medicines): the model knows too little to judge them."""
    few = len(reading.tokens) <= FEW_WORDS and score < SURE_OF_FEW_WORDS
    return few and not reading.signs and not reading.degrees


def _verdict(score: float, kind: str, reading: Reading, thresholds: dict[str, float]) -> Verdict:
    score = round(score, 4)
    if _says_too_little(reading, score):
        return Verdict(NONE, None, score)
    # A bare "39" may be a temperature or an age: without words nothing is certain.
    words = any(token.text[0].isalpha() for token in reading.tokens)
    if score >= thresholds["certain"] and words:
        return Verdict(CERTAIN, kind, score)
    # A life that someone may be about to take gets the question sooner than anything else.
    life = kind == SUICIDE and any(sign.label == SUICIDE for sign in reading.signs)
    asks_from = thresholds["possible_suicide" if life else "possible"]
    if score >= asks_from:
        return Verdict(POSSIBLE, kind, score)
    return Verdict(NONE, None, score)


def by_signs(reading: Reading) -> Verdict:
    """The decision without a model: any sign that nothing denies is asked about; two kinds or 38 °C are certain."""
    said = [sign for sign in reading.signs if sign.status in ("plain", "asked")]
    hot = any(value >= 38 and status == "sure" for _, value, status in reading.degrees)
    kinds = {sign.label for sign in said if sign.status == "plain"}
    if not said and not hot:
        return Verdict(NONE)
    kind = SUICIDE if SUICIDE in kinds else "fiebre" if hot else max(said, key=lambda s: s.end - s.start).label
    if hot or len(kinds) > 1:
        return Verdict(CERTAIN, kind, 0.9)
    return Verdict(POSSIBLE, kind, 0.5)


def level(kind: str | None) -> str:
    """What this sign asks for: `911`, `urgencias` or `llamar`."""
    known: dict[str, Any] = lexicon().kinds.get(kind or "", {})
    return str(known.get("level", "urgencias"))


def is_grave(kind: str | None) -> bool:
    """Whether silence after the question is treated as a yes."""
    return bool(lexicon().kinds.get(kind or "", {}).get("grave", True))


@lru_cache(maxsize=1)
def _trained() -> model.Model:
    return model.load()
