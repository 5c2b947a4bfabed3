"""Entities with a form of their own: no learning needed and none wanted."""

from __future__ import annotations

import re
from typing import Iterator

from bot.nlu.entities.spans import Span

_CURP = re.compile(r"(?<![A-Z0-9Ñ])[A-Z][AEIOUX][A-ZÑ]{2}\d{6}[HMX][A-Z]{5}[0-9A-Z]\d(?![A-Z0-9])", re.IGNORECASE)
_SPACED_CURP = re.compile(
    r"(?<![A-Z0-9Ñ])[A-ZÑ]{4}[ -]\d{6}[ -]?[HMX][A-ZÑ]{5}[ -]?[0-9A-Z]\d(?![A-Z0-9])", re.IGNORECASE
)
_LOOSE_CURP = re.compile(r"(?<![A-Z0-9Ñ])[A-ZÑ]{4}\d{6}[A-Z0-9Ñ]{8}(?![A-Z0-9])", re.IGNORECASE)
_DIGITS = re.compile(r"(?<![\w+-])(?:\+?52[\s-]?(?:1[\s-]?)?)?\(?\d(?:[\s().-]{0,2}\d){8,12}(?![\w-]|\.\d)")
_NSS_BEFORE = re.compile(r"\b(?:nss|n\.s\.s\.|seguridad social|afiliaci[oó]n)\D{0,12}$", re.IGNORECASE)
_FOLIO = re.compile(
    r"\bpu[\s-]{0,3}(?=[a-z]*\d)[a-z0-9]{3,5}(?:[\s-]{1,3}|(?<=\w{4}))(?=\w*)[a-z0-9]{2,5}\b", re.IGNORECASE
)
_BLOOD = re.compile(
    r"(?<!\w)(?:AB|A|B|O|cero)\s?(?:rh\s?)?"
    r"(?:positiv[oa]|negativ[oa]|pos\b|neg\b|positibo|negatibo|rh\s?[+-]|[+](?!\d)|-(?=\s|$|[,.;?!)]))",
    re.IGNORECASE,
)


def identifiers(text: str) -> Iterator[Span]:
    """CURP, NSS, telephone and folio, by shape alone (check digits are looked at when the value is resolved)."""
    for pattern, confidence in ((_CURP, 0.99), (_SPACED_CURP, 1.0), (_LOOSE_CURP, 0.95)):
        for match in pattern.finditer(text):
            yield Span("curp", match.start(), match.end(), confidence, "pattern")
    for match in _FOLIO.finditer(text):
        yield Span("folio", match.start(), match.end(), 0.97, "pattern")
    for match in _DIGITS.finditer(text):
        digits = re.sub(r"\D", "", match.group())
        if len(digits) == 10 and _NSS_BEFORE.search(text[: match.start()]):
            yield Span("nss", match.start(), match.end(), 0.96, "pattern")  # a digit is missing: to be asked for
        elif len(digits) == 10 or (len(digits) in (12, 13) and digits.startswith("52")):
            yield Span("telefono", match.start(), match.end(), 0.96, "pattern")
        elif len(digits) == 11:
            yield Span("nss", match.start(), match.end(), 0.96, "pattern")


def blood_groups(text: str) -> Iterator[Span]:
    """ "O positivo", "a neg", "AB+"; a lone "a -" in lower case is a preposition and a dash."""
    for match in _BLOOD.finditer(text):
        found = match.group()
        if found[-1] in "+-" and found[0].islower() and " " in found:
            continue
        yield Span("tipo_sangre", match.start(), match.end(), 0.9, "pattern")


def find(text: str) -> list[Span]:
    """Everything that has a form of its own."""
    return [*identifiers(text), *blood_groups(text)]
