"""Several matters in one message or conversation: one is dealt with, the others wait and are offered after it.

Plain values only; what waits is kept as JSON between messages: {intent, text, entities, at}.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from puente.cases.intake import Heard

Request = dict[str, Any]
MOST_WAITING = 3  # nobody wants a fourth "¿y lo otro?"
# Who it is about and where: said once, meant for both halves.
SHARED = frozenset({"unidad", "representacion", "paciente", "edad", "nss", "curp", "telefono"})
_JOINT = re.compile(r"^[\s,;.…]*(?:(?:y|e|o)\s+)?|[\s,;]+(?:(?:y|e|o)\s*)?$", re.IGNORECASE)


def split(said: Heard, entities: Sequence[Mapping[str, Any]], second: Mapping[str, Any]) -> tuple[Heard, Heard] | None:
    """The two halves of a message that holds two requests: the one to deal with, and the one that waits.

    `entities` are those of the message with their places; `second` says which half is the other request. None when
    it names no half of this text.
    """
    start, end, text = second.get("start"), second.get("end"), said.text
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
        return None
    if (start > 0) == (end < len(text)):  # the whole text, or a piece out of its middle
        return None
    first = (0, start) if start else (end, len(text))
    other = Heard(
        _words(text, (start, end)), str(second["name"]), float(second["confidence"]), _data(entities, (start, end))
    )
    return Heard(_words(text, first), said.intent, said.confidence, _data(entities, first)), other


def waiting(kept: Any) -> list[Request]:
    """The requests that wait, from what the conversation keeps."""
    return [kept] if isinstance(kept, dict) else list(kept or [])


def put_off(queue: Sequence[Request], *requests: Request) -> list[Request]:
    """The queue with more requests at its end. One that is there already, from a replay, does not wait twice."""
    added = [new for new in requests if not any(_same(new, old) for old in queue)]
    return [*queue, *added][:MOST_WAITING]


def _same(one: Request, other: Request) -> bool:
    return (one["intent"], one["text"]) == (other["intent"], other["text"])


def _words(text: str, span: tuple[int, int]) -> str:
    return _JOINT.sub("", text[slice(*span)])


def _data(entities: Sequence[Mapping[str, Any]], span: tuple[int, int]) -> tuple[dict[str, Any], ...]:
    """The data of one half, and from the other half who and where, if this one does not say."""
    inside = [entity for entity in entities if span[0] <= entity["start"] and entity["end"] <= span[1]]
    told = {entity["entity"] for entity in inside}
    shared = [entity for entity in entities if entity["entity"] in SHARED and entity["entity"] not in told]
    return tuple({"entity": entity["entity"], "value": entity["value"]} for entity in [*inside, *shared])
