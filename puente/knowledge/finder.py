"""Finds the entries that a question in plain, misspelt Spanish is about, or says honestly that nothing is near.

Words are compared by how they sound; words that mean the same to families (`data/knowledge/palabras.yml`) are one. A
word weighs more the fewer entries know it: "licencia" says nothing among licences, "abuela" says nearly all.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from rapidfuzz import fuzz, process

from puente.knowledge.entries import DIRECTORY, Entry, parse, read_again
from puente.knowledge.names import FILLERS
from puente.knowledge.spelling import Word, listed, sound, with_numbers, words

NEAR = 0.36  # below this nothing is near enough to be an answer
ALSO = 0.92  # how close the second answer must come to the first to be offered too
SUBJECT = 0.2  # what a word adds that nearly always means the entry
_ALIKE = 84  # how alike a misspelt word must be
_LONGEST = 4  # words of the longest phrase
_EMPTY = FILLERS | listed(
    "q k d x pa pues ps pz oiga disculpe buenas buenos tardes dias hola gracias favor porfa xfa ay eh este esta estos "
    "eso esa ese esas esos ahi aqui alla como cual cuales donde tambien tmb tmbn muy mas bien solo nomas ya si soy es "
    "son ser fue fui hay tengo tiene tienen tenemos dar dan da doy den dieron dice dicen dijo dijeron puede puedo "
    "pueden podemos podria quiero quisiera saber uno una yo el ella ellos usted ustedes nosotros mis sus tu ha he han "
    "haber a b c o y ni pero porque xq xk pq va voy van vamos hacer hago hace algo algun alguna cosa cada otro otra "
    "tal vez mucho mucha toda todo todos todas ora ahorita ahora entonces verdad gente senorita joven licenciado "
    "bendiciones dios nada les le lo las los oye we bro plis estoy estamos estan"
)


@dataclass(frozen=True, slots=True)
class Match:
    """An entry's id and how near the question is to it, from 0 to 1."""

    id: str
    score: float


class Finder:
    """The questions of some entries, ready to be searched."""

    def __init__(
        self, questions: Mapping[str, Iterable[str]], subjects: Mapping[str, Iterable[str]] = MappingProxyType({})
    ) -> None:
        """`questions` are examples for each entry; `subjects` the groups of words that nearly always mean it."""
        self._subjects = {id: frozenset(name.upper() for name in names) for id, names in subjects.items()}
        self._examples = [(id, tokens(question)) for id, asked in questions.items() for question in asked]
        self._known: dict[str, frozenset[str]] = {}
        for id, example in self._examples:
            self._known[id] = self._known.get(id, frozenset()) | example
        entries_of = Counter(token for known in self._known.values() for token in known)
        self._weights = {
            token: math.log((len(self._known) + 1) / (count + 0.5)) + 0.05 for token, count in entries_of.items()
        }
        self._strange = max(self._weights.values(), default=1) / 2  # a word that no entry knows: a name, a story
        self._keys = [token for token in self._weights if len(token) >= 5]

    def find(self, question: str, count: int = 2, *, also: float = ALSO) -> tuple[Match, ...]:
        """The nearest entries, the nearest first; none when nothing is near.

        Others come with the first when they are `also` times as near.
        """
        asked = frozenset(self._nearest_known(token) for token in tokens(question))
        if not asked:
            return ()
        best: dict[str, float] = {}
        for id, example in self._examples:
            best[id] = max(best.get(id, 0.0), self._likeness(asked, example, self._known[id]))
        for id, subject in self._subjects.items():
            best[id] += SUBJECT * bool(asked & subject)
        ranked = sorted((Match(id, score) for id, score in best.items()), key=lambda match: -match.score)
        near = [match for match in ranked if match.score >= max(NEAR, ranked[0].score * also)]
        return tuple(near[:count])

    def _likeness(self, asked: frozenset[str], example: frozenset[str], known: frozenset[str]) -> float:
        shared = self._weight(asked & example)
        if not shared:
            return 0.0
        of_example, of_question = shared / self._weight(example), shared / self._weight(asked)
        # What the entry's other questions also speak of counts a little: people mix two ways of asking.
        return 0.4 * of_example + 0.35 * of_question + 0.25 * self._weight(asked & known) / self._weight(asked)

    def _weight(self, some: Iterable[str]) -> float:
        return sum(self._weights.get(token, self._strange) for token in some)

    def _nearest_known(self, token: str) -> str:
        if token in self._weights or len(token) < 5:
            return token
        near = process.extractOne(token, self._keys, scorer=fuzz.ratio, score_cutoff=_ALIKE)
        return near[0] if near else token


def tokens(text: str) -> frozenset[str]:
    """What a text speaks of: groups of words that mean the same, and the other words by their sound."""
    found = with_numbers(words(text), articles=False)
    known, near = _vocabulary()
    result: set[str] = set()
    position = 0
    while position < len(found):
        group, used = _phrase(found, position, known)
        if group:
            result |= group
        elif found[position].plain not in _EMPTY:
            result |= _single(found[position], known, near)
        position += max(used, 1)
    return frozenset(result)


def _phrase(found: Sequence[Word], position: int, known: Mapping[str, frozenset[str]]) -> tuple[frozenset[str], int]:
    """The longest known phrase that starts here: its groups, and how many words it takes."""
    for size in range(min(_LONGEST, len(found) - position), 0, -1):
        key = " ".join(word.key for word in found[position : position + size])
        if key in known:
            return known[key], size
    return frozenset(), 1


def _single(word: Word, known: Mapping[str, frozenset[str]], near: Sequence[str]) -> frozenset[str]:
    if word.key.isdigit() or len(word.key) < 5:
        return frozenset({word.key})
    hit = process.extractOne(word.key, near, scorer=fuzz.ratio, score_cutoff=_ALIKE)
    return known[hit[0]] if hit else frozenset({_stem(word.key)})


def _stem(key: str) -> str:
    """A word without its ending, so that number and gender do not matter: "minutas", "minuta" → "minut"."""
    for ending in ("itos", "itas", "ito", "ita", "es", "os", "as", "o", "a", "s", "e"):
        if key.endswith(ending) and len(key) - len(ending) >= 4:
            return key[: -len(ending)]
    return key


def _vocabulary() -> tuple[Mapping[str, frozenset[str]], Sequence[str]]:
    return read_again(DIRECTORY / "palabras.yml", _read)


def _read(path: Path) -> tuple[Mapping[str, frozenset[str]], Sequence[str]]:
    known: dict[str, frozenset[str]] = {}
    for group, spelled in parse(path).items():
        for phrase in spelled:
            key = _key(str(phrase))
            known[key] = known.get(key, frozenset()) | {group.upper()}  # capitals: never the sound of a word
    return known, tuple(key for key in known if len(key) >= 5 and " " not in key)


@lru_cache(maxsize=4096)
def _key(phrase: str) -> str:
    return " ".join(word.key for word in with_numbers(words(phrase), articles=False)) or sound(phrase)


def finder_of(known: Mapping[str, Entry]) -> Finder:
    """A finder of knowledge entries."""
    return Finder(
        {entry.id: entry.preguntas for entry in known.values()}, {entry.id: entry.temas for entry in known.values()}
    )
