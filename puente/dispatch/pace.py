"""How fast we may send: to one family (WhatsApp's pair rate), and from our number as a whole.

The pair's bucket needs no row and no write of its own: a contact has one sender at a time (the lease), and each message
that is sent carries in its own row what it left in the bucket. The number's bucket is one row that all workers share;
a worker takes several tokens at once, so it is written once for several messages.
"""

import asyncio
import time
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente.db import Database
from puente.messages import number
from puente.messages.models import Message

PAIR_BURST = 40.0  # WhatsApp allows 45 at once and then one each 6 s; the margin is for tries of which we lost count
PAIR_SECONDS = 6.0
NUMBER_RATE = 40.0  # a second; WhatsApp's limit of 80 counts what comes in as well
NUMBER_BURST = 20.0
HANDFUL = 5
LATEST = 10  # among so many of the newest rows stands the last one sent: held ones go out late, but not that late


async def pair_left(session: AsyncSession, contact_id: str, now: datetime) -> float:
    """How many messages may be sent to this contact at once; below 1, none."""
    query = (
        select(Message.attempted_at, Message.pair_left)
        .where(Message.contact_id == contact_id, Message.direction == "out", Message.pair_left.is_not(None))
        .order_by(Message.id.desc())
        .limit(LATEST)
    )
    rows: list[tuple[datetime, float]] = [(at, left) for at, left in await session.execute(query) if at is not None]
    if not rows:
        return PAIR_BURST
    at, left = max(rows, key=lambda row: (row[0], -row[1]))
    return pair_refilled(left, now - at)


def pair_refilled(left: float, since: timedelta) -> float:
    """What `left` in a contact's bucket has become after `since`."""
    return min(PAIR_BURST, left + max(0.0, since.total_seconds()) / PAIR_SECONDS)


def pair_wait(left: float) -> timedelta:
    """How long until one more message may be sent."""
    return timedelta(seconds=max(0.0, 1 - left) * PAIR_SECONDS)


class NumberPace:
    """This worker's handful of tokens of the number's bucket."""

    def __init__(self, database: Database, *, rate: float = NUMBER_RATE, burst: float = NUMBER_BURST) -> None:
        self._database = database
        self._rate, self._burst = rate, burst
        self._left = 0
        self._refilling = asyncio.Lock()

    async def ready(self) -> None:
        """Return when a token is at hand."""
        while self._left < 1:
            async with self._refilling:
                if self._left < 1 and not await self._refill():
                    await asyncio.sleep(1 / self._rate)

    def spend(self) -> None:
        """One message was sent. Several that found the same token at hand leave a debt, which is paid first."""
        self._left -= 1

    async def _refill(self) -> bool:
        # Not the clock of the rest: it measures a rate, and a clock set back must not stop the sending.
        async with self._database.transaction() as session:
            granted = await number.take_tokens(
                session, HANDFUL - self._left, rate=self._rate, burst=self._burst, seconds=time.time()
            )
        self._left += granted
        return granted > 0
