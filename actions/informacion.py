"""Questions whose answer is known, or honestly not known: donating, minutes, meetings, one's own data."""

import re
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import temas
from actions.base import (
    TO_A_PERSON,
    Events,
    as_request,
    heard,
    in_a_form,
    kept,
    message_id,
    pressed,
    safely,
    sent_at,
    two_matters,
)
from actions.casos import begin_case
from actions.pedidos import say_it_waits
from puente import settings as configuration
from puente.cases import matters
from puente.cases.intake import Heard
from puente.knowledge import donation, minutes, privacy, texts
from puente.knowledge.spelling import plain

OFFER_TITLE = "Pasar mi petición"
NOT_NOW = {"title": "Ahora no", "payload": "/negar"}


class ActionDonacion(Action):
    """What one needs to donate blood; making or changing an appointment is told where."""

    def name(self) -> str:
        return "action_donacion"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        said = kept(tracker)
        found = donation.find("qué se necesita para donar" if said.text.startswith("/") else said.text)
        if said.intent in ("agendar_donacion", "cambiar_donacion"):
            _answer(dispatcher, donation.get("cita").shown(), known=False)
        elif pressed(tracker) and not found.known:  # a button without words before it
            _answer(dispatcher, donation.get("requisitos").shown(), known=True)
        else:
            _answer(dispatcher, found.text(), known=found.known)
        return _done(tracker)


class ActionMinutas(Action):
    """What the minutes say; what they do not say can be passed on to Transparencia."""

    def name(self) -> str:
        return "action_minutas"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        said = kept(tracker)
        if _accepts(tracker):
            return _open(dispatcher, tracker, said, "minutas")
        found = minutes.search("minutas" if said.text.startswith("/") else said.text, sent_at(tracker))
        if found.known:
            _answer(dispatcher, found.text(), known=True)
            return _done(tracker)
        return _offer_to_pass_on(dispatcher, tracker, said, found.text())


class ActionReunion(Action):
    """What is known of the meetings with mothers and fathers; a point for the agenda is passed on."""

    def name(self) -> str:
        return "action_reunion"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        said = kept(tracker)
        if _accepts(tracker) or _PROPOSES.search(plain(said.text)):
            return _open(dispatcher, tracker, said, "reunion")
        if not _ASKS_FOR_THE_NEXT.search(plain(said.text)):
            found = minutes.search(said.text, sent_at(tracker))
            if found.hits or found.meeting:
                _answer(dispatcher, found.text(), known=True)
                return _done(tracker)
        return _offer_to_pass_on(dispatcher, tracker, said, texts.get("reunion_no_se"))


class ActionPrivacidad(Action):
    """What is kept and why; asking for one's data, correcting or erasing them becomes a case, once confirmed."""

    def name(self) -> str:
        return "action_privacidad"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        said = kept(tracker)
        if _accepts(tracker):
            return _open(dispatcher, tracker, said, "privacidad")
        if (begun := may_be_meant(dispatcher, tracker)) is not None:
            return begun
        notice = privacy.notice().text(configuration.load().puente_privacy_url)
        found = privacy.find(said.text)
        if pressed(tracker) or any(entry.id == ABOUT_THE_NOTICE for entry in found.entries):
            _answer(dispatcher, notice, known=True)
            return _done(tracker)
        if found.known:
            _answer(dispatcher, found.text(), known=True)
            return _done(tracker)
        return _offer_to_pass_on(dispatcher, tracker, said, f"{notice}\n\n{found.text()}")


def may_be_meant(dispatcher: CollectingDispatcher, tracker: Tracker) -> Events | None:
    """The case of a plain request about one's own data, even if the whole message was not surely understood."""
    said = kept(tracker)
    request = privacy.request_in(said.text)
    if request not in ("acceso", "borrar", "correccion"):
        return None
    about_data = Heard(said.text, "privacidad_datos", said.confidence, said.entities)
    return _open(dispatcher, tracker, about_data, "privacidad", opening=texts.get(f"privacidad_{request}"))


ABOUT_THE_NOTICE = "que_guardan"
_PROPOSES = re.compile(
    r"\b(?:prop\w+|sugier\w+|suger\w+|agreg\w+|anot\w+|pon(?:er|gan|ga)|inclu\w+|met(?:er|an|a))\b.{0,40}"
    r"\b(?:puntos?|temas?|agenda|orden del dia|reunion|junta|asunto)\b|\b(?:puntos?|temas?) para la\b|"
    r"\bque se (?:hable|toque|vea|trate|discuta|platique)\b|"
    r"\bquiero (?:que|proponer|tratar|hablar de)\b.{0,40}\b(?:reunion|junta|agenda)\b"
)
_ASKS_FOR_THE_NEXT = re.compile(
    r"\b(?:proxim\w+|siguiente|cuando|kuando|que dia|fecha|hora|donde|liga|link|zoom|asistir|entrar|ir a|particip\w+|"
    r"invit\w+|inscri\w+|va a haber|habra|toca)\b"
)


def _answer(dispatcher: CollectingDispatcher, text: str, *, known: bool) -> None:
    dispatcher.utter_message(text=text, buttons=[] if known else [TO_A_PERSON])


def _done(tracker: Tracker) -> Events:
    """An answer that offers nothing ends what was on offer before; in a form nothing changes."""
    return [] if in_a_form(tracker) else [SlotSet("pendiente", None)]


def _accepts(tracker: Tracker) -> bool:
    """Whether the message takes up the offer to pass the words before it on."""
    return pressed(tracker) and heard(tracker).text == OFFER_TITLE


def _open(dispatcher: CollectingDispatcher, tracker: Tracker, said: Heard, kind: str, *, opening: str = "") -> Events:
    """Begin the case, its words being all that is needed; inside another form it waits its turn."""
    if in_a_form(tracker):
        request = as_request(said, tracker)
        say_it_waits(dispatcher, [request])
        return [SlotSet("otro_pedido", matters.put_off(matters.waiting(tracker.get_slot("otro_pedido")), request))]
    whole = said.text not in (OFFER_TITLE, "") and not said.text.startswith("/")
    return [*begin_case(dispatcher, tracker, said, kind, opening=opening, whole=whole), *temas.go_on_with_form()]


def _offer_to_pass_on(dispatcher: CollectingDispatcher, tracker: Tracker, said: Heard, text: str) -> Events:
    """Not known: an area can look for it. One offer at a time, and none inside a form."""
    if in_a_form(tracker) or two_matters(tracker)[1]:
        _answer(dispatcher, text, known=False)
        return _done(tracker)
    buttons = [{"title": OFFER_TITLE, "payload": f"/{said.intent}"}, NOT_NOW, TO_A_PERSON]
    dispatcher.utter_message(text=text, buttons=buttons)
    request = {**as_request(said, tracker), "boton": OFFER_TITLE, "de": message_id(tracker)}
    return [SlotSet("pendiente", request)]
