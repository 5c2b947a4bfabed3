"""Numbers and codes that people write: NSS, CURP, phone, folio, blood group, age. None when it cannot be one."""

import re

from stdnum import luhn
from stdnum.exceptions import ValidationError
from stdnum.mx import curp as stdnum_curp

from puente.cases import folio as folios
from puente.contacts.phone import normalise
from puente.knowledge.spelling import plain, with_numbers, words

_BLOOD = re.compile(r"\b(ab|a be|a|be|b|o|0|oh|cero)\b")
_POSITIVE = re.compile(r"\+|\bpos|\bmas\b|\bplus\b")
_NEGATIVE = re.compile(r"[-\u2212\u2013\u2014]\s*(?:$|[^a-z0-9])|[-\u2212\u2013\u2014]\s*$|\bneg|\bmenos\b")
_GROUP_SPELLINGS = {"0": "O", "oh": "O", "cero": "O", "be": "B", "a be": "AB"}
GROUPS = ("O", "A", "B", "AB")


def nss(value: str) -> str | None:
    """The social security number as 11 digits, when its check digit holds.

    A wrong check digit means "please confirm", never "refused": see `nss_to_confirm`.
    """
    digits = _digits(value)
    return digits if len(digits) == 11 and luhn.is_valid(digits) else None


def nss_to_confirm(value: str) -> str | None:
    """The 11 digits of something written as a social security number whose check digit does not hold."""
    digits = _digits(value)
    return digits if len(digits) == 11 and not luhn.is_valid(digits) else None


def curp(value: str) -> str | None:
    """The CURP in capitals, when its structure, date, state and check digit hold."""
    compact = re.sub(r"[\s.\-_/]", "", value.upper())
    compact = re.sub(r"^(MI|SU|LA|EL|ES)*CURP(ES)?:?", "", compact) if len(compact) > 18 else compact
    try:
        return str(stdnum_curp.validate(compact))
    except ValidationError:
        return None


def phone(value: str) -> str | None:
    """`+52` and ten digits; another country's number only when it is written with its +."""
    found = re.search(r"\+?\d[\d\s().\-]{6,}\d", value)
    written = found.group() if found else _spoken_digits(value)
    number = normalise(written)
    if number is None or not (number.startswith("+52") or written.startswith("+")):
        return None
    return number if len(number) == 13 or not number.startswith("+52") else None


def folio(value: str) -> str | None:
    """The folio as we write it, when its check character holds."""
    return folios.read(value) or folios.find(value)


def blood_group(value: str) -> tuple[str | None, tuple[str, ...]]:
    """`O+` and nothing else, or None and what it may be when the group or its sign is missing."""
    text = plain(value)
    text = re.sub(r"\b(ab|a|b|o)\s*(?:rh|erre ?hache)\b", r"\1 ", re.sub(r"\borh\b", "o ", text))
    text = re.sub(r"\b(ab|a|b)rh\b", r"\1 ", text)
    text = re.sub(r"\b(tipo|sangre|de|es|soy|grupo|factor|rh|r\.h\.|erre hache|mi|la|el|un)\b", " ", text)
    text = re.sub(r"\b(ab|a|b|o|0)(pos|neg)", r"\1 \2", text)
    sign = "+" if _POSITIVE.search(text) else "-" if _NEGATIVE.search(text) else None
    group_match = _BLOOD.search(text)
    group = _GROUP_SPELLINGS.get(group_match[1], group_match[1].upper()) if group_match else None
    if group and sign:
        return group + sign, ()
    if group:
        return None, (f"{group}+", f"{group}-")
    if sign:
        return None, tuple(name + sign for name in GROUPS)
    return None, ()


_YEARS = re.compile(r"^(?:a|anos?|anitos?|aitos|an[iy]os?|ano|primaberas|primaveras)$")
_MONTHS = re.compile(r"^(?:m|mes|meses|mesesitos|mesesito|mesecitos)$")


def age(value: str) -> str | None:
    """An age as it is written: "7 años", "8 meses", "1 año y 6 meses". A bare number counts years."""
    found = with_numbers(words(value.replace("ñ", "n").replace("Ñ", "n")))
    years = months = None
    last_number: int | None = None
    for index, word in enumerate(found):
        if word.key.isdigit():
            last_number = int(word.key)
        elif _YEARS.match(word.plain):
            years = last_number if last_number is not None else 1
            last_number = None
        elif _MONTHS.match(word.plain):
            months = last_number if last_number is not None else None
            last_number = None
        elif word.plain in ("medio", "media") and index and years is not None:
            months = 6
    if years is None and months is None and last_number is not None:
        years = last_number
    if (years is None and months is None) or (years or 0) > 120:
        return None
    parts = [_count(years, "año", "años"), _count(months, "mes", "meses")]
    return " y ".join(part for part in parts if part) or None


def _count(number: int | None, one: str, many: str) -> str:
    return "" if number is None else f"{number} {one if number == 1 else many}"


def _spoken_digits(value: str) -> str:
    """The digits of a number read aloud: "cincuenta y cinco, cero uno…"."""
    return "".join("0" if word.plain == "cero" else _digits(word.key) for word in with_numbers(words(value)))


def _digits(value: str) -> str:
    return re.sub(r"[^0-9]", "", value)
