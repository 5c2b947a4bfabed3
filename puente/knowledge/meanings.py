"""How each intent is said to a family when the assistant asks which one she meant."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml

from puente.settings import ROOT


@dataclass(frozen=True)
class Meaning:
    """An intent in words that follow "¿quiere …?", and as a button of at most 20 characters."""

    intent: str
    words: str
    button: str


@cache
def all_meanings() -> dict[str, Meaning]:
    """The meanings that can be offered, by intent."""
    with (ROOT / "data" / "catalogs" / "meanings.yml").open(encoding="utf-8") as file:
        entries = yaml.safe_load(file)
    return {intent: Meaning(intent, entry["palabras"], entry["boton"]) for intent, entry in entries.items()}


def likeliest(ranking: Sequence[dict[str, Any]], count: int = 2) -> list[Meaning]:
    """The `count` likeliest meanings of an intent ranking that make sense as an offer."""
    known = all_meanings()
    return [known[entry["name"]] for entry in ranking if entry.get("name") in known][:count]
