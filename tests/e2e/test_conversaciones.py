"""Whole conversations through the real processes. Each is a YAML file that a non-programmer can read and write.

A step is `familia:` (what she writes), `toca:` (a button she presses) or `manda:` (foto, audio). After it,
`dice:` lists words that the answer must contain, `no_dice:` words that it must not, `calla: true` that nobody answers.
`termina:` says how the contact's newest case must look.
"""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator.driver import Bubble, Phone, Simulator
from tests.stack import Stack

CONVERSATIONS = sorted((Path(__file__).parent / "conversaciones").glob("*.yml"))
SILENCE_SECONDS = 3


@pytest.mark.parametrize("path", CONVERSATIONS, ids=lambda path: path.stem)
async def test_the_conversation_ends_as_written(path: Path, stack: Stack) -> None:
    conversation = _read(path)
    wa_id = f"5215555{6 + CONVERSATIONS.index(path) // 1000}{CONVERSATIONS.index(path):05d}"
    async with Simulator(stack.simulator_url) as simulator:
        phone = simulator.phone(wa_id)
        for step in conversation["pasos"]:
            await _play(phone, step)
    if "termina" in conversation:
        _check_case(stack, wa_id, conversation["termina"])
    if "con_una_persona" in conversation:
        assert _conversation(stack, wa_id)["owner"] == "persona"


def _read(path: Path) -> dict[str, Any]:
    conversation: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return conversation


async def _play(phone: Phone, step: dict[str, Any]) -> None:
    said = await _write(phone, step)
    if step.get("calla"):
        await asyncio.sleep(SILENCE_SECONDS)
        assert await _out(phone, said) == [], f"should be silent after {step}"
        return
    answer = "\n".join(bubble.text for bubble in await phone.replies(said, 30, settle=1))
    for words in step.get("dice", []):
        assert words.lower() in answer.lower(), f"after {step}: {answer!r}"
    for words in step.get("no_dice", []):
        assert words.lower() not in answer.lower(), f"after {step}: {answer!r}"


async def _write(phone: Phone, step: dict[str, Any]) -> Bubble:
    if "toca" in step:
        return await phone.press(step["toca"])
    if step.get("manda") == "audio":
        return await phone.send_voice()
    if step.get("manda") == "foto":
        return await phone.send_image(step.get("familia"))
    return await phone.say(step["familia"])


async def _out(phone: Phone, said: Bubble) -> list[str]:
    return [bubble.text for bubble in await phone.messages(said.seq) if bubble.direction == "out"]


def _check_case(stack: Stack, wa_id: str, expected: dict[str, Any] | None) -> None:
    cases = stack.api.get("/api/v1/cases", params={"contact": wa_id}).raise_for_status().json()
    if expected is None:
        assert cases == []
        return
    assert len(cases) == expected.pop("casos", 1), cases
    for key, value in expected.items():
        found = cases[0][key]
        assert found == value or (isinstance(value, str) and value in str(found)), f"{key}: {found!r}, not {value!r}"


def _conversation(stack: Stack, wa_id: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.api.get(f"/api/v1/conversations/{wa_id}").raise_for_status().json()
    return found
