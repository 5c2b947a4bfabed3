"""The worker process: all lanes under one roof. Run as many workers as you like."""

import asyncio
import os
import secrets
import signal
import socket
from datetime import timedelta

from puente import log
from puente.db import TROUBLE, Database
from puente.dispatch import gate, inbox, media, sender
from puente.dispatch.lane import ERROR_PAUSE_SECONDS, Lane, watch
from puente.dispatch.presence import Presence
from puente.dispatch.rasa import Rasa
from puente.media.store import Folder
from puente.messages import queue
from puente.safety import gate as decisions
from puente.settings import Settings
from puente.whatsapp import errors, templates
from puente.whatsapp.client import WhatsApp
from puente.whatsapp.media import MediaFiles

INBOX_CONCURRENCY = 8
OUTBOX_CONCURRENCY = 16
GATE_CONCURRENCY = 4
MEDIA_CONCURRENCY = 4
logger = log.get("worker")


async def run(settings: Settings) -> None:
    """Work until cancelled."""
    database = Database(settings.puente_database_url)
    errors.table()  # a mistake in our data is told now, not when a family's message meets it
    templates.all_templates()
    rasa, whatsapp, files = Rasa(settings), WhatsApp(settings), MediaFiles(settings)
    presence = Presence(whatsapp)
    name = f"{_machine()}:{os.getpid()}:{secrets.token_hex(3)}"
    gate_work = gate.GateLane(database, name)
    inbox_work = inbox.InboxLane(database, rasa, name, presence, timedelta(hours=settings.puente_backlog_hours))
    media_work = media.MediaLane(database, files, Folder(settings.media_folder), settings, name)
    outbox_work = sender.OutboxLane(database, whatsapp, name)
    lanes = [
        Lane(
            database, queue.GATE, name, gate_work.work, concurrency=GATE_CONCURRENCY, lease_seconds=gate.LEASE_SECONDS
        ),
        Lane(
            database,
            queue.ALARM,
            name,
            gate.AlarmLane(database, name).work,
            concurrency=GATE_CONCURRENCY,
            lease_seconds=gate.LEASE_SECONDS,
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
            queue.MEDIA,
            name,
            media_work.work,
            concurrency=MEDIA_CONCURRENCY,
            lease_seconds=media.LEASE_SECONDS,
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

    look = asyncio.Event()
    for lane in lanes:
        lane.on_finish(look.set)
    await asyncio.to_thread(decisions.warm_up)  # the first alarm must not wait for the model to load
    _end_on_sigterm()
    try:
        await _wait_for(database, name)
        logger.info("worker started", worker=name)
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(lane.run())
            group.create_task(watch(database, {lane.name: lane for lane in lanes}, look))
    finally:
        await presence.close()
        await outbox_work.close()
        await rasa.close()
        await whatsapp.close()
        await files.close()
        await database.close()


def _end_on_sigterm() -> None:
    """Let an order to stop cancel the work, so that what is being sent right now gets its answer stored."""
    task = asyncio.current_task()
    if task is not None:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)


async def _wait_for(database: Database, own_name: str) -> None:
    """Begin with a database that answers: it may be starting, too, after the same power cut."""
    while True:
        try:
            return await _free_leases_of_the_dead(database, own_name)
        except TROUBLE as problem:
            logger.warning("the database does not answer", problem=type(problem).__name__)
            await asyncio.sleep(ERROR_PAUSE_SECONDS)


async def _free_leases_of_the_dead(database: Database, own_name: str) -> None:
    """A worker of this machine that was killed left leases behind; do not make families wait until they expire."""
    async with database.transaction() as session:
        for holder in await queue.holders(session):
            machine, _, process = holder.partition(":")
            pid, _, _ = process.partition(":")
            # Our own process id under another name: a container that was started again.
            gone = pid.isdecimal() and (int(pid) == os.getpid() or not _alive(int(pid)))
            if machine == _machine() and holder != own_name and gone:
                logger.info("leases of a dead worker freed", holder=holder)
                await queue.release_all(session, holder)


def _machine() -> str:
    """The host, and on Linux the process namespace in it: process ids of different containers say nothing."""
    try:
        return f"{socket.gethostname()}/{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:
        return socket.gethostname()


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
