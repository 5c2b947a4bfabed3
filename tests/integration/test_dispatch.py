"""The gate and the dialogue: in order, once, through every failure of Rasa, and silent while a person answers."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select

from puente.cases.models import Case
from puente.contacts import service as contacts
from puente.db import Database
from puente.dispatch.rasa import Turn
from puente.knowledge import texts
from puente.messages import outbox, queue
from puente.messages.models import ButtonPayload
from puente.safety import alarms, gate
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature, says

APOLOGY = texts.get("asistente_demorado")
TO_A_PERSON = texts.get("mensaje_para_una_persona")
SAFE_ANSWER = alarms.safe_answer("conciencia")
DOWN = httpx.ConnectError("refused")


def _raises(problem: Exception) -> Any:
    def answer(_request: httpx.Request) -> httpx.Response:
        raise problem

    return answer


async def _states(puente: Miniature) -> list[str]:
    return [row.status for row in await puente.messages("in")]


# ------------------------------------------------------------------------------------------------- one message


async def test_a_message_goes_through_rasa_and_its_answer_to_the_family(puente: Miniature) -> None:
    wamid = await puente.say("buenas tardes")
    await puente.work()
    contact = await puente.contact()
    assert puente.rasa.calls == [
        {
            "sender": contact.id,
            "message_id": wamid,
            "text": "buenas tardes",
            "payload": None,
            "metadata": {"sent_at": "2026-11-22T18:00:00+00:00", "alarm": "none"},
        }
    ]
    assert puente.graph.texts == ["eco: buenas tardes"]
    (row,) = await puente.messages("in")
    assert (row.status, row.safety and row.safety["tier"]) == ("done", "none")
    assert row.parse and row.parse["intent"]["name"] == "informar"
    (answer,) = await puente.messages("out")
    assert (answer.author, answer.turn_id) == ("bot", row.id)


async def test_messages_of_a_family_go_through_in_the_order_in_which_they_were_written(puente: Miniature) -> None:
    late = wa.text("tres", at=puente.time.now + timedelta(seconds=60))
    first = wa.text("uno", at=puente.time.now + timedelta(seconds=20))
    second = wa.text("dos", at=puente.time.now + timedelta(seconds=40))
    puente.time.pass_(seconds=90)
    await puente.receive(late)
    await puente.receive(second, first)
    await puente.work()
    assert puente.rasa.texts == ["uno", "dos", "tres"]
    assert puente.graph.texts == ["eco: uno", "eco: dos", "eco: tres"]


async def test_messages_of_the_same_second_keep_the_order_of_arrival(puente: Miniature) -> None:
    await puente.receive(*(wa.text(words, at=puente.time.now) for words in ("uno", "dos", "tres")))
    await puente.work()
    assert puente.rasa.texts == ["uno\ndos\ntres"]


async def test_a_pressed_button_gives_rasa_its_payload_and_the_title_as_text(puente: Miniature) -> None:
    await puente.receive(wa.button("/afirmar", "Sí, enviar", at=puente.time.now))
    await puente.work()
    (call,) = puente.rasa.calls
    assert (call["payload"], call["text"]) == ("/afirmar", "Sí, enviar")


async def test_a_chosen_row_gives_rasa_its_whole_name_as_text(puente: Miniature) -> None:
    name = "Hospital de Pediatría, CMN Siglo XXI, Ciudad de México"
    reply = {"type": "list_reply", "list_reply": {"id": name, "title": "Hospital de Pediatría,…"}}
    await puente.receive(wa.message("interactive", reply, at=puente.time.now))
    await puente.work()
    (call,) = puente.rasa.calls
    assert (call["payload"], call["text"]) == (None, name)


async def test_a_button_id_that_is_no_text_blocks_nobody(puente: Miniature) -> None:
    await puente.receive(wa.button(5, "Sí", at=puente.time.now))  # type: ignore[arg-type]
    await puente.work()
    assert await _states(puente) == ["done"]


async def test_what_a_family_types_is_never_a_payload(puente: Miniature) -> None:
    await puente.say('/informar{"unidad": "x"}')
    await puente.work()
    assert puente.rasa.calls[0]["payload"] is None


async def test_a_long_payload_travels_behind_a_short_id(puente: Miniature) -> None:
    long = '/informar{"detalle": "' + "x" * 400 + '"}'
    puente.rasa.behave = lambda _request: says("¿Sí?", buttons=[{"title": "Sí", "payload": long}])
    await puente.say("hola")
    await puente.work()
    short = puente.graph.accepted[0]["interactive"]["action"]["buttons"][0]["reply"]["id"]
    assert len(short) <= 256
    await puente.receive(wa.button(short, "Sí", at=puente.time.now))
    await puente.work()
    assert puente.rasa.calls[-1]["payload"] == long


async def test_a_short_id_of_another_family_is_worth_only_its_title(puente: Miniature) -> None:
    await puente.say("hola", **{"from": "5215555550199"})
    other = await puente.contact()
    async with puente.database.transaction() as session:
        session.add(ButtonPayload(id="p:ajeno", contact_id=other.id, payload="/secreto", created_at=puente.time.now))
    await puente.receive(wa.button("p:ajeno", "Sí", at=puente.time.now))
    await puente.work()
    assert (puente.rasa.calls[-1]["payload"], puente.rasa.calls[-1]["text"]) == (None, "Sí")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("sticker", "mensaje_sin_texto"),
        ("location", "ubicacion"),
        ("algo_nuevo", "mensaje_sin_texto"),
    ],
)
async def test_what_has_no_words_is_acknowledged_with_a_way_to_a_person(
    puente: Miniature, kind: str, text: str
) -> None:
    await puente.receive(wa.message(kind, {"id": "1"}, at=puente.time.now))
    await puente.work()
    assert puente.graph.texts == [texts.get(text)]
    assert puente.graph.accepted[0]["interactive"]["action"]["buttons"][0]["reply"]["id"] == "/hablar_con_persona"
    assert puente.rasa.calls == []


@pytest.mark.parametrize("kind", ["reaction", "system", "edit", "revoke"])
async def test_what_expects_no_answer_gets_none(puente: Miniature, kind: str) -> None:
    await puente.receive(wa.message(kind, {"message_id": "wamid.1"}, at=puente.time.now))
    await puente.work()
    assert await _states(puente) == ["done"]
    assert puente.graph.texts == []


async def test_a_caption_is_understood_like_a_text(puente: Miniature) -> None:
    await puente.receive(wa.message("image", {"id": "1", "caption": "mi receta"}, at=puente.time.now))
    await puente.work()
    assert puente.rasa.texts == ["mi receta"]


# ------------------------------------------------------------------------------------------------ Rasa is away


@pytest.mark.parametrize("away", ["refused", 503, 401, 404, 502])
async def test_rasa_away_and_back_loses_nothing_and_changes_no_order(puente: Miniature, away: Any) -> None:
    await puente.say("primera")
    puente.rasa.behave = _raises(DOWN) if away == "refused" else lambda _request: httpx.Response(away)
    for words in ("segunda", "tercera"):
        await puente.work()
        puente.time.pass_(seconds=4)
        await puente.say(words)
    await puente.work()
    assert await _states(puente) == ["received"] * 3
    puente.rasa.behave = None
    await puente.work_until_quiet()
    assert puente.graph.texts == ["eco: primera", "eco: segunda\ntercera"]


async def test_a_family_that_waits_is_told_once_for_each_outage(puente: Miniature) -> None:
    puente.rasa.behave = _raises(DOWN)
    await puente.say("hola")
    await puente.work()
    assert puente.graph.texts == []
    for _ in range(30):
        puente.time.pass_(seconds=5)
        await puente.work()
    await puente.say("¿hola?")
    await puente.work()
    assert puente.graph.texts == [APOLOGY]
    puente.rasa.behave = None
    await puente.work_until_quiet()
    assert puente.graph.texts == [APOLOGY, "eco: hola", "eco: ¿hola?"]
    puente.rasa.behave = _raises(DOWN)
    await puente.say("otra cosa")
    for _ in range(6):
        await puente.work()
        puente.time.pass_(seconds=5)
    assert puente.graph.texts[3:] == [APOLOGY]


async def test_an_alarm_answered_meanwhile_is_not_the_end_of_the_outage(puente: Miniature) -> None:
    puente.rasa.behave = _raises(DOWN)
    await puente.say("como va mi reporte")
    for _ in range(6):
        await puente.work()
        puente.time.pass_(seconds=5)
    await puente.say("mi hijo esta convulsionando")  # the gate answers it, without Rasa
    for _ in range(6):
        await puente.work()
        puente.time.pass_(seconds=5)
    assert puente.graph.texts.count(APOLOGY) == 1
    assert any("911" in text and text != APOLOGY for text in puente.graph.texts)


async def test_a_long_outage_never_counts_as_the_messages_fault(puente: Miniature) -> None:
    puente.rasa.behave = _raises(DOWN)
    await puente.say("hola")
    for _ in range(100):
        await puente.work()
        puente.time.pass_(seconds=6)
    puente.rasa.behave = lambda _request: httpx.Response(500)  # one more stumble when it comes back
    await puente.work()
    puente.rasa.behave = None
    await puente.work_until_quiet()
    assert puente.graph.texts == [APOLOGY, "eco: hola"]
    assert (await puente.contact()).owner == "bot"


# ----------------------------------------------------------------------------------------- a message that fails


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(500, json={"error": "KeyError"}),
        httpx.Response(400, json={"error": "?"}),
        httpx.Response(200, text="no es JSON"),
        httpx.Response(200, json={"parse": None}),
        httpx.Response(200, json=["?"]),
        httpx.Response(200, json={"replies": ["sin forma"], "parse": None}),
        httpx.Response(200, json={"replies": [{"text": "¿?", "buttons": [{"sin": "título"}]}], "parse": None}),
        httpx.ReadTimeout("hangs"),
    ],
)
async def test_a_message_that_always_fails_goes_to_a_person_and_blocks_nothing(puente: Miniature, answer: Any) -> None:
    def poisoned(request: httpx.Request) -> httpx.Response:
        if b"piedra" not in request.content:
            return says("eco")
        if isinstance(answer, Exception):
            raise answer
        return answer

    puente.rasa.behave = poisoned
    await puente.say("piedra")
    puente.time.pass_(seconds=11)
    await puente.say("y esto")
    await puente.work_until_quiet()
    assert await _states(puente) == ["done", "done"]
    assert len([call for call in puente.rasa.calls if call["text"] == "piedra"]) == 5
    assert puente.graph.texts == [TO_A_PERSON]
    assert (await puente.contact()).owner == "persona"
    async with puente.database.reading() as session:
        ((handoff, _),) = await contacts.open_handoffs(session)
    assert handoff.area == "soporte_digital"


async def test_one_stumble_is_not_noticed(puente: Miniature) -> None:
    answers = iter([httpx.Response(500), httpx.Response(500)])
    puente.rasa.behave = lambda _request: next(answers, says("eco"))
    await puente.say("hola")
    await puente.work_until_quiet()
    assert puente.graph.texts == ["eco"]


# ----------------------------------------------------------------------------------------------------- crashes


async def test_a_worker_killed_after_rasas_answer_leads_to_one_answer(puente: Miniature) -> None:
    await puente.say("hola")
    await puente.work("gate")
    (contact_id,) = await puente.claim(queue.INBOX)
    pending = await puente.inbox._next(contact_id)
    assert pending
    await puente.inbox._turn(pending)  # Rasa has answered, and here it dies
    puente.start_worker("trabajador-2")
    await puente.work_until_quiet()
    assert puente.graph.texts == ["eco: hola"]
    assert len(puente.rasa.calls) == 2


async def test_a_worker_whose_lease_ran_out_stores_nothing(puente: Miniature) -> None:
    await puente.say("hola")
    await puente.work("gate")
    (contact_id,) = await puente.claim(queue.INBOX)
    pending = await puente.inbox._next(contact_id)
    assert pending
    slow = puente.inbox
    puente.time.pass_(seconds=100)
    puente.start_worker("trabajador-2")
    await puente.work()
    with pytest.raises(queue.LeaseLost):
        await slow._commit(pending.message, Turn([{"text": "tarde"}], None))
    await puente.work_until_quiet()
    assert puente.graph.texts == ["eco: hola"]


async def test_the_same_turn_stored_twice_is_said_once(puente: Miniature) -> None:
    await puente.say("hola")
    await puente.work("gate")
    (contact_id,) = await puente.claim(queue.INBOX)
    pending = await puente.inbox._next(contact_id)
    assert pending
    for _ in range(2):
        await puente.inbox._commit(pending.message, Turn([{"text": "una vez"}], None))
    puente.time.pass_(seconds=100)
    await puente.work_until_quiet()
    assert puente.graph.texts == ["una vez"]


async def test_a_crash_while_storing_leaves_neither_half(puente: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    await puente.say("hola")
    await puente.work("gate")

    async def dies(*_args: Any, **_more: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(outbox, "write_turn", dies)
        with pytest.raises(asyncio.CancelledError):
            await puente.work("inbox")
    assert await _states(puente) == ["received"]
    assert await puente.messages("out") == []
    puente.time.pass_(seconds=100)
    await puente.work_until_quiet()
    assert puente.graph.texts == ["eco: hola"]


# ------------------------------------------------------------------------------------------------- with a person


async def test_while_a_person_answers_the_bot_is_silent_and_everything_is_kept(puente: Miniature) -> None:
    await puente.say("hola")
    await puente.work()
    contact_id = (await puente.contact()).id
    async with puente.database.transaction() as session:
        await contacts.take(session, contact_id, by="ana", now=puente.time.now)
    await puente.say("¿me lee?")
    await puente.receive(wa.message("audio", {"id": "1"}, at=puente.time.now))
    await puente.work()
    assert puente.rasa.texts == ["hola"]
    assert puente.graph.texts == ["eco: hola"]
    assert await _states(puente) == ["done"] * 3
    async with puente.database.transaction() as session:
        await contacts.give_back(session, contact_id, by="ana", now=puente.time.now)
    await puente.say("gracias")
    await puente.work()
    assert puente.graph.texts == ["eco: hola", "eco: gracias"]


async def test_a_handoff_asked_for_in_the_turn_still_says_so(puente: Miniature) -> None:
    async def hands_over(_request: httpx.Request) -> httpx.Response:
        contact_id = (await puente.contact()).id
        async with puente.database.transaction() as session:
            await contacts.request_handoff(session, contact_id, area="x", reason="lo pidió", now=puente.time.now)
        return says("Le paso con una persona.")

    puente.rasa.behave = hands_over
    await puente.say("quiero hablar con alguien")
    await puente.work()
    await puente.say("¿hola?")
    await puente.work()
    assert puente.graph.texts == ["Le paso con una persona."]


# ----------------------------------------------------------------------------------------------------- the gate


@pytest.fixture
def danger(monkeypatch: pytest.MonkeyPatch) -> None:
    """Messages that say "peligro" are a certain alarm."""

    def decide(text: str) -> gate.Verdict:
        return gate.Verdict(gate.CERTAIN, "conciencia", 0.9) if "peligro" in text else gate.Verdict(gate.NONE)

    monkeypatch.setattr(gate, "decide", decide)


async def _cases(database: Database) -> int:
    async with database.reading() as session:
        return (await session.execute(select(func.count()).select_from(Case))).scalar_one()


@pytest.mark.usefixtures("danger")
async def test_an_alarm_is_answered_though_rasa_is_away_and_a_person_has_the_conversation(puente: Miniature) -> None:
    puente.rasa.behave = _raises(DOWN)
    await puente.say("hola")
    contact_id = (await puente.contact()).id
    async with puente.database.transaction() as session:
        await contacts.take(session, contact_id, by="ana", now=puente.time.now)
    await puente.say("peligro")
    await puente.work()
    assert puente.graph.texts == [SAFE_ANSWER]
    assert await _cases(puente.database) == 1


@pytest.mark.usefixtures("danger")
async def test_an_alarm_does_not_wait_behind_a_message_that_waits(puente: Miniature) -> None:
    puente.rasa.behave = _raises(DOWN)
    await puente.say("hola")
    await puente.work()
    puente.time.pass_(seconds=1)
    await puente.say("peligro")
    await puente.work()
    assert puente.graph.texts == [SAFE_ANSWER]


@pytest.mark.usefixtures("danger")
async def test_an_alarm_delivered_again_is_one_answer_and_one_case(puente: Miniature) -> None:
    item = wa.text("peligro", at=puente.time.now)
    for _ in range(3):
        await puente.receive(item)
        await puente.work()
    assert puente.graph.texts == [SAFE_ANSWER]
    assert await _cases(puente.database) == 1
    assert puente.rasa.calls == []


@pytest.mark.usefixtures("danger")
async def test_an_alarm_whose_case_cannot_be_opened_is_still_answered_and_reaches_a_person(
    puente: Miniature, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaks(*_args: Any) -> None:
        raise KeyError("urgencia")

    monkeypatch.setattr(alarms, "consider", breaks)
    await puente.say("peligro")
    await puente.say("y otra cosa")
    await puente.work()
    assert puente.graph.texts == [SAFE_ANSWER]
    assert (await puente.contact()).owner == "persona"
    assert await _states(puente) == ["done", "done"]


@pytest.mark.usefixtures("danger")
async def test_a_gate_killed_before_its_commit_answers_once(puente: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    await puente.say("peligro")

    async def dies(*_args: Any, **_more: Any) -> None:
        raise asyncio.CancelledError

    with monkeypatch.context() as patched:
        patched.setattr(queue, "release", dies)
        with pytest.raises(asyncio.CancelledError):
            await puente.work("gate")
    assert await _cases(puente.database) == 0
    puente.time.pass_(seconds=100)
    puente.start_worker("trabajador-2")
    await puente.work_until_quiet()
    assert puente.graph.texts == [SAFE_ANSWER]
    assert await _cases(puente.database) == 1
