"""Which language a message is written in, when it surely is not Spanish. Word lists: `data/knowledge/idiomas.yml`.

Rasa's process imports this module too (bot/channel.py), where nothing else of `puente` is at hand: standard library
and YAML only.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).resolve().parents[2] / "data" / "knowledge" / "idiomas.yml"
OTHER = "otro"  # a script that none of our languages is written in
INTERPRETER = "intérprete"  # how the handoff's reason begins, so that whoever takes it knows what is needed

SHARE = 0.5  # of a message's words must be the language's
FEWEST = 2  # and so many of them, all different, must be nothing but that language
LONG = 5  # one such word is enough when it is this long and nothing is said beside it, in an indigenous language
_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*'?")
_SPANISH_WORDS = """
el la los las un una unos unas de del al a en con por para que y o pero si no se me mi mis su sus le les lo nos es
esta está estan están son era fue hay ya muy más mas como cómo cuando cuándo donde dónde qué porque tiene tengo hijo
hija niño niña favor gracias medicina medicamento hoy ayer desde hace quiero necesito puedo puede hola buenas buenos
tardes dias días noches señorita oiga ay pues este eso esa también tambien nada todo licencia cita
"""
_SPANISH = frozenset(_SPANISH_WORDS.split())
_OTHER_SCRIPTS = re.compile(r"[\u0370-\u1cff\u2e80-\ud7ff\ufb1d-\ufdff\ufe70-\ufefe]")


@dataclass(frozen=True)
class Language:
    """A language that families may write in. `common` words are Spanish ones too and prove nothing by themselves."""

    code: str
    name: str
    indigenous: bool = False
    answer: str = "idioma_otro"
    words: frozenset[str] = field(default=frozenset())
    common: frozenset[str] = field(default=frozenset())


def detect(text: str) -> str | None:
    """The code of the language that the whole message is in; None for Spanish and for whatever is not sure."""
    if len(_OTHER_SCRIPTS.findall(text)) > len(text) / 4:
        return OTHER
    said = _words(text)
    scored = [(score, language.code) for language in known().values() if (score := _score(said, language))]
    return max(scored)[1] if scored else None


def known() -> Mapping[str, Language]:
    """The languages that are recognised by their words."""
    return _read(FILE)


def name(code: str) -> str:
    """How a language is called in Spanish."""
    return known()[code].name if code in known() else "otro idioma"


def answer(code: str) -> str:
    """The name of the fixed text that is answered in that language."""
    return known()[code].answer if code in known() else "idioma_otro"


def is_indigenous(code: str) -> bool:
    return code in known() and known()[code].indigenous


def _score(said: list[str], language: Language) -> float:
    """The share of the message that is the language's; 0 when that is no proof."""
    theirs = [word for word in said if word in language.words]
    own = set(theirs) - language.common - _SPANISH
    spanish = [word for word in said if word in _SPANISH and word not in language.words]
    alone = language.indigenous and len(theirs) == len(said) and any(len(word) >= LONG for word in own)
    if len(own) < FEWEST and not alone:
        return 0.0
    if len(theirs) < SHARE * len(said) or len(spanish) > len(theirs) / 2:
        return 0.0
    return len(own) + len(theirs) / len(said)


def _words(text: str) -> list[str]:
    quoted = re.sub("[’‘ʼ´`ꞌ]", "'", unicodedata.normalize("NFC", text.lower()))
    return _WORD.findall(quoted)


@cache
def _read(path: Path) -> Mapping[str, Language]:
    raw: dict[str, dict[str, Any]] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {code: _language(code, entry) for code, entry in raw.items()}


def _language(code: str, entry: Mapping[str, Any]) -> Language:
    words = _listed(entry["palabras"])
    common = _listed(entry.get("comunes") or ()) | _listed(entry.get("cortesia") or ())
    if own := _listed(entry.get("propias") or ()):
        common |= words - own
    indigenous = bool(entry.get("indigena"))
    return Language(
        code,
        str(entry["nombre"]),
        indigenous,
        str(entry.get("contesta") or ("idioma_indigena" if indigenous else "idioma_otro")),
        words | common,
        common,
    )


def _listed(words: Iterable[Any]) -> frozenset[str]:
    return frozenset(unicodedata.normalize("NFC", str(word).lower()) for word in words)
