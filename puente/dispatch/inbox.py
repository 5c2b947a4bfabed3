"""The inbox lane: each contact's messages go through the dialogue strictly in order, one at a time."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from puente import clock, log
from puente.contacts import service as contacts
from puente.contacts.models import BOT, Contact
from puente.db import TROUBLE, Database
from puente.dispatch import wordless
from puente.dispatch.presence import Presence
from puente.dispatch.rasa import Rasa, RasaFailed, RasaUnavailable, Turn
from puente.knowledge import texts
from puente.messages import outbox, queue
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
    """A message to handle, read in one transaction and handled outside any."""

    message: Message
    owner: str
    payload: str | None
    resumed: str | None = None  # the text of an earlier message that an alarm had held up


class InboxLane:
    """Work of the `inbox` lane."""

    def __init__(self, database: Database, rasa: Rasa, worker: str, presence: Presence | None = None) -> None:
        self._presence = presence or Presence()
        self._database = database
        self._rasa = rasa
        self._worker = worker

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
        """The oldest message that is not done; None, with the contact released, when there is none."""
        async with self._database.transaction() as session:
            await self._prove_lease(session, contact_id)
            query = (
                select(Message)
                .where(
                    Message.contact_id == contact_id,
                    Message.direction == "in",
                    Message.status == "received",
                    Message.gated_at.is_not(None),
                )
                .order_by(Message.sent_at, Message.id)
                .limit(1)
            )
            message = (await session.execute(query)).scalar_one_or_none()
            if message is None:
                await queue.release(session, queue.INBOX, contact_id, self._worker, next_at=None)
                return None
            contact = await session.get_one(Contact, contact_id)
            button_id = wordless.button_id(message)
            payload = await outbox.resolve_payload(session, contact_id, button_id) if button_id else None
            earlier_id = (message.safety or {}).get("resume")
            earlier = await session.get(Message, earlier_id) if earlier_id else None
            return Pending(message, contact.owner, payload, earlier.text if earlier else None)

    async def _turn(self, pending: Pending) -> Turn:
        message, safety = pending.message, pending.message.safety or {}
        if pending.owner != BOT or safety.get("handled"):
            return Turn([], None)  # a person answers, or the gate already has
        if pending.resumed is not None:
            return await self._ask_rasa(message, pending.resumed, None, alarm=RESUMED)
        if message.text is None:
            self._presence.read(message.wamid if message.type not in wordless.SILENT else None)
            return Turn(wordless.replies(message), None)
        command = pending.payload if (pending.payload or "").startswith("/") else None
        text = message.text if command else pending.payload or message.text  # a list's title may be cut short
        return await self._ask_rasa(message, text, command, alarm=safety.get("tier", gate.NONE))

    async def _ask_rasa(self, message: Message, text: str, command: str | None, *, alarm: str) -> Turn:
        async with self._presence.answering(message.wamid):
            return await self._rasa.turn(
                contact_id=message.contact_id,
                wamid=message.wamid or "",
                text=text,
                payload=command,
                sent_at=message.sent_at,
                alarm=alarm,
            )

    async def _commit(self, message: Message, turn: Turn) -> None:
        """Inbox row done and replies queued, in one transaction."""
        async with self._database.transaction() as session:
            await self._prove_lease(session, message.contact_id)
            row = await session.get_one(Message, message.id)
            if row.status != "received":
                return  # done already, by a worker whose lease had run out: its replies are the ones
            now = clock.utcnow()
            row.status, row.done_at, row.parse = "done", now, turn.parse
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


async def _give_to_a_person(session: AsyncSession, row: Message, now: datetime) -> None:
    row.status, row.done_at = "done", now
    reply = {"text": texts.get("mensaje_para_una_persona")}
    await contacts.request_handoff(
        session, row.contact_id, area="soporte_digital", reason="el asistente no pudo procesar el mensaje", now=now
    )
    await outbox.write_turn(session, row.contact_id, [reply], now=now, turn_id=row.id, author=SYSTEM)


async def _apologise_once(session: AsyncSession, row: Message, now: datetime) -> None:
    """One note per outage: none if the contact got one since its last answered message."""
    since = (
        select(func.max(Message.done_at)).where(Message.contact_id == row.contact_id, Message.direction == "in")
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
