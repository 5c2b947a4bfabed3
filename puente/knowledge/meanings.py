"""How each intent is said to a family: when the assistant asks which one she meant, or takes up her other request."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from puente.settings import ROOT

ALWAYS_OFFERED = "hablar_con_persona"  # beside any question, so never one of its meanings
SOMETHING_ELSE = "También me hablaba de otro asunto. ¿Lo vemos ahora?"


@dataclass(frozen=True)
class Meaning:
    """An intent in words that follow "¿quiere …?", and as a button of at most 20 characters.

    `later` offers it once the first matter of the same message is settled.
    """

    intent: str
    words: str
    button: str
    later: str = SOMETHING_ELSE


@cache
def all_meanings() -> dict[str, Meaning]:
    """The meanings that can be offered, by intent."""
    with (ROOT / "data" / "catalogs" / "meanings.yml").open(encoding="utf-8") as file:
        entries = yaml.safe_load(file)
    return {
        intent: Meaning(intent, entry["palabras"], entry["boton"], entry.get("despues", SOMETHING_ELSE))
        for intent, entry in entries.items()
    }


def likeliest(ranking: Sequence[dict[str, Any]], count: int = 2) -> list[Meaning]:
    """The `count` likeliest meanings of an intent ranking that make sense as an offer."""
    known = all_meanings()
    names = [entry.get("name") for entry in ranking]
    return [known[name] for name in names if name in known and name != ALWAYS_OFFERED][:count]


def offered_later(intent: str) -> str:
    """The question that offers a second request of a message, when the first is settled."""
    known = all_meanings().get(intent)
    return known.later if known else SOMETHING_ELSE
