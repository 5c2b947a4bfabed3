"""BAJA and ALTA: what the family did not ask for stops and begins again; answers and alarms never stop."""

import pytest

from puente.contacts import consent
from puente.messages import outbox
from puente.messages.models import ALARM
from puente.whatsapp import templates
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature, says


@pytest.fixture
async def family(puente: Miniature) -> str:
    await puente.say("hola")
    puente.rasa.behave = lambda _request: says()
    await puente.work()
    return (await puente.contact()).id


async def _notice(puente: Miniature, contact_id: str) -> None:
    async with puente.database.transaction() as session:
        await outbox.write_notice(
            session, contact_id, "novedad", template="avance_caso", values=["PU-1"], now=puente.time.now
        )


async def _is_out(puente: Miniature, contact_id: str) -> bool:
    async with puente.database.reading() as session:
        return await consent.is_out(session, contact_id)


@pytest.mark.parametrize(
    "words", ["BAJA", "baja", " Baja. ", "¡BAJA!", "*BAJA*", "Darme de baja", "quiero darme de baja"]
)
async def test_baja_is_understood_confirmed_and_never_reaches_rasa(puente: Miniature, family: str, words: str) -> None:
    calls = len(puente.rasa.calls)
    await puente.say(words)
    await puente.work()
    assert await _is_out(puente, family)
    assert len(puente.rasa.calls) == calls
    (confirmation,) = puente.graph.texts
    assert "ya no le enviaremos avisos" in confirmation and "ALTA" in confirmation


@pytest.mark.parametrize("words", ["la presión está baja", "¿alta o baja?", "bajale", "", "👍", "alta"])
async def test_talk_that_only_contains_the_word_is_talk(puente: Miniature, family: str, words: str) -> None:
    await puente.say(words or " ")
    await puente.work()
    assert not await _is_out(puente, family)
    assert puente.graph.texts == [] or "avisos" not in puente.graph.texts[0]


async def test_after_baja_notices_fail_with_their_reason(puente: Miniature, family: str) -> None:
    await puente.say("BAJA")
    await _notice(puente, family)
    await puente.work_until_quiet()
    notice = next(row for row in await puente.messages("out") if row.purpose == "aviso")
    assert (notice.status, notice.error_text) == ("failed", consent.REFUSED)


async def test_after_baja_no_template_invites_the_family(puente: Miniature, family: str) -> None:
    await puente.say("BAJA")
    await puente.work()
    puente.time.pass_(hours=25)
    async with puente.database.transaction() as session:
        await outbox.write_turn(session, family, [{"text": "respuesta"}], now=puente.time.now, author="persona:ana")
    await puente.work()
    assert len(puente.graph.texts) == 1, "only the confirmation"
    held = [row for row in await puente.messages("out") if row.text == "respuesta"]
    assert held[0].status == "failed" and "BAJA" in (held[0].error_text or "")


async def test_after_baja_the_familys_own_questions_are_answered(puente: Miniature, family: str) -> None:
    await puente.say("BAJA")
    await puente.work()
    puente.rasa.behave = lambda _request: says("aquí estoy")
    await puente.say("una duda")
    await puente.work()
    assert puente.graph.texts[-1] == "aquí estoy"


async def test_after_baja_alarms_go_out(puente: Miniature, family: str) -> None:
    await puente.say("BAJA")
    template = templates.all_templates()["alerta_urgencia"]
    async with puente.database.transaction() as session:
        body, shown = template.message(*template.sample), template.shown(*template.sample)
        await outbox.write_body(session, family, body, shown, now=puente.time.now, purpose=ALARM)
    await puente.say("tiene fiebre de 39 y está en quimio")
    await puente.work()
    assert "[alerta_urgencia]" in puente.graph.texts
    assert any("Urgencias" in text for text in puente.graph.texts)


async def test_alta_brings_the_notices_back(puente: Miniature, family: str) -> None:
    await puente.say("baja")
    await puente.work()
    await puente.say("ALTA")
    await puente.work()
    assert not await _is_out(puente, family)
    await _notice(puente, family)
    await puente.work()
    assert puente.graph.texts[-1] == "novedad"


async def test_the_confirmations_button_brings_the_notices_back(puente: Miniature, family: str) -> None:
    await puente.say("baja")
    await puente.work()
    button = puente.graph.accepted[-1]["interactive"]["action"]["buttons"][0]["reply"]
    await puente.receive(wa.button(button["id"], button["title"], at=puente.time.now))
    await puente.work()
    assert not await _is_out(puente, family)
    assert len(puente.rasa.calls) == 1, "only the greeting"


async def test_the_button_pressed_a_second_time_is_still_no_talk(puente: Miniature, family: str) -> None:
    for _ in range(2):
        await puente.receive(wa.button("consentimiento:alta", "Volver a recibir", at=puente.time.now))
        await puente.work()
    assert len(puente.rasa.calls) == 1, "only the greeting"
    assert len(puente.graph.texts) == 2


async def test_the_same_message_twice_is_one_order(puente: Miniature, family: str) -> None:
    item = wa.text("BAJA", at=puente.time.now)
    await puente.receive(item)
    await puente.work()
    await puente.receive(item)
    await puente.work()
    assert len(puente.graph.texts) == 1


async def test_baja_counts_while_a_person_owns_the_conversation(puente: Miniature, family: str) -> None:
    from puente.contacts import service

    async with puente.database.transaction() as session:
        await service.take(session, family, by="ana", now=puente.time.now)
    await puente.say("BAJA")
    await puente.work()
    assert await _is_out(puente, family)


async def test_whatsapps_own_word_of_a_refusal_counts_as_baja(puente: Miniature, family: str) -> None:
    await _notice(puente, family)
    puente.graph.script.append(131050)
    await puente.work()
    assert await _is_out(puente, family)
