"""What can be done with contacts: recognise one (identity.py), hand a conversation to a person and back."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente.contacts import phone
from puente.contacts.identity import Identity as Identity
from puente.contacts.identity import recognise as recognise
from puente.contacts.models import BOT, PERSON, Contact, Handoff

# Against other changes of the contact, but not against new messages and cases that refer to it (PostgreSQL).
LOCK = {"key_share": True}


async def find_by_phone(session: AsyncSession, digits: str) -> Contact | None:
    """The contact with this phone, in any spelling, or None."""
    normal = phone.normalise(digits)
    if normal is None:
        return None
    return (await session.execute(select(Contact).where(Contact.phone == normal))).scalar_one_or_none()


async def request_handoff(session: AsyncSession, contact_id: str, *, area: str, reason: str, now: datetime) -> Handoff:
    """Give the conversation to a person. An open handoff is returned as it is: asking twice makes one."""
    contact = await session.get_one(Contact, contact_id, with_for_update=LOCK)
    handoff = await open_handoff(session, contact_id)
    if handoff is None:
        handoff = Handoff(contact_id=contact_id, area=area, reason=reason, requested_at=now)
        session.add(handoff)
    contact.owner = PERSON
    await session.flush()
    return handoff


async def open_handoff(session: AsyncSession, contact_id: str) -> Handoff | None:
    """The handoff that nobody has ended yet, or None."""
    query = select(Handoff).where(Handoff.contact_id == contact_id, Handoff.ended_at.is_(None))
    return (await session.execute(query)).scalar_one_or_none()


async def open_handoffs(session: AsyncSession) -> list[tuple[Handoff, Contact]]:
    """The handoffs that nobody has ended, longest waiting first, each with its contact."""
    query = (
        select(Handoff, Contact)
        .join(Contact, Contact.id == Handoff.contact_id)
        .where(Handoff.ended_at.is_(None))
        .order_by(Handoff.requested_at)
    )
    return [(handoff, contact) for handoff, contact in (await session.execute(query)).all()]


async def take(session: AsyncSession, contact_id: str, *, by: str, now: datetime) -> Contact:
    """A person takes the conversation, whether or not the family asked for one; the bot is silent from here on."""
    contact = await session.get_one(Contact, contact_id, with_for_update=LOCK)
    handoff = await open_handoff(session, contact_id)
    if handoff is None:
        handoff = Handoff(contact_id=contact_id, area="", reason="tomada por el personal", requested_at=now)
        session.add(handoff)
    if handoff.taken_at is None:
        handoff.taken_at, handoff.taken_by = now, by
    contact.owner = PERSON
    return contact


async def give_back(session: AsyncSession, contact_id: str, *, by: str, now: datetime) -> Contact:
    """The conversation returns to the bot."""
    contact = await session.get_one(Contact, contact_id, with_for_update=LOCK)
    handoff = await open_handoff(session, contact_id)
    if handoff is not None:
        handoff.ended_at, handoff.ended_by = now, by
    contact.owner = BOT
    return contact
