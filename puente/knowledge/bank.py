"""Bank data that a family sends though nobody asked: found by their digits, and kept out of what is written down."""

import re

OMITTED = "[dato del banco, no guardado]"
# A CLABE has 18 digits, a card 15 or 16; people write them in groups. NSS (11) and phones (10 to 13) are shorter.
_NUMBER = re.compile(r"(?<![\w-])\d(?:[ .-]?\d){14,17}(?![\w-]|[ .-]?\d)")


def find(text: str) -> list[str]:
    """The numbers of accounts and cards in the text, as they are written."""
    return [match.group() for match in _NUMBER.finditer(text) if _is_bank(re.sub(r"\D", "", match.group()), text)]


def without(text: str) -> str:
    """The text with every such number replaced by a note."""
    for number in find(text):
        text = text.replace(number, OMITTED)
    return text


def _is_bank(digits: str, text: str) -> bool:
    """18 digits are a CLABE even with a slip in them; fewer are a card only when they check, or when she says so."""
    if len(digits) == 18:
        return True
    named = re.search(r"\b(?:clabe|cuenta|tarjeta|banco|bancari\w+|deposit\w+|clave interbancaria)\b", text.lower())
    return bool(named) or (len(digits) in (15, 16) and _luhn(digits))


def _luhn(digits: str) -> bool:
    doubled = [int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0
