"""Completes what the language model says of messages with what only this half knows: catalogue entries and urgency.

`make understand` runs the model in Rasa's environment (bot/understand.py), then this.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from puente import clock
from puente.knowledge import resolve
from puente.safety import gate


class BadLine(Exception):
    """A line that cannot be read; the message names it."""


def complete(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Add `resolved` and `candidates` to every entity and the three `urgency` keys to every message.

    Each line is a JSON object with at least `text`; `now` (ISO date-time) is what dates are resolved against.
    Raises BadLine with the line's number.
    """
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield _complete(_read(line, number))


def _read(line: str, number: int) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError as problem:
        raise BadLine(f"line {number} is not JSON: {problem}") from problem
    if not isinstance(message, dict) or not isinstance(message.get("text"), str):
        raise BadLine(f"line {number} has no text")
    return message


def _complete(message: dict[str, Any]) -> dict[str, Any]:
    now = _moment(message.get("now"))
    verdict = gate.decide(message["text"])
    message["entities"] = [_resolved(entity, message["text"], now) for entity in message.get("entities", [])]
    message["urgency"] = verdict.tier
    message["urgency_kind"] = verdict.kind
    message["urgency_score"] = round(verdict.score, 4)
    return message


def _resolved(entity: dict[str, Any], text: str, now: datetime) -> dict[str, Any]:
    resolution = resolve.resolve(entity["entity"], str(entity["value"]), now=now, context=text)
    return {**entity, "resolved": resolution.resolved, "candidates": list(resolution.candidates)}


def _moment(stamp: str | None) -> datetime:
    """`now` of a message in Mexico City's time; a time without zone is taken to be there."""
    if stamp is None:
        return clock.utcnow().astimezone(clock.MEXICO_CITY)
    moment = datetime.fromisoformat(stamp)
    return moment.replace(tzinfo=clock.MEXICO_CITY) if moment.tzinfo is None else moment
