"""What is known of donating blood and platelets, for a question in a family's own words."""

from collections.abc import Mapping

from puente.knowledge.answers import Answer, Library
from puente.knowledge.entries import Entry

DO_NOT_KNOW = (
    "Eso no lo sé con certeza, y no quiero que hagan el viaje en vano. Pregunte en el banco de sangre o en Trabajo "
    "Social de su hospital, o le paso con una persona."
)
_library = Library("donacion.yml", DO_NOT_KNOW)


def find(question: str) -> Answer:
    """The best entries for a question about donating."""
    return _library.find(question)


def get(entry_id: str) -> Entry:
    """One entry. Raises KeyError when there is none."""
    return _library.entries()[entry_id]


def all_entries() -> Mapping[str, Entry]:
    """Everything that is known, by id."""
    return _library.entries()
