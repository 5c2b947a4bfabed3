"""Who is writing: phones, business-scoped ids and user names come and go, the contact stays.

The business-scoped id names the person; a number may have a new owner. Whenever it cannot be taken for granted that the
same person writes, the contact is marked to be verified again, and no case is shown until that is done
(cases/proof.py). A webhook may arrive days late: what an older message says about an identity changes nothing newer.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import InstrumentedAttribute

from puente.contacts import phone
from puente.contacts.models import BOT, Contact, ContactChange
from puente.db import insert_new

NEW_NUMBER = "cambió de número"
NEW_OWNER = "el número tiene un dueño nuevo según WhatsApp"
OTHER_DEVICE = "WhatsApp se registró en otro teléfono"
SAME_ID_NEW_NUMBER = "escribe desde otro número"


@dataclass(frozen=True)
class Identity:
    """What one webhook says about a sender: any of `wa_id` and `bsuid`, at least one of them, as of `said_at`."""

    wa_id: str | None
    bsuid: str | None = None
    username: str | None = None
    profile_name: str | None = None
    said_at: datetime | None = None

    @property
    def phone(self) -> str | None:
        return phone.of_whatsapp(self.wa_id) if self.wa_id else None


async def recognise(session: AsyncSession, identity: Identity, now: datetime) -> Contact:
    """The contact that `identity` belongs to, locked, and created when new. Gaps in what is known are filled in.

    Raises ValueError when the identity has neither phone nor business-scoped id.
    """
    if not identity.wa_id and not identity.bsuid:
        raise ValueError("the sender has neither a phone nor a business-scoped id")
    contact = await _find(session, identity)
    if contact is None:
        contact = await _create(session, identity, now)
    at = identity.said_at or now
    if identity.bsuid and contact.bsuid and contact.bsuid != identity.bsuid:
        if await _had_bsuid(session, contact, identity.bsuid):
            return contact  # a message of before the change, delivered late
        contact = await _separate(session, contact, identity, now)
    contact.bsuid = contact.bsuid or identity.bsuid  # nobody else has it: it was looked for first
    if identity.wa_id and not await _is_old_news(session, contact, identity):
        await _take_number(session, contact, identity, at)
    if identity.username and contact.username and identity.username != contact.username:
        note_change(session, contact, "username", contact.username, identity.username, "", at)
    contact.username = identity.username or contact.username
    contact.profile_name = identity.profile_name or contact.profile_name
    return contact


async def moved(session: AsyncSession, old: Identity, new: Identity, at: datetime) -> Contact | None:
    """WhatsApp says that a user changed number or id. Returns the contact that is theirs now, None if we knew neither.

    Whoever has the new number is to be verified again before any case is shown.
    """
    before = await _find(session, old)
    after = await _find(session, new)
    if before is None:
        return after
    if after is None or after is before:
        if before.phone != new.phone:
            before.last_inbound_at = None  # nobody has written from the new number: its 24-hour window is not open
        _change(session, before, "phone", new.phone, NEW_NUMBER, at)
        _change(session, before, "bsuid", new.bsuid, NEW_NUMBER, at)
        before.wa_id = new.wa_id
        mark_to_verify(session, before, NEW_NUMBER, at)
        return before
    # They wrote from the new number before WhatsApp told us: their history is joined once they are verified.
    _lose_number(session, before, NEW_NUMBER, at)
    after.previous_id = before.id
    mark_to_verify(session, after, NEW_NUMBER, at)
    return after


def mark_to_verify(session: AsyncSession, contact: Contact, reason: str, at: datetime) -> None:
    """From now on this contact has to prove that it is the same person."""
    if contact.verify_since is None:
        note_change(session, contact, "verificacion", None, "pendiente", reason, at)
    contact.verify_since, contact.verify_reason = at, reason
    contact.verify_asked_at, contact.verify_attempts = None, 0


def note_change(
    session: AsyncSession, contact: Contact, what: str, old: str | None, new: str | None, reason: str, at: datetime
) -> None:
    """Write a line of the contact's history."""
    session.add(ContactChange(contact_id=contact.id, what=what, old=old, new=new, reason=reason, at=at))


async def history(session: AsyncSession, contact_id: str) -> list[ContactChange]:
    """Everything that changed about a contact, oldest first."""
    query = select(ContactChange).where(ContactChange.contact_id == contact_id).order_by(ContactChange.id)
    return list((await session.execute(query)).scalars())


async def give_phone(session: AsyncSession, contact: Contact, wa_id: str, at: datetime) -> bool:
    """Keep the number that a family without one has shared. False when it is somebody else's here."""
    number = phone.of_whatsapp(wa_id)
    if contact.phone is not None or await _by(session, Contact.phone, number):
        return False
    _change(session, contact, "phone", number, "lo compartió", at)
    contact.wa_id = wa_id
    return True


async def _take_number(session: AsyncSession, contact: Contact, identity: Identity, at: datetime) -> None:
    """The contact writes from this number now, whatever number it had."""
    number = identity.phone
    contact.wa_id = identity.wa_id
    if number == contact.phone or number is None:
        return
    holder = await _by(session, Contact.phone, number)
    if holder is not None and holder.bsuid is not None:
        _lose_number(session, holder, NEW_OWNER, at)
        await session.flush()  # the number is unique: free it before it is taken
        holder = None
    if contact.phone is not None:
        mark_to_verify(session, contact, SAME_ID_NEW_NUMBER, at)
    if holder is None:
        _change(session, contact, "phone", number, SAME_ID_NEW_NUMBER, at)
    # else: a contact known by this number only keeps it; joining two histories is for a person to decide


async def _separate(session: AsyncSession, before: Contact, identity: Identity, now: datetime) -> Contact:
    """A known number with another person's id behind it: a new contact, which sees nothing of the one before."""
    at = identity.said_at or now
    _lose_number(session, before, NEW_OWNER, at)
    await session.flush()
    contact = await _create(session, identity, now)
    contact.previous_id = before.id
    mark_to_verify(session, contact, NEW_OWNER, at)
    return contact


def _lose_number(session: AsyncSession, contact: Contact, reason: str, at: datetime) -> None:
    _change(session, contact, "phone", None, reason, at)
    contact.wa_id = None


def _change(session: AsyncSession, contact: Contact, what: str, new: str | None, reason: str, at: datetime) -> None:
    old = getattr(contact, what)
    if old != new:
        if old is not None:
            note_change(session, contact, what, old, new, reason, at)
        setattr(contact, what, new)


async def _find(session: AsyncSession, identity: Identity) -> Contact | None:
    """By the business-scoped id first, also by one that the person had before; then by the number."""
    if identity.bsuid:
        found = await _by(session, Contact.bsuid, identity.bsuid) or await _by_past_bsuid(session, identity.bsuid)
        if found is not None:
            return found
    return await _by(session, Contact.phone, identity.phone) if identity.phone else None


async def _by(session: AsyncSession, column: InstrumentedAttribute[str | None], value: str) -> Contact | None:
    query = select(Contact).where(column == value).with_for_update(key_share=True)
    return (await session.execute(query)).scalar_one_or_none()


async def _by_past_bsuid(session: AsyncSession, bsuid: str) -> Contact | None:
    """WhatsApp never gives an id to anybody else."""
    past = select(ContactChange.contact_id).where(ContactChange.what == "bsuid", ContactChange.old == bsuid).limit(1)
    query = select(Contact).where(Contact.id == past.scalar_subquery()).with_for_update(key_share=True)
    return (await session.execute(query)).scalar_one_or_none()


async def _had_bsuid(session: AsyncSession, contact: Contact, bsuid: str) -> bool:
    return (await _by_past_bsuid(session, bsuid)) is contact


async def _is_old_news(session: AsyncSession, contact: Contact, identity: Identity) -> bool:
    """Whether the contact's number has changed since `identity` was true."""
    if identity.said_at is None or identity.phone == contact.phone:
        return False
    query = select(ContactChange.id).where(
        ContactChange.contact_id == contact.id, ContactChange.what == "phone", ContactChange.at > identity.said_at
    )
    return (await session.execute(query.limit(1))).first() is not None


async def _create(session: AsyncSession, identity: Identity, now: datetime) -> Contact:
    values = {
        "id": secrets.token_hex(8),
        "phone": identity.phone,
        "wa_id": identity.wa_id,
        "bsuid": identity.bsuid,
        "owner": BOT,
        "created_at": now,
        "verify_attempts": 0,
    }
    contact_id = await insert_new(session, Contact, values)
    if contact_id is not None:
        return await session.get_one(Contact, contact_id)
    found = await _find(session, identity)  # a parallel webhook created the same contact first
    if found is None:
        raise ValueError("the contact was created and taken away at the same moment")
    return found
