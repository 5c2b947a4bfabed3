"""Answers from a file of knowledge: the entries that a question is about, or an honest "no lo sé con certeza"."""

from collections.abc import Mapping
from dataclasses import dataclass

from puente.knowledge import entries
from puente.knowledge.entries import Entry
from puente.knowledge.finder import Finder, finder_of


@dataclass(frozen=True, slots=True)
class Answer:
    """The entries that the question is about: one, two when it may be either, none when nothing is near."""

    entries: tuple[Entry, ...]
    unknown: str

    @property
    def known(self) -> bool:
        """Whether something was found; it may still be an entry that only says whom to ask."""
        return bool(self.entries)

    def text(self) -> str:
        """What is sent: each answer with its article or source and date."""
        return "\n\n".join(entry.shown() for entry in self.entries) or self.unknown


class Library:
    """One file of knowledge, ready to be asked. It follows the file when it changes."""

    def __init__(self, file_name: str, unknown: str) -> None:
        self._file, self._unknown = file_name, unknown
        self._built: tuple[Mapping[str, Entry], Finder] | None = None

    def entries(self) -> Mapping[str, Entry]:
        """Everything that is known, by id."""
        return entries.load(self._file)

    def find(self, question: str) -> Answer:
        """The best entries for a question in plain, misspelt Spanish."""
        known = self.entries()
        if self._built is None or self._built[0] is not known:
            self._built = (known, finder_of(known))
        return Answer(tuple(known[match.id] for match in self._built[1].find(question)), self._unknown)
