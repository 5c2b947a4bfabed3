"""What the sequence model sees of each token."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Sequence

import yaml

from bot.nlu.entities import patterns
from bot.nlu.entities.gazetteer import Catalogs
from bot.nlu.normalizer import ABBREVIATIONS, Piece, number_shape, shorten, sound, strip_accents

_WORDS = {
    "day": "lunes martes miercoles jueves viernes sabado domingo lun mar mier mie jue juev vie sab dom",
    "month": "enero febrero marzo abril mayo junio julio agosto septiembre setiembre octubre noviembre diciembre "
    "ene feb abr jun jul ago sep sept oct nov dic",
    "span": "dia dias semana semanas mes meses ano anos añito añitos quincena quincenas rato sem",
    "when": "hoy ayer antier anteayer anoche antenoche manana ahorita pasado proximo viene desde hace para hasta antes",
    "number": "un una dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciseis veinte "
    "veintiuno veinticinco treinta cuarenta cincuenta sesenta setenta ochenta noventa cien ciento doscientos media "
    "medio par y",
}


@lru_cache(maxsize=1)
def _lists() -> dict[str, frozenset[str]]:
    """Word lists by sound: the short ones above and those of ``wordlists.yml``."""
    written = yaml.safe_load((Path(__file__).parent / "wordlists.yml").read_text(encoding="utf-8"))
    return {
        name: frozenset(sound(shorten(strip_accents(w))) for w in words.split())
        for name, words in {**_WORDS, **written}.items()
    }


def shape(token: str) -> str:
    """ "PU-7K3" -> "X-dX": runs of one kind count once."""
    kinds = "".join("X" if c.isupper() else "x" if c.islower() else "d" if c.isdigit() else c for c in token)
    return re.sub(r"(.)\1+", r"\1", kinds)[:8]


def features(tokens: Sequence[Piece], text: str, catalogs: Catalogs) -> list[list[str]]:
    """A list of feature names for each token, with those of its neighbours."""
    own = [_own(t.text) for t in tokens]
    named = _named(tokens, text, catalogs)
    shouted = text.isupper()
    result: list[list[str]] = []
    for i, piece in enumerate(tokens):
        word, spoken, lists = own[i]
        row = [
            "bias", "w=" + word, "s=" + spoken, "shape=" + ("up" if shouted else shape(piece.text)), *lists, *named[i],
            *(f"p{n}=" + spoken[:n] for n in (2, 3, 4)), *(f"e{n}=" + spoken[-n:] for n in (2, 3, 4)),
        ]  # fmt: skip
        for offset in (-3, -2, -1, 1, 2, 3):
            j = i + offset
            if not 0 <= j < len(tokens):
                row.append(f"{offset}:edge")
                continue
            _, near_spoken, near_lists = own[j]
            row.append(f"{offset}:s={near_spoken}")
            if abs(offset) <= 2:
                row += [f"{offset}:{name}" for name in (*near_lists, *named[j])]
            if abs(offset) == 1:
                row += [f"{offset}:e3={near_spoken[-3:]}", f"{offset}:shape={shape(tokens[j].text)}"]
        if i:
            row.append(f"-1,0:s={own[i - 1][1]}|{spoken}")
        if i > 1:
            row.append(f"-2,-1:s={own[i - 2][1]}|{own[i - 1][1]}")
        if i + 1 < len(tokens):
            row.append(f"0,1:s={spoken}|{own[i + 1][1]}")
        result.append(row)
    return result


@lru_cache(maxsize=20_000)
def _own(token: str) -> tuple[str, str, tuple[str, ...]]:
    lower = token.lower()
    word = shorten(strip_accents(ABBREVIATIONS.get(lower, lower)))
    marked = number_shape(word)
    word = marked or word
    spoken = sound(word) if marked is None else word
    lists = ["in_" + name for name, words in _lists().items() if spoken in words]
    if token.isdigit():
        lists.append(f"digits={min(len(token), 5)}")
    return word, spoken, tuple(lists)


def _named(tokens: Sequence[Piece], text: str, catalogs: Catalogs) -> list[list[str]]:
    """Catalogue names and patterns over each token, told apart by where in the name it stands."""
    named: list[list[str]] = [[] for _ in tokens]
    for entity, first, after, sure in catalogs.hits([t.text for t in tokens]):
        kind = entity if sure == 1.0 else entity + "~"
        for at in range(first, after):
            named[at].append(f"cat={kind}:{'B' if at == first else 'I'}")
    for span in patterns.find(text):
        for at, piece in enumerate(tokens):
            if piece.start >= span.start and piece.end <= span.end:
                named[at].append(f"pat={span.entity}:{'B' if piece.start == span.start else 'I'}")
    return named
