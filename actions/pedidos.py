"""The other request of a message: it waits while the first is dealt with, then it is offered."""

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActionExecuted, SlotSet
from rasa_sdk.executor import CollectingDispatcher

from actions.base import Events, as_request, heard, in_a_form, kept, message_id, recent, safely, two_matters
from puente.cases import matters
from puente.cases.intake import says_not_now, says_yes
from puente.knowledge import catalogs, meanings, texts

# After these, "sí" answers us.
OFFERING = ("action_terminar_caso", "action_ofrecer_pedido", "action_contestar_oferta")


def put_off_second(tracker: Tracker) -> list[matters.Request]:
    """All that waits, with the other request of the last message."""
    queue = matters.waiting(tracker.get_slot("otro_pedido"))
    _, second = two_matters(tracker)
    return matters.put_off(queue, as_request(second, tracker)) if second else queue


def offer_next(dispatcher: CollectingDispatcher, queue: list[matters.Request]) -> Events:
    """Offer what has waited longest; nothing when nothing waits."""
    if not queue:
        return []
    request, *rest = queue
    dispatcher.utter_message(
        text=meanings.offered_later(request["intent"]),
        buttons=[{"title": "Sí", "payload": f"/{request['intent']}"}, {"title": "Ahora no", "payload": "/negar"}],
    )
    return [SlotSet("pendiente", request), SlotSet("otro_pedido", rest or None)]


def say_it_waits(dispatcher: CollectingDispatcher, requests: list[matters.Request]) -> None:
    """Tell that these are not forgotten."""
    labels = [label for request in requests if (label := _label(request["intent"]))]
    about = f" ({' y '.join(dict.fromkeys(labels))})" if labels else ""
    dispatcher.utter_message(text=f"Eso también lo vemos{about}, en cuanto terminemos con esto.")


class ActionOfrecerPedido(Action):
    """After an answer: offers the other request of the message, or lets it wait while a form is being filled."""

    def name(self) -> str:
        return "action_ofrecer_pedido"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        queue = put_off_second(tracker)
        if not in_a_form(tracker):
            return offer_next(dispatcher, queue) or _drop_old_offer(tracker)
        before = matters.waiting(tracker.get_slot("otro_pedido"))
        if new := queue[len(before) :]:
            say_it_waits(dispatcher, new)
        return [SlotSet("otro_pedido", queue or None)]


class ActionRecordarPedido(Action):
    """A second matter in the middle of a report: kept, and offered when the report is done."""

    def name(self) -> str:
        return "action_recordar_pedido"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        _, second = two_matters(tracker)
        new = [as_request(said, tracker) for said in (kept(tracker), second) if said]
        say_it_waits(dispatcher, new)
        return [SlotSet("otro_pedido", matters.put_off(matters.waiting(tracker.get_slot("otro_pedido")), *new))]


class ActionContestarOferta(Action):
    """A yes or a no: to the offer that was just made, if one was."""

    def name(self) -> str:
        return "action_contestar_oferta"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        answered = answer_offer(dispatcher, tracker)
        if answered is None:
            dispatcher.utter_message(text=texts.get("que_necesita"))
        return answered or []


def answer_offer(dispatcher: CollectingDispatcher, tracker: Tracker) -> Events | None:
    """Take up or drop what was just offered; None when nothing was, or when this is no answer to it."""
    request, said = _on_offer(tracker), heard(tracker)
    if request is None:
        return None
    if said.intent == "afirmar" or says_yes(said.text):
        return _as_if_pressed(tracker, request)
    if said.intent != "negar" and not says_not_now(said.text):
        return None
    dispatcher.utter_message(
        text="De acuerdo, lo dejamos por ahora. Si más tarde lo necesita, aquí estoy; solo escríbame."
    )
    return [SlotSet("pendiente", None), *offer_next(dispatcher, matters.waiting(tracker.get_slot("otro_pedido")))]


def _on_offer(tracker: Tracker) -> matters.Request | None:
    request: matters.Request | None = tracker.get_slot("pendiente")
    if not request or not request.get("intent") or not recent(request, tracker):
        return None
    done = [event["name"] for event in tracker.events if event["event"] == "action"]
    last = next((name for name in reversed(done) if name != "action_listen"), None)
    return request if last in OFFERING else None


def _drop_old_offer(tracker: Tracker) -> Events:
    """An offer of an earlier message is not what a "sí" means after this one."""
    request = tracker.get_slot("pendiente")
    old = request and request.get("intent") and request.get("de") != message_id(tracker)
    return [SlotSet("pendiente", None)] if old else []


def _as_if_pressed(tracker: Tracker, request: matters.Request) -> Events:
    """A "sí" means what the button says: the same message again, so that the same rule goes on from here."""
    text, wamid = f"/{request['intent']}", message_id(tracker)
    shown = request.get("boton") or heard(tracker).text
    metadata = {**(tracker.latest_message.get("metadata") or {}), "shown_text": shown}
    intent = {"name": request["intent"], "confidence": 1.0}
    parse = {"text": text, "intent": intent, "entities": [], "message_id": wamid, "metadata": metadata}
    said = {"event": "user", "timestamp": None, "text": text, "message_id": wamid, "metadata": metadata}
    return [ActionExecuted("action_listen"), {**said, "input_channel": "puente", "parse_data": parse}]


def _label(intent: str) -> str | None:
    return next((kind.label.lower() for kind in catalogs.kinds().values() if kind.intent == intent), None)
