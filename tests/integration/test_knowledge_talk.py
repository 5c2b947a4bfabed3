"""Donating, hospitals, minutes, meetings, one's own data: known, or honestly unknown and passed on; other languages."""

import pytest

from puente.contacts import service as contacts
from puente.db import Database
from tests.integration.talking import Talk, begin


@pytest.fixture
async def talk(database: Database, monkeypatch: pytest.MonkeyPatch) -> Talk:
    return await begin(database, monkeypatch, "5215555550182")


async def test_a_question_about_donating_is_answered_with_its_source(talk: Talk) -> None:
    said = await talk.say("puedo donar si tengo un tatuaje", "requisitos_donacion")
    assert "12 meses" in said.text
    assert "Fuente" in said.text


async def test_a_hospital_that_was_not_named_is_asked_for_and_then_told(talk: Talk) -> None:
    said = await talk.say("a que hora abre el hospital", "informacion_unidad")
    assert "¿De qué hospital" in said.text
    said = await talk.say("el de la raza, el general", entities=[{"entity": "unidad", "value": "la raza"}])
    assert "La Raza" in said.text
    assert "No tengo confirmado" in said.text
    assert not talk.form


async def test_who_does_not_name_the_hospital_after_all_is_heard_as_ever(talk: Talk) -> None:
    await talk.say("a que hora abre el hospital", "informacion_unidad")
    said = await talk.say("no me surtieron la mesna", "reportar_desabasto")
    assert said.ran[-2:] == ["action_iniciar_caso", "validate_formulario_caso"]
    assert talk.slots["caso"]["kind"] == "desabasto"


async def test_what_the_minutes_do_not_say_becomes_a_case_with_a_yes(talk: Talk) -> None:
    said = await talk.say("mandeme la minuta de la reunion 60", "consultar_minutas")
    assert "No tengo la minuta" in said.text
    assert "Pasar mi petición" in said.titles
    said = await talk.say("si", "afirmar")
    assert talk.slots["caso"]["kind"] == "minutas"
    assert "reunion 60" in said.text  # read back before anything is registered


async def test_what_the_minutes_say_is_told_with_its_source(talk: Talk) -> None:
    said = await talk.say("que se acordo del abasto", "consultar_minutas")
    assert "Estado:" in said.text
    assert "Fuente" in said.text
    assert talk.slots.get("caso") is None


async def test_a_point_for_the_agenda_opens_the_case_at_once(talk: Talk) -> None:
    said = await talk.say("propongo un punto para la reunion: mas sillas", "reunion_padres")
    assert talk.slots["caso"]["kind"] == "reunion"
    assert "mas sillas" in said.text
    assert "¿Está bien así?" in said.text


async def test_the_next_meeting_is_not_invented(talk: Talk) -> None:
    said = await talk.say("cuando es la proxima junta", "reunion_padres")
    assert "No tengo la fecha" in said.text
    assert "Pasar mi petición" in said.titles


async def test_inside_a_report_a_point_for_the_agenda_waits_its_turn(talk: Talk) -> None:
    await talk.say("no me surtieron la mesna", "reportar_desabasto")
    said = await talk.say("propongo un punto para la reunion", "reunion_padres")
    assert "en cuanto terminemos" in said.text
    assert talk.slots["caso"]["kind"] == "desabasto"
    assert talk.slots["otro_pedido"][0]["intent"] == "reunion_padres"


async def test_the_notice_has_its_link(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUENTE_PRIVACY_URL", "https://ejemplo.mx/aviso")
    said = await talk.say("que hacen con mis datos", "privacidad_datos")
    assert "solo para atender su caso" in said.text
    assert said.text.endswith("https://ejemplo.mx/aviso")


@pytest.mark.parametrize("words", ["q saben de mi", "borrar mis datos"])
@pytest.mark.parametrize("intent", ["privacidad_datos", "nlu_fallback"])
async def test_a_request_about_ones_data_is_confirmed_before_it_is_a_case(talk: Talk, words: str, intent: str) -> None:
    said = await talk.say(words, intent)
    assert talk.slots["caso"]["kind"] == "privacidad"
    assert words in said.text
    assert "¿Está bien así?" in said.text
    assert "Sí, enviar" in said.titles


async def test_english_gets_english_and_a_person_with_an_interpreter(talk: Talk, database: Database) -> None:
    said = await talk.say("my son needs help", "nlu_fallback", language="en")
    assert "I can only chat in Spanish" in said.text
    assert await _reason(database, talk) == "intérprete: inglés. La familia escribió: “my son needs help”"


async def test_an_indigenous_language_inside_a_report_gets_a_person_too(talk: Talk, database: Database) -> None:
    await talk.say("no me surtieron la mesna", "reportar_desabasto")
    said = await talk.say("nokone mokokoa", "nlu_fallback", language="nahuatl")
    assert "náhuatl" in said.text
    assert "entend" not in said.text
    assert not talk.form
    assert (await _reason(database, talk)).startswith("intérprete: náhuatl")


async def test_the_first_answer_says_who_answers_and_the_next_does_not(talk: Talk) -> None:
    talk.slots["aviso_pendiente"] = True  # as action_session_start leaves it
    said = await talk.say("hola", "saludo")
    assert said.text.startswith("Hola. Soy Puente")
    assert "BAJA" in said.text
    assert talk.slots["presentado"] is True
    said = await talk.say("cuanto pagan de la licencia", "informacion_licencia")
    assert "BAJA" not in said.text


async def test_a_later_session_does_not_repeat_it(talk: Talk) -> None:
    talk.slots["aviso_pendiente"] = True
    await talk.say("hola", "saludo")
    talk.slots = {"aviso_pendiente": True}
    said = await talk.say("hola", "saludo")
    assert said.text == ""
    assert talk.slots["presentado"] is False


async def test_nothing_comes_before_an_emergency(talk: Talk) -> None:
    talk.slots["aviso_pendiente"] = True
    said = await talk.say("tiene 39 y no despierta", "urgencia_medica", metadata={"alarm": "possible"})
    assert said.text == ""
    said = await talk.say("gracias ya lo ven", "informar")
    assert said.text.startswith("Hola. Soy Puente")


async def _reason(database: Database, talk: Talk) -> str:
    async with database.reading() as session:
        handoff = await contacts.open_handoff(session, talk.contact_id)
        assert handoff is not None
        return handoff.reason
