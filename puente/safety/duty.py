"""Signs' levels, and the people who are alerted when one happens."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache

import yaml
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente import log
from puente.cases.models import Case
from puente.contacts import service as contacts
from puente.contacts.service import Identity
from puente.messages import outbox
from puente.messages.models import ALARM
from puente.safety.models import Alarm, DutyPerson
from puente.settings import ROOT
from puente.whatsapp import templates

LEVELS = ("911", "urgencias", "llamar")  # gravest first
logger = log.get("duty")


@dataclass(frozen=True)
class Level:
    """How grave a sign is: `level` of LEVELS; `grave` ones count as certain when a question stays unanswered."""

    level: str
    grave: bool
    name: str


UNKNOWN = Level("urgencias", True, "Signo de alarma dicho por la familia")


@cache
def _levels() -> dict[str, Level]:
    with (ROOT / "data" / "safety" / "signs.yml").open(encoding="utf-8") as file:
        kinds = yaml.safe_load(file)["kinds"]
    return {kind: Level(str(entry["level"]), entry["grave"], entry["name"]) for kind, entry in kinds.items()}


def level_of(kind: str | None) -> Level:
    """The level of a sign; an unknown sign is taken seriously."""
    return _levels().get(kind or "", UNKNOWN)


async def add(session: AsyncSession, *, area: str, name: str, phone: str, step: int, now: datetime) -> DutyPerson:
    """Put somebody on duty. `phone` is the WhatsApp number, with country code."""
    contact = await contacts.recognise(session, Identity(phone.lstrip("+")), now)
    person = DutyPerson(area=area, name=name, contact_id=contact.id, step=step)
    session.add(person)
    await session.flush()
    return person


async def on_duty(session: AsyncSession) -> list[DutyPerson]:
    """Everybody on duty, by area and step."""
    return list((await session.execute(select(DutyPerson).order_by(DutyPerson.area, DutyPerson.step))).scalars())


async def remove(session: AsyncSession, person_id: int) -> bool:
    """Take somebody off duty. Returns whether they were on it."""
    person = await session.get(DutyPerson, person_id)
    if person is not None:
        await session.delete(person)
    return person is not None


async def alert(session: AsyncSession, alarm: Alarm, now: datetime) -> None:
    """Alert by WhatsApp those whose step has come. The message names the folio and the level, never the family."""
    case = await session.get_one(Case, alarm.case_id)
    logger.warning("people alerted", alarm=alarm.id, level=alarm.level, times=alarm.alerts, folio=case.folio)
    template = templates.all_templates()["alerta_urgencia"]
    query = select(DutyPerson).where(DutyPerson.area == case.area, DutyPerson.step <= alarm.alerts)
    for person in (await session.execute(query)).scalars():
        values = (case.folio, alarm.level, str(alarm.alerts))
        await outbox.write_body(
            session, person.contact_id, template.message(*values), template.shown(*values), now=now, purpose=ALARM
        )
