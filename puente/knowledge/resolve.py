"""From what a family wrote to what the catalogue calls it; several candidates or nothing when it cannot be known."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from puente.knowledge import catalogs, dates, identifiers
from puente.knowledge.names import Names
from puente.knowledge.spelling import Word, listed, plain, sound, with_j, with_numbers, words
from puente.knowledge.unit_names import UnitNames

Span = tuple[int, int, str]

_COMPONENTS = {
    "plaquetas": (
        "plaquetas, plaqueta, plaquetitas, las amarillas, amarillas, aféresis, plaquetaféresis, plaq, plaqs, plt, "
        "plts, platelets, concentrado plaquetario, concentrados plaquetarios, concentrado de plaquetas, "
        "concentrados de plaquetas, concentrado, concentrados"
    ),
    "plasma": "plasma, plasma fresco, plasma fresco congelado, pfc",
    "glóbulos rojos": (
        "glóbulos rojos, glóbulos, globulitos, globulares, paquete globular, paquetes globulares, paquete, "
        "paquetes, ce, concentrado eritrocitario, "
        "concentrados eritrocitarios, concentrado de eritrocitos, eritrocitos, hematíes, "
        "concentrado, concentrados"
    ),
    "crioprecipitado": "crioprecipitado, crioprecipitados, crio, crios, cryo, crío precipitado",
    "sangre": "sangre, sangre total, sangre completa, sangrita, unidades de sangre",
}
# Letters of a medicine's name: may say something; without doubt at its beginning; at its end.
SHORTEST_PIECE, CLEAR_BEGINNING, CLEAR_ENDING = 3, 4, 5
# Who hesitates between two is asked, whatever else the message says.
_UNSURE = re.compile(r"\b(?:creo|no se|no estoy segur[oa]|parece|a lo mejor|tal vez|talvez|quiza|quizas)\b")
# States that are also surnames, or "mi guerrero".
_SURNAMES = frozenset({"guerrero", "hidalgo", "morelos"})
# Words around a medicine that are not its name.
_AROUND_MEDICINES = listed(
    "el la los las de del para mi su medicina medicamento medicamentos medicinas ampolleta ampolletas ampula ampulas "
    "pastilla pastillas tableta tabletas capsulas inyeccion inyecciones frasco frascos caja cajas jarabe solucion "
    "tratamiento quimio quimioterapia dosis mg ml unas unos un una"
)


@dataclass(frozen=True, slots=True)
class Resolution:
    """`resolved` is the one meant; when it cannot be known, `candidates` are those that it may be."""

    resolved: str | None = None
    candidates: tuple[str, ...] = ()


UNKNOWN = Resolution()


def resolve(entity: str, value: str, *, now: datetime, context: str = "") -> Resolution:
    """What `value`, written by a family for `entity`, stands for. `context` is the whole message it comes from.

    Names, symptoms and services stay as they were written: they resolve to nothing. Raises KeyError for an entity
    that the language does not have.
    """
    return _RESOLVERS[entity](value, now, context)


def find_units(text: str) -> list[Span]:
    """Where hospitals and clinics are named in a sentence, rather too few than too many."""
    return [(start, end, text[start:end]) for start, end in _units().find(text)]


def find_medicines(text: str) -> list[Span]:
    """Where medicines and supplies are named in a sentence, rather too few than too many."""
    return _find(_medicines(), text, cutoff=86)


def find_representations(text: str) -> list[Span]:
    """Where states and representations are named in a sentence; a city alone is not one."""
    units = find_units(text)
    spans = []
    for start, end, said in _find(_representations(), text, cutoff=92):
        before = plain(text[:start]).split()[-1:]
        if any(start < unit_end and end > unit_start for unit_start, unit_end, _ in units):
            continue
        if plain(said) in _SURNAMES and before not in (["en"], ["de"], ["desde"], ["a"], ["hasta"]):
            continue
        spans.append((start, end, said))
    return spans


# ---- one resolver for each entity


def _medicine(value: str, now: datetime, context: str) -> Resolution:
    names, found = _medicines(), words(value)
    core = [word for word in found if word.plain not in _AROUND_MEDICINES]
    ids, score = max(
        (
            names.match("".join(word.key for word in said))
            for said in (found, with_numbers(found, articles=False), core)
        ),
        key=lambda match: match[1],
    )
    if score < 100 and len(core) == 1 and (named := _truncated(core[0].key)):
        return named
    if score < 100 and core:
        hits = names.find(found, sentence=False, cutoff=86)
        if hits and max(hit.score for hit in hits) >= score:
            ids = frozenset[str]().union(*[hit.ids for hit in hits])
    return _one([catalogs.medicines()[entry].name for entry in catalogs.medicines() if entry in ids])


def _truncated(key: str) -> Resolution | None:
    """What a piece of a name may be: "vin", "rubicina", "irinote"; None when it is no piece of any."""
    if len(key) < SHORTEST_PIECE:
        return None
    beginnings = (key, re.sub("n$", "m", key))  # n before b sounds like m: "vin" may be vinblastina
    names = [
        medicine.name
        for medicine in catalogs.medicines().values()
        if (generic := sound(medicine.name)) != key
        and (generic.startswith(beginnings) or (len(key) >= CLEAR_ENDING and generic.endswith(key)))
    ]
    if not names:
        return None
    return Resolution(names[0]) if len(names) == 1 and len(key) >= CLEAR_BEGINNING else Resolution(None, tuple(names))


def _unit(value: str, now: datetime, context: str) -> Resolution:
    answer = _units().read(value, context)
    if answer.unit:
        return Resolution(answer.unit.name)
    return Resolution(None, tuple(unit.name for unit in answer.units))


def _representation(value: str, now: datetime, context: str) -> Resolution:
    ids = _representation_ids(value)
    for said in (value, "" if _UNSURE.search(plain(context)) else context):
        if len(ids) > 1 and said:
            narrowed = ids & _mentioned_regions(said, ids)
            ids = narrowed if len(narrowed) == 1 else ids
    catalog = catalogs.representations()
    return _one([catalog[entry].name for entry in catalog if entry in ids])


def _component(value: str, now: datetime, context: str) -> Resolution:
    found = words(value)
    hits = _COMPONENT_NAMES.find(found, sentence=False)
    names = list(dict.fromkeys(name for hit in hits for name in sorted(hit.ids)))
    if len(names) > 1 and "sangre" in names and "de sangre" in plain(value):
        names.remove("sangre")  # "plaquetas de sangre"
    return _one(names)


def _blood_group(value: str, now: datetime, context: str) -> Resolution:
    return Resolution(*identifiers.blood_group(value))


def _date(value: str, now: datetime, context: str) -> Resolution:
    found = dates.read_date(value, now, context)
    return Resolution(found.isoformat() if found else None)


def _time(value: str, now: datetime, context: str) -> Resolution:
    found = dates.read_time(value, context)
    return Resolution(found.strftime("%H:%M") if found else None)


def _exactly(read: Callable[[str], str | None]) -> "Callable[[str, datetime, str], Resolution]":
    return lambda value, now, context: Resolution(read(value))


def _as_written(value: str, now: datetime, context: str) -> Resolution:
    return UNKNOWN


_RESOLVERS: dict[str, Callable[[str, datetime, str], Resolution]] = {
    "medicamento": _medicine,
    "unidad": _unit,
    "representacion": _representation,
    "paciente": _as_written,
    "folio": _exactly(identifiers.folio),
    "nss": _exactly(identifiers.nss),
    "curp": _exactly(identifiers.curp),
    "fecha": _date,
    "hora": _time,
    "telefono": _exactly(identifiers.phone),
    "edad": _exactly(identifiers.age),
    "tipo_sangre": _blood_group,
    "componente": _component,
    "sintoma": _as_written,
    "servicio": _as_written,
}
ENTITIES = tuple(_RESOLVERS)


# ---- parts


def _one(names: list[str]) -> Resolution:
    return Resolution(names[0]) if len(names) == 1 else Resolution(None, tuple(names))


def _representation_ids(value: str) -> frozenset[str]:
    names, cities = _representations(), _cities()
    found = [word for word in words(value) if word.plain not in ("en", "de", "aqui", "soy", "somos", "representacion")]
    key = "".join(word.key for word in found)
    ids, score = names.match(key)
    if not ids or score < 90:
        city_ids, city_score = cities.match(key)
        ids = city_ids if city_score > score else ids
    if not ids:
        hits = names.find(found, sentence=False, cutoff=90) or cities.find(found, sentence=False, cutoff=90)
        ids = frozenset[str]().union(*[hit.ids for hit in hits])
    return ids


def _mentioned_regions(context: str, among: frozenset[str]) -> frozenset[str]:
    """Which of `among` the message itself points to, by a fuller name or by a city."""
    found = words(context)
    hits = [*_representations().find(found, sentence=True, cutoff=95), *_cities().find(found, sentence=True, cutoff=92)]
    pointed = [hit.ids & among for hit in hits if len(hit.ids & among) == 1]
    sides = {"norte", "sur", "oriente", "poniente"} & {word.plain for word in found}
    catalog = catalogs.representations()
    by_side = [frozenset({entry}) for entry in among if plain(catalog[entry].name).split()[-1] in sides]
    return frozenset[str]().union(*pointed, *by_side)


def _find(names: Names, text: str, cutoff: float) -> list[Span]:
    found: list[Word] = words(text)
    hits = names.find(found, sentence=True, cutoff=cutoff)
    spans = [(found[hit.start].start, found[hit.end - 1].end) for hit in hits]
    return [(start, end, text[start:end]) for start, end in spans]


# ---- indexes, built again when the catalogue they come from has changed

_T = TypeVar("_T")
_indexes: dict[str, tuple[tuple[Any, ...], Any]] = {}


def _index(name: str, sources: tuple[Mapping[str, Any], ...], build: Callable[..., _T]) -> _T:
    known = _indexes.get(name)
    if known is None or any(one is not other for one, other in zip(known[0], sources, strict=True)):
        known = (sources, build(*sources))
        _indexes[name] = known
    built: _T = known[1]
    return built


def _medicines() -> Names:
    return _index("medicines", (catalogs.medicines(),), _build_medicines)


def _units() -> UnitNames:
    return _index("units", (catalogs.units(), catalogs.representations()), UnitNames)


def _representations() -> Names:
    return _index("representations", (catalogs.representations(),), _build_representations)


def _cities() -> Names:
    return _index("cities", (catalogs.representations(),), _build_cities)


def _build_medicines(medicines: Mapping[str, catalogs.Medicine]) -> Names:
    names = Names(cutoff=80, shortest=6, margin=5, same_start=True)
    for medicine in medicines.values():
        ordinary = medicine.common_words
        spelled = [medicine.name, *medicine.brands, *medicine.aliases, *medicine.misspellings]
        common = {plain(name) for name in ordinary}
        names.add(medicine.id, [name for name in spelled if plain(name) not in common], ordinary=ordinary)
    return names


def _build_representations(representations: Mapping[str, catalogs.Representation]) -> Names:
    names = Names(cutoff=85, shortest=6)
    for entry in representations.values():
        spelled = [written for name in (entry.name, *entry.aliases) for written in with_j(name)]
        names.add(entry.id, spelled, ordinary=entry.common_words)
    return names


def _build_cities(representations: Mapping[str, catalogs.Representation]) -> Names:
    names = Names(cutoff=86, shortest=6)
    for entry in representations.values():
        names.add(entry.id, [written for city in entry.cities for written in with_j(city)])
    return names


def _build_components() -> Names:
    names = Names(cutoff=84, shortest=5)
    for component, spelled in _COMPONENTS.items():
        names.add(component, spelled.split(", "))
    return names


_COMPONENT_NAMES = _build_components()
