"""The steps and the documents of Licencia 140 Bis as a checklist: what a source says, and what is still to be asked."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

from puente.knowledge import entries
from puente.knowledge.entries import State
from puente.knowledge.spelling import plain

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
    palabras: tuple[str, ...] = ()  # what families call it

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


def ticked(said: str) -> tuple[frozenset[str], frozenset[str]]:
    """The documents that a message says she has, and those that it says she lacks: "ya tengo el acta pero no la CURP".

    Naming one without a word of having or lacking says nothing.
    """
    everything = {item.id for item in documents()}
    have: set[str] = set()
    lack: set[str] = set()
    having: bool | None = None
    if but := _ALL_BUT.search(plain(said)):
        lack = {item.id for item in documents() if _names(item, but.group(1))}
        return frozenset(everything - lack), frozenset(lack)
    for clause in _CLAUSES.split(plain(said)):
        if _LACKS.search(clause):
            having = False
        elif _HAS.search(clause):
            having = True
        named = {item.id for item in documents() if _names(item, clause)}
        if having and not named and _ALL.search(clause):
            named = everything
        if having is not None:
            (have if having else lack).update(named)
    return frozenset(have - lack), frozenset(lack)


_CLAUSES = re.compile(r"[,.;\n]|\bpero\b|\b(?=y (?:no|me falta|aun|todavia)\b)|\b(?=(?:solo )?(?:me )?falta)")
_HAS = re.compile(r"\b(?:ya|tengo|teng[ao]mos|junte|consegui|saque|listo|lista|traigo|llevo|cuento con)\b")
_LACKS = re.compile(r"\bno (?:la |lo |los |las |me )?\w+|\bno\b|\bfaltan?\b|\b(?:aun|todavia) no\b|\bsin\b|\bperdi\b")
_ALL_BUT = re.compile(r"\btod[oa]s?\b.*\b(?:menos|excepto|nomas no)\b(.*)")
_ALL = re.compile(r"\b(?:todos?|todas?|completos?)\b")


def _names(item: Item, clause: str) -> bool:
    return any(re.search(rf"\b{re.escape(plain(word))}\b", clause) for word in item.palabras)


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
