"""What the institute's sources say, entry by entry: `data/knowledge/*.yml`, each with its source and its date.

An entry that nobody has confirmed (`por_verificar`) never states its fact: it says whom to ask, and why.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, TypeVar

import msgspec
import structlog
import yaml

from puente.settings import ROOT

DIRECTORY = ROOT / "data" / "knowledge"

log = structlog.get_logger(__name__)

State = Literal["con_fuente", "por_verificar", "propio"]  # `propio`: how Puente itself works, no fact of the world


class KnowledgeError(Exception):
    """A file of knowledge cannot be used; the message names the file and the entry."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that families ask, and what can be said about it."""

    id: str
    preguntas: tuple[str, ...]
    respuesta: str
    fuente: str
    fecha: date
    referencia: str
    estado: State
    articulo: str | None = None
    temas: tuple[str, ...] = ()  # groups of words that are nearly always about this
    aprobado_por: str | None = None

    @property
    def certain(self) -> bool:
        """Whether a source says so; the others only say whom to ask."""
        return self.estado != "por_verificar"

    def shown(self) -> str:
        """The answer as it is sent, with where it comes from."""
        return f"{self.respuesta}\n\n_{self.citation()}_"

    def citation(self) -> str:
        """Where the answer comes from, in one line."""
        if self.estado == "propio":
            return "Así trabaja este asistente."
        if not self.certain:
            return "Por confirmar con el Instituto."
        if self.articulo:
            return f"Art. {self.articulo} (Diario Oficial, {short_date(self.fecha)}). Confírmelo en su unidad."
        return f"Fuente: {self.fuente}. Confírmelo en su unidad."


def load(file_name: str) -> Mapping[str, Entry]:
    """The entries of a file, by id, in its order."""
    return read_again(DIRECTORY / file_name, _entries)


def short_date(day: date) -> str:
    """ "4-jun-2019"."""
    months = ("ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic")
    return f"{day.day}-{months[day.month - 1]}-{day.year}"


def long_date(day: date) -> str:
    """ "4 de junio de 2019"."""
    months = ("enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre",
              "noviembre", "diciembre")  # fmt: skip
    return f"{day.day} de {months[day.month - 1]} de {day.year}"


# ---- reading

_T = TypeVar("_T")
_Version = tuple[int, int]
_cache: dict[tuple[Path, Callable[[Path], Any]], tuple[_Version, Any]] = {}  # one file may be read in several ways


def read_again(path: Path, read: Callable[[Path], _T]) -> _T:
    """What `read` makes of the file, read again when the file changes.

    Somebody in the middle of an edit breaks nothing: what worked stays in use, and the log says why.
    """
    known = _cache.get((path, read))
    try:
        stat = path.stat()
        version = (stat.st_mtime_ns, stat.st_size)
        if known is None or known[0] != version:
            known = (version, read(path))
            _cache[path, read] = known
    except (KnowledgeError, OSError) as error:
        if known is None:
            raise KnowledgeError(str(error)) from error
        log.error("knowledge not reloaded, the previous one stays in use", file=path.name, reason=str(error))
        if isinstance(error, KnowledgeError):
            _cache[path, read] = (version, known[1])
    content: _T = known[1]
    return content


def parse(path: Path) -> dict[str, Any]:
    """A knowledge file's YAML, which must be a mapping."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise KnowledgeError(f"{path.name}: it is not valid YAML: {error}") from error
    if not isinstance(content, dict):
        raise KnowledgeError(f"{path.name}: it must be a mapping")
    return content


def converted(path: Path, raw: Any, entry_type: type[_T]) -> _T:
    """One raw entry as its type; an unknown or missing field is an error that names it."""
    where = f"{path.name}: entry {raw.get('id') if isinstance(raw, dict) else raw!r}"
    if not isinstance(raw, dict):
        raise KnowledgeError(f"{where}: it must be a mapping")
    unknown = set(raw) - {field.name for field in fields(entry_type)}  # type: ignore[arg-type]
    if unknown:
        raise KnowledgeError(f"{where}: unknown field {', '.join(sorted(map(str, unknown)))}")
    try:
        return msgspec.convert(raw, type=entry_type)
    except msgspec.ValidationError as error:
        raise KnowledgeError(f"{where}: {error}") from error


def _entries(path: Path) -> Mapping[str, Entry]:
    found: dict[str, Entry] = {}
    for entry in _converted_entries(path, parse(path).get("entradas") or []):
        if entry.id in found:
            raise KnowledgeError(f"{path.name}: entry {entry.id!r} appears twice")
        found[entry.id] = entry
    if not found:
        raise KnowledgeError(f"{path.name}: it must have at least one entry under `entradas`")
    return MappingProxyType(found)


def _converted_entries(path: Path, raw_entries: list[Any]) -> Iterator[Entry]:
    for raw in raw_entries:
        entry = converted(path, raw, Entry)
        if not entry.id or not entry.preguntas or not entry.respuesta.strip() or not entry.fuente.strip():
            raise KnowledgeError(f"{path.name}: entry {entry.id!r}: id, questions, answer and source are needed")
        yield entry
