"""The messages' table, the raw webhooks behind it, and the queue that drives both directions."""

from datetime import datetime
from typing import Any

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, Text, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from puente.db import Base

INBOUND_STATES = ("received", "done")
OUTBOUND_STATES = ("queued", "held", "sending", "sent", "delivered", "read", "failed")
FAMILY, BOT, SYSTEM = "familia", "bot", "sistema"  # authors; staff are persona:<name>
# What an outbound message is for: an answer to the family's own words, news that nobody asked for, an alarm, or the
# template that asks the family to write so that what waits may be sent.
ANSWER, NOTICE, ALARM, INVITATION = "respuesta", "aviso", "alarma", "invitacion"


class Webhook(Base):
    """One delivery from WhatsApp, byte for byte."""

    __tablename__ = "webhooks"

    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    received_at: Mapped[datetime] = mapped_column(DateTimeUTC)


class Quarantine(Base):
    """Something in a webhook that could not be understood; kept for people, never lost, never blocking."""

    __tablename__ = "quarantine"

    id: Mapped[int] = mapped_column(primary_key=True)
    webhook_id: Mapped[int] = mapped_column(ForeignKey("webhooks.id"))
    reason: Mapped[str]
    item: Mapped[Any | None] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC)


class Message(Base):
    """One message in either direction.

    `author` says who wrote it: familia, bot, sistema, or persona:<name>. `turn_id` names the inbound row
    whose turn a row belongs to: an outbound row answers it; an inbound row was said to the dialogue together with it
    (the last row of a turn names itself; null: not said to the dialogue).
    """

    __tablename__ = "messages"
    __table_args__ = (
        CheckConstraint("direction IN ('in', 'out')", name="direction"),
        Index("ix_messages_transcript", "contact_id", "id"),
        Index("ix_messages_pending", "contact_id", "direction", "status"),
        Index("ix_messages_about", "about_wamid"),
        # The dead letters, and the failures by code: few among many.
        Index(
            "ix_messages_failed",
            "id",
            "error_code",
            sqlite_where=sql("status = 'failed'"),
            postgresql_where=sql("status = 'failed'"),
        ),
        Index("ix_messages_done", "direction", "done_at"),
        Index("uq_messages_resend_of", "resend_of", unique=True),  # a message is sent anew once, however often asked
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    direction: Mapped[str]
    wamid: Mapped[str | None] = mapped_column(unique=True)
    type: Mapped[str]
    text: Mapped[str | None] = mapped_column(Text)
    payload: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # inbound: the raw item; outbound: the request body
    author: Mapped[str]
    status: Mapped[str]
    sent_at: Mapped[datetime] = mapped_column(DateTimeUTC)  # WhatsApp's time for inbound, ours for outbound
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC)

    # both
    turn_id: Mapped[int | None] = mapped_column(ForeignKey("messages.id"))

    # inbound
    # What an edit, a deletion or a reaction is about; of a pressed button, the message that offered it.
    about_wamid: Mapped[str | None]
    gated_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)  # when the safety gate looked at it
    safety: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    parse: Mapped[dict[str, Any] | None] = mapped_column(JSON)

    # outbound
    purpose: Mapped[str | None]  # ANSWER, NOTICE, ALARM, INVITATION
    fallback: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # the template for outside the window, and its values
    # Rows of this table, though without foreign keys: SQLite would have to copy the whole table to add them.
    invitation_id: Mapped[int | None]  # a held row: the template whose answer it waits for
    resend_of: Mapped[int | None]  # the failed row that this one takes the place of
    pair_left: Mapped[float | None]  # what this send left in the contact's bucket (puente/dispatch/pace.py)
    error_code: Mapped[int | None]
    error_text: Mapped[str | None]

    # both: work on the row
    attempts: Mapped[int] = mapped_column(default=0)  # inbound: only those in which this very message failed
    attempted_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    # Outbound: the sender leaves it alone until then. A held row's wait ends then.
    not_before: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    done_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)


class Status(Base):
    """A status event of an outbound message; kept even when it arrives before our own row knows its wamid."""

    __tablename__ = "statuses"
    __table_args__ = (UniqueConstraint("wamid", "status"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    wamid: Mapped[str]
    status: Mapped[str]
    message_id: Mapped[int | None] = mapped_column(index=True)  # from biz_opaque_callback_data, when it came back
    payload: Mapped[dict[str, Any]] = mapped_column(JSON)
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC)


class QueueEntry(Base):
    """A contact with work waiting in a lane; the row is the lease, so a contact has one worker at a time."""

    __tablename__ = "queue"
    __table_args__ = (Index("ix_queue_ready", "lane", "ready_at"),)

    lane: Mapped[str] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    ready_at: Mapped[datetime] = mapped_column(DateTimeUTC)
    leased_by: Mapped[str | None]
    leased_until: Mapped[datetime | None] = mapped_column(DateTimeUTC)


class ButtonPayload(Base):
    """A long button payload behind the short id that WhatsApp carries (its limit is 256 characters)."""

    __tablename__ = "button_payloads"

    id: Mapped[str] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    payload: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC)
