"""What can be said of a unit: where it is, its hours, its phone. What no source says is said to be unknown."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from puente.knowledge import catalogs, entries

FILE = "unidades.yml"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that a source says, with its date."""

    texto: str
    fuente: str
    fecha: date
    referencia: str


@dataclass(frozen=True, slots=True)
class _Known:
    """A unit's entry in the file. An address, hours or phone count only with their source and date."""

    id: str
    direccion: Fact | None = None
    horario: Fact | None = None
    telefono: Fact | None = None
    datos: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True)
class UnitInformation:
    """What is known of one unit; None where no source says."""

    name: str
    city: str
    address: Fact | None
    hours: Fact | None
    phone: Fact | None
    facts: tuple[Fact, ...]
    general: Fact

    @property
    def complete(self) -> bool:
        """Whether nothing that families ask for is missing."""
        return bool(self.address and self.hours and self.phone)

    def text(self) -> str:
        """The answer as it is sent."""
        told = {"Dirección": self.address, "Horario": self.hours, "Teléfono": self.phone}
        lines = [f"*{self.name}*" + ("" if self.city in self.name else f" ({self.city})")]
        lines += [f"• {label}: {fact.texto} _({_source(fact)})_" for label, fact in told.items() if fact]
        lines += [f"• {fact.texto} _({_source(fact)})_" for fact in self.facts]
        missing = [label.lower() for label, fact in told.items() if fact is None]
        if missing:
            lines.append(f"\nNo tengo confirmado: {_listed(missing)}. Prefiero no darle un dato equivocado.")
            lines.append(f"{self.general.texto} _({_source(self.general)})_")
        return "\n".join(lines)


def unit_information(unit: str) -> UnitInformation:
    """What is known of a unit, by its catalogue id or its official name. Raises KeyError when there is no such unit."""
    catalog = catalogs.units()
    found = catalog.get(unit) or next((known for known in catalog.values() if known.name == unit), None)
    if found is None:
        raise KeyError(unit)
    known, general = entries.read_again(entries.DIRECTORY / FILE, _read)
    held = known.get(found.id, _Known(found.id))
    return UnitInformation(found.name, found.city, held.direccion, held.horario, held.telefono, held.datos, general)


def general() -> Fact:
    """What to say when nobody said which unit, or nothing is known."""
    return entries.read_again(entries.DIRECTORY / FILE, _read)[1]


def unit_ids() -> tuple[str, ...]:
    """The units that the file says something about."""
    return tuple(entries.read_again(entries.DIRECTORY / FILE, _read)[0])


def _read(path: Path) -> tuple[Mapping[str, _Known], Fact]:
    raw = entries.parse(path)
    known = [entries.converted(path, unit, _Known) for unit in raw.get("unidades") or []]
    return {unit.id: unit for unit in known}, entries.converted(path, raw.get("general"), Fact)


def _source(fact: Fact) -> str:
    return f"fuente: {fact.fuente}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " y " + names[-1]
