"""Files of messages: a JSON object a line. What cannot be read is named, every line of it, before any work begins."""

import difflib
import json
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from puente import clock

Message = dict[str, Any]
Given = TypeVar("Given")

NAMED = 20  # bad lines named one by one; of the others, how many there are


class BadLine(Exception):
    """Lines that cannot be used; the text names each by its number and says why."""


@dataclass(frozen=True, slots=True)
class Line:
    """A message and the number of its line in the file (empty lines count, as they do in an editor)."""

    number: int
    message: Message


def read(path: Path) -> list[Line]:
    """The messages of a file: `text`, and `now` if there is one, are sound; other keys are kept unseen.

    Raises BadLine, and OSError when the file cannot be read.
    """
    # Only the line feed ends a line: JSON may hold others that str.splitlines() would break at (U+2028, U+0085).
    raw = path.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n")
    return _each(((number, line) for number, line in enumerate(raw, 1) if line.strip()), _message)


def labelled(lines: Iterable[Line], intents: Collection[str], entities: Collection[str]) -> list[Line]:
    """The same lines with their labels checked, and with `start` and `end` on every entity.

    A line may lack `intent` or `entities`: it is then not measured for them. An entity without `start` and `end` is
    looked for in the text by its `value`. Raises BadLine.
    """

    def check(message: Message) -> Message:
        _known(message.get("intent"), intents, "la intención")
        if message.get("entities") is None:
            return message
        return {**message, "entities": _placed(message["text"], message["entities"], entities)}

    return _each(((line.number, line.message) for line in lines), check)


def moment(stamp: str | None) -> datetime:
    """`now` of a message; a time without zone is taken to be Mexico City's. Raises ValueError."""
    if stamp is None:
        return clock.utcnow().astimezone(clock.MEXICO_CITY)
    if not isinstance(stamp, str):
        raise ValueError("«now» no es texto")
    try:
        found = datetime.fromisoformat(stamp)
    except ValueError as problem:
        raise ValueError(f"«now» no es una fecha y hora ISO, como 2026-11-24T17:00-06:00: {stamp!r}") from problem
    return found.replace(tzinfo=clock.MEXICO_CITY) if found.tzinfo is None else found


def _each(numbered: Iterable[tuple[int, Given]], make: Callable[[Given], Message]) -> list[Line]:
    """Make a message of each; problems are collected, so that whoever repairs the file sees them all at once."""
    lines, problems = [], []
    for number, given in numbered:
        try:
            lines.append(Line(number, make(given)))
        except ValueError as problem:
            problems.append(f"línea {number}: {problem}")
    if problems:
        more = [f"y {len(problems) - NAMED} líneas más con problemas"] if len(problems) > NAMED else []
        raise BadLine("\n".join([*problems[:NAMED], *more]))
    return lines


def _message(raw: bytes) -> Message:
    try:
        message = json.loads(raw.decode("utf-8"))
    except UnicodeDecodeError as problem:
        raise ValueError(f"no está escrita en UTF-8 (byte {problem.start + 1})") from problem
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"no es JSON: {problem}") from problem
    if not isinstance(message, dict):
        raise ValueError("no es un objeto JSON: {…}")
    if not isinstance(message.get("text"), str):
        raise ValueError("le falta «text»" if message.get("text") is None else "«text» no es texto")
    if re.search("[\ud800-\udfff]", message["text"]):
        raise ValueError("«text» tiene medio emoji (un sustituto UTF-16 suelto)")
    moment(message.get("now"))
    return message


def _known(name: object, names: Collection[str], what: str) -> None:
    if name is None or name in names:
        return
    near = difflib.get_close_matches(str(name), list(names), n=1)
    raise ValueError(f"no existe {what} «{name}»" + (f"; ¿será «{near[0]}»?" if near else ""))


def _placed(text: str, labels: object, entities: Collection[str]) -> list[Message]:
    if not isinstance(labels, list) or not all(isinstance(label, dict) for label in labels):
        raise ValueError("«entities» no es una lista de objetos")
    placed: list[Message] = []
    for label in labels:
        if label.get("entity") is None:
            raise ValueError("hay un dato sin «entity»")
        _known(label["entity"], entities, "el dato")
        _check_resolution(label)
        start, end = _span(text, label, [(other["start"], other["end"]) for other in placed])
        placed.append({**label, "start": start, "end": end, "value": label.get("value", text[start:end])})
    return placed


def _check_resolution(label: Message) -> None:
    if not isinstance(label.get("resolved"), str | None):
        raise ValueError(f"«resolved» de {label['entity']} no es texto ni null")
    candidates = label.get("candidates", [])
    if not isinstance(candidates, list) or not all(isinstance(name, str) for name in candidates):
        raise ValueError(f"«candidates» de {label['entity']} no es una lista de textos")


def _span(text: str, label: Message, taken: Collection[tuple[int, int]]) -> tuple[int, int]:
    start, end = label.get("start"), label.get("end")
    if start is None and end is None:
        return _find(text, label, taken)
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise ValueError(f"{label['entity']}: de {start} a {end} no es un trozo del texto ({len(text)} caracteres)")
    return start, end


def _find(text: str, label: Message, taken: Collection[tuple[int, int]]) -> tuple[int, int]:
    """Where the value stands: as whole words if possible, and the next place when it is labelled twice."""
    value = label.get("value")
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{label['entity']}: no tiene «start» y «end», ni «value» con qué buscarlo")
    for pattern in (rf"(?<!\w){re.escape(value)}(?!\w)", re.escape(value)):
        places = [match.span() for match in re.finditer(pattern, text, re.IGNORECASE)]
        if places:
            return next((place for place in places if place not in taken), places[0])
    raise ValueError(f"{label['entity']}: «{value}» no está en el texto")
