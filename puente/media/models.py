"""The media's table: one row per file that a family sent."""

from datetime import datetime

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import CheckConstraint, ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from puente.db import Base

PENDING, STORED, FAILED = "pendiente", "guardado", "fallido"


class Media(Base):
    """A file of a family: what WhatsApp said about it, and what came of fetching it."""

    __tablename__ = "media"
    __table_args__ = (
        CheckConstraint("state IN ('pendiente', 'guardado', 'fallido')", name="state"),
        Index("ix_media_work", "contact_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"), unique=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"), index=True)
    kind: Mapped[str]  # image, video, audio, document, sticker
    whatsapp_id: Mapped[str]  # dies seven days after the message
    declared_mime: Mapped[str | None]
    declared_sha256: Mapped[str | None]  # hexadecimal
    filename: Mapped[str | None]  # as the family's phone called it; never used as a path

    state: Mapped[str] = mapped_column(default=PENDING)
    reason: Mapped[str | None]  # why it could not be kept, in the words that staff read
    key: Mapped[str] = mapped_column(unique=True)  # its random name in the store
    mime: Mapped[str | None]  # what its bytes say it is
    bytes: Mapped[int | None]
    sha256: Mapped[str | None]
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC)
    stored_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    told_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)  # that it was kept, or that it was not
    told_of_delay_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
