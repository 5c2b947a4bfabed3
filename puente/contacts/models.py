"""The contact's table, what changed about contacts, and the handoffs' table."""

from datetime import datetime

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import CheckConstraint, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from puente.db import Base

BOT = "bot"
PERSON = "persona"


class Contact(Base):
    """A person on WhatsApp. Phone, business-scoped id and user name are attributes; none of them is the key."""

    __tablename__ = "contacts"
    __table_args__ = (CheckConstraint("owner IN ('bot', 'persona')", name="owner"),)

    id: Mapped[str] = mapped_column(primary_key=True)
    phone: Mapped[str | None] = mapped_column(unique=True)  # normalised, for matching
    wa_id: Mapped[str | None]  # as WhatsApp gave it, for sending
    bsuid: Mapped[str | None] = mapped_column(unique=True)
    username: Mapped[str | None]
    profile_name: Mapped[str | None]
    owner: Mapped[str] = mapped_column(default=BOT)  # who answers now
    last_inbound_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)  # opens WhatsApp's 24-hour window
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC)

    # Whoever writes now may be somebody else: no case is shown until two facts of one have been told (cases/proof.py).
    verify_since: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    verify_reason: Mapped[str | None]
    verify_asked_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    verify_attempts: Mapped[int] = mapped_column(default=0, server_default=text("0"))
    previous_id: Mapped[str | None]  # the contact that had this number before, and perhaps is the same person


class ContactChange(Base):
    """What WhatsApp said about a contact before and after; rows are only ever added."""

    __tablename__ = "contact_changes"

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    what: Mapped[str]  # phone, bsuid, username, verificacion
    old: Mapped[str | None]
    new: Mapped[str | None]
    reason: Mapped[str]
    at: Mapped[datetime] = mapped_column(DateTimeUTC)


class Handoff(Base):
    """One stretch of a conversation that belongs to a person, from the request to its return to the bot."""

    __tablename__ = "handoffs"
    __table_args__ = (
        # One open handoff per contact, however often the request is replayed.
        Index(
            "uq_handoffs_open",
            "contact_id",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    area: Mapped[str]
    reason: Mapped[str]
    requested_at: Mapped[datetime] = mapped_column(DateTimeUTC)
    taken_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    taken_by: Mapped[str | None]
    ended_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    ended_by: Mapped[str | None]
