"""Dead letters: what failed is seen with its reason, and sent again on a person's word, once."""

from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from puente.api import tokens
from puente.api.app import create_app
from puente.messages import outbox
from puente.settings import Settings
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature, says


@pytest.fixture
async def family(puente: Miniature) -> str:
    await puente.say("hola")
    puente.rasa.behave = lambda _request: says()
    await puente.work()
    return (await puente.contact()).id


@pytest.fixture
async def ana(settings: Settings, puente: Miniature) -> Any:
    """A member of staff."""
    async with puente.database.transaction() as session:
        token = await tokens.create(session, "ana", puente.time.now)
    async with AsyncTestClient(create_app(settings)) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


async def _fail(puente: Miniature, contact_id: str, *texts: str) -> list[int]:
    async with puente.database.transaction() as session:
        for text in texts:
            await outbox.write_turn(session, contact_id, [{"text": text}], now=puente.time.now)
    puente.graph.script.extend([131026] * len(texts))
    await puente.work("outbox")
    return [row.id for row in await puente.messages("out") if row.status == "failed"]


async def test_failed_messages_are_listed_newest_first_with_their_reason(
    puente: Miniature, family: str, ana: AsyncTestClient
) -> None:
    await _fail(puente, family, "uno", "dos", "tres")
    listed = (await ana.get("/api/v1/messages/failed")).json()
    assert [item["text"] for item in listed] == ["tres", "dos", "uno"]
    assert listed[0]["error_code"] == 131026
    assert "no puede recibir" in listed[0]["reason"]
    assert listed[0]["contact_id"] == family
    page = (await ana.get(f"/api/v1/messages/failed?limit=1&before={listed[0]['id']}")).json()
    assert [item["text"] for item in page] == ["dos"]


async def test_a_failed_message_is_sent_again_once_however_often_it_is_asked(
    puente: Miniature, family: str, ana: AsyncTestClient
) -> None:
    (failed,) = await _fail(puente, family, "uno")
    answers = [await ana.post(f"/api/v1/messages/{failed}/resend") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [201] * 3
    assert len({answer.json()["id"] for answer in answers}) == 1
    await puente.work("outbox")
    assert puente.graph.texts == ["uno"]
    (listed,) = (await ana.get("/api/v1/messages/failed")).json()
    assert listed["replaced_by"] == answers[0].json()["id"]


async def test_what_has_not_failed_is_not_sent_again(puente: Miniature, family: str, ana: AsyncTestClient) -> None:
    async with puente.database.transaction() as session:
        (row,) = await outbox.write_turn(session, family, [{"text": "uno"}], now=puente.time.now)
    assert (await ana.post(f"/api/v1/messages/{row.id}/resend")).status_code == 409
    await puente.work("outbox")
    assert (await ana.post(f"/api/v1/messages/{row.id}/resend")).status_code == 409
    inbound = (await puente.messages("in"))[0]
    assert (await ana.post(f"/api/v1/messages/{inbound.id}/resend")).status_code == 404
    assert (await ana.post("/api/v1/messages/99999/resend")).status_code == 404
    assert puente.graph.texts == ["uno"]


async def test_a_delivery_that_is_told_late_takes_the_message_off_the_list(
    puente: Miniature, family: str, ana: AsyncTestClient
) -> None:
    async with puente.database.transaction() as session:
        await outbox.write_turn(session, family, [{"text": "uno"}], now=puente.time.now)
    await puente.work("outbox")
    wamid = puente.graph.wamids[0]
    await puente.receive(statuses=[wa.status(wamid, "failed", errors=[{"code": 131000}])])
    assert len((await ana.get("/api/v1/messages/failed")).json()) == 1
    await puente.receive(statuses=[wa.status(wamid, "delivered")])
    assert (await ana.get("/api/v1/messages/failed")).json() == []


async def test_the_state_of_the_number_is_shown_and_a_person_can_free_it(
    puente: Miniature, family: str, ana: AsyncTestClient
) -> None:
    assert (await ana.get("/api/v1/number")).json()["state"] == "libre"
    async with puente.database.transaction() as session:
        await outbox.write_turn(session, family, [{"text": "uno"}], now=puente.time.now)
    puente.graph.script.append(131031)
    await puente.work("outbox")
    shown = (await ana.get("/api/v1/number")).json()
    assert (shown["state"], shown["code"]) == ("alto", 131031)
    assert "políticas" in shown["reason"]
    assert (await ana.post("/api/v1/number/resume")).json()["state"] == "libre"
    await puente.work("outbox")
    assert puente.graph.texts == ["uno"]


async def test_the_months_cost_is_shown_by_category(puente: Miniature, family: str, ana: AsyncTestClient) -> None:
    pricing = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
    statuses = [wa.status(f"wamid.{n}", "delivered", pricing=pricing, timestamp="1795300000") for n in range(2)]
    await puente.receive(statuses=statuses)
    (cost,) = (await ana.get("/api/v1/costs?month=2026-11")).json()
    assert (cost["category"], cost["messages"], cost["billable"]) == ("utility", 2, True)
    assert (await ana.get("/api/v1/costs")).json() == [cost], "without a month: this one"
    assert (await ana.get("/api/v1/costs?month=noviembre")).status_code == 400


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/messages/failed"),
        ("POST", "/messages/1/resend"),
        ("POST", "/messages/1/read"),
        ("GET", "/number"),
        ("POST", "/number/resume"),
        ("GET", "/costs"),
        ("POST", "/cases/PU-7K3M-9F4C/updates"),
    ],
)
async def test_without_a_token_nothing_is_shown_or_done(
    settings: Settings, puente: Miniature, method: str, path: str
) -> None:
    async with AsyncTestClient(create_app(settings)) as anonymous:
        assert (await anonymous.request(method, f"/api/v1{path}")).status_code == 401
