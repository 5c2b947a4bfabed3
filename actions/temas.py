"""What is being talked of, other than a case: the form stays open for it, and every message is offered to it first.

The slot `tema` holds it: {"sobre": its name, …}. A topic that waits for an answer keeps the conversation, as a case
does; one that is only at hand ("ya tengo el acta", after the list of documents) lets go of any other message, which is
then taken as if nothing had been talked of.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rasa_sdk import Tracker
from rasa_sdk.events import ActionExecuted, ActionExecutionRejected, FollowupAction, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.base import Events, message_id, pressed

FORM = "formulario_caso"
LEFT, CLOSED = "otro_tema", "tema_cerrado"  # how the form ends, besides what a case ends in (slot `desenlace`)
Tema = dict[str, Any]


@dataclass(frozen=True)
class Topic:
    """`hear` takes in a message; `ask` asks again what waits for an answer, None when nothing does."""

    hear: Callable[[CollectingDispatcher, Tracker, Tema], Events]
    ask: Callable[[CollectingDispatcher, Tema], None] | None = None


TOPICS: dict[str, Topic] = {}


def begin(tema: Tema, tracker: Tracker) -> Events:
    """Keep the conversation at this topic from here on."""
    return [
        SlotSet("tema", tema),
        SlotSet("caso", None),
        SlotSet("tipo_caso", None),
        SlotSet("desenlace", None),
        SlotSet("mensaje_leido", message_id(tracker)),
    ]


def go_on_with_form() -> Events:
    """The form next, whatever the rule says."""
    return [FollowupAction(FORM)]


def step(dispatcher: CollectingDispatcher, tracker: Tracker, tema: Tema) -> Events:
    """The form's turn while a topic is talked of."""
    topic = TOPICS.get(tema["sobre"])
    if topic is None:  # of an older version
        return leave()
    if tracker.get_slot("mensaje_leido") == message_id(tracker):  # just begun, or back from a digression
        if topic.ask:
            topic.ask(dispatcher, tema)
        return stay(tema, tracker)
    if pressed(tracker) and topic.ask is None:
        return leave()
    return topic.hear(dispatcher, tracker, tema)


def waits_for_an_answer(tema: Tema | None) -> bool:
    """Whether a question of the topic is open, so that it is worth coming back to after hours."""
    topic = TOPICS.get(tema["sobre"]) if tema else None
    return topic is not None and topic.ask is not None


def stay(tema: Tema, tracker: Tracker) -> Events:
    """The topic, as it is now, hears the next message too."""
    return [
        SlotSet("tema", tema),
        SlotSet("mensaje_leido", message_id(tracker)),
        SlotSet("requested_slot", tema["sobre"]),
    ]


def digression(tracker: Tracker) -> Events:
    """The message is about something else for a moment."""
    return [SlotSet("mensaje_leido", message_id(tracker)), ActionExecutionRejected(FORM)]


def leave() -> Events:
    """The message is about something else altogether."""
    return end(LEFT)


def end(how: str) -> Events:
    """The form is over."""
    return [SlotSet("desenlace", how), SlotSet("requested_slot", None)]


def as_if_new(tracker: Tracker) -> Events:
    """The last message once more, so that the rules take it with no form in the way."""
    heard = tracker.latest_message
    said = {"event": "user", "timestamp": None, "text": heard.get("text"), "message_id": message_id(tracker)}
    more = {"metadata": heard.get("metadata") or {}, "input_channel": "puente", "parse_data": heard}
    return [ActionExecuted("action_listen"), {**said, **more}]
