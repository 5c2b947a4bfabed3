"""BAJA and ALTA: whether a family wants what it did not ask for. Answers to its own words and alarms always go out."""

import re
from datetime import datetime

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import ForeignKey, Index, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from puente.db import Base, insert_new
from puente.knowledge import texts
from puente.knowledge.spelling import plain
from puente.whatsapp.compose import Reply

OUT, IN = "baja", "alta"
BUTTON = {"consentimiento:baja": OUT, "consentimiento:alta": IN}
REFUSED = "La familia pidió no recibir avisos (BAJA)"
_WORDS = {
    OUT: ("baja", "dar de baja", "darme de baja", "darse de baja", "quiero darme de baja", "stop"),
    IN: ("alta", "dar de alta", "darme de alta", "volver a recibir avisos"),
}


class Consent(Base):
    """One change of a family's will; rows are only ever added, the last one holds."""

    __tablename__ = "consents"
    __table_args__ = (Index("ix_consents_contact", "contact_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    will: Mapped[str]  # OUT, IN
    source: Mapped[str] = mapped_column(unique=True)  # the message that said it, so that a replay adds nothing
    created_at: Mapped[datetime] = mapped_column(DateTimeUTC)


def command(text: str | None, button_id: str | None) -> str | None:
    """OUT or IN when the whole message, or its button, says so; None otherwise."""
    if button_id in BUTTON:
        return BUTTON[button_id]
    words = re.sub(r"[^\w ]", "", plain(text or "")).strip()
    return next((will for will, known in _WORDS.items() if words in known), None)


async def is_out(session: AsyncSession, contact_id: str) -> bool:
    """Whether the family has said BAJA and not ALTA since."""
    query = select(Consent.will).where(Consent.contact_id == contact_id).order_by(Consent.id.desc()).limit(1)
    return (await session.execute(query)).scalar_one_or_none() == OUT


async def record(session: AsyncSession, contact_id: str, will: str, *, source: str, now: datetime) -> None:
    """Write down what the family wants from now on. The same source counts once."""
    values = {"contact_id": contact_id, "will": will, "source": source, "created_at": now}
    await insert_new(session, Consent, values, ["source"])


def confirmation(will: str) -> Reply:
    """What the family reads, with the way back."""
    if will == OUT:
        back = {"title": "Volver a recibir", "payload": "consentimiento:alta"}
        return {"text": texts.get("baja_confirmada"), "buttons": [back]}
    return {"text": texts.get("alta_confirmada")}
