"""How families spell: words brought to one form by sound, and numbers written as words."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

_TOKEN = re.compile(r"\d+|[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class Word:
    """A word or number of a sentence: where it stands, as plain text, and as it sounds (`key`)."""

    start: int
    end: int
    plain: str
    key: str


def words(text: str) -> list[Word]:
    """The words of `text`; letters and digits are separated ("hgz1" is two words)."""
    return [
        Word(match.start(), match.end(), plain(match.group()), sound(match.group())) for match in _TOKEN.finditer(text)
    ]


def listed(text: str) -> frozenset[str]:
    """The words of a vocabulary written in one string."""
    return frozenset(text.split())


def plain(text: str) -> str:
    """Lower case without accents."""
    decomposed = unicodedata.normalize("NFD", text.lower())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


@lru_cache(maxsize=20_000)
def sound(word: str) -> str:
    """A word as it sounds in Mexican Spanish: b/v, s/c/z, h, ll/y, k/qu, g/j and doubled letters do not matter."""
    letters = re.sub(r"[^a-z0-9]", "", plain(word))
    # Abbreviations keep their doubled letters: "qroo" is not "qro".
    for pattern, replacement in _SOUNDS if len(letters) > 4 else _SHORT_SOUNDS:
        letters = pattern.sub(replacement, letters)
    return letters


def with_j(name: str) -> list[str]:
    """A place's name, and how it is written by ear where its x sounds like j: Oaxaca, Xalapa, México."""
    return [name, re.sub("[xX]", "j", name)] if "x" in plain(name) else [name]


# The order matters: digraphs first. "#" stands for ch while h is dropped.
_SOUNDS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("ch|sh", "#"),
        ("ph", "f"),
        ("h", ""),
        ("qu(?=[ei])", "k"),
        ("q", "k"),
        ("gu(?=[ei])", "G"),
        ("g(?=[ei])", "j"),
        ("G", "g"),
        ("c(?=[ei])", "s"),
        ("c", "k"),
        ("[zç]", "s"),
        ("v", "b"),
        ("^u(?=[aeio])|w", "gu"),
        ("ll", "y"),
        ("y(?![aeiou])", "i"),
        ("x", "ks"),
        ("n(?=[bp])", "m"),
        ("#", "ch"),
        (r"([a-z])\1+", r"\1"),
    )
]
_SHORT_SOUNDS = _SOUNDS[:-1]

_UNITS = {"un": 1, "uno": 1, "una": 1, "dos": 2, "tres": 3, "cuatro": 4, "cinco": 5, "seis": 6, "siete": 7, "ocho": 8,
          "nueve": 9}  # fmt: skip
_TEENS = {"diez": 10, "once": 11, "doce": 12, "trece": 13, "catorce": 14, "quince": 15, "dieciseis": 16,
          "diecisiete": 17, "dieciocho": 18, "diecinueve": 19, "veinte": 20, "veintiuno": 21, "veintiun": 21,
          "veintiuna": 21, "ventiuno": 21, "veintidos": 22, "veintitres": 23, "veinticuatro": 24, "venticuatro": 24,
          "veinticinco": 25, "venticinco": 25, "veintiseis": 26, "veintisiete": 27, "veintiocho": 28,
          "ventiocho": 28, "veintinueve": 29}  # fmt: skip
_TENS = {"treinta": 30, "trenta": 30, "cuarenta": 40, "cincuenta": 50, "sesenta": 60, "setenta": 70, "ochenta": 80,
         "noventa": 90}  # fmt: skip
_HUNDREDS = {"cien": 100, "ciento": 100, "doscientos": 200, "docientos": 200, "trescientos": 300}
_AND = "i"  # the sound of "y"


def _sounds(numbers: dict[str, int]) -> dict[str, int]:
    return {sound(word): value for word, value in numbers.items()}


_SMALL, _TEEN, _TEN, _HUNDRED = (_sounds(group) for group in (_UNITS, _TEENS, _TENS, _HUNDREDS))
_ROMAN = {"xxi": 21}


def with_numbers(found: Sequence[Word], *, articles: bool = True) -> list[Word]:
    """The same words with numbers in words as digits: "treinta y cinco" is one word "35", "dos setenta" is "270".

    With `articles` false, "un" and "una" are left as they are.
    """
    result: list[Word] = []
    position = 0
    while position < len(found):
        value, used = _number(found, position, articles)
        if used:
            last = found[position + used - 1]
            result.append(Word(found[position].start, last.end, str(value), str(value)))
            position += used
        else:
            result.append(found[position])
            position += 1
    return result


def _number(found: Sequence[Word], position: int, articles: bool) -> tuple[int, int]:
    """The number in words that starts at `position` and how many words it takes (0: there is none)."""
    word = found[position]
    if word.plain in _ROMAN:
        return _ROMAN[word.plain], 1
    if word.plain == "xx" and position + 1 < len(found) and found[position + 1].plain in ("1", "i"):
        return 21, 2  # "siglo XX1"
    if not articles and word.key in ("un", "una"):
        return 0, 0
    if word.key in _HUNDRED:
        rest, used = _below_hundred(found, position + 1)
        return _HUNDRED[word.key] + rest, 1 + used
    value, used = _below_hundred(found, position)
    if used == 1 and 1 <= value <= 9:
        # How hospitals' numbers are read aloud: "la dos setenta" is 270.
        rest, rest_used = _below_hundred(found, position + 1)
        if rest_used and rest >= 20:
            return value * 100 + rest, 1 + rest_used
    return value, used


def _below_hundred(found: Sequence[Word], position: int) -> tuple[int, int]:
    keys = [word.key for word in found[position : position + 3]]
    if not keys:
        return 0, 0
    for table in (_TEEN, _SMALL):
        if keys[0] in table:
            if keys[0] == sound("diez") and len(keys) == 3 and keys[1] == _AND and 6 <= _SMALL.get(keys[2], 0) <= 9:
                return 10 + _SMALL[keys[2]], 3
            if keys[0] == sound("veinte") and len(keys) == 3 and keys[1] == _AND and keys[2] in _SMALL:
                return 20 + _SMALL[keys[2]], 3
            return table[keys[0]], 1
    if keys[0] not in _TEN:
        return 0, 0
    if len(keys) == 3 and keys[1] == _AND and keys[2] in _SMALL:
        return _TEN[keys[0]] + _SMALL[keys[2]], 3
    if len(keys) >= 2 and 1 <= _SMALL.get(keys[1], 0) <= 9 and keys[1] not in ("un", "una"):
        return _TEN[keys[0]] + _SMALL[keys[1]], 2  # "treinta cinco"
    return _TEN[keys[0]], 1
