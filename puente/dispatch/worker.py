"""The worker process: the three lanes under one roof. Run as many workers as you like."""

import asyncio
import os
import socket

from puente import log
from puente.db import Database
from puente.dispatch import gate, inbox, sender
from puente.dispatch.lane import Lane
from puente.dispatch.rasa import Rasa
from puente.messages import queue
from puente.settings import Settings
from puente.whatsapp.client import WhatsApp

INBOX_CONCURRENCY = 8
OUTBOX_CONCURRENCY = 16
GATE_CONCURRENCY = 4
logger = log.get("worker")


async def run(settings: Settings) -> None:
    """Work until cancelled."""
    database = Database(settings.puente_database_url)
    rasa, whatsapp = Rasa(settings), WhatsApp(settings)
    name = f"{socket.gethostname()}-{os.getpid()}"
    gate_work = gate.GateLane(database, name)
    inbox_work = inbox.InboxLane(database, rasa, name)
    outbox_work = sender.OutboxLane(database, whatsapp, name)
    lanes = [
        Lane(
            database, queue.GATE, name, gate_work.work, concurrency=GATE_CONCURRENCY, lease_seconds=gate.LEASE_SECONDS
        ),
        Lane(
            database,
            queue.INBOX,
            name,
            inbox_work.work,
            concurrency=INBOX_CONCURRENCY,
            lease_seconds=inbox.LEASE_SECONDS,
        ),
        Lane(
            database,
            queue.OUTBOX,
            name,
            outbox_work.work,
            concurrency=OUTBOX_CONCURRENCY,
            lease_seconds=sender.LEASE_SECONDS,
        ),
    ]
    for lane, following in zip(lanes, lanes[1:], strict=False):
        lane.on_finish(following.wake)  # what one lane finishes is the next one's work
    await _free_leases_of_the_dead(database)
    logger.info("worker started", worker=name)
    try:
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(lane.run())
    finally:
        await rasa.close()
        await whatsapp.close()
        await database.close()


async def _free_leases_of_the_dead(database: Database) -> None:
    """A worker of this host that was killed left leases behind; do not make families wait until they expire."""
    async with database.transaction() as session:
        for holder in await queue.holders(session):
            host, _, pid = holder.rpartition("-")
            if host == socket.gethostname() and not _alive(int(pid)):
                await queue.release_all(session, holder)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
