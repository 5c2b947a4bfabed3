"""The actions as Rasa calls them: tracker in, replies and slots out, on a real database."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

from actions import base, casos, conversacion, pedidos, urgencias
from puente.cases import service as cases
from puente.contacts import service as contacts
from puente.contacts.models import Contact
from puente.contacts.service import Identity
from puente.db import Database

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
async def family(database: Database, monkeypatch: pytest.MonkeyPatch) -> Contact:
    for module in (base, casos, conversacion, urgencias):
        monkeypatch.setattr(module, "database", lambda: database)
    return await _contact(database, "5215555550161")


async def _contact(database: Database, wa_id: str) -> Contact:
    async with database.transaction() as session:
        return await contacts.recognise(session, Identity(wa_id), NOW)


async def _case(database: Database, contact: Contact, wamid: str = "wamid.1") -> str:
    new = cases.NewCase(contact.id, "desabasto", wamid, "no hay", {}, medicines=("vincristina",))
    async with database.transaction() as session:
        return (await cases.open_case(session, new, NOW)).folio


def _tracker(contact: Contact, text: str, intent: str, *, before: tuple[str, ...] = (), **more: Any) -> Tracker:
    message = {
        "text": text,
        "intent": {"name": intent, "confidence": 0.9},
        "entities": more.pop("entities", []),
        "intent_ranking": more.pop("ranking", []),
        "message_id": more.pop("wamid", "wamid.mensaje"),
        "metadata": {"sent_at": NOW.isoformat(), **more.pop("metadata", {})},
    }
    events = [{"event": "action", "name": name} for name in before]
    slots = more.pop("slots", {})
    return Tracker(contact.id, slots, message, events, False, None, more.pop("loop", {}), "action_listen")


async def _run(action: Any, tracker: Tracker) -> tuple[str, list[str], dict[str, Any]]:
    """(text, titles of buttons, slots set) of one call."""
    dispatcher = CollectingDispatcher()
    events = await action.run(dispatcher, tracker, {})
    text = "\n".join(message.get("text") or "" for message in dispatcher.messages)
    titles = [button["title"] for message in dispatcher.messages for button in message.get("buttons") or []]
    return text, titles, {event["name"]: event["value"] for event in events if event["event"] == "slot"}


RANKING = [
    {"name": "nlu_fallback", "confidence": 0.5},
    {"name": "reportar_desabasto", "confidence": 0.4},
    {"name": "consultar_medicamento", "confidence": 0.3},
]


async def test_not_understood_once_offers_the_two_likeliest_meanings_in_words(family: Contact) -> None:
    tracker = _tracker(family, "lo de la medicina pues", "nlu_fallback", ranking=RANKING)
    text, titles, slots = await _run(conversacion.ActionNoEntendi(), tracker)
    assert "reportar que le falta un medicamento" in text
    assert "preguntar si ya hay un medicamento" in text
    assert titles[-1] == "Hablar con alguien"
    assert slots["pendiente"]["text"] == "lo de la medicina pues"


async def test_not_understood_twice_offers_a_person(family: Contact) -> None:
    tracker = _tracker(family, "mmm", "nlu_fallback", ranking=RANKING, before=("action_no_entendi", "action_listen"))
    text, titles, _ = await _run(conversacion.ActionNoEntendi(), tracker)
    assert "¿Le paso con una persona?" in text
    assert "Hablar con alguien" in titles


async def test_not_understood_three_times_in_a_row_goes_to_a_person(family: Contact, database: Database) -> None:
    before = ("action_no_entendi", "action_listen") * 2
    await _run(conversacion.ActionNoEntendi(), _tracker(family, "eh", "nlu_fallback", ranking=RANKING, before=before))
    async with database.reading() as session:
        assert (await session.get_one(Contact, family.id)).owner == "persona"


async def test_being_understood_in_between_begins_anew(family: Contact) -> None:
    before = ("action_no_entendi", "action_listen", "utter_saludo", "action_listen")
    text, _, _ = await _run(
        conversacion.ActionNoEntendi(), _tracker(family, "eh", "nlu_fallback", ranking=RANKING, before=before)
    )
    assert "Quiero entenderle bien" in text


async def test_the_button_that_says_what_was_meant_uses_the_words_before_it(family: Contact) -> None:
    pending = {
        "text": "lo de la vincristina en la raza",
        "entities": [{"entity": "medicamento", "value": "vincristina"}, {"entity": "unidad", "value": "la raza"}],
        "at": NOW.isoformat(),
    }
    tracker = _tracker(
        family, "/reportar_desabasto", "reportar_desabasto", slots={"pendiente": pending},
        metadata={"shown_text": "Falta medicamento"},
    )  # fmt: skip
    _, _, slots = await _run(casos.ActionIniciarCaso(), tracker)
    assert slots["caso"]["facts"]["medicamentos"] == ["vincristina"]
    assert "La Raza" in slots["caso"]["facts"]["unidad"]


async def test_words_of_hours_ago_are_not_what_a_button_means_now(family: Contact) -> None:
    pending = {"text": "lo de la vincristina", "entities": [], "at": "2026-11-21T20:00:00+00:00"}
    tracker = _tracker(family, "/reportar_desabasto", "reportar_desabasto", slots={"pendiente": pending})
    _, _, slots = await _run(casos.ActionIniciarCaso(), tracker)
    assert "lo de la vincristina" not in slots["caso"]["words"]


async def test_a_family_sees_its_own_case_by_the_phone_alone(family: Contact, database: Database) -> None:
    folio = await _case(database, family)
    text, _, _ = await _run(casos.ActionConsultarCaso(), _tracker(family, "como va mi reporte", "consultar_caso"))
    assert folio in text
    assert "vincristina" in text


async def test_a_case_of_another_phone_is_not_shown(family: Contact, database: Database) -> None:
    folio = await _case(database, await _contact(database, "5215555550162"))
    text, titles, _ = await _run(
        casos.ActionConsultarCaso(), _tracker(family, f"como va el folio {folio}", "consultar_caso")
    )
    assert "vincristina" not in text
    assert "por privacidad" in text
    assert titles == ["Hablar con alguien"]


async def test_a_folio_that_does_not_exist_is_answered_like_another_s(family: Contact) -> None:
    text, _, _ = await _run(
        casos.ActionConsultarCaso(), _tracker(family, "como va el folio PU-3467-9AC4", "consultar_caso")
    )
    assert text  # never silence


async def test_a_replayed_confirmation_opens_one_case(family: Contact, database: Database) -> None:
    state = {"kind": "desabasto", "facts": {"medicamentos": ["mesna"]}, "words": ["no hay mesna"]}
    for _ in range(2):
        tracker = _tracker(family, "si", "afirmar", wamid="wamid.si", slots={"caso": state, "desenlace": "confirmado"})
        text, _, slots = await _run(casos.ActionTerminarCaso(), tracker)
        assert "folio" in text
        assert slots["caso"] is None
    async with database.reading() as session:
        assert len(await cases.cases_of(session, family.id)) == 1


async def test_more_information_goes_to_the_only_open_case(family: Contact, database: Database) -> None:
    folio = await _case(database, family)
    for _ in range(2):  # a replay adds one note
        text, _, _ = await _run(
            casos.ActionAnotarEnCaso(), _tracker(family, "tambien falta mesna", "agregar_a_caso", wamid="wamid.mas")
        )
    assert folio in text
    async with database.reading() as session:
        (case,) = await cases.cases_of(session, family.id)
        assert [event.event for event in await cases.history(session, case.id)] == ["abierto", "nota"]


async def test_with_several_open_cases_it_asks_which_one(family: Contact, database: Database) -> None:
    folios = [await _case(database, family, wamid) for wamid in ("wamid.1", "wamid.2")]
    text, _, _ = await _run(casos.ActionAnotarEnCaso(), _tracker(family, "ya me la dieron", "cerrar_caso"))
    assert all(folio in text for folio in folios)


async def test_after_an_alarm_the_other_matter_of_the_message_is_offered(family: Contact) -> None:
    ranking = [
        {"name": "urgencia_medica", "confidence": 0.8},
        {"name": "reportar_desabasto", "confidence": 0.15},
        {"name": "saludo", "confidence": 0.01},
    ]
    tracker = _tracker(
        family, "no hay vincristina y trae 39", "urgencia_medica", ranking=ranking, metadata={"alarm": "resumed"}
    )
    text, titles, slots = await _run(urgencias.ActionUrgencia(), tracker)
    assert "reportar que le falta un medicamento" in text
    assert titles == ["Falta medicamento", "Hablar con alguien"]
    assert slots["pendiente"]["text"] == "no hay vincristina y trae 39"


async def test_an_action_that_fails_apologises_and_offers_a_person(
    family: Contact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> Database:
        raise RuntimeError("the database is away")

    monkeypatch.setattr(casos, "database", broken)
    text, titles, _ = await _run(casos.ActionConsultarCaso(), _tracker(family, "como va", "consultar_caso"))
    assert "su mensaje quedó guardado" in text
    assert "Hablar con alguien" in titles


@pytest.mark.parametrize(("topic", "kept"), [("licencia_revision", True), ("licencia_dias", False)])
async def test_a_new_session_keeps_an_open_question_but_nothing_that_was_only_at_hand(
    family: Contact, topic: str, kept: bool
) -> None:
    tracker = _tracker(family, "aqui sigo", "informar", slots={"tema": {"sobre": topic}}, loop={"name": casos.FORM})
    events = await conversacion.ActionSessionStart().run(CollectingDispatcher(), tracker, {})
    assert any(event["event"] == "active_loop" for event in events) is kept
    assert ("tema" in {event["name"] for event in events if event["event"] == "slot"}) is kept


async def test_a_new_session_keeps_a_half_filled_form_and_nothing_else(family: Contact) -> None:
    state = {"kind": "desabasto", "facts": {}}
    tracker = _tracker(
        family, "aqui sigo", "informar", slots={"caso": state, "pendiente": {"text": "x"}}, loop={"name": casos.FORM}
    )
    events = await conversacion.ActionSessionStart().run(CollectingDispatcher(), tracker, {})
    kinds = [event["event"] for event in events]
    assert kinds[0] == "session_started"
    assert kinds[-1] == "action"
    assert {event["name"] for event in events if event["event"] == "slot"} == {"caso", "aviso_pendiente"}
    assert "active_loop" in kinds


TWO = "no hay vincristina en la raza desde ayer, tambien quiero mover la cita de quimio"
CUT = TWO.index("tambien")
OFFER = "También me preguntaba por su cita. ¿La vemos ahora?"


def _two_requests(contact: Contact, **more: Any) -> Tracker:
    """A message about a shortage and, in its second half, an appointment."""
    named = {"medicamento": "vincristina", "unidad": "la raza", "fecha": "desde ayer", "servicio": "quimio"}
    entities = [
        {"entity": entity, "value": words, "start": TWO.index(words), "end": TWO.index(words) + len(words)}
        for entity, words in named.items()
    ]
    tracker = _tracker(contact, TWO, more.pop("intent", "reportar_desabasto"), entities=entities, **more)
    tracker.latest_message["second_intent"] = {
        "name": "solicitar_cita", "confidence": 0.95, "start": CUT, "end": len(TWO),
    }  # fmt: skip
    return tracker


async def _after_the_first(contact: Contact) -> dict[str, Any]:
    """The slots when the shortage is confirmed and the appointment on offer."""
    _, _, begun = await _run(casos.ActionIniciarCaso(), _two_requests(contact))
    slots = {**begun, "desenlace": "confirmado"}
    text, titles, ended = await _run(casos.ActionTerminarCaso(), _tracker(contact, "si", "afirmar", slots=slots))
    assert text.index("folio") < text.index(OFFER)
    assert titles == ["Sí", "Ahora no"]
    return {**slots, **ended}


async def test_the_first_of_two_requests_takes_only_its_own_half(family: Contact) -> None:
    _, _, slots = await _run(casos.ActionIniciarCaso(), _two_requests(family))
    assert slots["caso"]["facts"]["medicamentos"] == ["vincristina"]
    assert "servicio" not in slots["caso"]["facts"]
    assert [request["intent"] for request in slots["otro_pedido"]] == ["solicitar_cita"]


async def test_the_second_request_is_offered_when_the_first_has_its_folio(family: Contact) -> None:
    slots = await _after_the_first(family)
    assert slots["pendiente"]["text"] == "tambien quiero mover la cita de quimio"
    assert slots["otro_pedido"] is None


async def test_a_typed_yes_is_what_the_button_says_with_the_words_of_that_half(family: Contact) -> None:
    slots = await _after_the_first(family)
    said = _tracker(family, "si porfa", "afirmar", slots=slots, before=("action_terminar_caso", "action_listen"))
    dispatcher = CollectingDispatcher()
    listen, again = await pedidos.ActionContestarOferta().run(dispatcher, said, {})
    assert dispatcher.messages == []
    assert listen["name"] == "action_listen"
    assert (again["event"], again["message_id"]) == ("user", "wamid.mensaje")  # the same message, not another one
    assert again["parse_data"]["intent"]["name"] == "solicitar_cita"
    taken_up = _tracker(family, again["text"], "solicitar_cita", slots=slots, metadata={"shown_text": "si porfa"})
    _, _, begun = await _run(casos.ActionIniciarCaso(), taken_up)
    assert begun["tipo_caso"] == "cita"
    assert begun["caso"]["facts"]["servicio"] == "quimio"
    assert "La Raza" in begun["caso"]["facts"]["unidad"]  # said once, meant for both


async def test_a_no_drops_it_politely(family: Contact) -> None:
    slots = await _after_the_first(family)
    said = _tracker(family, "ahorita no gracias", "negar", slots=slots, before=("action_terminar_caso",))
    text, _, after = await _run(pedidos.ActionContestarOferta(), said)
    assert "lo dejamos por ahora" in text
    assert after["pendiente"] is None


async def test_a_yes_after_something_else_takes_nothing_up(family: Contact) -> None:
    slots = await _after_the_first(family)
    before = ("action_terminar_caso", "action_listen", "utter_agradecimiento", "action_listen")
    text, _, after = await _run(
        pedidos.ActionContestarOferta(), _tracker(family, "si", "afirmar", slots=slots, before=before)
    )
    assert text
    assert after == {}


async def test_a_yes_that_answers_no_offer_is_asked_what_is_needed(family: Contact) -> None:
    pending = {"intent": None, "text": "mmm", "entities": [], "at": NOW.isoformat()}
    said = _tracker(family, "si", "afirmar", slots={"pendiente": pending}, before=("action_no_entendi",))
    text, _, after = await _run(pedidos.ActionContestarOferta(), said)
    assert text
    assert after == {}


async def test_after_an_answer_without_a_form_the_second_request_is_offered(family: Contact) -> None:
    text, titles, slots = await _run(
        pedidos.ActionOfrecerPedido(), _two_requests(family, intent="informacion_licencia")
    )
    assert (text, titles) == (OFFER, ["Sí", "Ahora no"])
    assert slots["pendiente"]["intent"] == "solicitar_cita"


async def test_after_an_answer_to_one_request_nothing_is_offered(family: Contact) -> None:
    text, _, slots = await _run(
        pedidos.ActionOfrecerPedido(), _tracker(family, "que es la 140 bis", "informacion_licencia")
    )
    assert (text, slots) == ("", {})


async def test_in_the_middle_of_a_report_both_requests_wait_and_a_replay_adds_none(family: Contact) -> None:
    slots: dict[str, Any] = {}
    for _ in range(2):
        tracker = _two_requests(family, intent="queja_trato", slots=slots, loop={"name": casos.FORM})
        text, _, slots = await _run(pedidos.ActionRecordarPedido(), tracker)
        assert "en cuanto terminemos" in text
    assert [request["intent"] for request in slots["otro_pedido"]] == ["queja_trato", "solicitar_cita"]


async def test_one_who_asks_for_a_person_instead_is_offered_nothing_and_the_person_reads_it(
    family: Contact, database: Database
) -> None:
    _, _, begun = await _run(casos.ActionIniciarCaso(), _two_requests(family))
    asked = _tracker(family, "mejor con alguien", "hablar_con_persona", slots={**begun, "desenlace": "persona"})
    text, _, after = await _run(casos.ActionTerminarCaso(), asked)
    assert OFFER not in text
    assert after["otro_pedido"] is None
    async with database.reading() as session:
        handoff = await contacts.open_handoff(session, family.id)
        assert handoff is not None
        assert "mover la cita de quimio" in handoff.reason


async def test_a_second_request_survives_the_night_with_its_half_filled_form(family: Contact) -> None:
    waiting = [{"intent": "solicitar_cita", "text": "mi cita", "entities": [], "at": NOW.isoformat()}]
    tracker = _tracker(
        family, "aqui sigo", "informar", slots={"caso": {"kind": "desabasto"}, "otro_pedido": waiting},
        loop={"name": casos.FORM},
    )  # fmt: skip
    events = await conversacion.ActionSessionStart().run(CollectingDispatcher(), tracker, {})
    assert "otro_pedido" in {event["name"] for event in events if event["event"] == "slot"}


@pytest.mark.parametrize("said", ["ahorita no gracias", "luego", "mejor al rato", "ay no por el momento"])
async def test_not_now_is_understood_right_after_an_offer(family: Contact, said: str) -> None:
    slots = await _after_the_first(family)
    tracker = _tracker(family, said, "nlu_fallback", ranking=RANKING, slots=slots, before=("action_terminar_caso",))
    text, _, after = await _run(conversacion.ActionNoEntendi(), tracker)
    assert "lo dejamos por ahora" in text
    assert after["pendiente"] is None


async def test_what_is_no_answer_to_the_offer_is_asked_as_ever(family: Contact) -> None:
    slots = await _after_the_first(family)
    tracker = _tracker(
        family, "lo de la medicina pues", "nlu_fallback", ranking=RANKING, slots=slots, before=("action_terminar_caso",)
    )
    text, _, _ = await _run(conversacion.ActionNoEntendi(), tracker)
    assert "Quiero entenderle bien" in text
