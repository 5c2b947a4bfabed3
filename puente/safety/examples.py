"""The labelled messages that the gate learns from: data/safety/*.jsonl, one file a voice (one writer)."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from puente.safety.signs import LONGEST, SIGNS_FILE, lexicon

DATA = SIGNS_FILE.parent
VOICES_FILE = DATA / "voices.yml"
GENERAL = "general"  # data/safety/general.jsonl: ordinary messages of the NLU's voices
UNCLASSIFIED = "sin_clasificar"  # the kind of their alarms, which nobody has sorted


class BadExample(ValueError):
    """A line that the gate must not learn from; the message says why, in Spanish."""


@dataclass(slots=True)
class Example:
    text: str
    alarm: bool
    kind: str
    voice: str
    general: bool = False
    copy: bool = False  # a misspelled copy: it teaches, and judges nothing


def known_kinds(alarm: bool) -> list[str]:
    """The kinds that a label may have."""
    return list(lexicon().kinds if alarm else lexicon().harmless_kinds)


def example(row: dict[str, Any], voice: str, general: bool = False) -> Example:
    """One line of data, checked."""
    text, label, kind = row.get("text"), row.get("label"), row.get("kind")
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        raise BadExample(f"el texto debe tener entre 1 y {LONGEST} caracteres")
    if label not in ("alarm", "harmless"):
        raise BadExample(f"la etiqueta debe ser alarm o harmless, no {label!r}")
    known = known_kinds(label == "alarm")
    if not isinstance(kind, str) or (kind not in known and not general):
        raise BadExample(f"el tipo {kind!r} no existe; los hay: {', '.join(known)}")
    return Example(text, label == "alarm", kind, str(row.get("voice", voice)), general)


def read_file(file: Path) -> list[Example]:
    found = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                found.append(example(json.loads(line), file.stem, file.stem == GENERAL))
            except ValueError as problem:
                raise BadExample(f"{file.name}, línea {number}: {problem}") from problem
    return found


def load(folder: Path = DATA) -> list[Example]:
    return [one for file in sorted(folder.glob("*.jsonl")) for one in read_file(file)]


def authors(file: Path = VOICES_FILE) -> dict[str, str]:
    """Of each voice that shares its author with others, the author. Another voice is an author of its own."""
    groups: dict[str, str] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {voice: author for author, voices in groups.items() for voice in voices.split()}
