"""The conversation itself: a new session, not understanding, and the way to a person."""

from itertools import takewhile
from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActionExecuted, ActiveLoop, EventType, SessionStarted, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions import idiomas, informacion, licencia, temas
from actions.base import (
    TO_A_PERSON,
    Events,
    database,
    heard,
    keep,
    kept,
    language,
    pressed,
    safely,
)
from actions.casos import show_cases
from actions.pedidos import answer_offer
from actions.verificacion import is_being_asked
from puente import clock
from puente.contacts import service as contacts
from puente.knowledge import bank, meanings, texts

CARRIED_SLOTS = ("caso", "tipo_caso", "tema", "requested_slot", "mensaje_leido", "otro_pedido")
FEW_WORDS = 8


class ActionSessionStart(Action):
    """A new session after hours of silence. A half-filled form, and what waits behind it, goes on where it was."""

    def name(self) -> str:
        return "action_session_start"

    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> list[EventType]:
        events: list[EventType] = [SessionStarted()]
        events.append(SlotSet("aviso_pendiente", True))  # perhaps: the first answer looks (actions/base.py)
        form, tema = (tracker.active_loop or {}).get("name"), tracker.get_slot("tema")
        if form and (not tema or temas.waits_for_an_answer(tema)):
            events += [SlotSet(slot, tracker.get_slot(slot)) for slot in CARRIED_SLOTS if tracker.get_slot(slot)]
            events.append(ActiveLoop(form))
        return [*events, ActionExecuted("action_listen")]


class ActionPresentarse(Action):
    """Before answers that are only a text: the introduction, when it is due. The other actions bring it themselves."""

    def name(self) -> str:
        return "action_presentarse"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        return []


class ActionNoEntendi(Action):
    """Not understood: first a question with the two likeliest meanings, then the offer of a person, then the person."""

    def name(self) -> str:
        return "action_no_entendi"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        if spoken := language(tracker):
            async with database().transaction() as session:
                await idiomas.hand_over(session, dispatcher, tracker.sender_id, spoken, heard(tracker).text)
            return []
        if _only_bank_data(tracker):
            return []
        if (answered := answer_offer(dispatcher, tracker)) is not None:
            return answered  # "ahorita no gracias": understood, here where it was asked
        if await _answers_who_she_is(dispatcher, tracker):
            return []
        for may_be_meant in (licencia.may_be_meant, informacion.may_be_meant):
            if (begun := may_be_meant(dispatcher, tracker)) is not None:
                return begun
        failures = _failures_before(tracker)
        likely = meanings.likeliest(tracker.latest_message.get("intent_ranking") or [])
        if failures >= 2:
            await _hand_over(dispatcher, tracker, "el asistente no le entendió tres veces seguidas")
            return []
        if failures == 1 or not likely:
            dispatcher.utter_message(
                text=texts.get("ofrecer_persona"),
                buttons=[TO_A_PERSON, {"title": "¿Qué puede hacer?", "payload": "/pedir_ayuda"}],
            )
        else:
            dispatcher.utter_message(
                text=f"Quiero entenderle bien: ¿quiere {' o '.join(meaning.words for meaning in likely)}?",
                buttons=[
                    *({"title": meaning.button, "payload": f"/{meaning.intent}"} for meaning in likely),
                    TO_A_PERSON,
                ],
            )
        return [keep(tracker)]


class ActionPasarAPersona(Action):
    """Hands the conversation to a person; the bot is silent until it is given back."""

    def name(self) -> str:
        return "action_pasar_a_persona"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        said = kept(tracker) if pressed(tracker) else heard(tracker)
        await _hand_over(dispatcher, tracker, f"lo pidió la familia: “{said.text[:200]}”")
        return [SlotSet("pendiente", None), SlotSet("otro_pedido", None)]


class ActionSinPregunta(Action):
    """A bare datum when nothing was asked: say what can be done with it."""

    def name(self) -> str:
        return "action_sin_pregunta"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        if await _answers_who_she_is(dispatcher, tracker) or _only_bank_data(tracker):
            return []
        dispatcher.utter_message(
            text=texts.get("dato_suelto"),
            buttons=[
                {"title": "Falta medicamento", "payload": "/reportar_desabasto"},
                {"title": "¿Cómo va mi reporte?", "payload": "/consultar_caso"},
                TO_A_PERSON,
            ],
        )
        return [keep(tracker)]


async def _answers_who_she_is(dispatcher: CollectingDispatcher, tracker: Tracker) -> bool:
    """A folio and a name look like any datum: when we have just asked for them, that is what they are."""
    async with database().transaction() as session:
        if not await is_being_asked(session, tracker):
            return False
        await show_cases(session, dispatcher, tracker)
    return True


def _only_bank_data(tracker: Tracker) -> bool:
    """Whether the message holds little else than bank data, about which the word has been said (actions/base.py)."""
    said = heard(tracker).text
    return bank.OMITTED in said and len(said.replace(bank.OMITTED, "").split()) <= FEW_WORDS


def _failures_before(tracker: Tracker) -> int:
    """How many messages in a row, just before this one, were not understood either."""
    done = [
        event["name"] for event in tracker.events if event["event"] == "action" and event["name"] != "action_listen"
    ]
    return len(list(takewhile(lambda name: name == "action_no_entendi", reversed(done))))


async def _hand_over(dispatcher: CollectingDispatcher, tracker: Tracker, reason: str) -> None:
    async with database().transaction() as session:
        await contacts.request_handoff(
            session, tracker.sender_id, area="atencion_derechohabiente", reason=reason, now=clock.utcnow()
        )
    dispatcher.utter_message(text=texts.get("pase_a_persona"))
