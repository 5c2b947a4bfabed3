"""Licencia 140 Bis as a guide: answers, a check of one's own situation, a count of days, steps and documents."""

import re
from collections.abc import Sequence
from datetime import date
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
from actions.pedidos import put_off_second
from actions.temas import Tema
from puente.cases import intake as intakes
from puente.cases.intake import Heard
from puente.knowledge import texts
from puente.knowledge.answers import Answer
from puente.knowledge.spelling import plain
from puente.licences import answers, checklist, days, eligibility
from puente.licences.eligibility import Check

REVIEW, PAPERS, STEPS, DAYS = "Revisar mi caso", "Qué papeles ocupo", "Cómo se saca", "Contar mis días"
TITLES = {REVIEW: "revision", PAPERS: "papeles", STEPS: "pasos", DAYS: "dias"}
# The title says which; but WhatsApp takes no two buttons with the same payload, so these only look different.
PAYLOADS = {REVIEW: "/informacion_licencia", PAPERS: "/informacion_licencia{ }"}
ENTRIES = {"documentos": "papeles", "como_se_saca": "pasos"}  # what has more to say than an answer
ABOUT_LICENCES = {"informacion_licencia", "tramitar_licencia", "problema_licencia"}
LIKELY = 2  # as many meanings as we would offer
GET_IT = {"title": "Sacar licencia", "payload": "/tramitar_licencia"}
CHECK, RESULT, COUNT, LIST = "licencia_revision", "licencia_resultado", "licencia_dias", "licencia_papeles"

_ASKS_REVIEW = re.compile(
    r"\b(?:revis\w+|chec\w+|verific\w+|ver|saber|decir\w*|dig\w+) (?:bien )?(?:mi caso|(?:y )?si (?:\w+ ){0,3}?"
    r"(?:me (?:toca|corresponde|la dan)|califico|aplico|cumplo|tengo derecho))\b|\brevis\w+ (?:mi caso|si me)"
)
_ASKS_DAYS = re.compile(
    r"\b(?:cuant[oa]s?|kuantos|qtos|los)\b.{0,12}\b(?:dias?|licencias?)\b.{0,25}"
    r"\b(?:qued\w+|kedan|llevo|sobran|faltan|restan|usad\w+|gast\w+)|"
    r"\bme (?:quedan|kedan|sobran|restan)\b.{0,20}\bdias\b|\b[ck]uant[oa]s (?:me|nos) (?:[qk]u?edan|sobran|restan)\b|"
    r"\b(?:contar|cuente|cuenta|sum\w+)\b.{0,12}\bdias\b"
)
_ASKS_STEPS = re.compile(r"\bpasos\b|\bpaso a paso\b")
_CORRECTS = re.compile(r"\b(?:perdon|me equivo\w+|quise decir|mas bien|corrij\w+|no era\w*|no es|digo)\b")
_BEGINS_AGAIN = re.compile(r"\b(?:empe(?:zar|cemos|zamos)|borr\w+|de nuevo|desde cero)\b")


class ActionLicencia(Action):
    """Answers a question about the licence, or begins the part of the guide that it asks for."""

    def name(self) -> str:
        return "action_licencia"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        said = _asked(tracker)
        begun = begin_guide(dispatcher, tracker, said)
        if begun is not None:
            return [*begun, *temas.go_on_with_form()] if begun else []
        found = answers.find(said.text)
        if not found.known and pressed(tracker):  # a button without words before it
            found = answers.find("qué es la licencia 140 bis")
        if in_a_form(tracker):
            dispatcher.utter_message(text=found.text())
            return []
        if _two(tracker) and found.known:
            dispatcher.utter_message(text=found.text())
            return [SlotSet("pendiente", None)]
        return _with_offer(dispatcher, tracker, found)


def begin_guide(dispatcher: CollectingDispatcher, tracker: Tracker, said: Heard) -> Events | None:
    """Begin the part of the guide that the words ask for; None when they ask for none, nothing when a form is open."""
    part = _part(said.text, tracker)
    if part is None:
        return None
    tema: Tema | None = None
    if part == "revision":
        if in_a_form(tracker):
            return None  # one thing after another; the answer that the finder has is still given
        dispatcher.utter_message(text=texts.get("licencia_revision"))
        return _begin_check(dispatcher, tracker, kept(tracker))  # the words before the button say something too
    if part == "dias":
        tema = {"sobre": COUNT, "licencias": []}
        _count(dispatcher, tracker, tema, said.text)
    else:
        tema = {"sobre": LIST, "ya": []}
        _show_list(dispatcher, tema, "pasos" if part == "pasos" else "documentos")
    if in_a_form(tracker) or _two(tracker):
        return []
    return [*temas.begin(tema, tracker), SlotSet("pendiente", None)]


def may_be_meant(dispatcher: CollectingDispatcher, tracker: Tracker) -> Events | None:
    """A message that was not surely understood, when it may be about the licence and asks for a part of the guide."""
    ranking = tracker.latest_message.get("intent_ranking") or []
    likely = [entry.get("name") for entry in ranking if entry.get("name") != "nlu_fallback"][:LIKELY]
    said = heard(tracker)
    plainly = _ASKS_DAYS.search(plain(said.text)) or _ASKS_REVIEW.search(plain(said.text))
    if not plainly or not ABOUT_LICENCES & set(likely):
        return None
    begun = begin_guide(dispatcher, tracker, said)
    return [*begun, *temas.go_on_with_form()] if begun else begun


def is_a_guide_question(said: Heard, tracker: Tracker) -> bool:
    """Whether words that sound like a request to get the licence only ask for its days, steps or documents."""
    if pressed(tracker):
        return False
    part = _part(said.text, tracker)
    asks = intakes.is_a_question(said.text) or bool(_ASKS_STEPS.search(plain(said.text)))
    return bool(_ASKS_DAYS.search(plain(said.text))) or (asks and part in ("papeles", "pasos"))


def _asked(tracker: Tracker) -> Heard:
    """The question: of a button of the guide its title, of any other button the words before it."""
    said = heard(tracker)
    return said if said.text in TITLES else kept(tracker)


def _part(text: str, tracker: Tracker) -> str | None:
    said = plain(text)
    if text in TITLES:
        return TITLES[text]
    if _ASKS_DAYS.search(said) or days.read(text, sent_at(tracker)):
        return "dias"
    if _ASKS_REVIEW.search(said):
        return "revision"
    if _ASKS_STEPS.search(said):
        return "pasos"
    found = answers.find(text).entries
    return ENTRIES.get(found[0].id) if found else None


def _two(tracker: Tracker) -> bool:
    """Whether another request of the message waits to be offered: one offer at a time."""
    return two_matters(tracker)[1] is not None or bool(tracker.get_slot("otro_pedido"))


def _with_offer(dispatcher: CollectingDispatcher, tracker: Tracker, found: Answer) -> Events:
    """The answer, and the check of her own case as an offer that a "sí" takes up."""
    buttons = [_button(REVIEW), _button(PAPERS), TO_A_PERSON]
    dispatcher.utter_message(text=f"{found.text()}\n\n{texts.get('licencia_oferta')}", buttons=buttons)
    offer = {**as_request(_asked(tracker), tracker), "intent": "informacion_licencia", "boton": REVIEW}
    return [SlotSet("pendiente", {**offer, "de": message_id(tracker)})]


def _button(title: str) -> dict[str, str]:
    return {"title": title, "payload": PAYLOADS[title]}


# ---- the check of one's own situation


def _begin_check(dispatcher: CollectingDispatcher, tracker: Tracker, said: Heard) -> Events:
    check = eligibility.start(said.text, sent_at(tracker))
    question = eligibility.ask(check)
    if question is None:
        _give_verdict(dispatcher, check)
    tema = {"sobre": CHECK if question else RESULT, "revision": check.as_json()}
    return [
        *temas.begin(tema, tracker),
        SlotSet("pendiente", None),
        SlotSet("otro_pedido", put_off_second(tracker) or None),
    ]


def _ask_check(dispatcher: CollectingDispatcher, tema: Tema) -> None:
    """The open question as it was put first; coming back to it does not count as asking again."""
    waiting = Check.from_json(tema["revision"]).asking
    if waiting:
        topic = eligibility.topics()[waiting]
        _put(dispatcher, topic.pregunta, topic.opciones)


def _hear_check(dispatcher: CollectingDispatcher, tracker: Tracker, tema: Tema) -> Events:
    said, now = heard(tracker), sent_at(tracker)
    if said.intent == "hablar_con_persona":
        return temas.end("persona")
    if intakes.gives_up(said):
        return temas.end("cancelado")
    before = Check.from_json(tema["revision"])
    check = Check.from_json(tema["revision"])
    check.known = dict(before.known)
    eligibility.answer(check, said.text, now, intent=said.intent)
    learned = [value for name, value in check.known.items() if before.known.get(name) != value]
    surely = any(value != eligibility.UNKNOWN for value in learned)
    if intakes.is_elsewhere(said) and (not surely or intakes.is_a_question(said.text)):
        return temas.digression(tracker)
    return _go_on(dispatcher, tracker, check)


def _go_on(dispatcher: CollectingDispatcher, tracker: Tracker, check: Check) -> Events:
    question = eligibility.ask(check)
    if question is not None:
        _put(dispatcher, question.text, question.options)
        return temas.stay({"sobre": CHECK, "revision": check.as_json()}, tracker)
    _give_verdict(dispatcher, check)
    if tracker.get_slot("otro_pedido"):
        return temas.end(temas.CLOSED)
    return temas.stay({"sobre": RESULT, "revision": check.as_json()}, tracker)


def _hear_after_verdict(dispatcher: CollectingDispatcher, tracker: Tracker, tema: Tema) -> Events:
    """A correction gives another verdict, or the next question; anything else is another matter."""
    said, check = heard(tracker), Check.from_json(tema["revision"])
    before = dict(check.known)
    check.known = dict(before)
    eligibility.answer(check, said.text, sent_at(tracker), intent=said.intent)
    if check.known == before or intakes.is_a_question(said.text):
        return temas.leave()
    return _go_on(dispatcher, tracker, check)


def _put(dispatcher: CollectingDispatcher, text: str, options: Sequence[eligibility.Option]) -> None:
    dispatcher.utter_message(
        text=text, buttons=[{"title": option.boton, "payload": option.boton} for option in options]
    )


def _give_verdict(dispatcher: CollectingDispatcher, check: Check) -> None:
    verdict = eligibility.verdict(check)
    if verdict.outcome == "no":
        dispatcher.utter_message(text=verdict.text(), buttons=[TO_A_PERSON])
        return
    text = verdict.text()
    if verdict.outcome == "pregunte":
        text += f"\n\n{texts.get('licencia_pasar')}"
    dispatcher.utter_message(text=text, buttons=[GET_IT, _button(PAPERS), TO_A_PERSON])


# ---- the count of days


def _hear_days(dispatcher: CollectingDispatcher, tracker: Tracker, tema: Tema) -> Events:
    said = heard(tracker)
    if _BEGINS_AGAIN.search(plain(said.text)) and tema["licencias"]:
        tema = {**tema, "licencias": []}
    elif not days.read(said.text, sent_at(tracker)):
        only_days = re.fullmatch(r"\D{0,30}\d{1,3} ?d[ií]as?\D{0,20}", said.text.lower())
        if not only_days or intakes.is_a_question(said.text):
            return temas.leave()
        dispatcher.utter_message(text=texts.get("licencia_desde_cuando"))
        return temas.stay(tema, tracker)
    tema = {**tema, "licencias": [*tema["licencias"]]}
    _count(dispatcher, tracker, tema, said.text)
    return temas.stay(tema, tracker)


def _count(dispatcher: CollectingDispatcher, tracker: Tracker, tema: Tema, text: str) -> None:
    """Add the licences of a message to the topic's and say the sum; a correction takes the last one's place."""
    found = days.read(text, sent_at(tracker))
    known = tema["licencias"]
    if found and known and _CORRECTS.search(plain(text)):
        known.pop()
    known += [[licence.start.isoformat(), licence.end.isoformat()] for licence in found]
    licences = [days.Licence(date.fromisoformat(start), date.fromisoformat(end)) for start, end in known]
    counted = days.count(licences, sent_at(tracker).date())
    more = f"\n\n{texts.get('licencia_dias_mas')}" if known else ""
    dispatcher.utter_message(text=f"{counted.text()}{more}")


# ---- steps and documents


def _hear_list(dispatcher: CollectingDispatcher, tracker: Tracker, tema: Tema) -> Events:
    said = heard(tracker)
    have, lack = checklist.ticked(said.text)
    if not (have or lack) or intakes.is_a_question(said.text):
        return temas.leave()
    tema = {**tema, "ya": [item for item in dict.fromkeys([*tema["ya"], *have]) if item not in lack]}
    _show_list(dispatcher, tema, "documentos")
    return temas.stay(tema, tracker)


def _show_list(dispatcher: CollectingDispatcher, tema: Tema, which: str) -> None:
    if which == "pasos":
        buttons = [_button(PAPERS), _button(REVIEW), GET_IT]
        dispatcher.utter_message(text=checklist.text("pasos"), buttons=buttons)
        return
    text = checklist.text("documentos", tema["ya"])
    complete = all(item.id in tema["ya"] for item in checklist.documents())
    dispatcher.utter_message(text=text if complete else f"{text}\n\n{texts.get('licencia_papeles_mas')}")


temas.TOPICS |= {
    CHECK: temas.Topic(_hear_check, _ask_check),
    RESULT: temas.Topic(_hear_after_verdict),
    COUNT: temas.Topic(_hear_days),
    LIST: temas.Topic(_hear_list),
}
