"""The REST API: only with a token, transcripts as they were, and conversations that pass from hand to hand."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import pytest
from litestar.testing import AsyncTestClient

from puente.api import tokens
from puente.api.app import create_app
from puente.cases import service as cases
from puente.contacts import service as contacts
from puente.settings import Settings
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature

PHONE = "5555550101"


@pytest.fixture
async def token(puente: Miniature) -> str:
    async with puente.database.transaction() as session:
        return await tokens.create(session, "ana", puente.time.now)


@pytest.fixture
async def anonymous(settings: Settings, puente: Miniature) -> AsyncIterator[AsyncTestClient]:
    async with AsyncTestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
async def ana(settings: Settings, token: str) -> AsyncIterator[AsyncTestClient]:
    """A member of staff."""
    async with AsyncTestClient(create_app(settings)) as client:
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


@pytest.fixture
async def family(puente: Miniature) -> str:
    """A family that asked something and got the bot's answer; its contact id."""
    await puente.say("no hay vincristina")
    await puente.work()
    return (await puente.contact()).id


async def _open_case(puente: Miniature, contact_id: str, wamid: str, **more: Any) -> str:
    new = cases.NewCase(contact_id, "desabasto", wamid, "no hay vincristina", {}, medicines=("vincristina",), **more)
    async with puente.database.transaction() as session:
        return (await cases.open_case(session, new, puente.time.now)).folio


# ------------------------------------------------------------------------------------------------------- tokens

PRIVATE = [
    "/cases?contact=5",
    "/cases/PU-7K3M-9F4C",
    "/cases/PU-7K3M-9F4C/events",
    "/conversations",
    "/conversations/5",
]


@pytest.mark.parametrize("path", PRIVATE)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Bearer pnt_inventado", "Basic YTpi"])
async def test_nothing_is_read_without_a_valid_token(anonymous: AsyncTestClient, path: str, header: str | None) -> None:
    headers = {} if header is None else {"Authorization": header}
    answer = await anonymous.get(f"/api/v1{path}", headers=headers)
    assert answer.status_code == 401
    assert "detail" in answer.json()


@pytest.mark.parametrize("action", ["take", "messages", "give-back"])
async def test_nothing_is_done_without_a_valid_token(
    anonymous: AsyncTestClient, puente: Miniature, family: str, action: str
) -> None:
    answer = await anonymous.post(f"/api/v1/conversations/{family}/{action}", json={"text": "hola"})
    assert answer.status_code == 401
    assert (await puente.contact()).owner == "bot"
    assert len(await puente.messages("out")) == 1


async def test_a_revoked_token_no_longer_opens(ana: AsyncTestClient, puente: Miniature) -> None:
    assert (await ana.get("/api/v1/conversations")).status_code == 200
    async with puente.database.transaction() as session:
        assert await tokens.revoke(session, "ana", puente.time.now)
        assert not await tokens.revoke(session, "nadie", puente.time.now)
    assert (await ana.get("/api/v1/conversations")).status_code == 401


async def test_a_token_made_again_replaces_the_one_before(ana: AsyncTestClient, puente: Miniature) -> None:
    async with puente.database.transaction() as session:
        new = await tokens.create(session, "ana", puente.time.now)
    assert (await ana.get("/api/v1/conversations")).status_code == 401
    answer = await ana.get("/api/v1/conversations", headers={"Authorization": f"Bearer {new}"})
    assert answer.status_code == 200


async def test_what_is_public_needs_no_token(anonymous: AsyncTestClient) -> None:
    assert (await anonymous.get("/healthz")).json() == {"status": "ok"}
    assert (await anonymous.get("/api/v1/schema/openapi.json")).status_code == 200


# -------------------------------------------------------------------------------------------------------- cases

ALWAYS_THERE = {
    "folio", "kind", "area", "status", "priority", "unit", "medicine", "representation", "created_at", "due_at"
}  # fmt: skip


@pytest.mark.parametrize("spelling", [PHONE, "525555550101", "5215555550101", "+5215555550101", "%2B525555550101"])
async def test_the_cases_of_a_phone_come_newest_first(
    ana: AsyncTestClient, puente: Miniature, family: str, spelling: str
) -> None:
    folios = []
    for number in range(3):
        folios.append(await _open_case(puente, family, f"wamid.{number}"))
        puente.time.pass_(minutes=1)
    found = (await ana.get(f"/api/v1/cases?contact={spelling}")).json()
    assert [case["folio"] for case in found] == folios[::-1]
    assert set(found[0]) >= ALWAYS_THERE
    assert (found[0]["kind"], found[0]["area"], found[0]["medicine"]) == ("desabasto", "abasto", "vincristina")


@pytest.mark.parametrize("contact", ["5555550199", "nadie", ""])
async def test_an_unknown_phone_has_no_cases(ana: AsyncTestClient, family: str, contact: str) -> None:
    answer = await ana.get("/api/v1/cases", params={"contact": contact})
    assert (answer.status_code, answer.json()) == (200, [])


async def test_asking_for_cases_of_nobody_is_a_mistake(ana: AsyncTestClient) -> None:
    assert (await ana.get("/api/v1/cases")).status_code == 400


@pytest.mark.parametrize("typed", [str, str.lower, lambda folio: folio.replace("-", "")])
async def test_a_case_is_found_by_its_folio_however_it_is_typed(
    ana: AsyncTestClient, puente: Miniature, family: str, typed: Callable[[str], str]
) -> None:
    folio = await _open_case(puente, family, "wamid.1")
    assert (await ana.get(f"/api/v1/cases/{typed(folio)}")).json()["folio"] == folio
    (event,) = (await ana.get(f"/api/v1/cases/{folio}/events")).json()
    assert (event["event"], event["status"]) == ("abierto", "recibido")


@pytest.mark.parametrize("folio", ["PU-0000-0000", "nada", "PU-7K3M-9F4C"])
async def test_a_folio_that_does_not_exist_is_404(ana: AsyncTestClient, folio: str) -> None:
    assert (await ana.get(f"/api/v1/cases/{folio}")).status_code == 404


async def test_the_same_message_opens_one_case_however_often_it_is_replayed(puente: Miniature, family: str) -> None:
    assert await _open_case(puente, family, "wamid.1") == await _open_case(puente, family, "wamid.1")
    async with puente.database.reading() as session:
        (case,) = await cases.cases_of(session, family)
        assert len(await cases.history(session, case.id)) == 1


# ------------------------------------------------------------------------------------------------ conversations


@pytest.mark.parametrize("spelling", [PHONE, "5215555550101", "%2B525555550101"])
async def test_a_transcript_shows_both_sides_and_what_was_understood(
    ana: AsyncTestClient, family: str, spelling: str
) -> None:
    found = (await ana.get(f"/api/v1/conversations/{spelling}")).json()
    assert (found["contact_id"], found["phone"], found["owner"]) == (family, "+525555550101", "bot")
    asked, answered = found["messages"]
    assert (asked["direction"], asked["text"], asked["author"]) == ("in", "no hay vincristina", "familia")
    assert asked["parse"]["intent"]["name"] == "informar"
    assert asked["safety"]["tier"] == "none"
    assert (answered["direction"], answered["author"], answered["status"]) == ("out", "bot", "sent")
    assert answered["parse"] is None


async def test_a_long_transcript_ends_with_the_latest(ana: AsyncTestClient, puente: Miniature, family: str) -> None:
    await puente.receive(*(wa.text(f"mensaje {number}", at=puente.time.now) for number in range(10)))
    found = (await ana.get(f"/api/v1/conversations/{family}?limit=3")).json()
    assert [message["text"] for message in found["messages"]] == ["mensaje 7", "mensaje 8", "mensaje 9"]


async def test_an_unknown_conversation_is_404(ana: AsyncTestClient) -> None:
    assert (await ana.get("/api/v1/conversations/5555550199")).status_code == 404
    assert (await ana.post("/api/v1/conversations/5555550199/take")).status_code == 404


async def test_a_person_takes_answers_and_gives_back(ana: AsyncTestClient, puente: Miniature, family: str) -> None:
    taken = (await ana.post(f"/api/v1/conversations/{family}/take")).json()
    assert (taken["owner"], taken["handoff"]["taken_by"]) == ("persona", "ana")

    answer = await ana.post(f"/api/v1/conversations/{family}/messages", json={"text": "Soy Ana, ya lo reviso."})
    assert answer.status_code == 201
    assert [message["author"] for message in answer.json()] == ["persona:ana"]
    await puente.say("gracias")
    await puente.work()
    assert puente.graph.texts == ["eco: no hay vincristina", "Soy Ana, ya lo reviso."]

    back = (await ana.post(f"/api/v1/conversations/{family}/give-back")).json()
    assert (back["owner"], back["handoff"]) == ("bot", None)
    await puente.say("otra cosa")
    await puente.work()
    assert puente.graph.texts[-1] == "eco: otra cosa"


async def test_answering_takes_the_conversation(ana: AsyncTestClient, puente: Miniature, family: str) -> None:
    await ana.post(f"/api/v1/conversations/{family}/messages", json={"text": "Le leo."})
    assert (await puente.contact()).owner == "persona"


async def test_a_long_answer_is_sent_whole_in_pieces(ana: AsyncTestClient, puente: Miniature, family: str) -> None:
    text = "palabra " * 1000
    answer = await ana.post(f"/api/v1/conversations/{family}/messages", json={"text": text})
    assert len(answer.json()) == 2
    await puente.work()
    assert " ".join(puente.graph.texts[1:]).split() == text.split()


@pytest.mark.parametrize("body", [{}, {"text": 5}, [], "x"])
async def test_an_answer_that_is_no_text_is_a_mistake(
    ana: AsyncTestClient, puente: Miniature, family: str, body: Any
) -> None:
    assert (await ana.post(f"/api/v1/conversations/{family}/messages", json=body)).status_code == 400
    assert (await puente.contact()).owner == "bot"


async def test_the_waiting_conversations_come_longest_waiting_first(
    ana: AsyncTestClient, puente: Miniature, family: str
) -> None:
    await puente.say("yo también", **{"from": "5215555550102"})
    async with puente.database.transaction() as session:
        other = await contacts.find_by_phone(session, "5555550102")
        assert other
        now = puente.time.now
        await contacts.request_handoff(session, family, area="abasto", reason="lo pidió", now=now)
        await contacts.request_handoff(session, other.id, area="abasto", reason="antes", now=now - timedelta(hours=1))
        again = await contacts.request_handoff(session, family, area="otra", reason="otra vez", now=now)
        assert again.reason == "lo pidió"
    waiting = (await ana.get("/api/v1/conversations")).json()
    assert [entry["reason"] for entry in waiting] == ["antes", "lo pidió"]
    assert waiting[1]["phone"] == "+525555550101"


# ------------------------------------------------------------------------------------------- health and metrics


async def test_ready_names_what_is_missing(anonymous: AsyncTestClient) -> None:
    answer = await anonymous.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "unavailable", "database": "ok", "rasa": "ConnectError", "actions": "ConnectError"
    }  # fmt: skip


async def test_metrics_count_messages_and_waiting_work(
    anonymous: AsyncTestClient, puente: Miniature, family: str
) -> None:
    await puente.say("espera")
    shown = (await anonymous.get("/metrics")).text
    assert 'puente_messages{direction="in",status="done"} 1.0' in shown
    assert 'puente_queue_contacts{lane="gate"} 1.0' in shown
    assert "5555550101" not in shown
