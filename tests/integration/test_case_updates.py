"""News of a case reach the family: as they are, or behind the template that names the folio."""

from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from puente.api import tokens
from puente.api.app import create_app
from puente.cases import service as cases
from puente.settings import Settings
from tests.integration.conftest import Miniature, says


@pytest.fixture
async def ana(settings: Settings, puente: Miniature) -> Any:
    """A member of staff."""
    async with puente.database.transaction() as session:
        token = await tokens.create(session, "ana", puente.time.now)
    async with AsyncTestClient(create_app(settings)) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


@pytest.fixture
async def folio(puente: Miniature) -> str:
    """A case of a family that has written."""
    puente.rasa.behave = lambda _request: says()
    wamid = await puente.say("no hay vincristina")
    await puente.work()
    new = cases.NewCase((await puente.contact()).id, "desabasto", wamid, "no hay", {}, medicines=("vincristina",))
    async with puente.database.transaction() as session:
        return (await cases.open_case(session, new, puente.time.now)).folio


async def test_news_inside_the_window_go_out_as_they_are(puente: Miniature, ana: AsyncTestClient, folio: str) -> None:
    response = await ana.post(f"/api/v1/cases/{folio}/updates", json={"text": "ya llegó la vincristina"})
    assert response.status_code == 201
    await puente.work()
    assert puente.graph.texts == ["ya llegó la vincristina"]
    events = (await ana.get(f"/api/v1/cases/{folio}/events")).json()
    assert (events[-1]["actor"], events[-1]["note"]) == ("persona:ana", "ya llegó la vincristina")


async def test_news_outside_the_window_follow_the_template(puente: Miniature, ana: AsyncTestClient, folio: str) -> None:
    puente.time.pass_(hours=30)
    await ana.post(f"/api/v1/cases/{folio}/updates", json={"text": "ya llegó la vincristina"})
    await puente.work()
    assert folio in str(puente.graph.accepted[0]["template"])
    await puente.say("¿qué pasó?")
    await puente.work()
    assert puente.graph.texts == ["[avance_caso]", "ya llegó la vincristina"]


@pytest.mark.parametrize("text", ["", "  ", "x" * 5000])
async def test_what_is_not_one_message_is_refused(
    puente: Miniature, ana: AsyncTestClient, folio: str, text: str
) -> None:
    assert (await ana.post(f"/api/v1/cases/{folio}/updates", json={"text": text})).status_code == 400
    assert await puente.messages("out") == []


async def test_an_unknown_folio_is_not_found(puente: Miniature, ana: AsyncTestClient) -> None:
    assert (await ana.post("/api/v1/cases/PU-0000-0000/updates", json={"text": "hola"})).status_code == 404
