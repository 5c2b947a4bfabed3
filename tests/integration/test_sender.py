"""The sender: in order, once, within the window, and with each of WhatsApp's errors treated as it deserves."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import update

from puente.messages import outbox, queue
from puente.messages.models import Message
from puente.whatsapp import templates
from puente.whatsapp.errors import rule_for_status
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature

CONTACT_FIELDS = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": f"+{wa.FAMILY}"}


async def _family(puente: Miniature, **more: Any) -> str:
    """A family that has just written; what it wrote is dealt with."""
    await puente.say("hola", **more)
    puente.rasa.behave = lambda _request: httpx.Response(200, json={"replies": [], "parse": None})
    await puente.work("gate", "inbox")
    return (await puente.contact()).id


async def _write(puente: Miniature, *texts: str) -> None:
    contact_id = (await puente.contact()).id
    async with puente.database.transaction() as session:
        for text in texts:
            await outbox.write_turn(session, contact_id, [{"text": text}], now=puente.time.now)


async def _statuses(puente: Miniature) -> list[str]:
    return [row.status for row in await puente.messages("out")]


async def _mark(puente: Miniature, number: int = 0) -> str:
    """What our message carries for WhatsApp to give back."""
    return str(puente.graph.requests[number]["body"]["biz_opaque_callback_data"])


# ------------------------------------------------------------------------------------------------ the request


async def test_a_message_goes_out_as_meta_documents_it(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "Hola, le leo.")
    await puente.work("outbox")
    (request,) = puente.graph.requests
    assert request["path"] == "/v23.0/100000000000001/messages"
    assert request["headers"]["Authorization"] == "Bearer simulador-token"
    (row,) = await puente.messages("out")
    assert request["body"] == {
        **CONTACT_FIELDS,
        "type": "text",
        "text": {"body": "Hola, le leo.", "preview_url": False},
        "biz_opaque_callback_data": str(row.id),
    }
    assert (row.status, row.wamid, row.attempts) == ("sent", puente.graph.wamids[0], 1)


async def test_a_family_without_phone_is_addressed_by_its_business_scoped_id(puente: Miniature) -> None:
    await _family(puente, wa_id=None, from_user_id="MX.abc123")
    await _write(puente, "Hola")
    await puente.work("outbox")
    body = puente.graph.requests[0]["body"]
    assert body["recipient"] == "MX.abc123"
    assert "to" not in body


async def test_messages_go_out_in_the_order_in_which_they_were_written(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, *(f"mensaje {number}" for number in range(6)))
    puente.graph.script.extend([131000, "unreachable", "lose", 131056])
    await puente.work_until_quiet()
    assert puente.graph.texts == [f"mensaje {number}" for number in range(6)]


# -------------------------------------------------------------------------------------------- unknown outcomes


async def test_an_unknown_outcome_that_a_status_proves_is_not_sent_again(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "uno", "dos")
    puente.graph.script.append("accept and lose")
    await puente.work("outbox")
    assert await _statuses(puente) == ["sending", "queued"]
    await puente.receive(statuses=[wa.status(puente.graph.wamids[0], "sent", opaque=await _mark(puente))])
    await puente.work_until_quiet()
    assert puente.graph.texts == ["uno", "dos"]
    first = (await puente.messages("out"))[0]
    assert (first.status, first.wamid) == ("sent", puente.graph.wamids[0])


async def test_the_time_for_a_status_grows_with_lost_answers_and_not_with_refusals(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "uno")
    puente.graph.script.extend([131000, 131000, 131000, "lose", "lose"])
    tries = []
    while len(tries) < 6:
        await puente.work("outbox")
        if len(puente.graph.requests) > len(tries):
            tries.append(puente.time.now)
        puente.time.pass_(seconds=1)
    first_lost, second_lost, accepted = tries[3:]
    assert second_lost - first_lost == timedelta(seconds=15)
    assert accepted - second_lost == timedelta(seconds=60)
    assert puente.graph.texts == ["uno"]


async def test_an_unknown_outcome_without_a_status_is_sent_again_once(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "uno", "dos")
    puente.graph.script.append("lose")
    await puente.work("outbox")
    assert puente.graph.texts == []
    puente.time.pass_(seconds=14)
    await puente.work("outbox")
    assert len(puente.graph.requests) == 1, "the status that proves it must have time to come"
    await puente.work_until_quiet()
    assert puente.graph.texts == ["uno", "dos"]
    assert await _statuses(puente) == ["sent", "sent"]


async def test_a_message_without_any_answer_is_not_repeated_without_end(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "uno")
    puente.graph.script.extend(["accept and lose"] * 100)
    await puente.work_until_quiet()
    assert len(puente.graph.requests) == 12
    (row,) = await puente.messages("out")
    assert row.status == "failed"
    assert row.error_text == "No se supo si WhatsApp recibió el mensaje; pregunte a la familia si le llegó"


async def test_a_worker_killed_while_sending_leaves_a_message_that_is_sent_once_more(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "uno", "dos")
    for contact_id in await puente.claim(queue.OUTBOX):
        await puente.outbox._begin_next(contact_id)  # and here it dies
    puente.start_worker("trabajador-2")
    await puente.work_until_quiet()
    assert puente.graph.texts == ["uno", "dos"]


async def test_a_worker_killed_after_the_acceptance_sends_nothing_twice_when_the_status_comes(
    puente: Miniature,
) -> None:
    await _family(puente)
    await _write(puente, "uno", "dos")
    (contact_id,) = await puente.claim(queue.OUTBOX)
    step = await puente.outbox._begin_next(contact_id)
    assert step is not None
    await puente.outbox._whatsapp.send(step.contact, step.message.payload or {}, str(step.message.id))  # and it dies
    await puente.receive(statuses=[wa.status(puente.graph.wamids[0], "delivered", opaque=await _mark(puente))])
    puente.start_worker("trabajador-2")
    await puente.work_until_quiet()
    assert puente.graph.texts == ["uno", "dos"]
    assert await _statuses(puente) == ["delivered", "sent"]


async def test_an_acceptance_counts_even_when_the_lease_was_lost_meanwhile(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "uno")
    (contact_id,) = await puente.claim(queue.OUTBOX)

    async def takes_over(*_: Any) -> None:
        puente.time.pass_(seconds=100)
        async with puente.database.transaction() as session:
            await queue.claim(session, queue.OUTBOX, "otro", limit=1, seconds=1, now=puente.time.now)

    puente.graph.before_answer = takes_over
    with pytest.raises(queue.LeaseLost):
        await puente.outbox.work(contact_id)
    puente.graph.before_answer = None
    await puente.work_until_quiet()
    assert puente.graph.texts == ["uno"]
    assert await _statuses(puente) == ["sent"]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(502, text="<html>bad gateway</html>"),
        httpx.Response(504, json={}),
        httpx.Response(200, json={}),
        httpx.Response(200, text="?"),
        httpx.Response(200, json={"messages": [{"id": None}]}),
    ],
)
async def test_an_answer_that_does_not_say_what_happened_is_an_unknown_outcome(
    puente: Miniature, answer: httpx.Response
) -> None:
    await _family(puente)
    await _write(puente, "uno")
    puente.graph.script.append(answer)
    await puente.work("outbox")
    assert await _statuses(puente) == ["sending"]
    await puente.work_until_quiet()
    assert await _statuses(puente) == ["sent"]


async def test_one_wamid_for_every_message_does_not_make_them_repeat(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "uno", "dos")
    same = {"messages": [{"id": "wamid.siempre-la-misma"}]}
    puente.graph.script.extend([httpx.Response(200, json=same), httpx.Response(200, json=same)])
    await puente.work_until_quiet()
    assert len(puente.graph.requests) == 2
    assert await _statuses(puente) == ["sent", "sent"]


# ---------------------------------------------------------------------------------------------------- statuses


async def test_a_status_that_comes_before_the_answer_is_joined(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "uno")

    async def overtakes(body: Any, wamid: str) -> None:
        await puente.receive(statuses=[wa.status(wamid, "delivered", opaque=body["biz_opaque_callback_data"])])

    puente.graph.before_answer = overtakes
    await puente.work("outbox")
    assert await _statuses(puente) == ["delivered"]
    assert len(puente.graph.requests) == 1


async def test_a_status_that_comes_before_the_answer_without_our_mark_is_joined(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "uno")

    async def overtakes(_body: Any, wamid: str) -> None:
        await puente.receive(statuses=[wa.status(wamid, "delivered"), wa.status(wamid, "sent")])

    puente.graph.before_answer = overtakes
    await puente.work("outbox")
    assert await _statuses(puente) == ["delivered"]


async def test_a_failure_told_later_shows_its_reason_in_spanish(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "uno")
    await puente.work("outbox")
    errors = [{"code": 131026, "title": "Message undeliverable"}]
    await puente.receive(statuses=[wa.status(puente.graph.wamids[0], "failed", errors=errors)])
    (row,) = await puente.messages("out")
    assert (row.status, row.error_code) == ("failed", 131026)
    assert row.error_text == rule_for_status(131026).reason
    await puente.receive(statuses=[wa.status(puente.graph.wamids[0], "delivered")])
    (row,) = await puente.messages("out")
    assert (row.status, row.error_code, row.error_text) == ("delivered", None, None)


async def test_a_failure_that_is_told_before_the_answer_keeps_its_reason(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "uno")

    async def overtakes(body: Any, wamid: str) -> None:
        errors = [{"code": 131026}]
        failed = wa.status(wamid, "failed", errors=errors, opaque=body["biz_opaque_callback_data"])
        await puente.receive(statuses=[failed])

    puente.graph.before_answer = overtakes
    await puente.work("outbox")
    (row,) = await puente.messages("out")
    assert (row.status, row.error_code, row.error_text) == ("failed", 131026, rule_for_status(131026).reason)


async def test_a_status_of_a_message_of_before_does_not_pass_for_one_that_waits(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "todavía no enviado")
    (row,) = await puente.messages("out")
    await puente.receive(statuses=[wa.status("wamid.de.otra.base", "delivered", opaque=str(row.id))])
    assert await _statuses(puente) == ["queued"]
    await puente.work("outbox")
    assert puente.graph.texts == ["todavía no enviado"]


# ------------------------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize("code", [1, 2, 131000, 131016, 133004, 131056, 4, 80007, 130429, 131057])
async def test_what_passes_is_sent_later(puente: Miniature, code: int) -> None:
    await _family(puente)
    await _write(puente, "uno", "dos")
    puente.graph.script.append(code)
    await puente.work("outbox")
    assert len(puente.graph.requests) == 1, "nothing follows at once"
    assert await _statuses(puente) == ["queued", "queued"]
    await puente.work_until_quiet()
    assert puente.graph.texts == ["uno", "dos"]
    assert [row.error_text for row in await puente.messages("out")] == [None, None]


@pytest.mark.parametrize("code", [0, 3, 10, 190, 250, 131005, 131048, 368, 131031, 130497, 131042])
async def test_what_stops_the_account_keeps_the_queue(puente: Miniature, code: int) -> None:
    await _family(puente)
    await _write(puente, "uno")
    puente.graph.script.extend([code] * 30)
    for _ in range(30):
        await puente.work("outbox")
        puente.time.pass_(seconds=61)
    assert await _statuses(puente) == ["queued"]
    await puente.work_until_quiet()
    assert puente.graph.texts == ["uno"]


@pytest.mark.parametrize("code", [100, 131008, 131009, 131051, 131053, 132001, 131026, 131050, 137000, 999999])
async def test_what_never_passes_fails_with_its_reason_and_the_next_message_goes_out(
    puente: Miniature, code: int
) -> None:
    await _family(puente)
    await _write(puente, "imposible", "posible")
    puente.graph.script.append(code)
    await puente.work("outbox")
    assert puente.graph.texts == ["posible"]
    failed, sent = await puente.messages("out")
    assert (failed.status, failed.error_code, sent.status) == ("failed", code, "sent")
    assert failed.error_text


async def test_an_error_that_never_passes_away_ends(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "imposible", "posible")
    puente.graph.script.extend([131000] * 12)
    await puente.work_until_quiet()
    assert puente.graph.texts == ["posible"]
    assert await _statuses(puente) == ["failed", "sent"]


async def test_a_new_message_does_not_shorten_the_wait_after_an_error(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "uno")
    puente.graph.script.extend([131056] * 5)
    for _ in range(4):
        await puente.work_until_quiet(timedelta(seconds=30))
    tried = len(puente.graph.requests)
    await _write(puente, "dos")
    await puente.work("outbox")
    assert len(puente.graph.requests) == tried


@pytest.mark.parametrize(
    "answer", ["unreachable", httpx.Response(404, text="?"), httpx.Response(401), httpx.Response(429)]
)
async def test_while_whatsapp_cannot_be_reached_nothing_is_lost(puente: Miniature, answer: Any) -> None:
    await _family(puente)
    await _write(puente, "uno")
    puente.graph.script.extend([answer] * 40)
    await puente.work_until_quiet()
    assert puente.graph.texts == ["uno"]


async def test_half_an_emoji_in_a_stored_message_does_not_block_the_family(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "uno", "dos")
    first = (await puente.messages("out"))[0]
    async with puente.database.transaction() as session:
        broken = {"type": "text", "text": {"body": "medio \ud83d"}}
        await session.execute(update(Message).where(Message.id == first.id).values(payload=broken))
    await puente.work("outbox")
    assert await _statuses(puente) == ["failed", "sent"]


async def test_what_whatsapp_puts_off_does_not_hold_up_the_rest_and_is_tried_once_more(puente: Miniature) -> None:
    await _family(puente)
    await _write(puente, "hoy no", "posible")
    puente.graph.script.append(131049)
    await puente.work("outbox")
    assert puente.graph.texts == ["posible"]
    assert await _statuses(puente) == ["held", "sent"]
    puente.time.pass_(hours=23)
    await puente.say("aquí sigo")  # else the window is closed tomorrow
    await puente.work()
    assert puente.graph.texts == ["posible"], "not before a day has passed, whatever the family writes"
    await puente.work_until_quiet()
    assert puente.graph.texts == ["posible", "hoy no"]


async def test_what_whatsapp_puts_off_twice_fails(puente: Miniature) -> None:
    contact_id = await _family(puente)
    template = templates.all_templates()["recordatorio_cita"]
    async with puente.database.transaction() as session:
        body = template.message(*template.sample)
        await outbox.write_body(session, contact_id, body, "cita", now=puente.time.now)
    puente.graph.script.extend([130472, 130472])
    await puente.work_until_quiet()
    (row,) = await puente.messages("out")
    assert (row.status, row.error_code, len(puente.graph.requests)) == ("failed", 130472, 2)
