"""Decides whether a message tells of a danger that is happening now, to the patient or to the person who writes.

`certain` gets the safe answer at once; `possible` gets one short question. A trained model decides (`model.py`); the
signs that can be read in the words (`signs.py`) say when to ask before being certain. Should the model fail, the signs
alone decide: the gate is never shut.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import structlog

from puente.safety import model
from puente.safety.model import SUICIDE
from puente.safety.signs import Reading, lexicon, read

CERTAIN, POSSIBLE, NONE = "certain", "possible", "none"
FEW_WORDS, SURE_OF_FEW_WORDS = 6, 0.98
SAID = 0.1  # what a sign that was read adds to the vote for its kind, chosen by cross-validation

# A telephone or social security number, as people space it: its pieces are no temperatures and no hours.
_IDENTIFIER = re.compile(r"(?<![\d.,])(?=[\d -]*\d{3})\d(?:[ -]?\d){9,14}(?![\d.,]\d|\d)")

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
        text = _IDENTIFIER.sub(" ", text or "")
        if not text.strip():
            return Verdict(NONE)
        reading = read(text)
        try:
            trained = _trained()
            score, kinds = trained.score(text)
        except Exception as error:
            # Only its type: a traceback would write the family's words into the log.
            log.error("safety_model_failed", error=type(error).__name__)
            return by_signs(reading)
        return _verdict(score, kinds, reading, trained.info["thresholds"])
    except Exception:
        # Nothing is left to judge with, perhaps not even a log: better one question too many than an alarm not heard.
        return Verdict(POSSIBLE, None, 0.5)


def _verdict(score: float, kinds: dict[str, float], reading: Reading, thresholds: dict[str, float]) -> Verdict:
    score = round(score, 4)
    said = {sign.label for sign in reading.signs if sign.status in ("plain", "asked")}
    kind = _likeliest(kinds, said)
    if score < _asks_from(kind, said, reading, thresholds):
        return Verdict(NONE, None, score)
    # Tiredness and despair sound alike: the answer for a life in danger is not given on a guess.
    sure = score >= thresholds["certain_suicide" if kind == SUICIDE else "certain"]
    return Verdict(CERTAIN if sure and not _better_ask(reading, said) else POSSIBLE, kind, score)


def _asks_from(kind: str, said: set[str], reading: Reading, thresholds: dict[str, float]) -> float:
    """A life that someone may be about to take gets the question sooner than anything else; a bare word, the name of a
    medicine or of an illness typed into a form, only when the model is sure."""
    if kind == SUICIDE and SUICIDE in said:
        return thresholds["possible_suicide"]
    return thresholds["certain" if _too_few_words(reading) else "possible"]


def _likeliest(kinds: dict[str, float], said: set[str]) -> str:
    """Suicide has an answer of its own, which nobody should get whose words name only something else."""
    possible = [kind for kind in kinds if kind != SUICIDE or not said or SUICIDE in said]
    return max(possible, key=lambda kind: kinds[kind] + SAID * (kind in said))


def _better_ask(reading: Reading, said: set[str]) -> bool:
    """Whether the words alone make nothing certain, however sure the model is."""
    if not any(token.text[0].isalpha() for token in reading.tokens):
        return True  # a bare "39" may be a temperature or an age
    if reading.signs:
        return not said and not _hot(reading)  # all of them are denied, past, or mean something else
    return _too_few_words(reading)  # "cancele todo", "arde mija"


def _too_few_words(reading: Reading) -> bool:
    """A few words, and no sign among them."""
    return len(reading.tokens) <= FEW_WORDS and not reading.signs and not reading.degrees


def _hot(reading: Reading) -> bool:
    return any(value >= 38 and status == "sure" for _, value, status in reading.degrees)


def by_signs(reading: Reading) -> Verdict:
    """The decision without a model: any sign that nothing denies is asked about; two kinds or 38 °C are certain."""
    said = [sign for sign in reading.signs if sign.status in ("plain", "asked")]
    hot = _hot(reading)
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
