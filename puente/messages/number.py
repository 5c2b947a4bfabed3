"""Our WhatsApp number, as all workers share it: its rate, and whether it is paused or stopped.

The rate is a token bucket in one row. Workers take tokens a handful at a time and spend them from memory, so that the
row is written once for several messages. What they hold unspent only makes a burst a little longer.

After a refusal that concerns the whole number nobody sends until `until`. Then one worker alone tries one message; its
acceptance frees the number for all, its refusal lengthens the wait.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from puente import log
from puente.db import Base, insert_new
from puente.messages import queue
from puente.messages.models import QueueEntry
from puente.whatsapp.errors import Action, ErrorRule

NAME = "whatsapp"  # one deployment, one number
FREE, PAUSED, STOPPED = "libre", "pausa", "alto"
FIRST_WAIT = {PAUSED: timedelta(seconds=10), STOPPED: timedelta(seconds=60)}
LONGEST_WAIT = {PAUSED: timedelta(minutes=5), STOPPED: timedelta(minutes=30)}
TRIAL = timedelta(seconds=30)  # how long the one message that tries may take
logger = log.get("number")


class NumberState(Base):
    """The number's bucket and its pause."""

    __tablename__ = "number_state"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    tokens: Mapped[float | None]  # None: nothing was ever sent, the bucket is full
    refilled_at: Mapped[float]  # seconds since the epoch
    state: Mapped[str] = mapped_column(default=FREE)
    code: Mapped[int | None]
    reason: Mapped[str | None]
    since: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    until: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    refusals: Mapped[int] = mapped_column(default=0)  # in a row


@dataclass(frozen=True)
class Turn:
    """Whether a message may be sent now: `wait_until` says no, `trial` that this one tries a held number out."""

    wait_until: datetime | None = None
    trial: bool = False


async def state(session: AsyncSession) -> NumberState | None:
    """The number's state; None while nothing was ever sent."""
    return await _row(session)


async def may_send(session: AsyncSession, now: datetime) -> Turn:
    """Ask for a turn, in the transaction that marks the message as being sent."""
    row = await _row(session)
    if row is None or row.state == FREE or row.until is None:
        return Turn()
    if row.until > now:
        return Turn(wait_until=row.until)
    # Of all that find the time come, the one whose update changes the row tries; the others see the new time.
    claimed = (
        update(NumberState).where(NumberState.id == row.id, NumberState.until == row.until).values(until=now + TRIAL)
    ).returning(NumberState.id)
    if (await session.execute(claimed)).first() is None:
        return Turn(wait_until=now + TRIAL)
    return Turn(trial=True)


async def hold(session: AsyncSession, rule: ErrorRule, code: int | None, now: datetime, *, trial: bool = False) -> None:
    """A refusal that concerns everybody: nobody sends for a while, longer after each trial that failed."""
    row = await _locked(session, now)
    wanted = STOPPED if rule.action is Action.STOP else PAUSED
    graver = wanted == STOPPED and row.state == PAUSED
    if row.state != FREE and not trial and not graver:
        return  # one of several that were under way when the first refusal came
    row.refusals = 1 if graver or row.state == FREE else row.refusals + 1
    if row.state == FREE:
        row.since = now
    row.state, row.code, row.reason = wanted, code, rule.reason
    row.until = now + min(FIRST_WAIT[wanted] * 2 ** min(row.refusals - 1, 16), LONGEST_WAIT[wanted])
    level = logger.error if wanted == STOPPED else logger.warning
    level("the number does not send", state=wanted, code=code, until=row.until.isoformat())


async def free(session: AsyncSession, now: datetime) -> bool:
    """Everybody may send again. Returns whether the number was held."""
    row = await _locked(session, now)
    was_held = row.state != FREE
    row.state, row.code, row.reason, row.since, row.until, row.refusals = FREE, None, None, None, None, 0
    if was_held:
        logger.warning("the number sends again")
        await _wake_all(session, now)
    return was_held


async def take_tokens(session: AsyncSession, wanted: int, *, rate: float, burst: float, seconds: float) -> int:
    """Up to `wanted` tokens of the number's bucket; 0 when it is empty. `seconds` is the time since the epoch."""
    row = await _locked(session, None, seconds)
    tokens = burst if row.tokens is None else row.tokens
    tokens = min(burst, tokens + max(0.0, seconds - row.refilled_at) * rate)
    granted = min(wanted, int(tokens))
    row.tokens, row.refilled_at = tokens - granted, max(seconds, row.refilled_at)
    return granted


async def _wake_all(session: AsyncSession, now: datetime) -> None:
    """Let every contact that waited for the number be looked at now. Those at work just now come back by themselves."""
    waiting = (QueueEntry.lane == queue.OUTBOX, QueueEntry.leased_by.is_(None), QueueEntry.ready_at > now)
    query = select(QueueEntry.contact_id).where(*waiting).with_for_update(skip_locked=True)
    contact_ids = (await session.execute(query)).scalars().all()
    for start in range(0, len(contact_ids), 500):  # databases limit the values of one statement
        some = QueueEntry.contact_id.in_(contact_ids[start : start + 500])
        await session.execute(update(QueueEntry).where(QueueEntry.lane == queue.OUTBOX, some).values(ready_at=now))


async def _row(session: AsyncSession) -> NumberState | None:
    query = select(NumberState).where(NumberState.name == NAME).execution_options(populate_existing=True)
    return (await session.execute(query)).scalar_one_or_none()


async def _locked(session: AsyncSession, now: datetime | None, seconds: float = 0) -> NumberState:
    values = {"name": NAME, "tokens": None, "refilled_at": seconds, "state": FREE, "refusals": 0}
    if await _row(session) is None:
        await insert_new(session, NumberState, values, ["name"])
    query = select(NumberState).where(NumberState.name == NAME).with_for_update()
    return (await session.execute(query.execution_options(populate_existing=True))).scalar_one()
