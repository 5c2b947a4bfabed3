"""Messages that WhatsApp refused after taking them, and dead letters: seen by people, and sent again on their word."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente import log
from puente.contacts import consent
from puente.contacts.models import Contact
from puente.contacts.service import LOCK
from puente.db import insert_new
from puente.messages import aside, number, queue
from puente.messages.models import Message
from puente.whatsapp.errors import WHOLE_NUMBER, Action, ErrorRule, rule_for_status

MAX_REPLACEMENTS = 3  # of one message, by ourselves; people may ask for more
REPLACED = (*WHOLE_NUMBER, Action.ANOTHER_DAY, Action.USE_TEMPLATE)  # surely not delivered, and not the message's fault
logger = log.get("failures")


class NotFailed(Exception):
    """Only a failed message can be sent again."""


@dataclass(frozen=True)
class Failure:
    """A dead letter and whom it was for; `replaced_by` is the message that took its place."""

    message: Message
    contact: Contact
    replaced_by: int | None


async def reported(session: AsyncSession, message: Message, code: int | None, now: datetime) -> None:
    """A status says that an accepted message failed: note why in Spanish, and do what can be done about it.

    The message was refused for good, so what can still reach the family is a new row in its place: a late status of
    the first can then never be taken for one of the second.
    """
    rule = rule_for_status(code)
    logger.warning("failed after acceptance", message=message.id, code=code, action=rule.action.value)
    aside.fail(message, rule.reason, now, code)
    await session.flush()
    await also_because(session, message, rule, code, now)
    row = await _replace(session, message, now) if rule.action in REPLACED else None
    if row is None:
        await aside.fail_those_behind(session, message, now)
        return
    await aside.wait_for(session, message, row)
    if rule.action is Action.ANOTHER_DAY:
        await aside.hold_for_another_day(session, row, now)
    elif rule.action is Action.USE_TEMPLATE and message.type != "template":
        await session.get_one(Contact, message.contact_id, with_for_update=LOCK)
        await aside.outside_window(session, row, now)


async def also_because(
    session: AsyncSession, message: Message, rule: ErrorRule, code: int | None, now: datetime, *, trial: bool = False
) -> None:
    """What an error means beyond the message that met it."""
    if rule.action in WHOLE_NUMBER:
        await number.hold(session, rule, code, now, trial=trial)
    elif rule.action is Action.ASK_CONSENT:
        await consent.record(session, message.contact_id, consent.OUT, source=f"whatsapp:{message.id}", now=now)
    elif rule.action is Action.MEND:
        logger.error("a message of ours is wrong", message=message.id, type=message.type, code=code)


async def dead_letters(session: AsyncSession, *, limit: int, before: int | None = None) -> list[Failure]:
    """Failed messages, newest first; `before` is the id to go on from."""
    query = (
        select(Message, Contact)
        .join(Contact, Contact.id == Message.contact_id)
        .where(Message.status == "failed", Message.direction == "out")
        .order_by(Message.id.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(Message.id < before)
    rows = [(message, contact) for message, contact in await session.execute(query)]
    replaced = await _replacements(session, [message.id for message, _ in rows])
    return [Failure(message, contact, replaced.get(message.id)) for message, contact in rows]


async def resend(session: AsyncSession, message_id: int, now: datetime) -> Message | None:
    """Send a failed message anew, as a row of its own; asking twice sends once. None when there is no such message.

    Raises NotFailed when it has not failed: what was delivered, or still waits, must not arrive twice.
    """
    message = await session.get(Message, message_id, with_for_update=True)
    if message is None or message.direction != "out":
        return None
    if message.status != "failed":
        raise NotFailed(message.status)
    await _new_row(session, message, attempts=0, now=now)
    row = (await session.execute(select(Message).where(Message.resend_of == message.id))).scalar_one()
    await queue.enqueue(session, queue.OUTBOX, row.contact_id, now)
    return row


async def _replacements(session: AsyncSession, ids: list[int]) -> dict[int, int]:
    query = select(Message.resend_of, Message.id).where(Message.resend_of.in_(ids))
    return {of: new for of, new in await session.execute(query) if of is not None}


async def _replace(session: AsyncSession, message: Message, now: datetime) -> Message | None:
    """A new row in the place of one that failed; None when that was done often enough, or already."""
    replaced, oldest = 0, message
    while oldest.resend_of is not None and replaced < MAX_REPLACEMENTS:
        replaced, oldest = replaced + 1, await session.get_one(Message, oldest.resend_of)
    if replaced >= MAX_REPLACEMENTS:
        return None
    new_id = await _new_row(session, message, attempts=0, now=now)
    if new_id is None:
        return None
    await queue.enqueue(session, queue.OUTBOX, message.contact_id, now)
    return await session.get_one(Message, new_id, with_for_update=True)


async def _new_row(session: AsyncSession, message: Message, *, attempts: int, now: datetime) -> int | None:
    copied = ("contact_id", "direction", "type", "text", "payload", "author", "turn_id", "purpose", "fallback")
    values = {name: getattr(message, name) for name in copied}
    values |= {"status": "queued", "sent_at": now, "created_at": now, "attempts": attempts, "resend_of": message.id}
    return await insert_new(session, Message, values, ["resend_of"])
