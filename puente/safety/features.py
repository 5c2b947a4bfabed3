"""What the gate's model sees of a message: its words as they sound, its right spelling, and its clauses."""

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from zlib import crc32

import yaml

from puente.safety.signs import LONGEST, SIGNS_FILE, sound

ABBREVIATIONS_FILE = SIGNS_FILE.with_name("abbreviations.yml")

_PIECE = re.compile(r"\d+(?:[.,:]\d+)?|[^\W\d_]+|[^\w\s]")
_SHOUTED = re.compile(r"(.)\1{2,}")
_CONNECTORS = re.compile(
    r"(?:(?<!\d)\.|\.(?!\d)|[!?;…\n])+|"  # the point of 38.5 ends nothing
    r",?\s*\b(?:oiga|oigan|otra cosa|por cierto|de paso|aparte|adem[aá]s|pero|aunque|y aprovecho|f[ií]jese|f[ií]jate|"
    r"mientras|lo malo|tambi[eé]n|tmb|tambn|tanvien|resulta|ah y|nom[aá]s que)\b",
    re.IGNORECASE,
)
_LONG, _WINDOW, _STEP = 24, 20, 10  # words: a clause longer than _LONG is read through a moving window

_ACCENTED = frozenset("áéíóúüñ")
CAREFUL = 0.012  # accented letters per letter: those who write accents have two or three in a hundred


def heard(text: str) -> list[str]:
    """The words of a message as they sound, abbreviations written out; marks and emoji are words too."""
    found: list[str] = []
    for piece in _pieces(text):
        if piece[0].isdigit():
            found.append(_number(piece))
        elif piece[0].isalpha():
            found += [sound(word) or word for word in _written_out(piece)]
        else:
            found.append(piece)
    return found


def ngrams(text: str) -> Counter[int]:
    """The message's ones, twos and threes of words, as numbers. CRC-32: the same on every machine."""
    words = ["<", *heard(text), ">"]
    counts: Counter[int] = Counter()
    for size in (1, 2, 3):
        for start in range(len(words) - size + 1):
            counts[crc32(" ".join(words[start : start + size]).encode("utf-8", "replace"))] += 1
    return counts


def corrected(text: str, spelling: Mapping[str, str]) -> str:
    """The message as a careful writer would spell it: the sentence encoder learnt from correct text."""
    words: list[str] = []
    for piece in _pieces(text):
        if piece[0].isalpha():
            words += [spelling.get(sound(word), word) for word in _written_out(piece)]
        else:
            words.append(piece)
    return " ".join(words) or text[:LONGEST]


def learn_spelling(texts: Iterable[str], voices: Iterable[str]) -> dict[str, str]:
    """For every sound, the commonest spelling among those who write accents, else among all."""
    spoken = [(text.lower(), voice) for text, voice in zip(texts, voices, strict=True)]
    careful = _careful(spoken)
    by_all: dict[str, Counter[str]] = defaultdict(Counter)
    by_careful: dict[str, Counter[str]] = defaultdict(Counter)
    for text, voice in spoken:
        for word in _PIECE.findall(text):
            if word.isalpha():
                key = sound(_plain(word))
                by_all[key][word] += 1
                if voice in careful:
                    by_careful[key][word] += 1
    return {key: (by_careful.get(key) or forms).most_common(1)[0][0] for key, forms in by_all.items()}


def _careful(spoken: list[tuple[str, str]]) -> set[str]:
    letters: Counter[str] = Counter()
    accents: Counter[str] = Counter()
    for text, voice in spoken:
        letters[voice] += len(text)
        accents[voice] += sum(letter in _ACCENTED for letter in text)
    return {voice for voice, count in letters.items() if accents[voice] > CAREFUL * count}


def _pieces(text: str) -> list[str]:
    return _PIECE.findall(text[:LONGEST].lower())


def _number(piece: str) -> str:
    """A temperature of the body with its tenths is one word, whichever it is; long numbers only have a length."""
    if len(piece) > 5:
        return f"<{len(piece)} digits>"
    written = piece.replace(",", ".").replace(":", ".")
    try:
        value = float(written)
    except ValueError:  # digits of another script, which float() does not always read
        return written
    if 350 <= value < 430:  # 385: the point was forgotten
        value /= 10
    if value == int(value) or not 35 <= value < 43:
        return written
    return "<hot>" if value >= 38 else "<warm>"


def _written_out(word: str) -> list[str]:
    plain = _plain(word)
    return _abbreviations().get(plain, plain).split()


@lru_cache(maxsize=50_000)
def _plain(word: str) -> str:
    """Without accents; a letter that is shouted ("holaaaa") once."""
    decomposed = unicodedata.normalize("NFD", word.lower())
    return _SHOUTED.sub(r"\1", "".join(c for c in decomposed if not unicodedata.combining(c))) or word


@lru_cache(maxsize=1)
def _abbreviations() -> dict[str, str]:
    meant: dict[str, str] = yaml.safe_load(ABBREVIATIONS_FILE.read_text(encoding="utf-8"))
    return {short: meaning for meaning, written in meant.items() for short in written.split()}


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
