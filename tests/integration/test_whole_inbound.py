"""What families do besides writing texts, with real processes: bursts, files, corrections, a new number."""

import asyncio
import hashlib
from typing import Any

from simulator.driver import Simulator
from tests.stack import Stack


def _conversation(stack: Stack, phone: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.api.get(f"/api/v1/conversations/{phone}").raise_for_status().json()
    return found


async def test_three_short_messages_are_one_turn(stack: Stack) -> None:
    async with Simulator(stack.simulator_url) as simulator:
        phone = simulator.phone("5215555570101")
        for words in ("buenas", "oiga", "no hay vincristina en la raza para mi niño"):
            said = await phone.say(words)
            await asyncio.sleep(0.3)
        await phone.replies(said, 40, settle=2)
        lines = _conversation(stack, phone.wa_id)["messages"]
    inbound = [line for line in lines if line["direction"] == "in"]
    assert {line["turn_id"] for line in inbound} == {inbound[-1]["id"]}
    assert {line["turn_id"] for line in lines if line["direction"] == "out"} == {inbound[-1]["id"]}


async def test_a_picture_arrives_whole_in_spite_of_a_bad_line(stack: Stack) -> None:
    async with Simulator(stack.simulator_url) as simulator:
        phone = simulator.phone("5215555570102")
        await simulator.faults(media_404=0.4, media_wrong_bytes=0.3, media_expired=0.2)
        try:
            said = await phone.send_image()
            (answer,) = await phone.replies(said, 90)
        finally:
            await simulator.faults()
        assert "Recibí su foto y la guardé" in answer.text
        (line,) = [line for line in _conversation(stack, phone.wa_id)["messages"] if line["media"]]
        fetched = stack.api.get(f"/api/v1/media/{line['media']['id']}").raise_for_status()
    assert fetched.headers["content-disposition"].startswith("attachment")
    assert hashlib.sha256(fetched.content).hexdigest() == line["media"]["sha256"]
    assert fetched.content.startswith(b"\xff\xd8\xff")


async def test_a_family_with_a_new_number_shows_who_it_is_before_it_sees_its_case(stack: Stack) -> None:
    async with Simulator(stack.simulator_url) as simulator:
        phone = simulator.phone("5215555570103")
        said = await phone.say("no hay vincristina en la raza desde el lunes, ya le tocaba a mi hijo Mateo")
        await phone.replies(said, 40)
        await phone.press("Sí, enviar")
        await phone.replies(timeout=40)
        (case,) = stack.api.get("/api/v1/cases", params={"contact": phone.wa_id}).json()
        await phone.change_number("5215555570104")
        asked = await phone.ask("como va mi reporte", 40)
        assert case["folio"] not in asked
        assert "primer nombre de su paciente" in asked
        assert _conversation(stack, phone.wa_id)["to_verify"]
        shown = await phone.ask(f"el folio es {case['folio']} y se llama Mateo", 40)
        if not case["patient"]:  # the report did not name the patient: folio and medicine prove it as well
            shown = await phone.ask(f"{case['folio']} es de vincristina", 40)
        assert case["folio"] in shown
        assert _conversation(stack, phone.wa_id)["to_verify"] is None
