"""The inbox lane: each contact's messages go through the dialogue strictly in order, one at a time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from puente import clock, log
from puente.contacts import service as contacts
from puente.contacts.models import BOT, Contact
from puente.db import TROUBLE, Database
from puente.dispatch import backlog, bursts, buttons, wordless
from puente.dispatch.presence import Presence
from puente.dispatch.rasa import Rasa, RasaFailed, RasaUnavailable, Turn
from puente.knowledge import texts
from puente.messages import changes, outbox, queue
from puente.messages.changes import Waiting
from puente.messages.models import SYSTEM, Message
from puente.safety import gate

LEASE_SECONDS = 60  # longer than the worst turn
RETRY_SECONDS = (0.5, 1, 2, 4)
MAX_PAUSE_SECONDS = 5.0  # while Rasa is away
APOLOGISE_AFTER = timedelta(seconds=15)
ATTEMPTS_BEFORE_A_PERSON = 5  # failures of this very message, not of Rasa being down
RESUMED = "resumed"  # tells the actions that the gate has dealt with the danger in this message
logger = log.get("inbox")


@dataclass(frozen=True)
class Pending:
    """One turn to handle, read and settled in one transaction and handled outside any.

    `message` leads it: its `wamid` is the turn's name for Rasa, and `text` is all that was said in it.
    """

    message: Message
    text: str | None
    command: str | None = None
    alarm: str = gate.NONE
    ready: list[dict[str, Any]] | None = None  # the answer, when Rasa is not needed


class InboxLane:
    """Work of the `inbox` lane. Messages older than `late_after` are for a person."""

    def __init__(
        self,
        database: Database,
        rasa: Rasa,
        worker: str,
        presence: Presence | None = None,
        late_after: timedelta = timedelta(hours=3),
    ) -> None:
        self._presence = presence or Presence()
        self._database = database
        self._rasa = rasa
        self._worker = worker
        self._late_after = late_after

    async def work(self, contact_id: str) -> None:
        """Handle the contact's messages until none is left or one has to wait."""
        while pending := await self._next(contact_id):
            try:
                await self._commit(pending.message, await self._turn(pending))
            except (queue.LeaseLost, *TROUBLE):
                raise  # nothing is wrong with the message
            except RasaUnavailable as problem:
                await self._wait(pending.message, str(problem), fault=False)
                return
            except Exception as problem:  # whatever it is about this message, it must not block those behind it
                log_it = logger.warning if isinstance(problem, RasaFailed) else logger.exception
                log_it("message failed", message=pending.message.id)
                await self._wait(pending.message, f"{type(problem).__name__}: {problem}"[:200], fault=True)
                return

    async def _next(self, contact_id: str) -> Pending | None:
        """The contact's next turn, its parts written down; None, with the contact released, when none is due."""
        async with self._database.transaction() as session:
            now = clock.utcnow()
            await self._prove_lease(session, contact_id)
            contact = await session.get_one(Contact, contact_id)
            waiting = await changes.waiting(session, contact_id)
            due = await self._settle(session, contact, waiting, now)
            decision = bursts.plan([_part(item) for item in due], now) if due else None
            if isinstance(decision, bursts.Go):
                return await _begin(session, [item for item in due if item.row.id in decision.ids], now)
            next_at = decision.until if decision else None
            await queue.release(session, queue.INBOX, contact_id, self._worker, next_at=next_at)
            return None

    async def _settle(
        self, session: AsyncSession, contact: Contact, waiting: list[Waiting], now: datetime
    ) -> list[Waiting]:
        """Mark as done what needs no turn. Returns what does, in order."""
        silent = contact.owner != BOT and not await _was_begun_before_handoff(session, contact, waiting)
        due = []
        for item in waiting:
            withdrawn = item.deleted and item.row.turn_id is None  # else the dialogue may have heard it already
            if silent or withdrawn or item.handled or wordless.is_silent(item.row):
                item.row.status, item.row.done_at = "done", now
            else:
                due.append(item)
        late = [item for item in due if backlog.is_late(item.row, now, self._late_after)]
        if late:
            said = [item.text for item in late]
            await backlog.give_to_a_person(session, contact, [item.row for item in late], now, said)
            for item in due:  # what is newer is read by the same person
                item.row.status, item.row.done_at = "done", item.row.done_at or now
            return []
        return due

    async def _turn(self, pending: Pending) -> Turn:
        if pending.ready is not None:
            self._presence.read(pending.message.wamid)
            return Turn(pending.ready, None)
        async with self._presence.answering(pending.message.wamid):
            return await self._rasa.turn(
                contact_id=pending.message.contact_id,
                wamid=pending.message.wamid or "",
                text=pending.text or "",
                payload=pending.command,
                sent_at=pending.message.sent_at,
                alarm=pending.alarm,
            )

    async def _commit(self, message: Message, turn: Turn) -> None:
        """All rows of the turn done and replies queued, in one transaction."""
        async with self._database.transaction() as session:
            await self._prove_lease(session, message.contact_id)
            row = await session.get_one(Message, message.id)
            if row.status != "received":
                return  # done already, by a worker whose lease had run out: its replies are the ones
            now = clock.utcnow()
            row.parse = turn.parse
            await _done(session, row, now)
            await outbox.write_turn(session, row.contact_id, turn.replies, now=now, turn_id=row.id)

    async def _wait(self, message: Message, problem: str, *, fault: bool) -> None:
        """Keep the message for later; say so to the family once, and give up on a message that always fails."""
        async with self._database.transaction() as session:
            now = clock.utcnow()
            await self._prove_lease(session, message.contact_id)
            row = await session.get_one(Message, message.id)
            waiting = now - row.created_at
            row.attempts += fault
            row.attempted_at = now
            logger.warning("message waits", message=row.id, failures=row.attempts, problem=problem)
            if row.attempts >= ATTEMPTS_BEFORE_A_PERSON:
                await _give_to_a_person(session, row, now)
            elif waiting > APOLOGISE_AFTER:
                await _apologise_once(session, row, now)
            next_at = now + _pause(row.attempts if fault else 0, waiting)
            await queue.release(session, queue.INBOX, row.contact_id, self._worker, next_at=next_at)

    async def _prove_lease(self, session: AsyncSession, contact_id: str) -> None:
        await queue.still_mine(
            session, queue.INBOX, contact_id, self._worker, now=clock.utcnow(), seconds=LEASE_SECONDS
        )


def _pause(failures: int, waiting: timedelta) -> timedelta:
    """How long to leave a message alone: longer after each failure of its own, or the longer Rasa is away."""
    if failures:
        return timedelta(seconds=RETRY_SECONDS[min(failures, len(RETRY_SECONDS)) - 1])
    return timedelta(seconds=min(max(waiting.total_seconds() / 4, RETRY_SECONDS[0]), MAX_PAUSE_SECONDS))


async def _begin(session: AsyncSession, items: list[Waiting], now: datetime) -> Pending:
    """Write down which messages make this turn, before Rasa hears it: after a crash it hears the very same again."""
    lead = items[-1]
    for item in items:
        item.row.turn_id = lead.row.id
    if len(items) > 1:
        return Pending(lead.row, "\n".join(item.text or "" for item in items))
    row, safety = lead.row, lead.row.safety or {}
    if earlier_id := safety.get("resume"):
        earlier = await session.get(Message, earlier_id)
        return Pending(row, earlier.text if earlier else row.text, alarm=RESUMED)
    alarm = safety.get("tier", gate.NONE)
    if button_id := wordless.button_id(row):
        return await _pressed(session, row, await outbox.resolve_payload(session, row.contact_id, button_id), alarm)
    if lead.text is not None:
        return Pending(row, lead.text, alarm=alarm)
    if said := wordless.said_without_words(row, now):
        return Pending(row, said[0], said[1], alarm)
    return Pending(row, None, ready=wordless.replies(row))


async def _pressed(session: AsyncSession, row: Message, payload: str, alarm: str) -> Pending:
    over = await buttons.explanation(session, row, payload)
    if over is not None:
        return Pending(row, row.text, ready=over)
    if payload.startswith("/"):
        return Pending(row, row.text, payload, alarm)
    return Pending(row, payload or row.text, alarm=alarm)  # a list's title may be cut short


def _part(item: Waiting) -> bursts.Part:
    row = item.row
    plain_words = (row.safety or {}).get("tier", gate.NONE) == gate.NONE and not (row.safety or {}).get("resume")
    return bursts.Part(
        row.id,
        item.text or "",
        row.sent_at,
        row.created_at,
        plain_words and bursts.joins(item.text, row.type),
        row.turn_id,
    )


async def _was_begun_before_handoff(session: AsyncSession, contact: Contact, waiting: list[Waiting]) -> bool:
    """Whether the turn that asked for a person was cut off before its answer ("le paso con…") was stored."""
    handoff = await contacts.open_handoff(session, contact.id)
    return handoff is not None and handoff.taken_at is None and any(item.row.turn_id for item in waiting)


async def _done(session: AsyncSession, row: Message, now: datetime) -> None:
    """Every row of the turn that `row` leads."""
    row.status, row.done_at = "done", now
    await session.execute(
        update(Message)
        .where(
            Message.contact_id == row.contact_id,
            Message.direction == "in",
            Message.turn_id == row.id,
            Message.status == "received",
        )
        .values(status="done", done_at=now)
    )


async def _give_to_a_person(session: AsyncSession, row: Message, now: datetime) -> None:
    await _done(session, row, now)
    reply = {"text": texts.get("mensaje_para_una_persona")}
    await contacts.request_handoff(
        session, row.contact_id, area="soporte_digital", reason="el asistente no pudo procesar el mensaje", now=now
    )
    await outbox.write_turn(session, row.contact_id, [reply], now=now, turn_id=row.id, author=SYSTEM)


async def _apologise_once(session: AsyncSession, row: Message, now: datetime) -> None:
    """One note per outage: none if the contact got one since the dialogue last answered it.

    What needed no turn, an alarm that the gate answered for example, is done meanwhile and ends no outage.
    """
    since = (
        select(func.max(Message.done_at)).where(
            Message.contact_id == row.contact_id, Message.direction == "in", Message.turn_id.is_not(None)
        )
    ).scalar_subquery()
    query = select(Message.id).where(
        Message.contact_id == row.contact_id,
        Message.direction == "out",
        Message.author == SYSTEM,
        (Message.created_at > since) | since.is_(None),
    )
    if (await session.execute(query.limit(1))).first() is None:
        reply = {"text": texts.get("asistente_demorado")}
        await outbox.write_turn(session, row.contact_id, [reply], now=now, turn_id=row.id, author=SYSTEM)
