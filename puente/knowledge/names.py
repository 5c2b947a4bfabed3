"""Names of a catalogue, found by how they sound: exactly, or nearly."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from rapidfuzz import fuzz, process

from puente.knowledge.spelling import Word, listed, plain, words

FILLERS = listed(
    "el la los las un una unos unas lo de del al a en y e o u con sin para por que mi su se no ya le me nos es"
)


VERY_ALIKE = 90
_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Found:
    """Entries whose name was found, how sure it is (100: it sounds the same), and which words carry it."""

    ids: frozenset[str]
    score: float
    start: int
    end: int


@dataclass(slots=True)
class Names:
    """Names and the ids that they may stand for. `cutoff` is how alike a misspelt name must be, from 0 to 100."""

    cutoff: float = 82
    shortest: int = 6  # shorter names must sound the same
    margin: float = 5  # how much better than the next entry's a near name must be
    same_start: bool = False  # a misspelt name begins with the right sound, unless it is very much alike
    longest: int = 1  # words of the longest name
    _by_key: dict[str, set[str]] = field(default_factory=dict)
    _ordinary: dict[str, set[str]] = field(default_factory=dict)  # names that are ordinary words too
    _near: list[str] = field(default_factory=list)
    # Most words of most messages were seen before.
    _answers: dict[tuple[str, bool, float | None], tuple[frozenset[str], float]] = field(default_factory=dict)

    def add(self, entry: str, names: Iterable[str], *, ordinary: Collection[str] = ()) -> None:
        """Learn the names of `entry`; those in `ordinary` only count outside sentences."""
        common = {plain(name) for name in ordinary}
        for name in [*names, *ordinary]:
            found = words(name)
            self.add_key(entry, "".join(word.key for word in found), len(found), ordinary=plain(name) in common)

    def add_key(self, entry: str, key: str, length: int, *, ordinary: bool = False) -> None:
        """Learn a name by its sound; `length` is how many words it has."""
        self._answers.clear()
        table = self._ordinary if ordinary else self._by_key
        if key and not ordinary and key not in table and len(key) >= self.shortest:
            self._near.append(key)
        if key:
            table.setdefault(key, set()).add(entry)
            self.longest = max(self.longest, length)

    def match(self, key: str, *, sentence: bool = False, cutoff: float | None = None) -> tuple[frozenset[str], float]:
        """The entries that `key` (sounds without spaces) names and how alike, 0 when there is none."""
        question = (key, sentence, cutoff)
        if question not in self._answers:
            if len(self._answers) > _REMEMBERED:
                self._answers.clear()
            self._answers[question] = self._compare(key, sentence, cutoff)
        return self._answers[question]

    def _compare(self, key: str, sentence: bool, cutoff: float | None) -> tuple[frozenset[str], float]:
        exact = set(self._by_key.get(key, ()))
        if not sentence:
            exact |= self._ordinary.get(key, set())
        if exact:
            return frozenset(exact), 100.0
        # In a sentence a short word is more likely another word than a misspelt name.
        if len(key) < (8 if sentence else self.shortest):
            return frozenset(), 0.0
        near = process.extract(key, self._near, scorer=fuzz.ratio, limit=6, score_cutoff=cutoff or self.cutoff)
        near = [hit for hit in near if _may_be_misspelt(hit[0], key) and self._starts_alike(hit[0], key, hit[1])]
        if not near:
            return frozenset(), 0.0
        best = near[0][1]
        ids: set[str] = set()
        for name, score, _ in near:
            if score > best - self.margin:
                ids |= self._by_key[name]
        return frozenset(ids), best

    def _starts_alike(self, name: str, key: str, score: float) -> bool:
        return not self.same_start or score >= VERY_ALIKE or name[0] == key[0]

    def find(self, words: Sequence[Word], *, sentence: bool, cutoff: float | None = None) -> list[Found]:
        """Names inside `words`, the surest first when they overlap, in the order of the words."""
        hits: list[Found] = []
        for start in range(len(words)):
            for end in range(start + 1, min(start + self.longest + 1, len(words)) + 1):
                ids, score = self.match(
                    "".join(word.key for word in words[start:end]), sentence=sentence, cutoff=cutoff
                )
                if not ids or (end - start > 1 and not _holds_together(words[start:end], score, sentence)):
                    continue
                hits.append(Found(ids, score, start, end))
        hits.sort(key=lambda hit: (-hit.score, hit.start - hit.end))
        chosen: list[Found] = []
        for hit in hits:
            if all(hit.end <= other.start or hit.start >= other.end for other in chosen):
                chosen.append(hit)
        return sorted(chosen, key=lambda hit: hit.start)


def _holds_together(words: Sequence[Word], score: float, sentence: bool) -> bool:
    """Whether several words are one name, rather than a name that swallowed a word of the sentence."""
    if score == 100 and not sentence:
        return True
    ragged = words[0].plain in FILLERS or words[-1].plain in FILLERS
    return not ragged and (score >= 90 or not sentence)


def _may_be_misspelt(name: str, key: str) -> bool:
    """A number is never misspelt into another one, and a part of a name is not the name misspelt."""
    return abs(len(name) - len(key)) <= max(2, len(name) // 7) and _digits(name) == _digits(key)


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())
