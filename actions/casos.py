"""Cases by conversation: start one, ask what is missing, read it back, register it, look it up."""

from typing import Any

from rasa_sdk import Action, Tracker
from rasa_sdk.events import ActionExecutionRejected, SlotSet
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy.ext.asyncio import AsyncSession

from actions import idiomas, licencia, temas
from actions.base import TO_A_PERSON, Events, database, heard, kept, language, message_id, safely, sent_at
from actions.pedidos import offer_next, put_off_second
from actions.temas import FORM
from actions.verificacion import is_proved
from puente import clock
from puente.areas import names as areas
from puente.cases import folio as folios
from puente.cases import intake as intakes
from puente.cases import matters
from puente.cases import service as cases
from puente.cases.intake import CONFIRMATION, CORRECTION, Heard, Intake, Outcome
from puente.cases.models import Case
from puente.contacts import service as contacts
from puente.knowledge import catalogs, texts

FORM_SLOTS = ("caso", "tipo_caso", "tema", "desenlace", "mensaje_leido")
NOTHING_REGISTERED = "De acuerdo, no registré nada. Si lo necesita más tarde, aquí estoy; solo escríbame."
MOST_OFFERED = 9  # WhatsApp's lists end at ten rows


class ActionIniciarCaso(Action):
    """Begins the case that the last message is about, with everything that it already says."""

    def name(self) -> str:
        return "action_iniciar_caso"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        said = kept(tracker)
        if said.intent == "tramitar_licencia" and licencia.is_a_guide_question(said, tracker):
            return licencia.begin_guide(dispatcher, tracker, said) or []
        return begin_case(dispatcher, tracker, said, _kind_of(said.intent))


def begin_case(
    dispatcher: CollectingDispatcher,
    tracker: Tracker,
    said: Heard,
    kind: str,
    *,
    opening: str = "",
    whole: bool = False,
) -> Events:
    """Everything that a new case of this kind starts from. `whole`: the words say all that happened."""
    intake = intakes.start(kind, said, sent_at(tracker), whole_story=whole)
    if opening := opening or catalogs.kinds()[kind].opening:
        dispatcher.utter_message(text=opening)
    return [
        SlotSet("caso", intake.as_json()),
        SlotSet("tipo_caso", kind),
        SlotSet("tema", None),
        SlotSet("mensaje_leido", message_id(tracker)),
        SlotSet("pendiente", None),
        SlotSet("otro_pedido", put_off_second(tracker) or None),
        SlotSet("desenlace", None),
    ]


class ValidateFormularioCaso(Action):
    """The form's mind: takes in the answer, then asks the next thing or ends the form.

    It sets `requested_slot` itself, so that which data are asked is decided by the catalogue of the case's kind.
    """

    def name(self) -> str:
        return "validate_formulario_caso"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        if language(tracker):
            return temas.end("persona")
        if tema := tracker.get_slot("tema"):
            return temas.step(dispatcher, tracker, tema)
        state = tracker.get_slot("caso")
        if not state:  # only possible if a conversation was damaged: end the form instead of asking forever
            return [SlotSet("desenlace", "cancelado"), SlotSet("requested_slot", None)]
        intake = Intake.from_json(state)
        if tracker.get_slot("mensaje_leido") == message_id(tracker):
            _ask(dispatcher, intake, again=False)  # just started, or back from a digression
            return _asking(intake, tracker)
        outcome = intakes.consume(intake, heard(tracker), sent_at(tracker))
        if outcome is Outcome.DIGRESSION:
            return [SlotSet("mensaje_leido", message_id(tracker)), ActionExecutionRejected(FORM)]
        endings = {Outcome.SEND: "confirmado", Outcome.CANCEL: "cancelado", Outcome.PERSON: "persona"}
        if outcome in endings:
            return [
                SlotSet("caso", intake.as_json()),
                SlotSet("desenlace", endings[outcome]),
                SlotSet("requested_slot", None),
            ]
        _ask(dispatcher, intake, again=outcome is Outcome.UNCLEAR)
        return _asking(intake, tracker)


class ActionTerminarCaso(Action):
    """What the form ends in: the registered case with its folio, nothing, a person, or another matter altogether."""

    def name(self) -> str:
        return "action_terminar_caso"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        ending, state = tracker.get_slot("desenlace"), tracker.get_slot("caso")
        tema = tracker.get_slot("tema")
        waiting = matters.waiting(tracker.get_slot("otro_pedido"))
        if ending == temas.LEFT:
            return [*(SlotSet(slot, None) for slot in FORM_SLOTS), *temas.as_if_new(tracker)]
        if ending == "confirmado" and state:
            await _register(dispatcher, tracker, Intake.from_json(state))
        elif ending == "persona":
            await _hand_over(dispatcher, tracker, Intake.from_json(state) if state else None, waiting)
        elif ending != temas.CLOSED:
            dispatcher.utter_message(text=texts.get("licencia_revision_dejada") if tema else NOTHING_REGISTERED)
        cleared = [SlotSet(slot, None) for slot in (*FORM_SLOTS, "pendiente", "otro_pedido")]
        return cleared if ending == "persona" else [*cleared, *offer_next(dispatcher, waiting)]


class ActionAnotarEnCaso(Action):
    """Writes something more, or that it is solved, on the open case that the family means."""

    def name(self) -> str:
        return "action_anotar_en_caso"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        said = kept(tracker)
        async with database().transaction() as session:
            if not await is_proved(session, dispatcher, tracker):
                return []
            open_cases = await cases.cases_of(session, tracker.sender_id, open_only=True)
            folio = folios.find(said.text)
            meant = [case for case in open_cases if case.folio == folio] if folio else open_cases
            if len(meant) != 1:
                _which_case(dispatcher, open_cases)
                return []
            solved = said.intent == "cerrar_caso"
            note = f"La familia avisa que ya se resolvió: {said.text}" if solved else said.text
            await cases.add_note(
                session, meant[0], actor="familia", note=note, source_wamid=message_id(tracker), now=clock.utcnow()
            )
        news = "Qué bueno. Le avisé al área que ya se resolvió" if solved else "Lo agregué"
        dispatcher.utter_message(
            text=f"{news}: folio *{meant[0].folio}*, en {areas.area_name(meant[0].area)}. ¿Algo más?"
        )
        return []


class ActionConsultarCaso(Action):
    """How a case is going: by folio if she gives one, otherwise by the phone she writes from."""

    def name(self) -> str:
        return "action_consultar_caso"

    @safely
    async def run(self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: Any) -> Events:
        async with database().transaction() as session:
            await show_cases(session, dispatcher, tracker)
        return []


async def show_cases(session: AsyncSession, dispatcher: CollectingDispatcher, tracker: Tracker) -> None:
    """The case whose folio she gives, or all that are open; a contact that may be somebody else proves itself first."""
    if not await is_proved(session, dispatcher, tracker):
        return
    folio = folios.find(kept(tracker).text)
    if folio:
        case = await cases.find(session, folio)
        if case is None or case.contact_id != tracker.sender_id:
            _not_shown(dispatcher, folio)
        else:
            dispatcher.utter_message(text=describe(case))
        return
    open_cases = await cases.cases_of(session, tracker.sender_id, open_only=True)
    if not open_cases:
        _no_cases(dispatcher)
    elif len(open_cases) == 1:
        dispatcher.utter_message(text=describe(open_cases[0]))
    else:
        lines = [describe_briefly(case) for case in open_cases[:5]]
        more = "" if len(open_cases) <= 5 else f"\n…y {len(open_cases) - 5} más."
        dispatcher.utter_message(
            text="Estos son sus reportes abiertos:\n\n" + "\n".join(lines) + more + "\n\n¿De cuál quiere saber más? "
            "Escríbame su folio."
        )


STATUS_WORDS = {
    "recibido": "recibido; el área todavía no lo toma",
    "asignado": "asignado a una persona del área",
    "en_atencion": "en atención",
    "en_espera_familia": "en espera de un dato de usted",
    "en_espera_externo": "en espera de otra área",
    "resuelto": "resuelto",
    "cerrado": "cerrado",
    "rechazado": "no procedió",
    "duplicado": "unido a otro reporte",
}


def describe(case: Case) -> str:
    """One case for its family: what, where, in whose hands and until when."""
    kind = catalogs.kinds()[case.kind].label
    about = f" de *{case.medicine}*" if case.medicine else ""
    place = f"\n• Hospital: {case.unit}" if case.unit else ""
    due = case.due_at.astimezone(clock.MEXICO_CITY)
    overdue = case.due_at < clock.utcnow() and case.status == "recibido"
    promise = (
        "\n\nYa pasó la fecha en que debían contestarle, y lo siento. ¿Quiere que lo pase a una persona?"
        if overdue
        else f"\n• Respuesta a más tardar: {intakes.spanish_date(due.date())}, {due:%H:%M} h"
    )
    return (
        f"*{case.folio}* — {kind}{about}\n• Estado: {STATUS_WORDS[case.status]}"
        f"\n• Área: {areas.area_name(case.area)}{place}{promise}"
    )


def describe_briefly(case: Case) -> str:
    """One case in one line."""
    about = f" de {case.medicine}" if case.medicine else ""
    kind = catalogs.kinds()[case.kind].label
    return f"• *{case.folio}*: {kind}{about}, {STATUS_WORDS[case.status].split(';')[0]}"


def _kind_of(intent: str) -> str:
    return next((kind.id for kind in catalogs.kinds().values() if kind.intent == intent), "otro")


def _asking(intake: Intake, tracker: Tracker) -> Events:
    return [
        SlotSet("caso", intake.as_json()),
        SlotSet("mensaje_leido", message_id(tracker)),
        SlotSet("requested_slot", intake.asking),
    ]


def _ask(dispatcher: CollectingDispatcher, intake: Intake, *, again: bool) -> None:
    if intake.asking == CORRECTION:
        dispatcher.utter_message(text="Claro, ¿qué dato corrijo? Escríbamelo tal como debe quedar.")
    elif intake.asking == CONFIRMATION:
        _read_back(dispatcher, intake, again=again)
    elif candidates := intake.candidates.get(intake.asking or ""):
        _offer(dispatcher, candidates, again=again)
    else:
        fact = intakes.fact_types()[intake.asking or ""]
        dispatcher.utter_message(text=fact.clarification if again else fact.question)


def _read_back(dispatcher: CollectingDispatcher, intake: Intake, *, again: bool) -> None:
    kind = catalogs.kinds()[intake.kind]
    lines = [f"• {label}: {value}" for label, value in intakes.summary(intake)]
    if not any(label == "Lo que pasó" for label, _ in intakes.summary(intake)) and intake.words:
        lines.append(f"• Sus palabras: “{intake.words[0][:200]}”")
    opening = "No estoy seguro de haber entendido. " if again else ""
    dispatcher.utter_message(
        text=f"{opening}Voy a registrar esto — *{kind.label}*:\n" + "\n".join(lines) + "\n\n¿Está bien así?",
        buttons=[
            {"title": "Sí, enviar", "payload": "/afirmar"},
            {"title": "Corregir algo", "payload": "/negar"},
            {"title": "No enviar", "payload": "/cancelar"},
        ],
    )


def _offer(dispatcher: CollectingDispatcher, candidates: list[str], *, again: bool) -> None:
    if len(candidates) > MOST_OFFERED:
        examples = ", ".join(name.rpartition(", ")[2] for name in candidates[:4])
        dispatcher.utter_message(text=f"Hay varios con ese nombre ({examples}…). ¿De qué ciudad es?")
        return
    opening = "Disculpe, ¿cuál de estos es?" if again else "Hay más de uno con ese nombre. ¿Cuál es?"
    dispatcher.utter_message(
        text=f"{opening} También puede escribirme la ciudad.",
        buttons=[{"title": name, "payload": name} for name in candidates],
    )


async def _register(dispatcher: CollectingDispatcher, tracker: Tracker, intake: Intake) -> None:
    facts = intake.facts
    new = cases.NewCase(
        contact_id=tracker.sender_id,
        kind=intake.kind,
        source_wamid=message_id(tracker),
        detail=facts.get("detalle") or "\n".join(intake.words),
        facts={name: {"valor": value, "dicho": intake.said.get(name, "")} for name, value in facts.items()},
        unit=facts.get("unidad"),
        representation=_representation(facts),
        medicines=tuple(facts.get("medicamentos", ())),
        patient=facts.get("paciente"),
    )
    async with database().transaction() as session:
        case = await cases.open_case(session, new, clock.utcnow())
    due = case.due_at.astimezone(clock.MEXICO_CITY)
    dispatcher.utter_message(
        text=(
            f"Listo, quedó registrado con el folio *{case.folio}*.\n\n"
            f"Lo atiende *{areas.area_name(case.area)}*. Debe tener respuesta por aquí a más tardar el "
            f"{intakes.spanish_date(due.date())} a las {due:%H:%M}.\n\n"
            "Puede preguntarme cómo va cuando quiera; no necesita el folio si escribe desde este número."
        )
    )


def _representation(facts: dict[str, Any]) -> str | None:
    if facts.get("representacion"):
        return str(facts["representacion"])
    unit = next((unit for unit in catalogs.units().values() if unit.name == facts.get("unidad")), None)
    return catalogs.representations()[unit.representation].name if unit and unit.representation else None


async def _hand_over(
    dispatcher: CollectingDispatcher, tracker: Tracker, intake: Intake | None, waiting: list[matters.Request]
) -> None:
    if spoken := language(tracker):
        async with database().transaction() as session:
            await idiomas.hand_over(session, dispatcher, tracker.sender_id, spoken, heard(tracker).text)
        return
    reason = "lo pidió la familia"
    if tracker.get_slot("tema"):
        reason += " mientras revisaba si le toca la licencia 140 Bis"
    if intake is not None:
        known = "; ".join(f"{label}: {value}" for label, value in intakes.summary(intake))
        reason += f" mientras hacía un reporte ({catalogs.kinds()[intake.kind].label}). {known}"
    reason += "".join(f". También: “{request['text'][:200]}”" for request in waiting)
    area = catalogs.kinds()[intake.kind].area if intake else "atencion_derechohabiente"
    area = "prestaciones_economicas" if tracker.get_slot("tema") else area
    async with database().transaction() as session:
        await contacts.request_handoff(session, tracker.sender_id, area=area, reason=reason, now=clock.utcnow())
    dispatcher.utter_message(text=texts.get("pase_a_persona"))


def _which_case(dispatcher: CollectingDispatcher, open_cases: list[Case]) -> None:
    if not open_cases:
        _no_cases(dispatcher)
        return
    lines = "\n".join(describe_briefly(case) for case in open_cases[:5])
    dispatcher.utter_message(text=f"¿En cuál de sus reportes lo anoto? Escríbame el folio y el dato.\n\n{lines}")


def _not_shown(dispatcher: CollectingDispatcher, folio: str) -> None:
    dispatcher.utter_message(
        text=(
            f"No puedo mostrarle el folio {folio} desde este número: por privacidad, un reporte solo se ve desde el "
            "teléfono que lo hizo. Si es suyo, una persona puede ayudarle."
        ),
        buttons=[TO_A_PERSON],
    )


def _no_cases(dispatcher: CollectingDispatcher) -> None:
    dispatcher.utter_message(
        text=(
            "No tengo reportes abiertos con este número. Si lo hizo desde otro teléfono, escríbame desde ese, o una "
            "persona puede buscarlo. Si quiere, hacemos uno nuevo: cuénteme qué pasó."
        ),
        buttons=[TO_A_PERSON],
    )
