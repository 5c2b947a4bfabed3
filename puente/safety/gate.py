"""Decides whether a message tells of a danger that is happening now. A first, cautious version: signs by words.

It errs on the side of asking: an unclear sign is `possible` and gets one short question.
"""

import re
import unicodedata
from dataclasses import dataclass
from typing import Any

CERTAIN, POSSIBLE, NONE = "certain", "possible", "none"

_SIGNS: dict[str, str] = {
    "suicidio": r"\b(me quiero morir|quiero morirme|quitarme la vida|matarme|suicid|no quiero (seguir )?vivi)",
    "conciencia": r"\b(convuls|no despierta|no me responde|no reacciona|se desmay|desmayad|inconsciente)",
    "respiracion": r"\b(no (puede|puedo) respirar|no respira|se ahoga|se esta ahogando|labios? morad|moradit[oa] de los labios)",
    "sangrado": r"\b(no (deja|para) de sangrar|sangra mucho|vomit\w+ (con )?sangre|sangrado que no)",
    "fiebre": r"\b(fiebre|calentura|temperatura|esta ardiendo|hirviendo)\b",
    "cateter": r"cateter\w*\W+(?:\w+\W+){0,4}(rojo|pus|salio|infectad)",
}
_DEGREES = re.compile(r"\b(3[89]|4[01])([.,:]\d)?\b")
_NOT_NOW = re.compile(
    r"\b(ya no|sin|no (ha )?(tiene|tuvo|trae)|nunca|si (le )?(da|llega|tiene)|cuando (le )?d[ae]|ayer|hace)\b"
)


@dataclass(frozen=True)
class Verdict:
    """The gate's decision: how sure (`tier`), which sign (`kind`), and a score between 0 and 1."""

    tier: str
    kind: str | None = None
    score: float = 0.0

    def as_json(self) -> dict[str, Any]:
        return {"tier": self.tier, "kind": self.kind, "score": self.score}


def decide(text: str) -> Verdict:
    """Look at one message. Never raises; runs in microseconds."""
    plain = _plain(text)
    for kind, pattern in _SIGNS.items():
        found = re.search(pattern, plain)
        if not found:
            continue
        if _NOT_NOW.search(plain) and kind != "suicidio":
            return Verdict(POSSIBLE, kind, 0.4)
        if kind == "fiebre" and not _DEGREES.search(plain):
            return Verdict(POSSIBLE, kind, 0.6)
        return Verdict(CERTAIN, kind, 0.9)
    return Verdict(NONE)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(character for character in decomposed if unicodedata.category(character) != "Mn")
