"""The whole system over HTTP, with real processes: what a family must be able to rely on."""

import asyncio
import json
import time
from datetime import UTC, datetime

import httpx

from puente.whatsapp import signature
from simulator.driver import Simulator
from tests import fake_whatsapp as wa
from tests.stack import Stack


def _deliver(stack: Stack, body: bytes, secret: str | None = None) -> int:
    header = signature.sign(body, secret or stack.settings.whatsapp_app_secret)
    return httpx.post(
        f"{stack.url}/webhooks/whatsapp", content=body, headers={"X-Hub-Signature-256": header}, trust_env=False
    ).status_code


def _cases(stack: Stack, phone: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = stack.api.get("/api/v1/cases", params={"contact": phone}).raise_for_status().json()
    return found


def _out(stack: Stack, phone: str) -> list[str]:
    transcript = stack.api.get(f"/api/v1/conversations/{phone}").raise_for_status().json()["messages"]
    return [message["text"] for message in transcript if message["direction"] == "out"]


def _wait(condition: object, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


async def test_one_webhook_delivered_five_times_at_once_is_one_case_and_one_set_of_replies(stack: Stack) -> None:
    phone = "5215555570001"
    at = datetime.now(UTC)
    report = "buenas, no ay vincristina pa mi niña en la raza desde el lunes y ya le tocaba"
    body = wa.webhook(wa.value(messages=[wa.text(report, at=at, wa_id=phone)]))
    statuses = await asyncio.gather(*(asyncio.to_thread(_deliver, stack, body) for _ in range(5)))
    assert statuses == [200] * 5
    await asyncio.to_thread(_wait, lambda: _out(stack, phone))
    confirmation = wa.webhook(wa.value(messages=[wa.button("/afirmar", "Sí, enviar", at=at, wa_id=phone)]))
    statuses = await asyncio.gather(*(asyncio.to_thread(_deliver, stack, confirmation) for _ in range(5)))
    assert statuses == [200] * 5
    await asyncio.to_thread(_wait, lambda: _cases(stack, phone))
    await asyncio.sleep(2)  # time for a second case or reply, if there were one
    (case,) = _cases(stack, phone)
    assert (case["medicine"], case["area"]) == ("vincristina", "abasto")
    assert "CMN La Raza" in case["unit"]
    assert len(case["facts"]["fecha"]["valor"]) == len("2026-11-16")  # type: ignore[index]
    # The simulator has never heard of this phone, so it also finds the window closed: the invitation is not a reply.
    assert len([text for text in _out(stack, phone) if "toque el botón" not in text]) == 2


def test_a_wrong_signature_is_refused_and_stores_nothing(stack: Stack) -> None:
    phone = "5215555570002"
    body = wa.webhook(wa.value(messages=[wa.text("hola", at=datetime.now(UTC), wa_id=phone)]))
    assert _deliver(stack, body, secret="otro") == 401
    assert stack.api.get(f"/api/v1/conversations/{phone}").status_code == 404


def test_malformed_json_with_a_right_signature_is_kept_and_answered(stack: Stack) -> None:
    def quarantined() -> float:
        lines = httpx.get(f"{stack.url}/metrics", trust_env=False).text.splitlines()
        return next(float(line.split()[-1]) for line in lines if line.startswith("puente_quarantine "))

    before = quarantined()
    assert _deliver(stack, b'{"entry": [') == 200
    assert quarantined() == before + 1


async def test_rasa_killed_in_the_middle_the_edge_answers_and_the_conversation_goes_on(stack: Stack) -> None:
    async with Simulator(stack.simulator_url) as simulator:
        phone = simulator.phone("5215555570003")
        said = await phone.say("no me surtieron la mercaptopurina de mi hijo")
        await phone.replies(said)
        stack.kill("rasa")
        try:
            said = await phone.say("en la 25 de monterrey")
            await asyncio.sleep(2)
            await simulator.settled()  # the webhook was taken though Rasa is away
            alarm = await phone.say("y ahorita tiene 39 de calentura y no despierta")
            (answer,) = await phone.replies(alarm, 10)
            assert "911" in answer.text
        finally:
            stack.restart("rasa")
        said = await phone.say("desde ayer")
        answer = "\n".join(bubble.text for bubble in await phone.replies(said, 40, settle=2))
        assert "mercaptopurina" in answer
        assert "Monterrey" in answer


async def test_the_transcript_shows_how_a_message_was_understood(stack: Stack) -> None:
    async with Simulator(stack.simulator_url) as simulator:
        phone = simulator.phone("5215555570004")
        await phone.replies(await phone.say("en que va mi reporte"))
    transcript = stack.api.get("/api/v1/conversations/525555570004").json()
    first = transcript["messages"][0]
    assert first["parse"]["intent"]["name"] == "consultar_caso"
    assert first["safety"]["tier"] == "none"
    assert json.dumps(transcript)  # plain data throughout
