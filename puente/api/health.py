"""Alive, ready and metrics."""

import asyncio
from collections import Counter, defaultdict
from typing import Any

import httpx
from litestar import Response, get
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from puente import clock
from puente.db import Database
from puente.messages import metrics as message_metrics
from puente.messages.models import Message, Quarantine, QueueEntry
from puente.safety import alarms, duty
from puente.safety.models import Alarm
from puente.settings import Settings


@get("/healthz", include_in_schema=False, sync_to_thread=False)
def alive() -> dict[str, str]:
    """The process answers."""
    return {"status": "ok"}


@get("/readyz", include_in_schema=False)
async def ready(settings: Settings, database: Database) -> Response[dict[str, Any]]:
    """Whether each part that answering needs is there, by name; 503 when one is missing."""
    names = ("database", "rasa", "actions")
    results = await asyncio.gather(
        _database_answers(database),
        _answers(f"{settings.rasa_url}/webhooks/puente/health"),
        _answers(f"{settings.actions_url}/health"),
    )
    checks = dict(zip(names, results, strict=True))
    ok = all(value == "ok" for value in checks.values())
    return Response({"status": "ok" if ok else "unavailable", **checks}, status_code=200 if ok else 503)


@get("/metrics", include_in_schema=False, media_type=CONTENT_TYPE_LATEST)
async def metrics(database: Database) -> bytes:
    """Gauges read from the database at this moment, for Prometheus."""
    registry = CollectorRegistry()
    messages = Gauge("puente_messages", "Messages by direction and status", ["direction", "status"], registry=registry)
    waiting = Gauge("puente_queue_contacts", "Contacts with work waiting, by lane", ["lane"], registry=registry)
    oldest = Gauge("puente_queue_oldest_seconds", "Age of the oldest waiting contact", ["lane"], registry=registry)
    quarantined = Gauge("puente_quarantine", "Items that could not be read", registry=registry)
    untaken = Gauge("puente_alarms_untaken", "Alarms that nobody has taken", ["level"], registry=registry)
    taken_count = Gauge("puente_alarms_taken_count", "Alarms that a person took", ["level"], registry=registry)
    taken_seconds = Gauge(
        "puente_alarms_taken_seconds_sum", "Seconds from alarm to person, added up", ["level"], registry=registry
    )
    async with database.reading() as session:
        rows = await session.execute(
            select(Message.direction, Message.status, func.count()).group_by(Message.direction, Message.status)
        )
        for direction, status, count in rows:
            messages.labels(direction, status).set(count)
        now = clock.utcnow()
        lanes = await session.execute(
            select(QueueEntry.lane, func.count(), func.min(QueueEntry.ready_at)).group_by(QueueEntry.lane)
        )
        for lane, count, since in lanes:
            waiting.labels(lane).set(count)
            oldest.labels(lane).set(max(0.0, (now - since).total_seconds()))
        waiting_alarms = Counter(alarm.level for alarm in await alarms.untaken(session))
        for level in duty.LEVELS:
            untaken.labels(level).set(waiting_alarms[level])
        for level, times in (await _times_to_take(session)).items():
            taken_count.labels(level).set(len(times))
            taken_seconds.labels(level).set(sum(times))
        quarantined.set((await session.execute(select(func.count()).select_from(Quarantine))).scalar_one())
        await message_metrics.collect(session, registry, now)
    return generate_latest(registry)


async def _times_to_take(session: AsyncSession) -> dict[str, list[float]]:
    """Seconds from every alarm to the person who took it, by level."""
    query = select(Alarm.level, Alarm.opened_at, Alarm.taken_at).where(Alarm.taken_at.is_not(None))
    times: dict[str, list[float]] = defaultdict(list)
    for level, opened_at, taken_at in await session.execute(query):
        times[level].append((taken_at - opened_at).total_seconds())
    return times


async def _database_answers(database: Database) -> str:
    try:
        async with database.reading() as session:
            await session.execute(text("SELECT 1"))
    except Exception as problem:  # whatever is wrong with it, the check's answer is "no"
        return type(problem).__name__
    return "ok"


async def _answers(url: str) -> str:
    try:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            response = await client.get(url)
    except httpx.HTTPError as problem:
        return type(problem).__name__
    return "ok" if response.status_code == 200 else f"HTTP {response.status_code}"
