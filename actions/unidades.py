"""Where a hospital is, its hours and its phone: what a source says, and honestly nothing else."""

import json
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import temas
from actions.base import TO_A_PERSON, Events, in_a_form, kept, safely, sent_at, two_matters
from actions.temas import Tema
from puente.cases import intake as intakes
from puente.cases.intake import Heard
from puente.knowledge import resolve, texts, units
from puente.knowledge.resolve import Resolution

WHICH = "unidad"
MOST_OFFERED = 9


class ActionUnidad(Action):
    """What is known of the hospital that the family names, or the question which one."""

    def name(self) -> str:
        return "action_unidad"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        said = kept(tracker)
        named = _named(said, tracker)
        if named and named.resolved:
            tell(dispatcher, named.resolved)
            return [] if in_a_form(tracker) else [SlotSet("pendiente", None)]
        candidates = list(named.candidates) if named else []
        if in_a_form(tracker) or two_matters(tracker)[1]:
            dispatcher.utter_message(text=units.general().texto, buttons=[TO_A_PERSON])
            return []
        tema = {"sobre": WHICH, "candidatas": candidates}
        _ask(dispatcher, tema)
        return [
            *temas.begin(tema, tracker),
            SlotSet("pendiente", None),
            *temas.go_on_with_form(),
        ]


def tell(dispatcher: CollectingDispatcher, name: str) -> None:
    """What is known of one unit."""
    known = units.unit_information(name)
    dispatcher.utter_message(text=known.text(), buttons=[] if known.complete else [TO_A_PERSON])


def _ask(dispatcher: CollectingDispatcher, tema: Tema) -> None:
    candidates = tema["candidatas"]
    if not candidates:
        dispatcher.utter_message(text=f"{texts.get('unidad_cual')}\n\n{units.general().texto}", buttons=[TO_A_PERSON])
    elif len(candidates) > MOST_OFFERED:
        dispatcher.utter_message(text="Hay varios con ese nombre. ¿De qué ciudad es?")
    else:
        buttons = [{"title": name, "payload": _payload(name)} for name in candidates]
        dispatcher.utter_message(text="Hay más de uno con ese nombre. ¿Cuál es?", buttons=buttons)


def _payload(name: str) -> str:
    return f"/informacion_unidad{json.dumps({'unidad': name}, ensure_ascii=False)}"


def _hear(dispatcher: CollectingDispatcher, tracker: Tracker, tema: Tema) -> Events:
    """The name that was asked for; any other message is another matter."""
    said = kept(tracker)
    chosen = intakes.choose(tema["candidatas"], said.text)
    if chosen is None and not intakes.is_elsewhere(said):
        named = _named(said, tracker) or resolve.resolve(WHICH, said.text, now=sent_at(tracker), context=said.text)
        chosen = named.resolved
        if chosen is None and named.candidates and not tema["candidatas"]:
            tema = {**tema, "candidatas": list(named.candidates)}
            _ask(dispatcher, tema)
            return temas.stay(tema, tracker)
    if chosen is None:
        return temas.leave()
    tell(dispatcher, chosen)
    return temas.end(temas.CLOSED)


def _named(said: Heard, tracker: Tracker) -> Resolution | None:
    """The unit that the message names, as a name or as several that it may be."""
    words = [str(entity["value"]) for entity in said.entities if entity["entity"] == "unidad"]
    words = words or [found for _, _, found in resolve.find_units(said.text)]
    if not words:
        return None
    return resolve.resolve(WHICH, words[0], now=sent_at(tracker), context=said.text)


temas.TOPICS[WHICH] = temas.Topic(_hear)
