"""What is known of Licencia 140 Bis, for a question in a family's own words."""

from collections.abc import Mapping

from puente.knowledge.answers import Answer, Library
from puente.knowledge.entries import Entry

DO_NOT_KNOW = (
    "Eso no lo sé con certeza, y no quiero darle un dato equivocado. Puedo decirle qué es la licencia 140 Bis, quién "
    "la puede pedir, cuántos días son, cuánto pagan y qué papeles piden, o le paso con una persona."
)
_library = Library("licencia_140_bis.yml", DO_NOT_KNOW)


def find(question: str) -> Answer:
    """The best entries for a question about the licence."""
    return _library.find(question)


def get(entry_id: str) -> Entry:
    """One entry. Raises KeyError when there is none."""
    return _library.entries()[entry_id]


def all_entries() -> Mapping[str, Entry]:
    """Everything that is known, by id."""
    return _library.entries()
