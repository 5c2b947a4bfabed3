"""Folios: random, readable aloud, with a check character. `PU-7K3M-9F4C`.

The alphabet leaves out what is confused in writing or by ear in Spanish: 0/O, 1/I/L, 5/S, 2/Z, B/V, D/T, G/J, M/N,
Q/K; at most one of each group is in it.
The check character is ISO 7064 "hybrid" over that alphabet: it catches every single error and nearly every swap.
"""

import re
import secrets

from stdnum.iso7064 import mod_37_36

PREFIX = "PU"
ALPHABET = "34679ACEFHJKMPRTWXY8"  # even length, as the hybrid system requires
BODY_LENGTH = 7


def new() -> str:
    """A fresh folio. It has a digit at least, which tells it from a pair of words."""
    body = ""
    while not _has_digit(body):
        body = "".join(secrets.choice(ALPHABET) for _ in range(BODY_LENGTH))
    return _show(body + mod_37_36.calc_check_digit(body, ALPHABET))


def read(text: str) -> str | None:
    """The folio in `text` as we write it, however it was typed; None when its check character does not hold.

    Letters that do not exist in folios are read as what people mean by them (0/O never occur, so they stay wrong).
    """
    compact = re.sub(r"[^0-9A-Z]", "", text.upper())
    compact = compact.removeprefix("FOLIO")
    if len(compact) == BODY_LENGTH + 1 + len(PREFIX):
        compact = compact.removeprefix(PREFIX)
    if len(compact) != BODY_LENGTH + 1 or any(character not in ALPHABET for character in compact):
        return None
    return _show(compact) if mod_37_36.is_valid(compact, ALPHABET) else None


def find(text: str) -> str | None:
    """The first valid folio inside a sentence, or None. The prefix may be missing."""
    # A lookahead, because in "mi caso 7K3M-9F4C" the pair "caso 7K3M" must not use up the folio's first half.
    for match in re.finditer(r"(?i)\b(?=(?:p\s?u[\s-]*)?([0-9a-z]{4}[\s-]*[0-9a-z]{4})\b)", text):
        folio = read(match.group(1)) if _has_digit(match.group(1)) else None
        if folio:
            return folio
    return None


def _has_digit(text: str) -> bool:
    return any(character.isdecimal() for character in text)


def _show(compact: str) -> str:
    return f"{PREFIX}-{compact[:4]}-{compact[4:]}"
