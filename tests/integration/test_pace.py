"""Pace: to one family as WhatsApp allows, from one number as all workers share it, and paused or stopped for all."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from puente.contacts.service import Identity, recognise
from puente.dispatch import pace
from puente.messages import number, outbox
from puente.messages.models import Message
from puente.whatsapp.errors import rule_for
from tests.integration.conftest import Miniature, says


@pytest.fixture
async def family(puente: Miniature) -> str:
    await puente.say("hola")
    puente.rasa.behave = lambda _request: says()
    await puente.work()
    return (await puente.contact()).id


async def _write(puente: Miniature, contact_id: str, count: int) -> None:
    async with puente.database.transaction() as session:
        for n in range(count):
            await outbox.write_turn(session, contact_id, [{"text": f"m{n}"}], now=puente.time.now)


async def _other_family(puente: Miniature, wa_id: str) -> str:
    async with puente.database.transaction() as session:
        contact = await recognise(session, Identity(wa_id), puente.time.now)
        contact.last_inbound_at = puente.time.now
        return contact.id


async def _state(puente: Miniature) -> number.NumberState:
    async with puente.database.reading() as session:
        found = await number.state(session)
        assert found is not None
        return found


# -------------------------------------------------------------------------------------------------------- pair


async def test_a_burst_to_one_family_ends_where_whatsapp_would_refuse_it(puente: Miniature, family: str) -> None:
    await _write(puente, family, 50)
    await puente.work("outbox")
    assert len(puente.graph.texts) == int(pace.PAIR_BURST)
    puente.time.pass_(seconds=6)
    await puente.work("outbox")
    assert len(puente.graph.texts) == int(pace.PAIR_BURST) + 1
    await puente.work_until_quiet()
    assert puente.graph.texts == [f"m{n}" for n in range(50)]


async def test_the_pair_rate_holds_for_a_worker_that_takes_over(puente: Miniature, family: str) -> None:
    await _write(puente, family, 50)
    await puente.work("outbox")
    puente.start_worker("trabajador-2")
    puente.time.pass_(seconds=5)
    await puente.work("outbox")
    assert len(puente.graph.texts) == int(pace.PAIR_BURST)


async def test_a_long_talk_at_the_permitted_pace_does_not_fill_the_bucket(puente: Miniature, family: str) -> None:
    await _write(puente, family, 60)
    await puente.work("outbox")
    for _ in range(10):
        puente.time.pass_(seconds=pace.PAIR_SECONDS)
        await puente.work("outbox")
    assert len(puente.graph.texts) == int(pace.PAIR_BURST) + 10


async def test_one_familys_wait_is_not_anothers(puente: Miniature, family: str) -> None:
    other = await _other_family(puente, "5215555550199")
    await _write(puente, family, 50)
    await _write(puente, other, 1)
    await puente.work("outbox")
    assert [body["to"] for body in puente.graph.accepted].count("+5215555550199") == 1


# ------------------------------------------------------------------------------------------------------ number


class Seconds:
    """The time that the number's bucket goes by, and a sleep that passes it."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def seconds(monkeypatch: pytest.MonkeyPatch) -> Seconds:
    seconds = Seconds()
    monkeypatch.setattr(pace.time, "time", seconds.time)
    monkeypatch.setattr(pace.asyncio, "sleep", seconds.sleep)
    return seconds


async def test_several_workers_together_keep_the_numbers_rate(puente: Miniature, seconds: Seconds) -> None:
    workers = [pace.NumberPace(puente.database, rate=10, burst=20) for _ in range(3)]
    start = seconds.now
    for n in range(120):
        worker = workers[n % 3]
        await worker.ready()
        worker.spend()
    spent = seconds.now - start
    assert spent >= (120 - 20 - 1) / 10, "no faster than the bucket fills"
    assert spent <= 120 / 10 + 1, "and not much slower"


async def test_the_bucket_is_written_once_for_several_messages(
    puente: Miniature, seconds: Seconds, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes = 0
    take = number.take_tokens

    async def counted(*arguments: Any, **more: Any) -> int:
        nonlocal writes
        writes += 1
        return await take(*arguments, **more)

    monkeypatch.setattr(number, "take_tokens", counted)
    worker = pace.NumberPace(puente.database, rate=40, burst=40)
    for _ in range(40):
        await worker.ready()
        worker.spend()
    assert writes == 40 // pace.HANDFUL


async def test_those_who_found_the_same_token_pay_for_it(puente: Miniature, seconds: Seconds) -> None:
    worker = pace.NumberPace(puente.database, rate=10, burst=10)
    start = seconds.now
    for _ in range(5):
        await asyncio.gather(*(worker.ready() for _ in range(16)))  # one token lets all of them through
        for _ in range(16):
            worker.spend()
    await worker.ready()
    assert seconds.now - start >= (80 - 10) / 10


async def test_a_clock_set_back_does_not_stop_the_sending(puente: Miniature, seconds: Seconds) -> None:
    worker = pace.NumberPace(puente.database, rate=10, burst=10)
    for _ in range(10):
        await worker.ready()
        worker.spend()
    seconds.now -= 3600
    async with puente.database.transaction() as session:
        assert await number.take_tokens(session, 5, rate=10, burst=10, seconds=seconds.now) == 0
    seconds.now += 3601
    await worker.ready()


# ------------------------------------------------------------------------------------------------ pause and stop


async def test_a_number_over_its_rate_is_paused_for_every_worker(puente: Miniature, family: str) -> None:
    other = await _other_family(puente, "5215555550199")
    await _write(puente, family, 1)
    puente.graph.script.append(130429)
    await puente.work("outbox")
    await _write(puente, other, 1)
    puente.start_worker("trabajador-2")
    await puente.work("outbox")
    assert puente.graph.texts == []
    assert ((await _state(puente)).state, (await _state(puente)).code) == (number.PAUSED, 130429)
    puente.time.pass_(seconds=11)
    await puente.work("outbox")
    assert len(puente.graph.texts) == 2
    assert (await _state(puente)).state == number.FREE


async def test_one_message_tries_a_stopped_number_and_its_success_frees_all(puente: Miniature, family: str) -> None:
    others = [await _other_family(puente, f"521555555019{n}") for n in range(4)]
    await _write(puente, family, 1)
    puente.graph.script.extend([190, 190])
    await puente.work("outbox")
    for other in others:
        await _write(puente, other, 1)
    puente.time.pass_(seconds=61)
    await puente.work("outbox")
    assert len(puente.graph.requests) == 2, "one try, and nobody else"
    puente.time.pass_(seconds=61)
    await puente.work("outbox")
    assert len(puente.graph.requests) == 2, "the second wait is longer"
    puente.time.pass_(seconds=61)
    await puente.work("outbox")
    assert len(puente.graph.texts) == 5


async def test_a_try_that_says_nothing_of_the_number_frees_it(puente: Miniature, family: str) -> None:
    await _write(puente, family, 2)
    puente.graph.script.extend([190, 131026])
    await puente.work("outbox")
    puente.time.pass_(seconds=61)
    await puente.work("outbox")
    assert (await _state(puente)).state == number.FREE
    assert puente.graph.texts == ["m1"]


async def test_refusals_under_way_at_the_same_time_count_as_one(puente: Miniature, family: str) -> None:
    for _ in range(5):
        async with puente.database.transaction() as session:
            await number.hold(session, rule_for(130429, 429), 130429, puente.time.now)
    state = await _state(puente)
    assert (state.refusals, state.until) == (1, puente.time.now + timedelta(seconds=10))


async def test_a_stop_is_graver_than_a_pause(puente: Miniature, family: str) -> None:
    async with puente.database.transaction() as session:
        await number.hold(session, rule_for(130429, 429), 130429, puente.time.now)
        await number.hold(session, rule_for(131031, 403), 131031, puente.time.now)
        await number.hold(session, rule_for(130429, 429), 130429, puente.time.now)
    state = await _state(puente)
    assert (state.state, state.code) == (number.STOPPED, 131031)
    assert state.reason and "bloqueó" in state.reason


async def test_a_worker_that_dies_while_trying_does_not_leave_the_number_held(puente: Miniature, family: str) -> None:
    await _write(puente, family, 1)
    puente.graph.script.append(190)
    await puente.work("outbox")
    puente.time.pass_(seconds=61)
    async with puente.database.transaction() as session:
        assert (await number.may_send(session, puente.time.now)).trial  # and it dies
    async with puente.database.transaction() as session:
        assert not (await number.may_send(session, puente.time.now)).trial
    await puente.work_until_quiet()
    assert puente.graph.texts == ["m0"]


async def test_a_stop_that_a_status_tells_stops_the_number_and_the_message_goes_out_later(
    puente: Miniature, family: str
) -> None:
    from tests import fake_whatsapp as wa

    await _write(puente, family, 1)
    await puente.work("outbox")
    await puente.receive(statuses=[wa.status(puente.graph.wamids[0], "failed", errors=[{"code": 131042}])])
    assert (await _state(puente)).state == number.STOPPED
    await puente.work_until_quiet()
    assert puente.graph.texts == ["m0", "m0"]
    rows: list[Message] = await puente.messages("out")
    assert [row.status for row in rows] == ["failed", "sent"]
    assert rows[1].resend_of == rows[0].id
