"""Names from the catalogues, found in a message however they are spelt.

Reads ``data/catalogs/*.yml`` when it is loaded and again when a file changes, so a new medicine or unit is known
at once, without training.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterable, Iterator, Sequence

import yaml

from bot.nlu.normalizer import pieces, shorten, sound, strip_accents

logger = logging.getLogger(__name__)

FILES = {"medicamento": "medicines.yml", "unidad": "units.yml", "representacion": "representations.yml"}
NAME_KEYS = ("name", "aliases", "brands", "misspellings", "ambiguous_aliases", "ambiguous", "abbreviations", "cities")
_LONGEST = 7  # tokens in a name
_LONGEST_NEAR = 24  # letters in a key that may be misspelt
_CLEAR = 3  # letters of a nickname that needs no word before it
_LONG_ENOUGH = 8  # letters of a medicine's name that may be misspelt where nothing was learnt
_IN = {"en", "desde", "soy", "somos", "del"}
_FROM = (["soy"], ["somos"], ["vengo"], ["venimos"], ["es"])
_PLACE_AFTER = {"en", "de", "desde", "soy", "somos", "del", "a", "hasta", "aqui", "aca"}
_NOT_A_PLACE_AFTER = {"mi", "su", "calle", "colonia", "col", "av", "avenida", "senor", "senora", "dr", "dra", "doctor", "doctora",
                      "licenciado", "lic", "enfermera", "don", "dona", "nino", "nina", "hijo", "hija"}  # fmt: skip
_TOO_COMMON = {
    "medicamento": {"ida", "metro", "gama", "puri", "ele", "la ele", "carbo", "peg", "ciclo", "actino", "suero"},
    "unidad": {"centro", "hospital", "clinica", "imss", "el seguro", "seguro", "pediatria", "la uno", "general"},
    "representacion": {"mexico", "ver", "norte", "sur", "el estado", "estado", "victoria", "la paz", "leon", "del rio"},
}


def key_of(words: Sequence[str]) -> str:
    """How a name sounds, without spaces: "vin cristina" and "bincristina" share it."""
    return "".join(sound(shorten(strip_accents(w))) for w in words)


@dataclass
class Gazetteer:
    """All names of one kind, by sound, and by sound with one letter missing."""

    entity: str
    names: dict[str, str] = field(default_factory=dict)
    own: set[str] = field(default_factory=set)  # keys of names and nicknames, without those of cities
    ordinary: set[str] = field(default_factory=set)  # keys of nicknames that are words too: "ver", "los cabos"
    near: dict[str, set[str]] = field(default_factory=dict)

    def add(self, name: str) -> None:
        """Learn one name."""
        words = [p.text for p in pieces(name) if p.text.isalnum() or any(c.isalnum() for c in p.text)]
        folded = " ".join(strip_accents(w) for w in words)
        if not words or folded in _TOO_COMMON[self.entity] or (len(folded) < 3):
            return
        key = key_of(words)
        self.names.setdefault(key, name)
        if len(key) >= 7 and not any(c.isdigit() for c in key):
            for at in range(len(key)):
                self.near.setdefault(key[:at] + key[at + 1 :], set()).add(key)

    def add_own(self, name: str, *, ordinary: bool = False) -> None:
        """Learn that a name stands for the entry itself; an ordinary one only where something says so."""
        for written in {name, re.sub("[xX]", "j", name)}:  # Oaxaca by ear
            key = key_of([p.text for p in pieces(written) if any(c.isalnum() for c in p.text)])
            if len(key) > 1:
                (self.ordinary if ordinary else self.own).add(key)

    def lookup(self, key: str, near: bool = True) -> float:
        """How surely a key is a name: 1 the very sound, 0.85 one letter off (or two in a long one), 0 not at all."""
        if key in self.names:
            return 1.0
        if not near or not 7 <= len(key) <= _LONGEST_NEAR or any(c.isdigit() for c in key):
            return 0.0
        if key in self.near:
            return 0.85
        shorter = [key[:at] + key[at + 1 :] for at in range(len(key))]
        if any(k in self.names for k in shorter):
            return 0.85
        return 0.85 if len(key) >= 8 and any(k in self.near for k in shorter[1:]) else 0.0


@dataclass
class Catalogs:
    """The three gazetteers, kept up to date with their files."""

    folder: Path
    gazetteers: dict[str, Gazetteer] = field(default_factory=dict)
    _seen: tuple[tuple[str, int], ...] = ()

    def stamp(self) -> tuple[tuple[str, int], ...]:
        """Changes when a file does."""
        paths = [self.folder / name for name in FILES.values()]
        return tuple((p.name, p.stat().st_mtime_ns) for p in paths if p.exists())

    def refresh(self) -> None:
        """Read again what changed on disk; a broken file keeps the last good names."""
        stamp = self.stamp()
        if stamp == self._seen and self.gazetteers:
            return
        self._seen = stamp
        for entity, file in FILES.items():
            try:
                self.gazetteers[entity] = read(entity, self.folder / file)
            except (OSError, ValueError, yaml.YAMLError) as problem:
                logger.warning("Catalogue %s could not be read and keeps its last good state: %s", file, problem)
                self.gazetteers.setdefault(entity, Gazetteer(entity))

    def hits(self, tokens: Sequence[str]) -> Iterator[tuple[str, int, int, float]]:
        """Every (entity, first token, token after the last, sureness) where a name stands; longest first."""
        spoken = [key_of([t]) if any(c.isalnum() for c in t) else "" for t in tokens]
        for first, own in enumerate(spoken):
            if not own:
                continue
            keys = [(after, "".join(spoken[first:after])) for after in range(first + 1, first + _LONGEST + 1)]
            longest_first = [(a, k) for a, k in reversed(keys) if a <= len(tokens) and spoken[a - 1]]
            for entity, gazetteer in self.gazetteers.items():
                for after, key in longest_first:
                    sure = gazetteer.lookup(key, near=after - first <= 2)
                    if sure:
                        yield entity, first, after, sure
                        break

    def named(self, tokens: Sequence[str]) -> Iterator[tuple[str, int, int, float]]:
        """Names to be found even where nothing was learnt: every medicine, and states and hospitals by their own name.

        A nickname that is a word too counts after "en", "de", "soy de"…; so does a short one.
        """
        spoken = [key_of([t]) if any(c.isalnum() for c in t) else "" for t in tokens]
        folded = [strip_accents(t) for t in tokens]
        for entity, first, after, sure in self.hits(tokens):
            near = after - first == 1 and len(spoken[first]) >= _LONG_ENOUGH
            if entity == "medicamento" and (sure == 1.0 or near):
                yield entity, first, after, sure
        for entity in ("representacion", "unidad"):
            gazetteer = self.gazetteers[entity]
            for first in range(len(tokens)):
                before = folded[first - 1] if first else ""
                if before in _NOT_A_PLACE_AFTER:
                    continue
                for after in range(min(first + _LONGEST, len(tokens)), first, -1):
                    if not spoken[first] or not spoken[after - 1]:
                        continue
                    key = "".join(spoken[first:after])
                    alone = not first and (after == len(tokens) or not spoken[after])  # "df, …"
                    own = key in gazetteer.own and (before in _PLACE_AFTER or len(key) >= _CLEAR or alone)
                    if own or (key in gazetteer.ordinary and _lives_there(folded[:first])):
                        yield entity, first, after, 1.0
                        break


def _lives_there(before: Sequence[str]) -> bool:
    """Whether the words before make an ordinary word a place: "soy de baja", "en tepic", but not "dar de baja"."""
    if not before:
        return False
    return before[-1] in _IN or (before[-1] == "de" and before[-2:-1] in _FROM)


def read(entity: str, path: Path) -> Gazetteer:
    """One catalogue file; a missing one is an empty catalogue."""
    gazetteer = Gazetteer(entity)
    if not path.exists():
        return gazetteer
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name in _names(content, entity):
        gazetteer.add(name)
    for row in content if isinstance(content, list) else []:
        if isinstance(row, dict):
            for name in [row.get("name") or "", *_list(row, "aliases")]:
                gazetteer.add_own(str(name))
            for name in _list(row, "common_words"):
                gazetteer.add_own(str(name), ordinary=True)
    return gazetteer


def _list(row: dict[str, Any], key: str) -> list[Any]:
    value = row.get(key)
    return value if isinstance(value, list) else []


def _names(content: Any, entity: str) -> Iterable[str]:
    """Names and aliases wherever a row keeps them: rows may be a list, a mapping by id, or under one top key."""
    if isinstance(content, dict):
        for identifier, value in content.items():
            if isinstance(value, dict | list):
                yield from _names(value, entity)
            elif identifier == "name":
                yield str(value)
        for key in NAME_KEYS[1:]:
            value = content.get(key)
            if key == "cities" and entity != "representacion":
                continue
            if isinstance(value, list):
                yield from (str(v) for v in value if isinstance(v, str | int))
            elif isinstance(value, dict):
                yield from (str(v) for v in value)
    elif isinstance(content, list):
        for row in content:
            if isinstance(row, dict | list):
                yield from _names(row, entity)
