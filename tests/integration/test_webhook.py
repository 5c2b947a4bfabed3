"""The webhook: signed bytes in, rows out, 200; nothing lost, nothing twice, and no item that spoils another."""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from litestar.testing import AsyncTestClient
from sqlalchemy import func, select
from sqlalchemy.exc import OperationalError

from puente.api.app import create_app
from puente.contacts.models import Contact
from puente.db import Database
from puente.messages.models import Message, Quarantine, QueueEntry, Status, Webhook
from puente.settings import Settings
from puente.whatsapp import ingest
from puente.whatsapp.signature import sign
from tests import fake_whatsapp as wa

AT = datetime.now(UTC) - timedelta(seconds=5)
PATH = "/webhooks/whatsapp"


@pytest.fixture
async def client(settings: Settings, database: Database) -> AsyncIterator[AsyncTestClient]:
    async with AsyncTestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def deliver(client: AsyncTestClient, settings: Settings) -> Any:
    """Post a body as WhatsApp does; returns the HTTP status."""

    async def deliver(body: bytes, signature: str | None = None) -> int:
        headers = {"X-Hub-Signature-256": signature or sign(body, settings.whatsapp_app_secret)}
        return (await client.post(PATH, content=body, headers=headers)).status_code

    return deliver


async def _all(database: Database, table: Any) -> list[Any]:
    async with database.reading() as session:
        return list((await session.execute(select(table))).scalars())


async def _counts(database: Database) -> dict[str, int]:
    async with database.reading() as session:
        return {
            table.__tablename__: (await session.execute(select(func.count()).select_from(table))).scalar_one()
            for table in (Webhook, Message, Contact, Status, Quarantine, QueueEntry)
        }


# ------------------------------------------------------------------------------------------------- handshake


async def test_the_handshake_gives_the_challenge_back(client: AsyncTestClient, settings: Settings) -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": settings.whatsapp_verify_token}
    answer = await client.get(PATH, params=query)
    assert (answer.status_code, answer.text) == (200, "1158201444")


@pytest.mark.parametrize("token", ["", "otro", "contraseña"])
async def test_the_handshake_refuses_another_token(client: AsyncTestClient, token: str) -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": token}
    answer = await client.get(PATH, params=query)
    assert answer.status_code == 403
    assert "1158201444" not in answer.text


# ------------------------------------------------------------------------------------------------- signature


async def test_a_signed_message_is_stored_whole_and_queued(deliver: Any, database: Database) -> None:
    body = wa.webhook(wa.value(messages=[wa.text("no ay vincristina 😢", at=AT, wamid="wamid.1")]))
    assert await deliver(body) == 200
    (message,) = await _all(database, Message)
    assert (message.direction, message.wamid, message.text) == ("in", "wamid.1", "no ay vincristina 😢")
    assert message.sent_at == AT.replace(microsecond=0)
    (contact,) = await _all(database, Contact)
    assert (contact.phone, contact.wa_id) == ("+525555550101", wa.FAMILY)
    assert contact.last_inbound_at == AT.replace(microsecond=0)
    assert [(entry.lane, entry.contact_id) for entry in await _all(database, QueueEntry)] == [("gate", contact.id)]
    assert [webhook.body for webhook in await _all(database, Webhook)] == [body]


@pytest.mark.parametrize("signature", ["sha256=00", "nada", sign(b"otra cosa", "simulador-secreto")])
async def test_a_wrong_signature_gets_401_and_stores_nothing(deliver: Any, database: Database, signature: str) -> None:
    assert await deliver(wa.webhook(wa.value(messages=[wa.text("hola", at=AT)])), signature) == 401
    assert not any((await _counts(database)).values())


async def test_no_signature_gets_401_and_stores_nothing(client: AsyncTestClient, database: Database) -> None:
    answer = await client.post(PATH, content=wa.webhook(wa.value(messages=[wa.text("hola", at=AT)])))
    assert answer.status_code == 401
    assert not any((await _counts(database)).values())


async def test_a_body_larger_than_any_of_whatsapp_is_refused(deliver: Any, database: Database) -> None:
    assert await deliver(b"x" * (5 * 1024 * 1024)) == 413
    assert not any((await _counts(database)).values())


async def test_a_database_that_fails_is_answered_500_so_that_whatsapp_tries_again(
    deliver: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = wa.webhook(wa.value(messages=[wa.text("hola", at=AT)]))

    async def fails(*_: Any) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(ingest, "_store_message", fails)
        assert await deliver(body) == 500
    assert not any((await _counts(database)).values())
    assert await deliver(body) == 200
    assert (await _counts(database))["messages"] == 1


class _Deadlock(Exception):
    sqlstate = "40P01"


@pytest.mark.parametrize(("times", "status"), [(1, 200), (3, 200), (9, 500)])
async def test_batches_in_each_others_way_are_stored_at_the_next_try(
    deliver: Any, database: Database, monkeypatch: pytest.MonkeyPatch, times: int, status: int
) -> None:
    left, store = times, ingest._store_message

    async def collides(*args: Any) -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise OperationalError("UPDATE", {}, _Deadlock())
        await store(*args)

    monkeypatch.setattr(ingest, "_store_message", collides)
    assert await deliver(wa.webhook(wa.value(messages=[wa.text("hola", at=AT)]))) == status
    assert (await _counts(database))["messages"] == (1 if status == 200 else 0)


# ------------------------------------------------------------------------------------------------ repetitions


async def test_five_parallel_deliveries_are_one_message_of_one_contact(deliver: Any, database: Database) -> None:
    body = wa.webhook(wa.value(messages=[wa.text("hola", at=AT, wamid="wamid.1")]))
    assert await asyncio.gather(*(deliver(body) for _ in range(5))) == [200] * 5
    assert await _counts(database) == {
        "webhooks": 5, "messages": 1, "contacts": 1, "statuses": 0, "quarantine": 0, "queue": 1
    }  # fmt: skip


async def test_parallel_first_messages_of_one_family_are_of_one_contact(deliver: Any, database: Database) -> None:
    bodies = [wa.webhook(wa.value(messages=[wa.text(f"mensaje {number}", at=AT)])) for number in range(8)]
    assert await asyncio.gather(*map(deliver, bodies)) == [200] * 8
    counts = await _counts(database)
    assert (counts["messages"], counts["contacts"], counts["quarantine"]) == (8, 1, 0)


async def test_a_message_repeated_in_another_envelope_is_the_same_message(deliver: Any, database: Database) -> None:
    first, second = (wa.text(words, at=AT, wamid=f"wamid.{words}") for words in ("uno", "dos"))
    await deliver(wa.webhook(wa.value(messages=[first])))
    await deliver(wa.webhook(wa.value(messages=[second, first])))
    assert sorted(row.wamid for row in await _all(database, Message)) == ["wamid.dos", "wamid.uno"]


async def test_a_mexican_phone_in_both_spellings_is_one_contact(deliver: Any, database: Database) -> None:
    for wa_id in ("5215555550101", "525555550101"):
        await deliver(wa.webhook(wa.value(messages=[wa.text("hola", at=AT, **{"from": wa_id})])))
    (contact,) = await _all(database, Contact)
    assert contact.wa_id == "525555550101"  # answered to the spelling that WhatsApp used last


async def test_an_old_message_delivered_late_does_not_close_the_window(deliver: Any, database: Database) -> None:
    await deliver(wa.webhook(wa.value(messages=[wa.text("reciente", at=AT)])))
    await deliver(wa.webhook(wa.value(messages=[wa.text("vieja", at=AT - timedelta(days=3))])))
    (contact,) = await _all(database, Contact)
    assert contact.last_inbound_at == AT.replace(microsecond=0)


async def test_a_clock_ahead_of_ours_does_not_hold_the_window_open(deliver: Any, database: Database) -> None:
    await deliver(wa.webhook(wa.value(messages=[wa.text("del futuro", at=AT + timedelta(days=2))])))
    (contact,) = await _all(database, Contact)
    assert contact.last_inbound_at <= datetime.now(UTC)


# ---------------------------------------------------------------------------------------------- broken things


@pytest.mark.parametrize(
    "body",
    [b"", b"esto no es JSON", b'{"entry": [', b"\xff\xfe\x00", b"[" * 100_000, b'{"entry": 7}', b"null", b'"hola"'],
)
async def test_a_malformed_body_is_kept_in_quarantine_and_answered_200(
    deliver: Any, database: Database, body: bytes
) -> None:
    assert await deliver(body) == 200
    (kept,) = await _all(database, Quarantine)
    assert kept.reason
    assert [webhook.body for webhook in await _all(database, Webhook)] == [body]
    assert not await _all(database, Message)


async def test_a_broken_item_is_quarantined_alone(deliver: Any, database: Database) -> None:
    good = [wa.text(words, at=AT) for words in ("antes", "después")]
    broken = {**good[0], "id": "wamid.rota", "timestamp": "ayer"}
    assert await deliver(wa.webhook(wa.value(messages=[good[0], broken, good[1]]))) == 200
    assert [row.text for row in await _all(database, Message)] == ["antes", "después"]
    assert [row.item for row in await _all(database, Quarantine)] == [broken]


async def test_an_item_that_the_database_refuses_is_quarantined_alone(
    deliver: Any, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ingest._store_message

    async def refuses_one(session: Any, item: Any, now: datetime, senders: Any) -> None:
        await store(session, item, now, senders)
        if item.text == "imposible":
            raise ValueError("cannot be stored")

    monkeypatch.setattr(ingest, "_store_message", refuses_one)
    items = [wa.text(words, at=AT) for words in ("antes", "imposible", "después")]
    assert await deliver(wa.webhook(wa.value(messages=items))) == 200
    assert [row.text for row in await _all(database, Message)] == ["antes", "después"]
    assert [row.item["text"]["body"] for row in await _all(database, Quarantine)] == ["imposible"]


async def test_characters_that_no_database_stores_are_taken_out(deliver: Any, database: Database) -> None:
    item = wa.text("nu\0lo y medio emoji \ud83d fin", at=AT)
    contact = {"wa_id": wa.FAMILY, "profile": {"name": "Fam\0ilia \udc00"}}
    assert await deliver(wa.webhook(wa.value(messages=[item], contacts=[contact]))) == 200
    (message,) = await _all(database, Message)
    assert message.text == "nulo y medio emoji ? fin"
    assert (await _all(database, Contact))[0].profile_name == "Familia ?"
    assert not await _all(database, Quarantine)


async def test_numbers_beyond_measure_spoil_nothing(deliver: Any, database: Database) -> None:
    item = json.dumps(wa.message("location", {"latitude": 1, "longitude": 2}, at=AT))
    numbers = ["1e999", "-Infinity", "NaN", "9" * 5000, str(2**70)]
    items = [item.replace('"latitude": 1', f'"latitude": {number}').replace("wamid.", f"wamid.{place}.")
             for place, number in enumerate(numbers)]  # fmt: skip
    body = wa.webhook(wa.value(messages=["AQUI"], contacts=[])).replace(b'"AQUI"', ",".join(items).encode())
    assert await deliver(body) == 200
    assert len(await _all(database, Message)) == len(numbers)
    assert not await _all(database, Quarantine)


async def test_unknown_types_and_fields_are_kept_and_queued(deliver: Any, database: Database) -> None:
    items = [
        wa.message("algo_del_futuro", {"x": 1}, at=AT, otro_campo=[1]),
        wa.message("unsupported", {"type": "poll"}, at=AT, errors=[{"code": 131051}]),
        wa.message("reaction", {"message_id": "wamid.1", "emoji": "👍"}, at=AT),
        wa.message("system", {"type": "user_changed_number", "wa_id": "5215555550102"}, at=AT),
    ]
    assert await deliver(wa.webhook(wa.value(messages=items))) == 200
    rows = await _all(database, Message)
    assert [row.type for row in rows] == ["algo_del_futuro", "unsupported", "reaction", "system"]
    assert [row.text for row in rows] == [None] * 4
    assert rows[0].payload == items[0]


async def test_a_thousand_updates_in_one_body_are_all_kept(deliver: Any, database: Database) -> None:
    messages = [
        wa.text(f"mensaje {number}", at=AT, **{"from": f"52155555501{number % 50:02}"}) for number in range(500)
    ]
    statuses = [wa.status(f"wamid.salida{number}", "delivered") for number in range(500)]
    body = wa.webhook(*(wa.value(messages=messages[start : start + 50]) for start in range(0, 500, 50)),
                      wa.value(statuses=statuses))  # fmt: skip
    assert await deliver(body) == 200
    counts = await _counts(database)
    assert (counts["messages"], counts["contacts"], counts["statuses"], counts["quarantine"]) == (500, 50, 500, 0)


async def test_a_body_of_three_megabytes_is_kept(deliver: Any, database: Database) -> None:
    messages = [wa.text("x" * 60_000, at=AT) for _ in range(50)]
    body = wa.webhook(wa.value(messages=messages))
    assert len(body) > 3_000_000
    assert await deliver(body) == 200
    assert (await _counts(database))["messages"] == 50


async def test_a_redelivered_batch_with_one_new_message_adds_that_one(deliver: Any, database: Database) -> None:
    messages = [wa.text(f"mensaje {number}", at=AT) for number in range(20)]
    await deliver(wa.webhook(wa.value(messages=messages)))
    assert await deliver(wa.webhook(wa.value(messages=[*messages, wa.text("la nueva", at=AT)]))) == 200
    assert (await _counts(database))["messages"] == 21


# ------------------------------------------------------------------------------------------------- identities


def _from_bsuid(words: str, bsuid: str, wa_id: str | None = None) -> bytes:
    profile = {"user_id": bsuid, "profile": {"name": "Familia", "username": "familia.prueba"}}
    item = wa.text(words, at=AT, wa_id=wa_id, from_user_id=bsuid)
    return wa.webhook(wa.value(messages=[item], contacts=[profile | ({"wa_id": wa_id} if wa_id else {})]))


async def test_a_family_without_phone_is_one_contact(deliver: Any, database: Database) -> None:
    for words in ("hola", "sigo aquí"):
        assert await deliver(_from_bsuid(words, "MX.abc123")) == 200
    (contact,) = await _all(database, Contact)
    assert (contact.phone, contact.bsuid, contact.username) == (None, "MX.abc123", "familia.prueba")
    assert len(await _all(database, Message)) == 2


async def test_a_family_that_hides_its_phone_later_is_still_the_same_contact(deliver: Any, database: Database) -> None:
    await deliver(_from_bsuid("con teléfono", "MX.abc123", wa.FAMILY))
    await deliver(_from_bsuid("ya sin teléfono", "MX.abc123"))
    (contact,) = await _all(database, Contact)
    assert (contact.phone, contact.bsuid) == ("+525555550101", "MX.abc123")


async def test_a_phone_learnt_later_fills_the_gap(deliver: Any, database: Database) -> None:
    await deliver(_from_bsuid("sin teléfono", "MX.abc123"))
    await deliver(_from_bsuid("con teléfono", "MX.abc123", wa.FAMILY))
    (contact,) = await _all(database, Contact)
    assert (contact.phone, contact.wa_id) == ("+525555550101", wa.FAMILY)


async def test_two_contacts_that_turn_out_to_be_one_lose_no_message(deliver: Any, database: Database) -> None:
    await deliver(wa.webhook(wa.value(messages=[wa.text("por teléfono", at=AT)])))
    await deliver(_from_bsuid("por usuario", "MX.abc123"))
    assert await deliver(_from_bsuid("con ambos", "MX.abc123", wa.FAMILY)) == 200
    messages = {row.text: row.contact_id for row in await _all(database, Message)}
    assert messages["con ambos"] == messages["por usuario"]  # the id names the person; the number may have a new owner
    assert not await _all(database, Quarantine)


async def test_a_whatsapp_id_that_is_no_phone_is_still_one_contact(deliver: Any, database: Database) -> None:
    for words in ("hola", "otra vez"):
        await deliver(wa.webhook(wa.value(messages=[wa.text(words, at=AT, **{"from": "12345"})])))
    assert len(await _all(database, Contact)) == 1


async def test_a_foreign_number_of_ten_digits_is_not_a_mexican_family(deliver: Any, database: Database) -> None:
    for wa_id in ("524520555501", "4520555501"):
        await deliver(wa.webhook(wa.value(messages=[wa.text("hola", at=AT, **{"from": wa_id})])))
    assert len(await _all(database, Contact)) == 2


# --------------------------------------------------------------------------------------------------- statuses


async def test_a_repeated_status_is_kept_once(deliver: Any, database: Database) -> None:
    body = wa.webhook(wa.value(statuses=[wa.status("wamid.x", "delivered")]))
    assert await asyncio.gather(*(deliver(body) for _ in range(4))) == [200] * 4
    assert len(await _all(database, Status)) == 1


@pytest.mark.parametrize("opaque", ["no es un número", "9" * 40, "-1", "1;DROP TABLE messages"])
async def test_a_status_with_somebody_elses_mark_is_kept(deliver: Any, database: Database, opaque: str) -> None:
    assert await deliver(wa.webhook(wa.value(statuses=[wa.status("wamid.x", "sent", opaque=opaque)]))) == 200
    (kept,) = await _all(database, Status)
    assert kept.message_id is None
