"""What can be done with contacts: recognise one, hand a conversation to a person and back."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from puente.contacts import phone
from puente.contacts.models import BOT, PERSON, Contact, Handoff

# Against other changes of the contact, but not against new messages and cases that refer to it (PostgreSQL).
LOCK = {"key_share": True}


@dataclass(frozen=True)
class Identity:
    """What one webhook says about a sender: any of `wa_id` and `bsuid`, at least one of them."""

    wa_id: str | None
    bsuid: str | None = None
    username: str | None = None
    profile_name: str | None = None


async def recognise(session: AsyncSession, identity: Identity, now: datetime) -> Contact:
    """The contact that `identity` belongs to, locked, and created when new. Gaps in what is known are filled in.

    Raises ValueError when the identity has neither phone nor business-scoped id.
    """
    if not identity.wa_id and not identity.bsuid:
        raise ValueError("the sender has neither a phone nor a business-scoped id")
    contact = await _find(session, identity)
    if contact is None:
        contact = await _create(session, identity, now)
    contact.wa_id = identity.wa_id or contact.wa_id
    contact.bsuid = contact.bsuid or identity.bsuid  # nobody else has it: it was looked for first
    # A phone that another contact has stays with it: joining two histories is for a person to decide.
    matchable = _matchable(identity)
    if contact.phone is None and matchable and not await _by(session, Contact.phone, matchable):
        contact.phone = matchable
    contact.username = identity.username or contact.username
    contact.profile_name = identity.profile_name or contact.profile_name
    return contact


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


def _matchable(identity: Identity) -> str | None:
    return phone.of_whatsapp(identity.wa_id) if identity.wa_id else None


async def _find(session: AsyncSession, identity: Identity) -> Contact | None:
    """By the business-scoped id first: it names the person, while a number may have a new owner."""
    found = await _by(session, Contact.bsuid, identity.bsuid) if identity.bsuid else None
    matchable = _matchable(identity)
    if found is None and matchable:
        found = await _by(session, Contact.phone, matchable)
    return found


async def _by(session: AsyncSession, column: InstrumentedAttribute[str | None], value: str) -> Contact | None:
    query = select(Contact).where(column == value).with_for_update(key_share=True)
    return (await session.execute(query)).scalar_one_or_none()


async def _create(session: AsyncSession, identity: Identity, now: datetime) -> Contact:
    contact = Contact(
        id=secrets.token_hex(8), phone=_matchable(identity), wa_id=identity.wa_id, bsuid=identity.bsuid, created_at=now
    )
    try:
        async with session.begin_nested():
            session.add(contact)
    except IntegrityError:  # a parallel webhook created the same contact first
        found = await _find(session, identity)
        if found is None:
            raise
        return found
    return contact
