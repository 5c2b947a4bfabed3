"""Corrections, deletions and reactions: nothing that was written is lost, and what waits is answered as it stands."""

from typing import Any

import httpx
import pytest

from puente.messages import transcript
from puente.messages.transcript import Line
from puente.safety import alarms, gate
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature


def edit(original: str, words: str, *, at: Any, **more: Any) -> wa.Item:
    content = {"original_message_id": original, "message": {"type": "text", "text": {"body": words}}}
    return wa.message("edit", content, at=at, **more)


def deletion(original: str, *, at: Any) -> wa.Item:
    return wa.message("revoke", {"original_message_id": original}, at=at)


def reaction(about: str, emoji: str | None, *, at: Any) -> wa.Item:
    content = {"message_id": about, "emoji": emoji} if emoji else {"message_id": about}
    return wa.message("reaction", content, at=at)


async def lines(puente: Miniature) -> list[Line]:
    async with puente.database.reading() as session:
        return await transcript.last(session, (await puente.contact()).id, 50)


def _down(puente: Miniature) -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    puente.rasa.behave = refuse


async def test_a_message_corrected_while_it_waits_is_answered_in_its_new_wording(puente: Miniature) -> None:
    wamid = await puente.say("no hay vincristin")
    await puente.receive(edit(wamid, "no hay vincristina", at=puente.time.now))
    await puente.work()
    assert puente.rasa.texts == ["no hay vincristina"]
    (line, answer) = await lines(puente)
    assert (line.message.text, [row.text for row in line.acts.edits]) == ("no hay vincristin", ["no hay vincristina"])
    assert answer.message.direction == "out"


async def test_the_last_of_several_corrections_counts(puente: Miniature) -> None:
    wamid = await puente.say("uno")
    for words in ("dos", "tres"):
        puente.time.pass_(seconds=1)
        await puente.receive(edit(wamid, words, at=puente.time.now))
    await puente.work()
    assert puente.rasa.texts == ["tres"]


async def test_a_correction_that_overtakes_its_message_counts(puente: Miniature) -> None:
    original = wa.text("no hay vincristin", at=puente.time.now)
    await puente.receive(edit(original["id"], "no hay vincristina", at=puente.time.now))
    await puente.receive(original)
    await puente.work()
    assert puente.rasa.texts == ["no hay vincristina"]


async def test_a_correction_of_what_was_answered_gets_no_second_answer(puente: Miniature) -> None:
    wamid = await puente.say("buenas tardes")
    await puente.work()
    await puente.receive(edit(wamid, "buenas noches", at=puente.time.now))
    await puente.work()
    assert puente.rasa.texts == ["buenas tardes"]
    assert (await lines(puente))[0].acts.edits[0].text == "buenas noches"


async def test_a_corrected_caption_is_a_correction(puente: Miniature) -> None:
    item = wa.message("image", {"mime_type": "image/jpeg", "caption": "mi reseta"}, at=puente.time.now)
    changed = {"type": "image", "image": {"caption": "mi receta", "mime_type": "image/jpeg"}}
    content = {"original_message_id": item["id"], "message": changed}
    await puente.receive(item, wa.message("edit", content, at=puente.time.now))
    await puente.work()
    assert puente.rasa.texts == ["mi receta"]


async def test_a_deleted_message_that_waits_is_not_answered_and_not_lost(puente: Miniature) -> None:
    wamid = await puente.say("me equivoqué de chat")
    await puente.receive(deletion(wamid, at=puente.time.now))
    await puente.work()
    assert puente.rasa.calls == []
    assert puente.graph.texts == []
    (line,) = await lines(puente)
    assert (line.message.text, line.message.status) == ("me equivoqué de chat", "done")
    assert line.acts.deletions


async def test_a_message_deleted_while_rasa_is_away_is_not_answered_unless_rasa_may_have_heard_it(
    puente: Miniature,
) -> None:
    _down(puente)
    first = await puente.say("esta ya se estaba contestando")
    await puente.work()
    puente.time.pass_(seconds=12)
    second = await puente.say("esta no")
    await puente.receive(deletion(first, at=puente.time.now), deletion(second, at=puente.time.now))
    puente.rasa.behave = None
    await puente.work_until_quiet()
    assert puente.graph.texts == ["eco: esta ya se estaba contestando"]


async def test_somebody_elses_deletion_deletes_nothing(puente: Miniature) -> None:
    wamid = await puente.say("hola a todos")
    stranger = deletion(wamid, at=puente.time.now) | {"from": "5215555550199"}
    await puente.receive(stranger)
    await puente.work()
    assert puente.rasa.texts == ["hola a todos"]


async def test_a_reaction_stands_at_its_message_and_gets_no_answer(puente: Miniature) -> None:
    await puente.say("buenas tardes")
    await puente.work()
    await puente.receive(reaction(puente.graph.wamids[0], "❤️", at=puente.time.now))
    await puente.work()
    assert len(puente.graph.texts) == 1
    question, answer = await lines(puente)
    assert (question.reaction, answer.reaction) == ("", "❤️")
    puente.time.pass_(seconds=1)
    await puente.receive(reaction(puente.graph.wamids[0], None, at=puente.time.now))
    await puente.work()
    assert [line.reaction for line in await lines(puente)] == ["", ""]


async def test_an_act_on_a_message_that_nobody_knows_is_shown_by_itself(puente: Miniature) -> None:
    await puente.receive(reaction("wamid.de.antes", "👍", at=puente.time.now))
    await puente.work()
    assert [line.message.type for line in await lines(puente)] == ["reaction"]


@pytest.fixture
def danger(monkeypatch: pytest.MonkeyPatch) -> None:
    def decide(text: str) -> gate.Verdict:
        return gate.Verdict(gate.CERTAIN, "conciencia", 0.9) if "peligro" in text else gate.Verdict(gate.NONE)

    monkeypatch.setattr(gate, "decide", decide)


@pytest.mark.usefixtures("danger")
async def test_the_gate_looks_at_the_new_wording(puente: Miniature) -> None:
    wamid = await puente.say("buenas tardes")
    await puente.work()
    await puente.receive(edit(wamid, "está en peligro", at=puente.time.now))
    await puente.work()
    assert puente.graph.texts[1:] == [alarms.safe_answer("conciencia")]


@pytest.mark.usefixtures("danger")
async def test_an_alarm_in_the_new_wording_of_what_waits_is_answered_once(puente: Miniature) -> None:
    wamid = await puente.say("está rara")
    await puente.receive(edit(wamid, "está en peligro", at=puente.time.now))
    await puente.work()
    assert puente.rasa.calls == []
    assert puente.graph.texts == [alarms.safe_answer("conciencia")]


@pytest.mark.usefixtures("danger")
async def test_a_deleted_cry_for_help_is_still_heard(puente: Miniature) -> None:
    wamid = await puente.say("está en peligro")
    await puente.receive(deletion(wamid, at=puente.time.now))
    await puente.work()
    assert puente.graph.texts == [alarms.safe_answer("conciencia")]
