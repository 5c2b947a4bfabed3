"""The status of an outbound message as a rank: events may be missing, repeated, early or reversed."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from puente.messages import costs, failures
from puente.messages.models import Message, Status

RANK = {"queued": 0, "held": 0, "sending": 1, "failed": 2, "sent": 3, "delivered": 4, "read": 5}
# WhatsApp's `played` (voice) says as much as `read`.
EVENT_STATUS = {"sent": "sent", "delivered": "delivered", "read": "read", "played": "read", "failed": "failed"}


def merge(current: str, event: str) -> str:
    """The status after `event`: never backwards, except that `failed` ends a message only sent so far."""
    reached = EVENT_STATUS.get(event)
    if reached is None:
        return current
    if reached == "failed":
        return "failed" if RANK[current] <= RANK["sent"] else current
    if current == "failed" and reached == "sent":
        return current  # a late `sent` says nothing new about a failure; a late `delivered` does
    return reached if RANK[reached] > RANK[current] else current


async def apply_status(session: AsyncSession, wamid: str, message_id: int | None) -> None:
    """Bring the outbound row of `wamid` (or with our id `message_id`) up to all events stored for it.

    The row may not know its wamid yet: the event can overtake the HTTP answer that carries it, and after a crash
    between sending and storing the event is the only proof that WhatsApp accepted the message.
    """
    events = await _events(session, wamid)
    await costs.note(session, events)  # also when the row is not ours to see: it is charged all the same
    # By our id only while the row lacks a wamid and was tried: else the id belongs to another row of that number,
    # of before a restored backup for example, and a message that still waits would pass for sent.
    tried = and_(Message.id == message_id, Message.wamid.is_(None), Message.attempts > 0)
    known_as = or_(Message.wamid == wamid, tried) if message_id is not None else Message.wamid == wamid
    query = (
        select(Message)
        .where(known_as, Message.direction == "out")
        .order_by(Message.wamid.is_(None))
        .limit(1)
        .with_for_update()
    )
    message = (await session.execute(query.execution_options(populate_existing=True))).scalar_one_or_none()
    if message is None:
        return
    if message.wamid is None:
        message.wamid = wamid
    await _apply(session, message, events)


async def catch_up(session: AsyncSession, message: Message) -> None:
    """Apply every stored event of `message` in the order in which the events came."""
    if message.wamid is not None:
        await _apply(session, message, await _events(session, message.wamid))


async def _events(session: AsyncSession, wamid: str) -> Sequence[Status]:
    query = select(Status).where(Status.wamid == wamid).order_by(Status.id)
    return (await session.execute(query)).scalars().all()


async def _apply(session: AsyncSession, message: Message, events: Sequence[Status]) -> None:
    before = message.status
    for event in events:
        message.status = merge(message.status, event.status)
    if message.status != "failed":
        message.error_code = message.error_text = None
    elif before != "failed":
        failure = next(event for event in events if event.status == "failed")
        await failures.reported(session, message, _code(failure.payload), failure.created_at)


def _code(payload: dict[str, Any]) -> int | None:
    """The error code of a `failed` status, when it is one that can be stored."""
    errors = payload.get("errors")
    error = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
    code = error.get("code")
    return code if isinstance(code, int) and not isinstance(code, bool) and 0 <= code < 2**31 else None
