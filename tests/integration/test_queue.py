"""The queue: a contact has one worker at a time, no work is forgotten, and a dead worker holds nobody up for ever."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from puente.contacts import service as contacts
from puente.contacts.service import Identity
from puente.db import Database
from puente.dispatch import worker
from puente.dispatch.lane import Lane, Work, watch
from puente.messages import queue
from puente.messages.models import QueueEntry

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
LANE = queue.INBOX


@pytest.fixture
async def families(database: Database) -> list[str]:
    """Ten contacts."""
    async with database.transaction() as session:
        found = [await contacts.recognise(session, Identity(f"52155555501{number:02}"), NOW) for number in range(10)]
        return [contact.id for contact in found]


async def _enqueue(database: Database, contact_id: str, at: datetime = NOW) -> None:
    async with database.transaction() as session:
        await queue.enqueue(session, LANE, contact_id, at)


async def _claim(
    database: Database, who: str, *, limit: int = 100, now: datetime = NOW, seconds: float = 10
) -> list[str]:
    async with database.transaction() as session:
        return await queue.claim(session, LANE, who, limit=limit, seconds=seconds, now=now)


async def _release(
    database: Database, contact_id: str, who: str, next_at: datetime | None, now: datetime = NOW
) -> None:
    async with database.transaction() as session:
        await queue.still_mine(session, LANE, contact_id, who, now=now, seconds=10)
        await queue.release(session, LANE, contact_id, who, next_at=next_at)


async def _entries(database: Database) -> list[QueueEntry]:
    async with database.reading() as session:
        return list((await session.execute(select(QueueEntry))).scalars())


async def test_work_is_taken_longest_waiting_first(database: Database, families: list[str]) -> None:
    for minutes, contact_id in zip((3, 1, 2), families, strict=False):
        await _enqueue(database, contact_id, NOW - timedelta(minutes=minutes))
    assert await _claim(database, "a", limit=2) == [families[0], families[2]]
    assert await _claim(database, "b") == [families[1]]


async def test_what_is_leased_is_not_taken_again_before_the_lease_ends(database: Database, families: list[str]) -> None:
    await _enqueue(database, families[0])
    assert await _claim(database, "a", seconds=10) == [families[0]]
    assert await _claim(database, "b", now=NOW + timedelta(seconds=9)) == []
    assert await _claim(database, "b", now=NOW + timedelta(seconds=11)) == [families[0]]
    with pytest.raises(queue.LeaseLost):
        await _release(database, families[0], "a", None)


async def test_workers_that_claim_at_once_share_without_overlap(database: Database, families: list[str]) -> None:
    for contact_id in families:
        await _enqueue(database, contact_id)
    shares = await asyncio.gather(*(_claim(database, f"w{number}", limit=4) for number in range(5)))
    taken = [contact_id for share in shares for contact_id in share]
    while more := await _claim(database, "después", limit=4):  # PostgreSQL may skip what another has just locked
        taken += more
    assert sorted(taken) == sorted(families)


async def test_asking_twice_for_the_same_contact_makes_one_entry_with_the_earlier_time(
    database: Database, families: list[str]
) -> None:
    for at in (NOW + timedelta(hours=1), NOW, NOW + timedelta(hours=2)):
        await _enqueue(database, families[0], at)
    (entry,) = await _entries(database)
    assert entry.ready_at == NOW


async def test_a_contact_that_must_wait_is_not_ready_before_its_time(database: Database, families: list[str]) -> None:
    await _enqueue(database, families[0])
    await _claim(database, "a")
    await _release(database, families[0], "a", NOW + timedelta(seconds=30))
    assert await _claim(database, "a", now=NOW + timedelta(seconds=29)) == []
    assert await _claim(database, "a", now=NOW + timedelta(seconds=30)) == [families[0]]


async def test_work_that_arrives_during_the_release_is_not_forgotten(database: Database, families: list[str]) -> None:
    await _enqueue(database, families[0])
    await _claim(database, "a")
    async with database.transaction() as session:
        await queue.still_mine(session, LANE, families[0], "a", now=NOW, seconds=10)
        # From here on the worker looks for messages and finds none; one that arrives now must wait to be queued.
        arriving = asyncio.create_task(_enqueue(database, families[0]))
        await asyncio.sleep(0.2)
        assert not arriving.done()
        await queue.release(session, LANE, families[0], "a", next_at=None)
    await arriving
    assert [(entry.contact_id, entry.leased_by) for entry in await _entries(database)] == [(families[0], None)]


async def test_nothing_ready_is_seen_without_a_write(database: Database, families: list[str]) -> None:
    async with database.reading() as session:
        assert await queue.lanes_ready(session, now=NOW) == []
    await _enqueue(database, families[0])
    async with database.reading() as session:
        assert await queue.lanes_ready(session, now=NOW) == [LANE]
    await _claim(database, "a")
    async with database.reading() as session:
        assert await queue.lanes_ready(session, now=NOW) == []


# ------------------------------------------------------------------------------------------------ dead workers


async def _leased_by(database: Database, contact_id: str, holder: str) -> str | None:
    """Who holds the contact after a worker started, when `holder` held it before."""
    await _enqueue(database, contact_id)
    await _claim(database, holder)
    await worker._free_leases_of_the_dead(database, "yo")
    (entry,) = await _entries(database)
    return entry.leased_by


DEAD = 2**22 + 1  # above any process id


@pytest.mark.parametrize("process", [f"{DEAD}:aa", f"{os.getpid()}:aa"])
async def test_the_leases_of_a_dead_worker_of_this_machine_are_freed(
    database: Database, families: list[str], process: str
) -> None:
    assert await _leased_by(database, families[0], f"{worker._machine()}:{process}") is None


@pytest.mark.parametrize(
    "holder", [f"otra-máquina:{DEAD}:aa", f"{socket.gethostname()}-x", "sin forma", f"?:{os.getppid()}"]
)
async def test_other_leases_are_left_alone(database: Database, families: list[str], holder: str) -> None:
    assert await _leased_by(database, families[0], holder) == holder


async def test_the_lease_of_a_living_worker_of_this_machine_is_left_alone(
    database: Database, families: list[str]
) -> None:
    living = f"{worker._machine()}:{os.getppid()}:aa"
    assert await _leased_by(database, families[0], living) == living


# ------------------------------------------------------------------------------------------------------- lanes


@asynccontextmanager
async def _running(database: Database, work: Work, *, concurrency: int, lease_seconds: float) -> AsyncIterator[None]:
    lane = Lane(database, LANE, "w", work, concurrency=concurrency, lease_seconds=lease_seconds)
    tasks = [asyncio.create_task(lane.run()), asyncio.create_task(watch(database, {LANE: lane}, asyncio.Event()))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_lane_works_on_many_contacts_at_once_but_never_twice_on_one(
    database: Database, families: list[str]
) -> None:
    running: list[str] = []
    most, done = 0, asyncio.Event()
    finished: list[str] = []

    async def work(contact_id: str) -> None:
        nonlocal most
        assert contact_id not in running
        running.append(contact_id)
        most = max(most, len(running))
        await asyncio.sleep(0.05)
        running.remove(contact_id)
        async with database.transaction() as session:
            await queue.release(session, LANE, contact_id, "w", next_at=None)
        finished.append(contact_id)
        if len(finished) == len(families):
            done.set()

    for contact_id in families:
        await _enqueue(database, contact_id, datetime.now(UTC))
    # A lease that has always just run out: only the lane itself keeps a contact from being worked on twice.
    async with _running(database, work, concurrency=4, lease_seconds=-1):
        await asyncio.wait_for(done.wait(), 20)
    assert sorted(finished) == sorted(families)
    assert 2 <= most <= 4


async def test_work_that_fails_is_tried_again(
    database: Database, families: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("puente.dispatch.lane.ERROR_PAUSE_SECONDS", 0.05)
    tries, done = [], asyncio.Event()

    async def work(contact_id: str) -> None:
        tries.append(contact_id)
        if len(tries) < 3:
            raise RuntimeError("breaks")
        async with database.transaction() as session:
            await queue.release(session, LANE, contact_id, "w", next_at=None)
        done.set()

    await _enqueue(database, families[0], datetime.now(UTC))
    async with _running(database, work, concurrency=2, lease_seconds=60):
        await asyncio.wait_for(done.wait(), 20)
    assert tries == [families[0]] * 3


async def test_a_lane_that_is_stopped_lets_its_work_finish(database: Database, families: list[str]) -> None:
    started, finished = asyncio.Event(), asyncio.Event()

    async def work(contact_id: str) -> None:
        started.set()
        await asyncio.sleep(0.2)
        finished.set()

    await _enqueue(database, families[0], datetime.now(UTC))
    async with _running(database, work, concurrency=2, lease_seconds=60):
        await asyncio.wait_for(started.wait(), 20)
    assert finished.is_set()


async def test_a_worker_that_starts_before_its_database_waits_for_it(
    database: Database, families: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    async def free_leases(database: Database, own_name: str) -> None:
        looks.append(own_name)
        if len(looks) < 3:
            raise OperationalError("SELECT", {}, Exception("connection refused"))

    monkeypatch.setattr(worker, "ERROR_PAUSE_SECONDS", 0)
    monkeypatch.setattr(worker, "_free_leases_of_the_dead", free_leases)
    await worker._wait_for(database, "yo")
    assert looks == ["yo"] * 3
