"""The licence guide in conversation: answers, the check and its way back, days, documents."""

import pytest

from puente.db import Database
from tests.integration.talking import Talk, begin

ASK = "informacion_licencia"


@pytest.fixture
async def talk(database: Database, monkeypatch: pytest.MonkeyPatch) -> Talk:
    return await begin(database, monkeypatch, "5215555550181")


async def test_an_answer_has_its_article_and_offers_the_check(talk: Talk) -> None:
    said = await talk.say("cuanto pagan de la licencia", ASK)
    assert "60" in said.text
    assert "Diario Oficial, 4-jun-2019" in said.text
    assert said.titles[0] == "Revisar mi caso"
    assert "action_ofrecer_pedido" in said.ran


async def test_what_is_not_known_is_said_and_a_person_is_offered(talk: Talk) -> None:
    said = await talk.say("me dan vales de despensa del super", ASK)
    assert "no lo sé con certeza" in said.text
    assert "Hablar con alguien" in said.titles


@pytest.mark.parametrize("how", ["yes", "button"])
async def test_the_offer_begins_the_check_with_what_was_already_said(talk: Talk, how: str) -> None:
    await talk.say("estoy asegurada y trabajo en una fabrica, cuanto pagan de la licencia", ASK)
    said = await (talk.say("si", "afirmar") if how == "yes" else talk.press("Revisar mi caso", f"/{ASK}"))
    assert "cinco como mucho" in said.text
    assert "¿Cuántos años tiene" in said.text  # the first question was answered before


async def test_a_yes_after_another_answer_begins_nothing(talk: Talk) -> None:
    await talk.say("cuanto pagan de la licencia", ASK)
    await talk.say("que se necesita para donar", "requisitos_donacion")
    said = await talk.say("si", "afirmar")
    assert "cinco como mucho" not in said.text


async def test_a_whole_check_ends_in_a_verdict_with_reasons(talk: Talk) -> None:
    await talk.say("revise mi caso de la licencia", ASK)
    await talk.say("si, trabajo en una maquila")
    await talk.say("7 años")
    await talk.say("si en el imss")
    await talk.say("3 años")
    said = await talk.say("no la tiene", "negar")
    assert "Todo indica que sí" in said.text
    assert "menos de 16" in said.text
    assert "Qué papeles ocupo" in said.titles


async def test_a_question_in_the_middle_is_answered_and_the_same_question_waits(talk: Talk) -> None:
    first = await talk.say("revise mi caso de la licencia", ASK)
    question = first.text.splitlines()[-1]
    said = await talk.say("y cuantos dias son?", ASK)
    assert "28" in said.text
    assert said.text.endswith(question)
    assert talk.slots["tema"]["revision"]["asked"] == ["seguro"]  # not counted as asked again


async def test_another_matter_in_the_middle_waits_and_is_offered_at_the_end(talk: Talk) -> None:
    await talk.say("revise mi caso de la licencia", ASK)
    said = await talk.say("no me surtieron la mercaptopurina", "reportar_desabasto")
    assert "patrón" in said.text
    assert talk.slots["otro_pedido"][0]["intent"] == "reportar_desabasto"
    for answer in ("no tengo trabajo",):
        said = await talk.say(answer)
    assert "Todo indica que no" in said.text
    assert "También me decía que le falta un medicamento" in said.text


async def test_one_can_stop_at_any_question(talk: Talk) -> None:
    await talk.say("revise mi caso de la licencia", ASK)
    said = await talk.say("ya mejor luego", "cancelar")
    assert "lo dejamos aquí" in said.text
    assert not talk.form
    assert talk.slots["tema"] is None


async def test_a_bare_no_is_an_answer_and_not_a_stop(talk: Talk) -> None:
    await talk.say(
        "revise mi caso, asegurada y trabajo en una tienda, mi hijo de 8 años ya diagnosticado en el imss", ASK
    )
    await talk.say("2 años")
    said = await talk.say("no", "negar")
    assert "Todo indica que sí" in said.text


async def test_a_correction_of_another_answer_is_not_taken_for_this_one(talk: Talk) -> None:
    await talk.say("revise mi caso, asegurada y trabajo en una tienda, mi hijo de 13 años, lo diagnosticó el imss", ASK)
    said = await talk.say("perdon, tiene 12 años")
    assert "cotizando" in said.text
    assert talk.slots["tema"]["revision"]["known"].get("semanas") is None


async def test_a_correction_after_the_verdict_gives_another_one(talk: Talk) -> None:
    await talk.say("revise mi caso, trabajo en una tienda y estoy asegurada", ASK)
    said = await talk.say("17 años")
    assert "Todo indica que no" in said.text
    said = await talk.say("perdon, tiene 15 años")
    assert "diagnosticó" in said.text
    assert "Todo indica que no" not in said.text


async def test_after_the_verdict_anything_else_is_taken_as_if_nothing_had_been(talk: Talk) -> None:
    await talk.say("revise mi caso, trabajo en una tienda y estoy asegurada", ASK)
    await talk.say("17 años")
    said = await talk.say("que se necesita para donar sangre", "requisitos_donacion")
    assert "donar" in said.text.lower()
    assert not talk.form
    assert talk.slots["tema"] is None


async def test_days_are_counted_added_and_corrected(talk: Talk) -> None:
    said = await talk.say("me dieron 28 dias desde el 5 de octubre, cuantos me quedan", ASK)
    assert "336 días" in said.text
    said = await talk.say("y otra de 14 dias desde el 3 de noviembre", "tramitar_licencia")
    assert "322 días" in said.text
    said = await talk.say("perdon, la segunda es de 7 dias desde el 3 de noviembre", "negar")
    assert "329 días" in said.text


async def test_days_without_their_start_are_asked_for_it(talk: Talk) -> None:
    said = await talk.say("cuantos dias me quedan de licencia", ASK)
    assert "Todavía no tengo fechas" in said.text
    said = await talk.say("me dieron 14 dias")
    assert "¿Desde qué día" in said.text
    said = await talk.say("14 dias desde el 3 de noviembre")
    assert "350 días" in said.text


async def test_documents_are_ticked_as_she_says_so_whatever_it_was_taken_for(talk: Talk) -> None:
    said = await talk.say("que papeles ocupo", ASK)
    assert "☐ CURP" in said.text
    said = await talk.say("ya tengo el acta", "consultar_minutas")
    assert "✅ Acta" in said.text
    said = await talk.say("y la ine tambien pero el acta no, ya tengo la curp")
    assert "✅ CURP" in said.text
    assert "✅ Acta" not in said.text


async def test_asking_for_the_steps_opens_no_case(talk: Talk) -> None:
    said = await talk.say("como la saco, cuales son los pasos", "tramitar_licencia")
    assert "Pasos de la licencia" in said.text
    assert talk.slots.get("caso") is None


async def test_asking_to_get_it_opens_the_case(talk: Talk) -> None:
    await talk.say("quiero sacar la licencia en la raza", "tramitar_licencia")
    assert talk.slots["caso"]["kind"] == "licencia_tramite"


async def test_inside_a_report_the_question_is_answered_and_nothing_is_begun(talk: Talk) -> None:
    await talk.say("no me surtieron la mercaptopurina", "reportar_desabasto")
    said = await talk.say("y que papeles ocupo para la licencia?", ASK)
    assert "CURP" in said.text
    assert "hospital" in said.text
    assert talk.slots.get("tema") is None
    assert talk.slots["caso"]["kind"] == "desabasto"


async def test_bank_data_is_kindly_refused_and_kept_out_of_the_case(talk: Talk) -> None:
    await talk.say("quiero sacar la licencia", "tramitar_licencia")
    said = await talk.say("mi clabe es 012180001234567891 para el deposito")
    assert said.text.count("no me mande por aquí su CLABE") == 1
    assert "012180001234567891" not in str(talk.slots["caso"])


async def test_bank_data_alone_is_not_asked_what_it_is_for(talk: Talk) -> None:
    said = await talk.say("012180001234567891", "nlu_fallback")
    assert "no me mande por aquí su CLABE" in said.text
    assert said.titles == []


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("me dieron 28 dias desde el 5 de octubre, cuantos me quedan", "336 días"),
        ("me puede revisar mi caso", "patrón"),
    ],
)
async def test_a_plain_wish_is_met_though_the_model_was_not_sure_enough(talk: Talk, said: str, answered: str) -> None:
    ranking = [{"name": "nlu_fallback", "confidence": 0.7}, {"name": "tramitar_licencia", "confidence": 0.66}]
    assert answered in (await talk.say(said, "nlu_fallback", intent_ranking=ranking)).text


async def test_without_any_sign_of_the_licence_it_is_asked_as_ever(talk: Talk) -> None:
    ranking = [{"name": "nlu_fallback", "confidence": 0.7}, {"name": "consultar_caso", "confidence": 0.5}]
    said = await talk.say("me puede revisar mi caso", "nlu_fallback", intent_ranking=ranking)
    assert "Quiero entenderle bien" in said.text


async def test_no_two_buttons_of_one_message_are_the_same_to_whatsapp(talk: Talk) -> None:
    for words in ("cuanto pagan", "cuales son los pasos", "revise mi caso"):
        await talk.say(words, ASK)
        for message in talk.last:
            payloads = [button["payload"] for button in message.get("buttons") or []]
            assert len(set(payloads)) == len(payloads)
            assert all(len(button["title"]) <= 20 for button in message.get("buttons") or [])
