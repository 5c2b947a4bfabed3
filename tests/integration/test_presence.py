"""Blue ticks and "escribiendo…": when, and only when, the bot is answering, or once a person has read."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from litestar.testing import AsyncTestClient

from puente.api import tokens
from puente.api.app import create_app
from puente.contacts import service
from puente.dispatch import presence
from puente.settings import Settings
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature, says


@pytest.fixture(autouse=True)
async def quick(puente: Miniature, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The same waits, shorter."""
    monkeypatch.setattr(presence, "READ_AFTER", 0.02)
    monkeypatch.setattr(presence, "TYPING_AFTER", 0.1)
    yield
    await puente.presence.close()


async def _settle(puente: Miniature) -> None:
    while puente.presence._tasks or puente.outbox._presence._tasks:
        await asyncio.sleep(0.01)


def _shown(puente: Miniature) -> list[tuple[str, bool]]:
    return [(mark["message_id"], "typing_indicator" in mark) for mark in puente.graph.marks]


def _after(seconds: float) -> Any:
    async def answer(_request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(seconds)
        return says("aquí estoy")

    return answer


async def test_a_quick_answer_marks_the_message_as_read_and_types_nothing(puente: Miniature) -> None:
    wamid = await puente.say("hola")
    await puente.work()
    await _settle(puente)
    assert _shown(puente) == [(wamid, False)]


async def test_a_slow_answer_shows_that_it_is_being_written(puente: Miniature) -> None:
    puente.rasa.behave = _after(0.4)
    wamid = await puente.say("hola")
    await puente.work()
    await _settle(puente)
    assert _shown(puente) == [(wamid, False), (wamid, True)]


async def test_while_a_person_owns_the_conversation_the_bot_reads_nothing(puente: Miniature) -> None:
    await puente.say("hola")
    await puente.work("gate")
    async with puente.database.transaction() as session:
        contact_id = (await puente.contact()).id
        await service.take(session, contact_id, by="ana", now=puente.time.now)
    await puente.receive(wa.message("audio", {"id": "1", "voice": True}, at=puente.time.now))
    await puente.work()
    await _settle(puente)
    assert puente.graph.marks == []


async def test_while_rasa_is_away_nothing_is_read(puente: Miniature) -> None:
    puente.rasa.behave = lambda _request: httpx.Response(503)
    await puente.say("hola")
    await puente.work()
    await _settle(puente)
    assert puente.graph.marks == []


async def test_a_voice_note_that_the_bot_acknowledges_is_read(puente: Miniature) -> None:
    item = wa.message("audio", {"id": "1", "voice": True}, at=puente.time.now)
    await puente.receive(item)
    await puente.work()
    await _settle(puente)
    assert _shown(puente) == [(item["id"], False)]


async def test_a_reaction_is_not_read_for_an_answer(puente: Miniature) -> None:
    await puente.receive(wa.message("reaction", {"message_id": "wamid.x", "emoji": "👍"}, at=puente.time.now))
    await puente.work()
    await _settle(puente)
    assert puente.graph.marks == []


async def test_marks_that_fail_or_hang_block_nothing(puente: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hangs(*_: Any, **__: Any) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(puente.presence, "_whatsapp", type("Hanging", (), {"mark_read": hangs})())
    puente.rasa.behave = _after(0.2)
    await puente.say("hola")
    async with asyncio.timeout(20):
        await puente.work()
    assert puente.graph.texts == ["aquí estoy"]

    async def fails(*_: Any, **__: Any) -> None:
        raise RuntimeError("de prueba")

    monkeypatch.setattr(puente.presence, "_whatsapp", type("Failing", (), {"mark_read": fails})())
    await puente.say("hola otra vez")
    await puente.work()
    assert len(puente.graph.texts) == 2


async def test_a_person_who_answers_has_read(puente: Miniature) -> None:
    wamid = await puente.say("quiero hablar con alguien")
    await puente.work("gate")
    async with puente.database.transaction() as session:
        contact_id = (await puente.contact()).id
        await service.take(session, contact_id, by="ana", now=puente.time.now)
        from puente.messages import outbox

        await outbox.write_turn(session, contact_id, [{"text": "soy Ana"}], now=puente.time.now, author="persona:ana")
    await puente.work()
    await _settle(puente)
    assert _shown(puente) == [(wamid, False)]


async def test_a_person_who_opens_the_conversation_has_read(
    puente: Miniature, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    wamid = await puente.say("quiero hablar con alguien")
    read: list[str] = []

    async def mark_read(_self: Any, wamid: str) -> None:
        read.append(wamid)

    monkeypatch.setattr("puente.whatsapp.client.WhatsApp.mark_read", mark_read)
    async with puente.database.transaction() as session:
        token = await tokens.create(session, "ana", puente.time.now)
    (row,) = await puente.messages("in")
    async with AsyncTestClient(create_app(settings)) as ana:
        ana.headers["Authorization"] = f"Bearer {token}"
        assert (await ana.post(f"/api/v1/messages/{row.id}/read")).status_code == 200
        assert (await ana.post("/api/v1/messages/999/read")).status_code == 404
    assert read == [wamid]
