"""Sending with the real processes: the closed window, blue ticks, the doctor, and what WhatsApp was given."""

import asyncio
import os
import subprocess
import sys
from typing import Any

import pytest

from puente.settings import ROOT
from simulator.driver import Phone
from tests.schemas import check_outbound
from tests.stack import Stack


async def _until(true: Any, seconds: float = 30) -> None:
    for _ in range(int(seconds / 0.1)):
        if await true():
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it did not happen in time")


async def _texts(phone: Phone) -> list[str]:
    return [bubble.text for bubble in await phone.messages() if bubble.direction == "out"]


@pytest.fixture
async def phone(stack: Stack) -> Any:
    """A family of its own; WhatsApp's clock is right again afterwards."""
    phone = stack.phone("5215555570601")
    yield phone
    await phone.simulator.set_clock(0)
    await phone.simulator.close()


async def test_an_answer_after_the_24_hours_waits_for_the_familys_and_then_arrives(stack: Stack, phone: Phone) -> None:
    await phone.say("quiero hablar con una persona")
    await phone.replies()
    await phone.simulator.set_clock(25)  # WhatsApp refuses what Puente still takes for permitted
    answer = {"text": "Ya llegó su medicamento, pase mañana."}
    stack.api.post(f"/api/v1/conversations/{phone.wa_id}/messages", json=answer).raise_for_status()

    async def invited() -> bool:
        return any("toque el botón" in text for text in await _texts(phone))

    await _until(invited)
    assert answer["text"] not in await _texts(phone)
    pressed = await phone.press("Leer respuesta")
    (bubble,) = await phone.replies(pressed)
    assert bubble.text == answer["text"]


async def test_what_the_bot_answers_was_read_and_what_waits_for_a_person_was_not(stack: Stack) -> None:
    phone = stack.phone("5215555570602")
    first = await phone.say("quiero hablar con una persona")
    await phone.replies()

    async def read() -> bool:
        return next(bubble for bubble in await phone.messages() if bubble.id == first.id).status == "read"

    await _until(read)
    second = await phone.say("¿hay alguien?")
    await phone.simulator.settled()
    await asyncio.sleep(1.5)  # as long as a mark would take
    transcript = stack.api.get(f"/api/v1/conversations/{phone.wa_id}").raise_for_status().json()["messages"]
    waiting = next(bubble for bubble in await phone.messages() if bubble.id == second.id)
    assert waiting.status == "delivered"
    last = [message for message in transcript if message["direction"] == "in"][-1]
    stack.api.post(f"/api/v1/messages/{last['id']}/read").raise_for_status()

    async def seen() -> bool:
        return next(bubble for bubble in await phone.messages() if bubble.id == second.id).status == "read"

    await _until(seen)
    await phone.simulator.close()


def test_the_doctor_finds_nothing_wrong_with_a_running_puente(stack: Stack) -> None:
    environment = {**os.environ, **stack.environment}
    command = [sys.executable, "-m", "puente", "doctor"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 0, result.stdout
    assert "✗" not in result.stdout


async def test_all_that_whatsapp_was_given_keeps_its_schema_and_ours(stack: Stack) -> None:
    phone = stack.phone("5215555570603")
    await phone.say("hola")
    await phone.replies()
    bodies = await phone.simulator.outbound()
    assert bodies
    for body in bodies:  # of every test that has used these processes until now
        check_outbound(body)
    await phone.simulator.close()
