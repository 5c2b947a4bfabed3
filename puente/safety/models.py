"""The alarms' table and the people on duty."""

from datetime import datetime

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import CheckConstraint, ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from puente.db import Base

ASKED, CONFIRMED, DISMISSED = "preguntada", "confirmada", "descartada"


class Alarm(Base):
    """One episode of danger: asked about or certain, and when a person took it."""

    __tablename__ = "alarms"
    __table_args__ = (
        CheckConstraint("state IN ('preguntada', 'confirmada', 'descartada')", name="state"),
        # A family is asked one question at a time.
        Index(
            "uq_alarms_asked",
            "contact_id",
            unique=True,
            sqlite_where=text("state = 'preguntada'"),
            postgresql_where=text("state = 'preguntada'"),
        ),
        Index("ix_alarms_open", "state", "taken_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"), index=True)
    message_id: Mapped[int] = mapped_column(ForeignKey("messages.id"))  # whose words raised it
    case_id: Mapped[int | None] = mapped_column(ForeignKey("cases.id"))
    kind: Mapped[str]  # the sign, as in data/safety/signs.yml
    level: Mapped[str]  # 911, urgencias, llamar
    state: Mapped[str]
    words: Mapped[str] = mapped_column(Text)
    opened_at: Mapped[datetime] = mapped_column(DateTimeUTC)
    decided_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    decided_by: Mapped[str | None]  # compuerta, familia, tiempo
    alerts: Mapped[int] = mapped_column(default=0)  # how often people on duty were alerted
    next_alert_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    taken_at: Mapped[datetime | None] = mapped_column(DateTimeUTC)
    taken_by: Mapped[str | None]


class DutyPerson(Base):
    """Somebody who is alerted by WhatsApp; `step` 1 at once, 2 when nobody of step 1 took it, and so on."""

    __tablename__ = "duty"

    id: Mapped[int] = mapped_column(primary_key=True)
    area: Mapped[str]
    name: Mapped[str]
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    step: Mapped[int] = mapped_column(default=1)
