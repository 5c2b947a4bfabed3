"""What the gate's linear models see of a message: hashed n-grams of its sound, and its signs (`signs.py`).

Hashing needs no vocabulary, so a model is one array of weights. The hash is CRC-32: the same on every machine.
"""

import re
from collections.abc import Iterator
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from puente.safety.signs import LONGEST, Reading, describe

CHARS, WORDS, SIGNS = 1 << 17, 1 << 16, 1 << 16  # buckets of each block
SIZE = CHARS + WORDS + SIGNS
_SHARE = {"chars": 1.5, "words": 1.5, "signs": 0.3, "pairs": 0.15}  # weight of each block, chosen by cross-validation

_CONNECTORS = re.compile(
    r"(?:(?<!\d)\.|\.(?!\d)|[!?;…\n])+|"  # the point of 38.5 ends nothing
    r",?\s*\b(?:oiga|oigan|otra cosa|por cierto|de paso|aparte|adem[aá]s|pero|aunque|y aprovecho|f[ií]jese|f[ií]jate|"
    r"mientras|lo malo|tambi[eé]n|tmb|tambn|tanvien|resulta|ah y|nom[aá]s que)\b",
    re.IGNORECASE,
)
_LONG, _WINDOW, _STEP = 24, 20, 10  # words: a clause longer than _LONG is read through a moving window

Sparse = tuple[NDArray[np.int64], NDArray[np.float32]]


def clauses(text: str) -> list[str]:
    """The parts of a message that may each carry an alarm of their own. One part: the whole message."""
    pieces: list[str] = []
    last = 0
    for found in _CONNECTORS.finditer(text[:LONGEST]):
        cut = found.start() if found.group().strip(" ,")[:1].isalpha() else found.end()
        pieces.append(text[last:cut].strip())
        last = cut
    pieces.append(text[last:LONGEST].strip())
    merged: list[str] = []
    for piece in filter(None, pieces):
        if merged and len(merged[-1].split()) < 4:
            merged[-1] += " " + piece
        else:
            merged.append(piece)
    if len(merged) > 1 and len(merged[-1].split()) < 3:
        tail = merged.pop()
        merged[-1] += " " + tail
    return [part for piece in merged for part in _windows(piece)]


def _windows(piece: str) -> Iterator[str]:
    words = piece.split()
    if len(words) <= _LONG:
        yield piece
        return
    for start in range(0, len(words) - _STEP + 2, _STEP):
        yield " ".join(words[start : start + _WINDOW])


def ngrams(reading: Reading) -> tuple[Sparse, Sparse]:
    """Counted n-grams of characters (2 to 5, inside words) and of words (1 to 3), before any weighting."""
    words = [token.text for token in reading.tokens]
    chars: dict[int, int] = {}
    for word in words:
        padded = f" {word} ".encode()
        for size in (2, 3, 4, 5):
            for start in range(max(1, len(padded) - size + 1)):
                bucket = crc32(padded[start : start + size]) % CHARS
                chars[bucket] = chars.get(bucket, 0) + 1
    grams: dict[int, int] = {}
    for size in (1, 2, 3):
        for start in range(len(words) - size + 1):
            bucket = crc32(" ".join(words[start : start + size]).encode()) % WORDS
            grams[bucket] = grams.get(bucket, 0) + 1
    return _sparse(chars), _sparse(grams)


def _sparse(counts: dict[int, int]) -> Sparse:
    index = np.fromiter(counts.keys(), dtype=np.int64, count=len(counts))
    value = np.fromiter(counts.values(), dtype=np.float32, count=len(counts))
    return index, 1 + np.log(value)


def vector(reading: Reading, rarity: NDArray[np.float32]) -> Sparse:
    """The features of one message. `rarity` holds the inverse document frequency of the n-gram buckets."""
    (chars, char_values), (words, word_values) = ngrams(reading)
    words = words + CHARS
    char_values = _unit(char_values * rarity[chars]) * _SHARE["chars"]
    word_values = _unit(word_values * rarity[words]) * _SHARE["words"]
    described = describe(reading)
    signs = np.fromiter((sign_bucket(name) for name in described), dtype=np.int64, count=len(described))
    sign_values = np.fromiter(
        (v * _SHARE["pairs" if n.startswith(("pair", "next")) else "signs"] for n, v in described.items()),
        dtype=np.float32,
        count=len(described),
    )
    return np.concatenate((chars, words, signs)), np.concatenate((char_values, word_values, sign_values))


def sign_bucket(name: str) -> int:
    return CHARS + WORDS + crc32(name.encode()) % SIGNS


def _unit(values: NDArray[np.float32]) -> NDArray[np.float32]:
    norm = float(np.sqrt(values @ values))
    return values / norm if norm else values


_STATUSES = ("plain", "asked", "negated", "hypothetical", "past", "third", "resolved", "other")
_SCOPES = ("hypothetical", "past", "resolved", "third", "other_sense", "present", "past_verb")
_GROUPS = [
    "tramite",
    "donar",
    "ahora",
    "sigue",
    "hora",
    "gravedad",
    "risa",
    "neg",
    "resuelto",
    "bien",
    "pasado",
    "animo",
    "nino",
    "tercero",
    "defensas",
    "quimio",
    "haber_pasado",
]


def summary(reading: Reading, kinds: tuple[str, ...]) -> list[float]:
    """What the last layer weighs beside the scores: how many signs, of which kind, and what surrounds them."""
    counts: list[int] = [len({s.label for s in reading.signs if s.status == status}) for status in _STATUSES]
    counts += [sum(s.status == status for s in reading.signs) for status in _STATUSES]
    counts.append(max((s.end - s.start for s in reading.signs if s.status == "plain"), default=0))
    counts += [sum(s.label == kind and s.status in ("plain", "asked") for s in reading.signs) for kind in kinds]
    counts += [sum(s.label == label for s in reading.scopes) for label in _SCOPES]
    counts += [sum(group in token.tags for token in reading.tokens) for group in _GROUPS]
    hot = [status for _, value, status in reading.degrees if value >= 38]
    counts += [hot.count("sure"), hot.count("maybe"), hot.count("bare"), len(hot), len(reading.degrees) - len(hot)]
    counts += [len(reading.tokens), sum(token.brk == "." for token in reading.tokens)]
    asked = sum(token.asked for token in reading.tokens) / max(1, len(reading.tokens))
    return [float(count) ** 0.5 for count in counts] + [asked]
