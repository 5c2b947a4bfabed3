"""The catalogues in `data/catalogs`: kinds of case, areas, representations, units and medicines, by id.

They are read when first asked for and read again when their file changes, so that a hospital or a nickname can be
added without training or restarting anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeVar

import msgspec
import structlog
import yaml

from puente.settings import ROOT

DIRECTORY = ROOT / "data" / "catalogs"

log = structlog.get_logger(__name__)


class CatalogError(Exception):
    """A catalogue cannot be used; the message names the file and the entry."""


@dataclass(frozen=True, slots=True)
class Area:
    """Who answers a case. `resumen` completes "Lo ve {name}, que …"."""

    id: str
    name: str
    resumen: str


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of case: which intent opens it, who answers, how soon, and what has to be asked."""

    id: str
    label: str
    intent: str
    area: str
    priority: Literal["critica", "alta", "media", "baja"]
    first_answer_hours: int
    required: tuple[str, ...]
    helpful: tuple[str, ...] = ()
    opening: str = ""  # what the family reads first, before anything is asked


@dataclass(frozen=True, slots=True)
class Representation:
    """One of the institute's 35 representations. An alias that several share ("cdmx") is ambiguous."""

    id: str
    name: str
    aliases: tuple[str, ...] = ()
    cities: tuple[str, ...] = ()
    common_words: tuple[str, ...] = ()  # names that are ordinary words too: good as an answer, not inside a sentence
    verify: bool = False  # known from memory: to be confirmed by the institute


@dataclass(frozen=True, slots=True)
class Unit:
    """A hospital or clinic. `name` is official and carries the city. An alias that several share is ambiguous."""

    id: str
    name: str
    city: str
    state: str
    type: Literal["UMAE", "HGR", "HGZ", "HGZ/MF", "HGO", "HGP", "HGSZ", "UMF", "externo"]
    source: str
    number: int | None = None
    representation: str | None = None  # none for a high-speciality unit (UMAE) or an outside one
    centre: str | None = None  # the medical centre it stands in, with other units
    pediatric: bool = False  # preferred when a name fits several units of one centre
    aliases: tuple[str, ...] = ()
    city_aliases: tuple[str, ...] = ()  # what people call the city: good for all its units
    near: tuple[str, ...] = ()  # the neighbourhood: good for this unit only
    common_words: tuple[str, ...] = ()  # as in Representation
    verify: bool = False


@dataclass(frozen=True, slots=True)
class Medicine:
    """A medicine or supply, only to be recognised: nothing here says what it is for or how much."""

    id: str
    name: str
    type: Literal["medicamento", "insumo"] = "medicamento"
    brands: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    misspellings: tuple[str, ...] = ()
    common_words: tuple[str, ...] = ()  # as in Representation
    verify: bool = False


def areas() -> Mapping[str, Area]:
    """The areas that answer cases."""
    return _catalog("areas.yml", Area)


def kinds() -> Mapping[str, Kind]:
    """The kinds of case."""
    return _catalog("case_kinds.yml", Kind, {"area": areas})


def representations() -> Mapping[str, Representation]:
    """The institute's representations."""
    return _catalog("representations.yml", Representation)


def units() -> Mapping[str, Unit]:
    """The hospitals and clinics."""
    return _catalog("units.yml", Unit, {"representation": representations})


def medicines() -> Mapping[str, Medicine]:
    """The medicines and supplies."""
    return _catalog("medicines.yml", Medicine)


# ---- reading


class _Entry(Protocol):
    @property
    def id(self) -> str: ...


_E = TypeVar("_E", bound=_Entry)
_Version = tuple[int, int]
_cache: dict[Path, tuple[_Version, Mapping[str, Any]]] = {}


def _catalog(file_name: str, entry_type: type[_E], references: Mapping[str, Any] | None = None) -> Mapping[str, _E]:
    path = DIRECTORY / file_name
    known = _cache.get(path)
    try:
        stat = path.stat()
        version = (stat.st_mtime_ns, stat.st_size)
        if known and known[0] == version:
            return known[1]
        entries = _read(path, entry_type, references or {})
    except (CatalogError, OSError) as error:
        if known is None:
            raise CatalogError(str(error)) from error
        # Somebody is in the middle of an edit: go on with what worked, and say so once for each state of the file.
        log.error("catalogue not reloaded, the previous one stays in use", file=file_name, reason=str(error))
        if isinstance(error, CatalogError):
            _cache[path] = (version, known[1])
        return known[1]
    _cache[path] = (version, entries)
    return entries


def _read(path: Path, entry_type: type[_E], references: Mapping[str, Any]) -> Mapping[str, _E]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise CatalogError(f"{path.name}: it is not valid YAML: {error}") from error
    if not isinstance(content, list) or not content:
        raise CatalogError(f"{path.name}: it must be a list with at least one entry")
    entries: dict[str, _E] = {}
    for position, raw in enumerate(content, start=1):
        entry = _entry(path.name, position, raw, entry_type)
        if entry.id in entries:
            raise CatalogError(f"{path.name}: entry {entry.id!r} appears twice")
        for field, catalog in references.items():
            value = getattr(entry, field)
            if value is not None and value not in catalog():
                raise CatalogError(f"{path.name}: entry {entry.id!r}: {field} {value!r} does not exist")
        entries[entry.id] = entry
    return MappingProxyType(entries)


def _entry(file_name: str, position: int, raw: Any, entry_type: type[_E]) -> _E:
    label = repr(raw["id"]) if isinstance(raw, dict) and "id" in raw else f"number {position}"
    where = f"{file_name}: entry {label}"
    if not isinstance(raw, dict):
        raise CatalogError(f"{where}: it must be a mapping with an id")
    unknown = set(raw) - {field.name for field in fields(entry_type)}  # type: ignore[arg-type]
    if unknown:
        raise CatalogError(f"{where}: unknown field {', '.join(sorted(map(str, unknown)))}")
    try:
        entry = msgspec.convert(raw, type=entry_type)
    except msgspec.ValidationError as error:
        raise CatalogError(f"{where}: {error}") from error
    if not entry.id:
        raise CatalogError(f"{where}: the id is empty")
    return entry
