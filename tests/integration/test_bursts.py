"""Short messages in a row are one turn; a lone finished message waits for nothing; a crash changes nothing."""

from datetime import timedelta
from typing import Any

import pytest

from puente.dispatch import bursts
from puente.messages import queue
from tests import fake_whatsapp as wa
from tests.fake_media import FakeMedia
from tests.integration.conftest import Miniature, says

PATIENCE = timedelta(seconds=1.2)


@pytest.fixture
def patient(puente: Miniature, monkeypatch: pytest.MonkeyPatch) -> Miniature:
    monkeypatch.setattr(bursts, "PATIENCE", PATIENCE)
    return puente


async def _turns(puente: Miniature) -> list[int | None]:
    return [row.turn_id for row in await puente.messages("in")]


async def test_a_greeting_waits_for_what_follows_and_all_is_one_turn(patient: Miniature) -> None:
    for words in ("buenas", "oiga", "no hay quimio"):
        await patient.say(words)
        await patient.work()
        if words != "no hay quimio":
            assert patient.rasa.calls == []
        patient.time.pass_(seconds=1)
    assert patient.rasa.texts == ["buenas\noiga\nno hay quimio"]
    assert len(patient.graph.texts) == 1
    rows = await patient.messages("in")
    assert [row.status for row in rows] == ["done"] * 3
    assert await _turns(patient) == [rows[-1].id] * 3
    assert [row.parse is not None for row in rows] == [False, False, True]


async def test_a_lone_greeting_waits_a_moment_and_no_longer(patient: Miniature) -> None:
    await patient.say("buenas")
    await patient.work()
    assert patient.rasa.calls == []
    patient.time.pass_(seconds=1.3)
    await patient.work()
    assert patient.rasa.texts == ["buenas"]


@pytest.mark.parametrize(
    "words", ["no hay vincristina en La Raza", "sí", "gracias", "¿a qué hora abren?", "vincristina"]
)
async def test_a_message_that_looks_finished_goes_at_once(patient: Miniature, words: str) -> None:
    await patient.say(words)
    await patient.work()
    assert patient.rasa.texts == [words]


async def test_each_message_of_a_burst_passes_the_gate_alone_and_at_once(patient: Miniature) -> None:
    await patient.say("oiga")
    await patient.work()
    (row,) = await patient.messages("in")
    assert row.gated_at == patient.time.now


async def test_what_waits_already_is_said_together_in_order(patient: Miniature) -> None:
    for words in ("no hay vincristina", "en La Raza", "desde el lunes"):
        await patient.say(words)
        patient.time.pass_(seconds=2)
    await patient.work()
    assert patient.rasa.texts == ["no hay vincristina\nen La Raza\ndesde el lunes"]


async def test_messages_far_apart_stay_apart(patient: Miniature) -> None:
    await patient.say("no hay vincristina")
    patient.time.pass_(seconds=60)
    await patient.say("¿a qué hora abren?")
    await patient.work()
    assert patient.rasa.texts == ["no hay vincristina", "¿a qué hora abren?"]


async def test_buttons_files_and_commands_are_turns_of_their_own(patient: Miniature) -> None:
    at = patient.time.now
    patient.files = FakeMedia()
    await patient.receive(
        wa.text("no hay vincristina", at=at),
        wa.button("/afirmar", "Sí", at=at),
        wa.text("gracias", at=at),
        wa.message("image", {"id": "f1", "caption": "mi receta"}, at=at),
        wa.text("baja", at=at),
        wa.text("adiós", at=at),
    )
    await patient.work()
    assert patient.rasa.texts == ["no hay vincristina", "Sí", "gracias", "mi receta", "adiós"]  # "baja" is an order


async def test_a_crash_after_rasa_heard_the_burst_repeats_that_very_burst(patient: Miniature) -> None:
    heard: dict[str, str] = {}

    def once(request: Any) -> Any:
        call = patient.rasa.calls[-1]
        return says(f"eco: {heard.setdefault(call['message_id'], call['text'])}")

    patient.rasa.behave = once
    for words in ("oiga", "no hay quimio"):
        await patient.say(words)
    await patient.work("gate")
    (contact_id,) = await patient.claim(queue.INBOX)
    pending = await patient.inbox._next(contact_id)
    assert pending
    await patient.inbox._turn(pending)  # Rasa has heard it, and here the worker dies
    await patient.say("en La Raza")
    patient.start_worker("trabajador-2")
    await patient.work_until_quiet()
    assert patient.rasa.texts == ["oiga\nno hay quimio", "en La Raza"]
    assert patient.graph.texts == ["eco: oiga\nno hay quimio", "eco: en La Raza"]


async def test_a_message_that_comes_during_the_turn_is_the_next_turn(patient: Miniature) -> None:
    async def slow(_request: Any) -> Any:
        if len(patient.rasa.calls) == 1:
            await patient.say("en La Raza")
        return says("eco")

    patient.rasa.behave = slow
    await patient.say("no hay vincristina")
    await patient.work()
    assert patient.rasa.texts == ["no hay vincristina", "en La Raza"]


async def test_a_burst_that_always_fails_goes_to_a_person_as_one(patient: Miniature) -> None:
    import httpx

    patient.rasa.behave = lambda _request: httpx.Response(500)
    for words in ("no hay vincristina", "en La Raza"):
        await patient.say(words)
    await patient.work_until_quiet()
    assert [row.status for row in await patient.messages("in")] == ["done"] * 2
    assert len(patient.graph.texts) == 1
