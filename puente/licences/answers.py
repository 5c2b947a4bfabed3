"""What is known of Licencia 140 Bis, for a question in a family's own words."""

from collections.abc import Mapping
from dataclasses import dataclass

from puente.knowledge import entries
from puente.knowledge.entries import Entry
from puente.knowledge.finder import Finder, finder_of

FILE = "licencia_140_bis.yml"
DO_NOT_KNOW = (
    "Eso no lo sé con certeza, y no quiero darle un dato equivocado. Puedo decirle qué es la licencia 140 Bis, quién "
    "la puede pedir, cuántos días son, cuánto pagan y qué papeles piden, o le paso con una persona."
)


@dataclass(frozen=True, slots=True)
class Answer:
    """The entries that the question is about: one, two when it may be either, none when nothing is near."""

    entries: tuple[Entry, ...]

    @property
    def known(self) -> bool:
        return bool(self.entries)

    def text(self) -> str:
        """What is sent: the answer with its article and date, or an honest "no lo sé con certeza"."""
        return "\n\n".join(entry.shown() for entry in self.entries) or DO_NOT_KNOW


def find(question: str) -> Answer:
    """The best entries for a question in plain, misspelt Spanish."""
    known = all_entries()
    return Answer(tuple(known[match.id] for match in _finder(known).find(question)))


def get(entry_id: str) -> Entry:
    """One entry. Raises KeyError when there is none."""
    return all_entries()[entry_id]


def all_entries() -> Mapping[str, Entry]:
    """Everything that is known, by id."""
    return entries.load(FILE)


_built: tuple[Mapping[str, Entry], Finder] | None = None


def _finder(known: Mapping[str, Entry]) -> Finder:
    global _built
    if _built is None or _built[0] is not known:
        _built = (known, finder_of(known))
    return _built[1]
