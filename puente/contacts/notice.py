"""That a contact was given the privacy notice: which version, when, and with which message.

Whoever goes on writing after it has agreed to that version; BAJA ends it. A new version is given once to everybody.
"""

from datetime import datetime

from advanced_alchemy.types import DateTimeUTC
from sqlalchemy import ForeignKey, UniqueConstraint, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from puente.db import Base, insert_new


class PrivacyNotice(Base):
    """One version of the notice that a contact was given."""

    __tablename__ = "privacy_notices"
    __table_args__ = (UniqueConstraint("contact_id", "version"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[str] = mapped_column(ForeignKey("contacts.id"))
    version: Mapped[str]
    source_wamid: Mapped[str]  # the message whose answer carries it
    given_at: Mapped[datetime] = mapped_column(DateTimeUTC)


async def give(session: AsyncSession, contact_id: str, *, version: str, source_wamid: str, now: datetime) -> bool:
    """Whether the answer to this message must carry the notice; written down when it must.

    The same message again, because its turn was cut off, carries it again.
    """
    values = {"contact_id": contact_id, "version": version, "source_wamid": source_wamid, "given_at": now}
    if await insert_new(session, PrivacyNotice, values, ["contact_id", "version"]) is not None:
        return True
    known = await given(session, contact_id, version)
    return known is not None and known.source_wamid == source_wamid


async def given(session: AsyncSession, contact_id: str, version: str) -> PrivacyNotice | None:
    """When and with what this version was given, or None."""
    query = select(PrivacyNotice).where(PrivacyNotice.contact_id == contact_id, PrivacyNotice.version == version)
    return (await session.execute(query)).scalar_one_or_none()
