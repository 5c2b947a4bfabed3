"""Every type of message that WhatsApp sends gets what a family needs, and nothing it does not."""

import json
from typing import Any

import pytest

from puente.knowledge import catalogs, texts
from puente.messages import transcript
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature, says

PERSON = "/hablar_con_persona"


@pytest.mark.parametrize(
    ("kind", "content", "more", "text"),
    [
        ("location", {"latitude": 19.4, "longitude": -99.1}, {}, "ubicacion"),
        ("location", {"latitude": 19.4, "longitude": -99.1, "name": "Mi casa", "address": "Calle Falsa 123"}, {},
         "ubicacion"),
        ("contacts", [{"name": {"formatted_name": "Tía"}, "phones": [{"phone": "+52 55 5555 0199"}]}], {},
         "tarjeta_de_contacto"),
        ("contacts", [{"phones": []}], {"origin": "contact_request"}, "telefono_compartido"),
        ("order", {"catalog_id": "1", "product_items": []}, {}, "pedido_de_catalogo"),
        ("interactive", {"type": "product", "product": {}}, {}, "pedido_de_catalogo"),
        ("interactive", {"type": "nfm_reply", "nfm_reply": {"name": "flow", "response_json": "{}"}}, {},
         "mensaje_sin_texto"),
        ("unsupported", {"type": "poll"}, {"errors": [{"code": 131051}]}, "mensaje_no_visible"),
        ("unknown", {}, {"errors": [{"code": 131051}]}, "mensaje_no_visible"),
        ("sticker", {"animated": False}, {}, "mensaje_sin_texto"),
        ("algo_del_futuro", {"x": 1}, {}, "mensaje_sin_texto"),
    ],
)  # fmt: skip
async def test_what_has_no_words_gets_an_honest_answer(
    puente: Miniature, kind: str, content: Any, more: dict[str, Any], text: str
) -> None:
    await puente.receive(wa.message(kind, content, at=puente.time.now, **more))
    await puente.work()
    assert puente.graph.texts == [texts.get(text)]
    assert puente.rasa.calls == []
    body = puente.graph.accepted[0]
    if text != "telefono_compartido":
        assert body["interactive"]["action"]["buttons"][0]["reply"]["id"] == PERSON


@pytest.mark.parametrize("kind", ["reaction", "system", "edit", "revoke", "request_welcome"])
@pytest.mark.parametrize("content", [{}, {"message_id": "wamid.1"}, None, "?", 5])
async def test_what_expects_no_answer_gets_none_however_odd(puente: Miniature, kind: str, content: Any) -> None:
    await puente.receive(wa.message(kind, content, at=puente.time.now))
    await puente.work()
    assert puente.graph.texts == []


async def test_nobody_is_answered_in_a_group(puente: Miniature) -> None:
    await puente.receive(wa.text("buenas a todos", at=puente.time.now, group_id="grupo1"))
    await puente.work()
    assert (puente.graph.texts, puente.rasa.calls) == ([], [])
    assert [row.status for row in await puente.messages("in")] == ["done"]


async def test_a_place_that_is_a_hospital_is_understood_as_one(puente: Miniature) -> None:
    place = {"latitude": 19.4, "longitude": -99.1, "name": "Hospital de Pediatría CMN Siglo XXI"}
    await puente.receive(wa.message("location", place, at=puente.time.now))
    await puente.work()
    (call,) = puente.rasa.calls
    unit = json.loads(call["payload"].removeprefix("/informar"))["unidad"]
    assert unit in {known.name for known in catalogs.units().values()}
    assert "Siglo XXI" in unit
    assert call["text"] == place["name"]


async def test_a_product_that_somebody_asks_about_is_a_text_like_any_other(puente: Miniature) -> None:
    context = {"from": "52", "id": "wamid.x", "referred_product": {"catalog_id": "1", "product_retailer_id": "2"}}
    await puente.receive(wa.text("¿todavía hay?", at=puente.time.now, context=context, referral={"source_url": "x"}))
    await puente.work()
    assert puente.rasa.texts == ["¿todavía hay?"]


async def test_a_quick_reply_of_a_template_is_a_command_however_old_the_template(puente: Miniature) -> None:
    item = wa.message("button", {"payload": "/consultar_caso", "text": "¿Cómo va?"}, at=puente.time.now,
                      context={"id": "wamid.plantilla"})  # fmt: skip
    await puente.receive(item)
    await puente.work()
    (call,) = puente.rasa.calls
    assert (call["payload"], call["text"]) == ("/consultar_caso", "¿Cómo va?")


async def test_a_quick_reply_without_a_command_is_its_words(puente: Miniature) -> None:
    await puente.receive(wa.message("button", {"payload": "Sí asistiré", "text": "Sí asistiré"}, at=puente.time.now))
    await puente.work()
    (call,) = puente.rasa.calls
    assert (call["payload"], call["text"]) == (None, "Sí asistiré")


async def test_places_and_cards_can_be_read_in_the_transcript(puente: Miniature) -> None:
    place = {"latitude": 19.4, "longitude": -99.1, "name": "Mi casa"}
    card = [{"name": {"formatted_name": "Tía"}, "phones": [{"phone": "+52 55 5555 0199"}]}]
    at = puente.time.now
    await puente.receive(wa.message("location", place, at=at), wa.message("contacts", card, at=at))
    shown = [transcript.shown(row) for row in await puente.messages("in")]
    assert shown == ["Mi casa, (19.4, -99.1)", "Tía +52 55 5555 0199"]


# ----------------------------------------------------------------------------------------------- stale buttons


def _asks(question: str, *payloads: str) -> Any:
    return says(
        question, buttons=[{"title": payload.strip("/").capitalize(), "payload": payload} for payload in payloads]
    )


async def _press(puente: Miniature, payload: str, of: str) -> None:
    puente.time.pass_(seconds=30)
    await puente.receive(wa.button(payload, "Sí", at=puente.time.now, context={"from": "52", "id": of}))
    await puente.work()


async def _question(puente: Miniature, words: str, answer: Any) -> str:
    """The family says `words`, the assistant asks; returns the question's wamid."""
    puente.time.pass_(seconds=30)
    puente.rasa.behave = lambda _request: answer
    await puente.say(words)
    await puente.work()
    return puente.graph.wamids[-1]


async def test_a_button_of_the_question_that_is_open_is_its_answer(puente: Miniature) -> None:
    asked = await _question(puente, "no hay vincristina", _asks("¿Está bien así?", "/afirmar", "/negar"))
    await _press(puente, "/afirmar", asked)
    assert puente.rasa.calls[-1]["payload"] == "/afirmar"


async def test_a_button_whose_question_is_over_is_explained_and_the_open_question_asked_again(
    puente: Miniature,
) -> None:
    first = await _question(puente, "no hay vincristina", _asks("¿Registro vincristina?", "/afirmar", "/negar"))
    await _question(puente, "quiero una cita", _asks("¿Registro la cita?", "/afirmar", "/negar"))
    heard = len(puente.rasa.calls)
    await _press(puente, "/afirmar", first)
    assert len(puente.rasa.calls) == heard
    assert puente.graph.texts[-1] == texts.get("boton_viejo") + "\n\n¿Registro la cita?"
    await _press(puente, "/afirmar", puente.graph.wamids[-1])  # and the conversation goes on
    assert puente.rasa.calls[-1]["payload"] == "/afirmar"
    assert len(puente.rasa.calls) == heard + 1


async def test_the_same_button_pressed_twice_answers_once(puente: Miniature) -> None:
    asked = await _question(puente, "no hay vincristina", _asks("¿Está bien así?", "/afirmar", "/negar"))
    puente.rasa.behave = lambda _request: says("Listo, quedó registrado.")
    await _press(puente, "/afirmar", asked)
    heard = len(puente.rasa.calls)
    await _press(puente, "/negar", asked)
    assert len(puente.rasa.calls) == heard
    assert puente.graph.texts[-1].startswith(texts.get("boton_viejo"))


async def test_a_question_asked_again_after_something_else_may_be_answered_above(puente: Miniature) -> None:
    asked = await _question(puente, "no hay vincristina", _asks("¿Está bien así?", "/afirmar", "/negar"))
    again = _asks("La licencia la da el IMSS.\n\n¿Está bien así?", "/afirmar", "/negar")
    await _question(puente, "¿y la licencia?", again)
    await _press(puente, "/afirmar", asked)
    assert puente.rasa.calls[-1]["payload"] == "/afirmar"


async def test_what_can_be_asked_for_at_any_time_is_never_too_old(puente: Miniature) -> None:
    offered = await _question(puente, "hola", _asks("¿Qué necesita?", "/consultar_caso", PERSON))
    await _question(puente, "gracias", says("Con gusto."))
    await _press(puente, "/consultar_caso", offered)
    assert puente.rasa.calls[-1]["payload"] == "/consultar_caso"


async def test_the_gates_button_never_reaches_the_dialogue(puente: Miniature) -> None:
    await puente.receive(wa.button("alarma:no", "No", at=puente.time.now))
    await puente.work()
    assert puente.rasa.calls == []
    assert puente.graph.texts[-1].startswith(texts.get("boton_viejo"))
