"""Messages set aside (`held`): they are not in the line, so that what comes after them is not held up.

Either a free text waits for the family to write (its `invitation_id` is the template that asked for it), or a message
waits for its next try on another day. In both cases `not_before` is when the wait ends.
"""

from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from puente.contacts.models import Contact
from puente.messages import queue
from puente.messages.models import INVITATION, SYSTEM, Message
from puente.whatsapp import templates

WAITS_FOR_AN_ANSWER = timedelta(days=3)
ANOTHER_DAY = timedelta(hours=24)
OUTSIDE_WINDOW = "Pasaron más de 24 horas desde el último mensaje de la familia"
NOT_ANSWERED = "La familia no respondió a la invitación para leerlo; búsquela por otro medio"
NEVER_WROTE = "La familia nunca ha escrito a este número; WhatsApp no deja escribirle primero"


async def outside_window(session: AsyncSession, message: Message, now: datetime) -> None:
    """What becomes of a free text that may not be sent now: it turns into its template, or waits behind one.

    Call it while the contact cannot write in between (its row is locked). The row may end `failed`.
    """
    contact = await session.get_one(Contact, message.contact_id)
    if contact.last_inbound_at is None:
        fail(message, NEVER_WROTE, now)
    elif (template := _own_template(message)) is not None and template.says_all:
        _become(message, template)
    else:
        await _hold_behind(session, message, await _invitation(session, message, contact, template, now), now)


async def hold_for_another_day(session: AsyncSession, message: Message, now: datetime) -> None:
    """Take a message out of the line until this time tomorrow."""
    message.status, message.not_before, message.invitation_id = "held", now + ANOTHER_DAY, None
    await queue.enqueue(session, queue.OUTBOX, message.contact_id, message.not_before)


async def release(session: AsyncSession, contact_id: str, now: datetime) -> int:
    """The family has written: what waited for that goes out now, in its order. Returns how many messages."""
    held = (
        Message.contact_id == contact_id,
        Message.direction == "out",
        Message.status == "held",
        Message.invitation_id.is_not(None),
    )
    if (await session.execute(select(Message.id).where(*held).limit(1))).first() is None:
        return 0
    await queue.enqueue(session, queue.OUTBOX, contact_id, now)  # first: the sender locks in this order
    waiting = update(Message).where(*held).values(status="queued", not_before=None, invitation_id=None)
    return len((await session.execute(waiting.returning(Message.id))).all())


async def end_waits(session: AsyncSession, contact_id: str, now: datetime) -> bool:
    """What has waited long enough fails, or is tried again. Returns whether anything went back into the line."""
    back = False
    for message in await _held(session, contact_id):
        if message.not_before is not None and message.not_before > now:
            continue
        if message.invitation_id is not None:
            fail(message, NOT_ANSWERED, now)
        else:
            message.status, message.not_before, back = "queued", None, True
    await session.flush()
    return back


async def next_end(session: AsyncSession, contact_id: str) -> datetime | None:
    """When the next wait of this contact ends."""
    return min((message.not_before for message in await _held(session, contact_id) if message.not_before), default=None)


async def wait_for(session: AsyncSession, old: Message, new: Message) -> None:
    """Another template takes the place of one that failed: what waited for the answer to that one waits for this."""
    behind = (Message.invitation_id == old.id, Message.contact_id == old.contact_id, Message.status == "held")
    await session.execute(update(Message).where(*behind).values(invitation_id=new.id))


async def fail_those_behind(session: AsyncSession, invitation: Message, now: datetime) -> None:
    """The template will never reach the family: neither will what waits for the answer to it."""
    query = select(Message).where(Message.invitation_id == invitation.id, Message.contact_id == invitation.contact_id)
    for message in (await session.execute(query.where(Message.status == "held").with_for_update())).scalars():
        fail(message, f"{OUTSIDE_WINDOW}; la invitación a escribir no se entregó: {invitation.error_text}", now)


def fail(message: Message, reason: str, now: datetime, code: int | None = None) -> None:
    """The end of a message, with the reason that staff read."""
    message.status, message.done_at, message.not_before = "failed", now, None
    message.error_code, message.error_text = code, reason


def _own_template(message: Message) -> templates.Template | None:
    name = (message.fallback or {}).get("template")
    return templates.all_templates().get(name) if name else None


def _become(message: Message, template: templates.Template) -> None:
    """The row is sent as the template that says the same."""
    values = (message.fallback or {})["values"]
    message.type, message.payload, message.text = "template", template.message(*values), template.shown(*values)
    message.status, message.not_before = "queued", None


async def _hold_behind(session: AsyncSession, message: Message, invitation: Message, now: datetime) -> None:
    message.status, message.not_before = "held", now + WAITS_FOR_AN_ANSWER
    message.invitation_id = invitation.id
    message.error_code, message.error_text = None, None
    await queue.enqueue(session, queue.OUTBOX, message.contact_id, now)


async def _invitation(
    session: AsyncSession, message: Message, contact: Contact, template: templates.Template | None, now: datetime
) -> Message:
    """The template that asks the family to write: the message's own, or one for all that waits; never twice."""
    if template is None:
        query = (
            select(Message)
            .where(
                Message.contact_id == contact.id,
                Message.direction == "out",
                Message.purpose == INVITATION,
                Message.status != "failed",
                Message.created_at >= max(contact.last_inbound_at or now, now - WAITS_FOR_AN_ANSWER),
            )
            .order_by(Message.id.desc())
            .limit(1)
        )
        if (known := (await session.execute(query)).scalar_one_or_none()) is not None:
            return known
        template, values = templates.all_templates()[templates.REOPENING], []
    else:
        values = (message.fallback or {})["values"]
    row = Message(
        contact_id=contact.id,
        direction="out",
        type="template",
        text=template.shown(*values),
        payload=template.message(*values),
        author=SYSTEM,
        purpose=INVITATION,
        status="queued",
        sent_at=now,
        created_at=now,
    )
    session.add(row)
    await session.flush()
    return row


async def _held(session: AsyncSession, contact_id: str) -> list[Message]:
    query = (
        select(Message)
        .where(Message.contact_id == contact_id, Message.direction == "out", Message.status == "held")
        .order_by(Message.id)
        .with_for_update()
    )
    return list((await session.execute(query)).scalars())
