"""What `/metrics` says of messages, read from the database at this moment."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Gauge
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from puente.messages import costs, number
from puente.messages.models import Message

RECENT = timedelta(hours=1)  # time to answer is that of the last hour
MOST = 20_000
QUANTILES = (0.5, 0.9, 0.95, 0.99)
WAITING_IN, WAITING_OUT = ("received",), ("queued", "sending")


async def collect(session: AsyncSession, registry: CollectorRegistry, now: datetime) -> None:
    """Add the gauges of messages to `registry`."""
    await _oldest(session, registry, now)
    await _time_to_answer(session, registry, now)
    await _failures(session, registry)
    await _number(session, registry, now)
    await _costs(session, registry, now)


async def times_to_answer(session: AsyncSession, now: datetime) -> list[float]:
    """Seconds from each message of the last hour's answered ones to WhatsApp's taking of its first answer, sorted."""
    asked = aliased(Message)
    query = (
        select(asked.created_at, func.min(Message.done_at))
        .join(asked, asked.id == Message.turn_id)
        .where(Message.direction == "out", Message.done_at > now - RECENT, Message.wamid.is_not(None))
        .group_by(asked.id, asked.created_at)
        .limit(MOST)
    )
    return sorted((answered - since).total_seconds() for since, answered in await session.execute(query))


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not pass."""
    return ordered[min(len(ordered) - 1, max(0, -int(-share * len(ordered) // 1) - 1))]


async def _oldest(session: AsyncSession, registry: CollectorRegistry, now: datetime) -> None:
    ages = Gauge(
        "puente_oldest_message_seconds", "Age of the oldest message that waits", ["direction"], registry=registry
    )
    depth = Gauge("puente_waiting_messages", "Messages that wait", ["direction"], registry=registry)
    for direction, states in (("in", WAITING_IN), ("out", WAITING_OUT)):
        waiting = (Message.direction == direction, Message.status.in_(states))
        query = select(func.count(), func.min(Message.created_at)).where(*waiting)
        count, since = (await session.execute(query)).one()
        depth.labels(direction).set(count)
        ages.labels(direction).set(max(0.0, (now - since).total_seconds()) if since else 0)


async def _time_to_answer(session: AsyncSession, registry: CollectorRegistry, now: datetime) -> None:
    seconds = Gauge(
        "puente_answer_seconds",
        "From a family's message to its first answer, last hour",
        ["quantile"],
        registry=registry,
    )
    answers = Gauge("puente_answers", "Messages of families answered in the last hour", registry=registry)
    times = await times_to_answer(session, now)
    answers.set(len(times))
    for share in QUANTILES if times else ():
        seconds.labels(str(share)).set(quantile(times, share))


async def _failures(session: AsyncSession, registry: CollectorRegistry) -> None:
    failed = Gauge("puente_failed_messages", "Messages that failed, by WhatsApp's code", ["code"], registry=registry)
    query = (
        select(Message.error_code, func.count())
        .where(Message.status == "failed", Message.direction == "out")
        .group_by(Message.error_code)
    )
    for code, count in await session.execute(query):
        failed.labels("" if code is None else str(code)).set(count)


async def _number(session: AsyncSession, registry: CollectorRegistry, now: datetime) -> None:
    held = Gauge("puente_number_held", "1 while the number does not send, by why", ["state"], registry=registry)
    since = Gauge("puente_number_held_seconds", "How long the number has not sent", registry=registry)
    row = await number.state(session)
    for state in (number.PAUSED, number.STOPPED):
        held.labels(state).set(int(row is not None and row.state == state))
    since.set(max(0.0, (now - row.since).total_seconds()) if row and row.since else 0)


async def _costs(session: AsyncSession, registry: CollectorRegistry, now: datetime) -> None:
    labels = ["month", "category", "type", "billable"]
    charged = Gauge("puente_month_messages", "Delivered messages of the month, as charged", labels, registry=registry)
    money = ["month", "category", "currency"]
    total = Gauge("puente_month_cost", "Their cost, where the price is known", money, registry=registry)
    for cost in await costs.of_month(session, costs.this_month(now)):
        charged.labels(cost.month, cost.category, cost.type, str(cost.billable).lower()).set(cost.messages)
        if cost.total:
            total.labels(cost.month, cost.category, cost.currency or "").inc(cost.total)
