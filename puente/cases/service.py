"""What can be done with cases. Opening one is idempotent on the WhatsApp message that caused it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from puente.cases import folio as folios
from puente.cases.models import CLOSED, Case, CaseEvent
from puente.db import insert_new
from puente.knowledge import catalogs
from puente.media.models import Media

FOLIO_ATTEMPTS = 5
SENT_WHILE_TELLING = timedelta(hours=1)  # files sent so shortly before a case was opened belong to it


@dataclass(frozen=True)
class NewCase:
    """What is needed to open a case. `facts` keys are the slots of the kind's form; values are canonical."""

    contact_id: str
    kind: str
    source_wamid: str
    detail: str
    facts: dict[str, Any]
    unit: str | None = None
    representation: str | None = None
    medicines: tuple[str, ...] = ()
    patient: str | None = None
    priority: str | None = None  # the kind's own when None


async def open_case(session: AsyncSession, new: NewCase, now: datetime) -> Case:
    """Open a case, or return the one that the same message opened before.

    Raises KeyError for a kind that the catalogue does not have.
    """
    kind = catalogs.kinds()[new.kind]
    values = {
        "contact_id": new.contact_id,
        "kind": new.kind,
        "area": kind.area,
        "status": "recibido",
        "priority": new.priority or kind.priority,
        "unit": new.unit,
        "representation": new.representation,
        "medicine": ", ".join(new.medicines) or None,
        "patient": new.patient,
        "detail": new.detail,
        "facts": new.facts,
        "source_wamid": new.source_wamid,
        "created_at": now,
        "due_at": now + timedelta(hours=kind.first_answer_hours),
        "updated_at": now,
    }
    case_id = await _insert(session, values)
    if case_id is None:
        query = select(Case).where(Case.source_wamid == new.source_wamid, Case.kind == new.kind)
        return (await session.execute(query)).scalar_one()
    session.add(_event(case_id, "abierto", "familia", "recibido", "", now))
    await _adopt_recent_files(session, case_id, new.contact_id, now)
    return await session.get_one(Case, case_id)


async def _adopt_recent_files(session: AsyncSession, case_id: int, contact_id: str, now: datetime) -> None:
    """What the family sent while she told of it (a photo of the prescription) is part of the case."""
    await session.execute(
        update(Media)
        .where(Media.contact_id == contact_id, Media.case_id.is_(None), Media.created_at > now - SENT_WHILE_TELLING)
        .values(case_id=case_id)
    )


async def _insert(session: AsyncSession, values: dict[str, Any]) -> int | None:
    """Insert under a fresh folio; None when the message has opened its case before."""
    for attempt in range(FOLIO_ATTEMPTS):
        try:
            async with session.begin_nested():
                return await insert_new(session, Case, {**values, "folio": folios.new()}, ["source_wamid", "kind"])
        except IntegrityError:  # that folio is taken: one in ten thousand when there are a hundred thousand cases
            if attempt == FOLIO_ATTEMPTS - 1:
                raise
    raise AssertionError("unreachable")


async def cases_of(session: AsyncSession, contact_id: str, *, open_only: bool = False) -> list[Case]:
    """The contact's cases, newest first."""
    query = select(Case).where(Case.contact_id == contact_id).order_by(Case.created_at.desc(), Case.id.desc())
    if open_only:
        query = query.where(Case.status.not_in(CLOSED))
    return list((await session.execute(query)).scalars())


async def find(session: AsyncSession, folio_text: str) -> Case | None:
    """The case with this folio, however it was typed, or None."""
    folio = folios.read(folio_text)
    if folio is None:
        return None
    return (await session.execute(select(Case).where(Case.folio == folio))).scalar_one_or_none()


async def history(session: AsyncSession, case_id: int) -> list[CaseEvent]:
    """Everything that happened to a case, oldest first."""
    query = select(CaseEvent).where(CaseEvent.case_id == case_id).order_by(CaseEvent.id)
    return list((await session.execute(query)).scalars())


async def add_note(
    session: AsyncSession, case: Case, *, actor: str, note: str, source_wamid: str | None, now: datetime
) -> None:
    """Write down something about a case; its status stays. A replayed message (`source_wamid`) adds one note."""
    values = {
        "case_id": case.id,
        "event": "nota",
        "actor": actor,
        "status": case.status,
        "note": note,
        "source_wamid": source_wamid,
        "created_at": now,
    }
    if await insert_new(session, CaseEvent, values, ["case_id", "source_wamid"]) is not None:
        case.updated_at = now


def _event(case_id: int, event: str, actor: str, status: str, note: str, now: datetime) -> CaseEvent:
    return CaseEvent(case_id=case_id, event=event, actor=actor, status=status, note=note, created_at=now)
