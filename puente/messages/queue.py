"""The queue: which contacts have work in a lane, taken by one worker at a time under a lease that expires.

Lanes: `gate` (safety), `alarm` (questions and alerts that are due), `inbox` (dialogue), `media` (files to fetch),
`outbox` (sending). A worker that dies leaves its lease behind; when it expires another takes over. Every commit of
results first proves that the lease is still its own (`still_mine`).
"""

from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from puente.messages.models import QueueEntry

GATE, ALARM, INBOX, MEDIA, OUTBOX = "gate", "alarm", "inbox", "media", "outbox"


class LeaseLost(Exception):
    """Another worker has taken this contact; whatever was computed must not be stored."""


async def enqueue(session: AsyncSession, lane: str, contact_id: str, ready_at: datetime) -> None:
    """Say that `contact_id` has work in `lane` from `ready_at` on; the earlier of two times holds."""
    is_postgres = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert if is_postgres else sqlite.insert
    statement = insert(QueueEntry).values(lane=lane, contact_id=contact_id, ready_at=ready_at)
    earlier = func.least if is_postgres else func.min
    await session.execute(
        statement.on_conflict_do_update(
            index_elements=["lane", "contact_id"],
            set_={"ready_at": earlier(QueueEntry.ready_at, statement.excluded.ready_at)},
        )
    )


async def claim(
    session: AsyncSession, lane: str, worker: str, *, limit: int, seconds: float, now: datetime
) -> list[str]:
    """Take up to `limit` contacts that are ready and free, for `seconds`. Returns their ids, longest waiting first."""
    free = or_(QueueEntry.leased_until.is_(None), QueueEntry.leased_until < now)
    query = (
        select(QueueEntry.contact_id)
        .where(QueueEntry.lane == lane, QueueEntry.ready_at <= now, free)
        .order_by(QueueEntry.ready_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    contact_ids = list((await session.execute(query)).scalars())
    if contact_ids:
        await session.execute(
            update(QueueEntry)
            .where(QueueEntry.lane == lane, QueueEntry.contact_id.in_(contact_ids))
            .values(leased_by=worker, leased_until=now + timedelta(seconds=seconds))
        )
    return contact_ids


async def still_mine(
    session: AsyncSession, lane: str, contact_id: str, worker: str, *, now: datetime, seconds: float
) -> None:
    """Lock the entry and renew its lease. Raises LeaseLost when it is no longer this worker's."""
    mine = (QueueEntry.lane == lane, QueueEntry.contact_id == contact_id, QueueEntry.leased_by == worker)
    renewed = update(QueueEntry).where(*mine).values(leased_until=now + timedelta(seconds=seconds))
    if (await session.execute(renewed.returning(QueueEntry.lane))).first() is None:
        raise LeaseLost(f"{lane}/{contact_id}")


async def release(session: AsyncSession, lane: str, contact_id: str, worker: str, *, next_at: datetime | None) -> None:
    """Give the contact back: forgotten when nothing is left (`next_at` None), else ready again at `next_at`.

    Call it in the transaction that looked for remaining work, after `still_mine`: the row is locked then, so a
    message that arrives meanwhile waits and enqueues the contact anew.
    """
    mine = (QueueEntry.lane == lane, QueueEntry.contact_id == contact_id, QueueEntry.leased_by == worker)
    if next_at is None:
        await session.execute(delete(QueueEntry).where(*mine))
    else:
        await session.execute(
            update(QueueEntry).where(*mine).values(ready_at=next_at, leased_by=None, leased_until=None)
        )


async def lanes_ready(session: AsyncSession, *, now: datetime) -> list[str]:
    """The lanes in which some contact is ready and free."""
    free = or_(QueueEntry.leased_until.is_(None), QueueEntry.leased_until < now)
    query = select(QueueEntry.lane).where(QueueEntry.ready_at <= now, free).distinct()
    return list((await session.execute(query)).scalars())


async def holders(session: AsyncSession) -> list[str]:
    """The workers that hold leases."""
    query = select(QueueEntry.leased_by).where(QueueEntry.leased_by.is_not(None)).distinct()
    return [holder for holder in (await session.execute(query)).scalars() if holder]


async def release_all(session: AsyncSession, worker: str) -> None:
    """Free every contact that `worker` holds."""
    await session.execute(
        update(QueueEntry).where(QueueEntry.leased_by == worker).values(leased_by=None, leased_until=None)
    )
