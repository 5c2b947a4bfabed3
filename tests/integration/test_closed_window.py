"""Outside the 24 hours: a template invites the family, and what she could not be told waits for her answer."""

from typing import Any

import pytest
from sqlalchemy import update

from puente.contacts.models import Contact
from puente.messages import aside, outbox
from puente.messages.models import Message
from puente.whatsapp.errors import rule_for
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature, says

INVITATION, UPDATE, APPOINTMENT = "[reanudar_conversacion]", "[avance_caso]", "[recordatorio_cita]"


@pytest.fixture
async def family(puente: Miniature) -> str:
    """A family whose window has closed; its contact id."""
    await puente.say("hola")
    puente.rasa.behave = lambda _request: says()
    await puente.work()
    puente.time.pass_(hours=24)
    return (await puente.contact()).id


async def _answer(puente: Miniature, contact_id: str, *texts: str) -> None:
    async with puente.database.transaction() as session:
        for text in texts:
            await outbox.write_turn(session, contact_id, [{"text": text}], now=puente.time.now, author="persona:ana")


async def _notice(puente: Miniature, contact_id: str, template: str, *values: str, text: str = "novedad") -> None:
    async with puente.database.transaction() as session:
        await outbox.write_notice(session, contact_id, text, template=template, values=values, now=puente.time.now)


async def _rows(puente: Miniature) -> list[tuple[str, str]]:
    return [(row.type, row.status) for row in await puente.messages("out")]


async def _reasons(puente: Miniature) -> list[str | None]:
    return [row.error_text for row in await puente.messages("out") if row.status == "failed"]


async def test_an_answer_waits_behind_the_invitation_and_goes_out_when_the_family_writes(
    puente: Miniature, family: str
) -> None:
    await _answer(puente, family, "ya llegó la vincristina", "pase por ella mañana")
    await puente.work()
    assert puente.graph.texts == [INVITATION], "one invitation for all that waits"
    assert await _rows(puente) == [("text", "held"), ("text", "held"), ("template", "sent")]
    puente.rasa.behave = lambda _request: says("de nada")
    await puente.say("sí, dígame")
    await puente.work()
    assert puente.graph.texts == [INVITATION, "ya llegó la vincristina", "pase por ella mañana", "de nada"]


async def test_the_templates_button_is_an_order_and_not_talk(puente: Miniature, family: str) -> None:
    await _answer(puente, family, "ya llegó")
    await puente.work()
    calls = len(puente.rasa.calls)
    pressed = {"payload": "pendiente:leer", "text": "Leer respuesta"}
    await puente.receive(wa.message("button", pressed, at=puente.time.now))
    await puente.work()
    assert puente.graph.texts == [INVITATION, "ya llegó"]
    assert len(puente.rasa.calls) == calls
    await puente.receive(wa.message("button", pressed, at=puente.time.now))
    await puente.work()
    assert "ya no está pendiente" in puente.graph.texts[-1]


async def test_a_later_answer_waits_behind_the_same_invitation(puente: Miniature, family: str) -> None:
    await _answer(puente, family, "uno")
    await puente.work()
    puente.time.pass_(hours=5)
    await _answer(puente, family, "dos")
    await puente.work()
    assert puente.graph.texts == [INVITATION]


async def test_an_invitation_that_nobody_answers_ends_and_staff_read_it(puente: Miniature, family: str) -> None:
    await _answer(puente, family, "uno")
    await puente.work_until_quiet(aside.WAITS_FOR_AN_ANSWER * 2)
    assert await _rows(puente) == [("text", "failed"), ("template", "sent")]
    assert await _reasons(puente) == [aside.NOT_ANSWERED]
    await puente.say("hola")
    await puente.work()
    assert puente.graph.texts == [INVITATION], "too late: it is not sent any more"


async def test_while_one_answer_waits_a_template_can_still_be_sent(puente: Miniature, family: str) -> None:
    await _answer(puente, family, "uno")
    await _notice(puente, family, "recordatorio_cita", "La Raza", "martes 24", "9:30")
    await puente.work()
    assert sorted(puente.graph.texts) == sorted([INVITATION, APPOINTMENT])


async def test_a_case_update_invites_with_the_folio_and_the_news_follow(puente: Miniature, family: str) -> None:
    await _notice(puente, family, "avance_caso", "PU-3467-9ACE", text="ya hay vincristina")
    await puente.work()
    assert puente.graph.texts == [UPDATE]
    body, _button = puente.graph.accepted[0]["template"]["components"]
    assert body["parameters"] == [{"type": "text", "text": "PU-3467-9ACE"}]
    await puente.say("a ver")
    await puente.work()
    assert puente.graph.texts == [UPDATE, "ya hay vincristina"]


async def test_a_reminder_is_its_template_and_nothing_follows(puente: Miniature, family: str) -> None:
    await _notice(puente, family, "recordatorio_cita", "La Raza", "martes 24", "9:30", text="su cita es el martes")
    await puente.work()
    assert puente.graph.texts == [APPOINTMENT]
    (row,) = await puente.messages("out")
    assert (row.type, row.status) == ("template", "sent")
    assert row.text is not None and "La Raza" in row.text


async def test_inside_the_window_the_text_itself_goes_out(puente: Miniature, family: str) -> None:
    await puente.say("hola otra vez")
    await _notice(puente, family, "avance_caso", "PU-3467-9ACE", text="ya hay vincristina")
    await puente.work()
    assert puente.graph.texts == ["ya hay vincristina"]


async def test_the_window_is_decided_when_sending_and_not_when_writing(puente: Miniature, family: str) -> None:
    await _answer(puente, family, "espera")
    await puente.say("aquí sigo")
    await puente.work("outbox")
    assert puente.graph.texts == ["espera"]


async def test_just_inside_the_window_it_goes_out(puente: Miniature, family: str) -> None:
    puente.time.pass_(minutes=-10)
    await _answer(puente, family, "a tiempo")
    await puente.work("outbox")
    assert puente.graph.texts == ["a tiempo"]


async def test_a_contact_that_never_wrote_gets_nothing(puente: Miniature, family: str) -> None:
    async with puente.database.transaction() as session:
        await session.execute(update(Contact).where(Contact.id == family).values(last_inbound_at=None))
    await _answer(puente, family, "hola")
    await puente.work("outbox")
    assert puente.graph.requests == []
    assert await _reasons(puente) == [aside.NEVER_WROTE]


async def test_an_invitation_that_is_refused_ends_what_waits_for_it(puente: Miniature, family: str) -> None:
    await _answer(puente, family, "uno")
    puente.graph.script.append(132001)
    await puente.work()
    assert await _rows(puente) == [("text", "failed"), ("template", "failed")]
    reason = (await _reasons(puente))[0] or ""
    assert rule_for(132001, 400).reason in reason


async def test_an_invitation_that_fails_later_ends_what_waits_for_it(puente: Miniature, family: str) -> None:
    await _answer(puente, family, "uno")
    await puente.work()
    await puente.receive(statuses=[wa.status(puente.graph.wamids[0], "failed", errors=[{"code": 131026}])])
    assert await _rows(puente) == [("text", "failed"), ("template", "failed")]


async def test_an_invitation_that_is_put_off_keeps_what_waits_for_it(puente: Miniature, family: str) -> None:
    await _answer(puente, family, "uno")
    await puente.work()
    await puente.receive(statuses=[wa.status(puente.graph.wamids[0], "failed", errors=[{"code": 131049}])])
    await puente.work()
    assert await _rows(puente) == [("text", "held"), ("template", "failed"), ("template", "held")]
    puente.time.pass_(hours=24)
    await puente.work()
    assert puente.graph.texts == [INVITATION, INVITATION]
    await puente.say("dígame")
    await puente.work()
    assert puente.graph.texts[2] == "uno"


# ------------------------------------------------------------------------------------------------------- races


@pytest.fixture
async def open_family(puente: Miniature) -> str:
    """A family that has just written."""
    await puente.say("hola")
    puente.rasa.behave = lambda _request: says()
    await puente.work()
    return (await puente.contact()).id


async def test_a_window_that_whatsapp_finds_closed_is_treated_as_closed(puente: Miniature, open_family: str) -> None:
    await _answer(puente, open_family, "uno", "dos")
    puente.graph.script.extend([131047, 131047])
    await puente.work()
    assert puente.graph.texts == [INVITATION]
    await puente.say("sí")
    await puente.work()
    assert puente.graph.texts == [INVITATION, "uno", "dos"]


async def test_a_closed_window_that_is_told_later_makes_a_new_row_in_its_place(
    puente: Miniature, open_family: str
) -> None:
    await _answer(puente, open_family, "uno")
    await puente.work()
    (wamid,) = puente.graph.wamids
    failed = wa.status(wamid, "failed", errors=[{"code": 131047}])
    await puente.receive(statuses=[failed])
    await puente.receive(statuses=[failed])  # again
    await puente.work()
    assert await _rows(puente) == [("text", "failed"), ("text", "held"), ("template", "sent")]
    await puente.say("sí")
    await puente.receive(statuses=[wa.status(wamid, "sent")])  # late, and of the first row
    await puente.work()
    assert puente.graph.texts == ["uno", INVITATION, "uno"]
    assert await _rows(puente) == [("text", "failed"), ("text", "sent"), ("template", "sent")]


async def test_a_message_that_comes_while_it_is_decided_is_not_missed(
    puente: Miniature, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _answer(puente, family, "uno")
    decide = aside.outside_window
    wrote: list[Any] = []

    async def slow(*arguments: Any) -> None:
        await decide(*arguments)
        wrote.append(True)

    monkeypatch.setattr(aside, "outside_window", slow)
    await puente.say("justo ahora")  # stored, though the gate has not looked yet
    await puente.work("outbox")
    assert wrote == []
    assert puente.graph.texts == ["uno"]


async def test_a_worker_killed_between_holding_and_inviting_loses_nothing(
    puente: Miniature, family: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _answer(puente, family, "uno")

    async def dies(*_: Any, **__: Any) -> Message:
        raise RuntimeError("muerto")

    with monkeypatch.context() as patched, pytest.raises(RuntimeError):
        patched.setattr(aside, "_invitation", dies)
        await puente.work("outbox")
    assert await _rows(puente) == [("text", "queued")]
    puente.start_worker("trabajador-2")
    await puente.work_until_quiet(aside.WAITS_FOR_AN_ANSWER / 2)
    assert puente.graph.texts == [INVITATION]
