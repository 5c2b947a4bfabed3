"""Completes what the language model says of messages with what only this half knows: catalogue entries and urgency.

`make understand` runs the model in Rasa's environment (bot/understand.py), then this.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from puente.knowledge import resolve
from puente.safety import gate
from puente.training.lines import Message, moment

# What other programs rely on, and all that `make understand` adds to a line.
KEYS = ("intent", "confidence", "decision", "entities", "urgency", "urgency_kind", "urgency_score")
ENTITY_KEYS = ("entity", "value", "start", "end", "resolved", "candidates")


def complete(message: Mapping[str, Any], parse: Mapping[str, Any]) -> Message:
    """The message with the model's parse of it, what its entities stand for, and its urgency.

    Keys of the message stay, unless they are among those that understanding answers. `now` (ISO date-time) is what
    dates are resolved against.
    """
    text, now = message["text"], moment(message.get("now"))
    verdict = gate.decide(text)
    return {
        **message,
        **parse,
        "entities": [_resolved(entity, text, now) for entity in parse["entities"]],
        "urgency": verdict.tier,
        "urgency_kind": verdict.kind,
        "urgency_score": round(verdict.score, 4),
    }


def _resolved(entity: Mapping[str, Any], text: str, now: datetime) -> Message:
    found = resolve.UNKNOWN
    if entity["entity"] in resolve.ENTITIES:
        found = resolve.resolve(entity["entity"], str(entity["value"]), now=now, context=text)
    return {**entity, "resolved": found.resolved, "candidates": list(found.candidates)}
