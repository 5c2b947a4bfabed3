"""What a run leaves behind, from the database and from the families' phones, in plain values."""

from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import and_, func, select

from puente import clock
from puente.cases.models import Case
from puente.contacts.models import Contact, Handoff
from puente.db import Database
from puente.messages.models import Message, Quarantine, QueueEntry
from puente.messages.queue import ALARM
from simulator.driver import Bubble, Simulator

UNFINISHED = ("received", "queued", "held", "sending")


@dataclass(frozen=True)
class Row:
    """A row of the messages' table. `handled`: the safety gate answered it by itself."""

    id: int
    direction: str
    wamid: str | None
    text: str
    author: str
    status: str
    turn_id: int | None
    handled: bool = False


@dataclass(frozen=True)
class Seen:
    """A bubble on the phone, in the order of the phone. `row`: the id that Puente gave its own message."""

    wamid: str
    direction: str
    text: str
    status: str
    row: int | None = None


@dataclass(frozen=True)
class OpenCase:
    """A case of the family."""

    folio: str
    kind: str
    medicine: str | None
    source_wamid: str


@dataclass
class Story:
    """All about one contact."""

    phone: str
    seen: list[Seen] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    cases: list[OpenCase] = field(default_factory=list)
    handoffs: list[str] = field(default_factory=list)  # the reasons


@dataclass
class Evidence:
    """All that is judged."""

    stories: list[Story]
    unfinished: list[str]
    quarantined: list[str]


async def gather(database: Database, simulator: Simulator, phones: list[str]) -> Evidence:
    """Collect it, of a system that has come to rest or not."""
    stories = [await _story(database, simulator, phone) for phone in phones]
    async with database.reading() as session:
        quarantined = [item.reason for item in (await session.execute(select(Quarantine))).scalars()]
    return Evidence(stories, await unfinished(database), quarantined)


async def done(database: Database) -> int:
    """How many of the families' messages are done."""
    query = select(func.count()).where(Message.direction == "in", Message.status == "done")
    async with database.reading() as session:
        return (await session.execute(query)).scalar_one()


async def unfinished(database: Database) -> list[str]:
    """Rows and queue entries that still wait for somebody. An alarm that people must be told again does not."""
    waiting_alarm = and_(QueueEntry.lane == ALARM, QueueEntry.ready_at > clock.utcnow() + timedelta(seconds=5))
    async with database.reading() as session:
        rows = select(Message.direction, Message.status, func.count()).where(Message.status.in_(UNFINISHED))
        found = (await session.execute(rows.group_by(Message.direction, Message.status))).all()
        ungated = select(func.count()).where(Message.direction == "in", Message.gated_at.is_(None))
        unseen = (await session.execute(ungated)).scalar_one()
        entries = select(QueueEntry.lane, func.count()).where(~waiting_alarm).group_by(QueueEntry.lane)
        lanes = (await session.execute(entries)).all()
    return [
        *(f"{count} messages {direction}/{status}" for direction, status, count in found),
        *([f"{unseen} messages that the safety gate has not seen"] if unseen else []),
        *(f"{count} contacts in the lane {lane}" for lane, count in lanes),
    ]


async def _story(database: Database, simulator: Simulator, wa_id: str) -> Story:
    story = Story(wa_id, [_seen(bubble) for bubble in await simulator.phone(wa_id).messages()])
    async with database.reading() as session:
        of_phone = select(Contact.id).where(Contact.wa_id == wa_id)
        ids = list((await session.execute(of_phone)).scalars())
        rows = select(Message).where(Message.contact_id.in_(ids)).order_by(Message.id)
        story.rows = [_row(row) for row in (await session.execute(rows)).scalars()]
        cases = select(Case).where(Case.contact_id.in_(ids)).order_by(Case.id)
        story.cases = [
            OpenCase(case.folio, case.kind, case.medicine, case.source_wamid)
            for case in (await session.execute(cases)).scalars()
        ]
        handoffs = select(Handoff.reason).where(Handoff.contact_id.in_(ids))
        story.handoffs = list((await session.execute(handoffs)).scalars())
    return story


def _row(row: Message) -> Row:
    handled = bool((row.safety or {}).get("handled"))
    return Row(row.id, row.direction, row.wamid, row.text or "", row.author, row.status, row.turn_id, handled)


def _seen(bubble: Bubble) -> Seen:
    opaque = str(bubble.body.get("biz_opaque_callback_data") or "")
    row = int(opaque) if bubble.direction == "out" and opaque.isdecimal() else None
    return Seen(bubble.id, bubble.direction, bubble.text, bubble.status, row)
