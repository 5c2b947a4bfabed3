"""After an outage: hours-old messages are acknowledged once and given to a person; alarms say how old they are."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from puente.contacts import service as contacts
from puente.contacts.models import Handoff
from puente.knowledge import texts
from puente.messages.age import spanish_span
from puente.safety import alarms, gate
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature


async def _handoffs(puente: Miniature) -> list[Handoff]:
    async with puente.database.reading() as session:
        return list((await session.execute(select(Handoff))).scalars())


async def test_old_messages_are_acknowledged_once_and_summarised_to_a_person(puente: Miniature) -> None:
    written = puente.time.now
    for minutes, words in enumerate(("no hay vincristina", "¿me contestan?", "es para el lunes")):
        await puente.receive(wa.text(words, at=written + timedelta(minutes=minutes * 10)))
    await puente.receive(wa.message("image", {"mime_type": "image/jpeg"}, at=written + timedelta(minutes=40)))
    puente.time.pass_(hours=5)
    await puente.work()
    assert puente.rasa.calls == []
    assert puente.graph.texts == [texts.get("mensajes_atrasados").format(tiempo="5 horas")]
    (handoff,) = await _handoffs(puente)
    for said in ("4 mensajes", "«no hay vincristina»", "«es para el lunes»", "[foto]"):
        assert said in handoff.reason
    assert [row.status for row in await puente.messages("in")] == ["done"] * 4


async def test_each_family_gets_one_of_each(puente: Miniature) -> None:
    for number in range(3):
        for words in ("hola", "¿hay alguien?"):
            await puente.say(words, **{"from": f"52155555501{number:02}"})
    puente.time.pass_(hours=4)
    await puente.work()
    assert len(puente.graph.texts) == len(await _handoffs(puente)) == 3


async def test_what_came_after_the_outage_is_read_by_the_same_person(puente: Miniature) -> None:
    await puente.say("no hay vincristina")
    puente.time.pass_(hours=4)
    await puente.say("¿ya?")
    await puente.work()
    assert len(puente.graph.texts) == 1
    assert [row.status for row in await puente.messages("in")] == ["done", "done"]


async def test_messages_that_are_not_so_old_are_answered(puente: Miniature) -> None:
    await puente.say("no hay vincristina")
    puente.time.pass_(hours=2, minutes=50)
    await puente.work()
    assert puente.rasa.texts == ["no hay vincristina"]


async def test_a_webhook_that_whatsapp_delivers_hours_late_is_old_though_it_just_arrived(puente: Miniature) -> None:
    await puente.say("no hay vincristina", at=puente.time.now - timedelta(days=2))
    await puente.work()
    assert puente.rasa.calls == []
    assert puente.graph.texts == ["[reanudar_conversacion]"]  # WhatsApp's window is closed: the answer waits behind it
    assert any("hace 2 días" in (row.text or "") for row in await puente.messages("out"))
    assert len(await _handoffs(puente)) == 1


async def test_what_expects_no_answer_is_no_backlog(puente: Miniature) -> None:
    await puente.receive(wa.message("reaction", {"message_id": "wamid.x", "emoji": "👍"}, at=puente.time.now))
    puente.time.pass_(hours=9)
    await puente.work()
    assert (puente.graph.texts, await _handoffs(puente)) == ([], [])


async def test_rasa_away_for_hours_ends_with_a_person(puente: Miniature) -> None:
    def down(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    puente.rasa.behave = down
    await puente.say("no hay vincristina")
    await puente.work_until_quiet(timedelta(hours=4))
    assert puente.graph.texts == [
        texts.get("asistente_demorado"),
        texts.get("mensajes_atrasados").format(tiempo="3 horas"),
    ]


async def test_a_conversation_that_a_person_has_gets_no_acknowledgement(puente: Miniature) -> None:
    await puente.say("hola")
    async with puente.database.transaction() as session:
        await contacts.take(session, (await puente.contact()).id, by="ana", now=puente.time.now)
    puente.time.pass_(hours=5)
    await puente.work()
    assert puente.graph.texts == []


@pytest.fixture
def danger(monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(text: str) -> gate.Verdict:
        return gate.Verdict(gate.CERTAIN, "conciencia", 0.9) if "peligro" in text else gate.Verdict(gate.NONE)

    monkeypatch.setattr(gate, "decide", decide)


@pytest.mark.usefixtures("danger")
async def test_an_old_alarm_is_answered_and_told_how_old_it_is(puente: Miniature) -> None:
    await puente.say("está en peligro")
    puente.time.pass_(hours=5)
    await puente.work()
    late = texts.get("alarma_atrasada").format(tiempo="5 horas")
    assert puente.graph.texts == [f"{late}\n\n{alarms.safe_answer('conciencia')}"]


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (timedelta(seconds=5), "1 minuto"),
        (timedelta(minutes=40), "40 minutos"),
        (timedelta(minutes=70), "1 hora"),
        (timedelta(hours=5, minutes=20), "5 horas"),
        (timedelta(hours=47), "2 días"),
    ],
)
def test_a_span_is_said_as_people_say_it(span: timedelta, said: str) -> None:
    assert spanish_span(span) == said
