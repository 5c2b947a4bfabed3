"""The case's tables."""

from datetime import datetime
from typing import Any

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from puente.db import Base

STATUSES = (
    "recibido",
    "asignado",
    "en_atencion",
    "en_espera_familia",
    "en_espera_externo",
    "resuelto",
    "cerrado",
    "rechazado",
    "duplicado",
)
CLOSED = ("cerrado", "rechazado", "duplicado")
PRIORITIES = ("critica", "alta", "media", "baja")


class Case(Base):
    """What one family reports or asks for. `facts` holds what the kind's catalogue asks, under the slots' names."""

    __tablename__ = "cases"
    __table_args__ = (
        CheckConstraint(f"status IN {STATUSES}", name="status"),
        CheckConstraint(f"priority IN {PRIORITIES}", name="priority"),
        # A message, however often it is replayed, opens one case of a kind.
        UniqueConstraint("source_wamid", "kind"),
        Index("ix_cases_contact", "contact_id", "created_at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    folio: Mapped[str] = mapped_column(unique=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    kind: Mapped[str]
    area: Mapped[str]
    status: Mapped[str] = mapped_column(default="recibido")
    priority: Mapped[str]
    unit: Mapped[str | None]  # the unit's official name with its city
    representation: Mapped[str | None]  # null for a high-speciality unit (UMAE)
    medicine: Mapped[str | None]  # canonical names, comma-separated
    patient: Mapped[str | None]
    detail: Mapped[str] = mapped_column(Text)  # the family's own words
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    source_wamid: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC)
    due_at: Mapped[datetime] = mapped_column(DateTimeUTC)  # the first answer
    updated_at: Mapped[datetime] = mapped_column(DateTimeUTC)


class CaseEvent(Base):
    """Something that happened to a case: who, when, what, why. Rows are only ever added."""

    __tablename__ = "case_events"
    __table_args__ = (UniqueConstraint("case_id", "source_wamid"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    case_id: Mapped[int] = mapped_column(ForeignKey("cases.id"), index=True)
    event: Mapped[str]  # abierto, estado, nota, escalado
    actor: Mapped[str]
    status: Mapped[str]  # the case's status after it
    note: Mapped[str] = mapped_column(Text)
    source_wamid: Mapped[str | None]  # the family's message behind it, so that a replay adds nothing
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC)
