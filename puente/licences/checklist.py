"""The steps and the documents of Licencia 140 Bis as a checklist: what a source says, and what is still to be asked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from puente.knowledge import entries
from puente.knowledge.entries import State

FILE = "licencia_pasos.yml"
NEVER_HERE = "Por aquí no me mande datos del banco: nunca los pido."


@dataclass(frozen=True, slots=True)
class Item:
    """One step or document. `pedible`: whether the assistant may take it in a conversation."""

    id: str
    texto: str
    fuente: str
    fecha: date
    referencia: str
    estado: State
    pedible: bool = False

    @property
    def certain(self) -> bool:
        return self.estado != "por_verificar"


def steps() -> tuple[Item, ...]:
    """The steps, in their order."""
    return _lists()["pasos"]


def documents() -> tuple[Item, ...]:
    """The documents to have at hand."""
    return _lists()["documentos"]


def text(which: Literal["pasos", "documentos"], done: Collection[str] = ()) -> str:
    """The checklist as it is sent; `done` are the ids that the family says she already has."""
    if which == "pasos":
        return _numbered("*Pasos de la licencia 140 Bis*", steps(), done)
    items = documents()
    missing = [item for item in items if item.id not in done]
    heading = "*Documentos*" if missing else "*Documentos: ya los tiene todos*"
    return "\n".join([heading, *(f"{_mark(item, done)} {item.texto}" for item in items), "", _footer(items)])


def _numbered(heading: str, items: Sequence[Item], done: Collection[str]) -> str:
    lines = [f"{'✅' if item.id in done else f'{place}.'} {item.texto}" for place, item in enumerate(items, start=1)]
    return "\n".join([heading, *lines, "", _footer(items)])


def _mark(item: Item, done: Collection[str]) -> str:
    return "✅" if item.id in done else "☐" if item.certain else "❔"


def _footer(items: Sequence[Item]) -> str:
    newest = max(item.fecha for item in items if item.certain)
    return f"{NEVER_HERE}\n_De fuentes hasta {entries.short_date(newest)}; en su unidad pueden pedir algo más._"


def _lists() -> Mapping[str, tuple[Item, ...]]:
    return entries.read_again(entries.DIRECTORY / FILE, _read)


def _read(path: Path) -> Mapping[str, tuple[Item, ...]]:
    raw = entries.parse(path)
    return {name: tuple(entries.converted(path, item, Item) for item in raw.get(name, ())) for name in _LISTS}


_LISTS = ("pasos", "documentos")
