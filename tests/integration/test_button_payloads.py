"""What a button says to us: itself, or a short id of ours where WhatsApp would refuse it; for a time."""

import pytest

from puente.messages import outbox
from tests.integration.conftest import Miniature

LONG = '/informar{"unidad": "' + "Hospital " * 40 + '"}'


@pytest.fixture
async def family(puente: Miniature) -> str:
    await puente.say("hola")
    await puente.work("gate")
    return (await puente.contact()).id


async def _ids(puente: Miniature, contact_id: str, *payloads: str) -> list[str]:
    buttons = [{"title": f"Opción {n}", "payload": payload} for n, payload in enumerate(payloads)]
    async with puente.database.transaction() as session:
        (row,) = await outbox.write_turn(
            session, contact_id, [{"text": "¿Cuál?", "buttons": buttons}], now=puente.time.now
        )
    action = (row.payload or {})["interactive"]["action"]
    return [button["reply"]["id"] for button in action["buttons"]]


async def _meaning(puente: Miniature, contact_id: str, button_id: str) -> str:
    async with puente.database.reading() as session:
        return await outbox.resolve_payload(session, contact_id, button_id)


async def test_a_short_payload_is_its_own_id(puente: Miniature, family: str) -> None:
    assert await _ids(puente, family, "/si", "/no") == ["/si", "/no"]


@pytest.mark.parametrize("payloads", [[LONG, "/no"], ["/si ", "/no"], ["", "/no"], ["/igual", "/igual"]])
async def test_what_whatsapp_would_refuse_is_behind_a_short_id(
    puente: Miniature, family: str, payloads: list[str]
) -> None:
    ids = await _ids(puente, family, *payloads)
    assert len(set(ids)) == len(ids) and all(0 < len(found) <= 200 for found in ids)
    assert [await _meaning(puente, family, found) for found in ids] == payloads
    await puente.work("outbox")


async def test_it_is_nobody_elses(puente: Miniature, family: str) -> None:
    (found,) = await _ids(puente, family, LONG)
    assert await _meaning(puente, "otra", found) == ""


async def test_after_its_time_it_means_nothing_and_goes(puente: Miniature, family: str) -> None:
    (found,) = await _ids(puente, family, LONG)
    puente.time.now += outbox.PAYLOAD_LIVES
    assert await _meaning(puente, family, found) == ""
    await _ids(puente, family, LONG)
    puente.time.now -= outbox.PAYLOAD_LIVES
    assert await _meaning(puente, family, found) == "", "the row itself is gone"


async def test_a_button_that_has_expired_is_its_title(puente: Miniature, family: str) -> None:
    from tests import fake_whatsapp as wa

    (found,) = await _ids(puente, family, LONG)
    await puente.work()
    puente.time.now += outbox.PAYLOAD_LIVES
    await puente.receive(wa.button(found, "Opción 0", at=puente.time.now))
    await puente.work("gate", "inbox")
    assert puente.rasa.texts[-1] == "Opción 0"
