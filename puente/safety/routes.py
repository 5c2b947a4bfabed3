"""The REST face of alarms."""

from datetime import datetime

import msgspec
from litestar import Controller, Request, get, post
from litestar.exceptions import NotFoundException

from puente import clock
from puente.cases.models import Case
from puente.contacts import service as contacts
from puente.contacts.models import Contact
from puente.db import Database
from puente.knowledge import texts
from puente.safety import alarms, duty
from puente.safety.models import Alarm


class AlarmView(msgspec.Struct):
    """A danger that nobody has taken care of yet."""

    id: int
    contact_id: str
    phone: str | None
    profile_name: str | None
    folio: str | None
    kind: str
    name: str
    level: str
    words: str
    decided_by: str | None
    opened_at: datetime
    alerts: int


class TextView(msgspec.Struct):
    """A fixed text, its source and who approved it (null: nobody yet)."""

    name: str
    text: str
    source: str
    date: str
    approved_by: str | None


class AlarmsController(Controller):
    """`/api/v1/alarms`."""

    path = "/alarms"
    tags = ["alarms"]

    @get("/", summary="Alarms that nobody has taken, gravest first")
    async def untaken(self, database: Database) -> list[AlarmView]:
        """Confirmed by the gate, by the family, or by silence after a grave sign."""
        async with database.reading() as session:
            found = await alarms.untaken(session)
            return [
                _view(
                    alarm,
                    await session.get_one(Contact, alarm.contact_id),
                    await session.get(Case, alarm.case_id) if alarm.case_id else None,
                )
                for alarm in found
            ]

    @post("/{contact:str}/take", summary="Take care of a family's alarms", status_code=200)
    async def take(self, request: Request, database: Database, contact: str) -> dict[str, int]:
        """Stops the alerts and stops the clock; also takes the conversation, so that the bot is silent."""
        async with database.transaction() as session:
            found = await session.get(Contact, contact) or await contacts.find_by_phone(session, contact)
            if found is None:
                raise NotFoundException(detail="no conversation with this contact")
            by, now = request.state.caller.name, clock.utcnow()
            taken = await alarms.take(session, found.id, by=by, now=now)
            await contacts.take(session, found.id, by=by, now=now)
            return {"taken": taken}


@get("/texts", summary="The fixed texts with their approval", tags=["alarms"], sync_to_thread=False)
def fixed_texts() -> list[TextView]:
    """Whoever shows these marks what nobody has approved."""
    return [
        TextView(name, texts.get(name), str(entry["fuente"]), str(entry["fecha"]), entry.get("aprobado_por"))
        for name, entry in texts.entries().items()
    ]


def _view(alarm: Alarm, contact: Contact, case: Case | None) -> AlarmView:
    return AlarmView(
        id=alarm.id,
        contact_id=contact.id,
        phone=contact.phone,
        profile_name=contact.profile_name,
        folio=case.folio if case else None,
        kind=alarm.kind,
        name=duty.level_of(alarm.kind).name,
        level=alarm.level,
        words=alarm.words,
        decided_by=alarm.decided_by,
        opened_at=alarm.opened_at,
        alerts=alarm.alerts,
    )
