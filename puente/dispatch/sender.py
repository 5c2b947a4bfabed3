"""The outbox lane: each contact's messages are sent in order.

An attempt without an answer (a crash, a timeout) is not repeated blindly: the message may have been accepted. The
status that WhatsApp sends proves it; only when none comes is the message sent again.
"""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente import clock, log
from puente.contacts import consent
from puente.contacts.models import Contact
from puente.contacts.service import LOCK
from puente.db import Database
from puente.dispatch import pace, window
from puente.dispatch.presence import Presence
from puente.messages import aside, failures, number, queue
from puente.messages.models import INVITATION, NOTICE, Message
from puente.messages.statuses import catch_up
from puente.whatsapp.client import Accepted, Refused, Unknown, WhatsApp
from puente.whatsapp.errors import WAITING, WHOLE_NUMBER, Action, ErrorRule, rule_for

LEASE_SECONDS = 40
RECONCILE_AFTER = timedelta(seconds=15)  # time for the status that proves an unknown send
MAX_RECONCILE = timedelta(minutes=15)
MAX_BACKOFF = timedelta(minutes=5)
MAX_ATTEMPTS = 12
MAX_DAYS = 2  # tries of a message that WhatsApp puts off to another day
NEVER_KNOWN = "No se supo si WhatsApp recibió el mensaje; pregunte a la familia si le llegó"
logger = log.get("sender")


@dataclass(frozen=True)
class Step:
    """One message to send now. `trial`: it tries a held number out. `read` is what its author, a person, has read."""

    message: Message
    contact: Contact
    trial: bool
    read: str | None


class OutboxLane:
    """Work of the `outbox` lane."""

    def __init__(self, database: Database, whatsapp: WhatsApp, worker: str) -> None:
        self._database = database
        self._whatsapp = whatsapp
        self._worker = worker
        self._pace = pace.NumberPace(database)
        self._presence = Presence(whatsapp)

    async def work(self, contact_id: str) -> None:
        """Send the contact's messages until none is left or one has to wait."""
        await self._pace.ready()
        while (step := await self._begin_next(contact_id)) is not None:
            self._pace.spend()
            self._presence.read(step.read)
            outcome = await self._whatsapp.send(step.contact, step.message.payload or {}, str(step.message.id))
            await self._finish(step, outcome)
            await self._pace.ready()

    async def _begin_next(self, contact_id: str) -> Step | None:
        """Mark the next row as being sent. None, with the contact released, when there is nothing to send now."""
        async with self._database.transaction() as session:
            now = clock.utcnow()
            await queue.still_mine(session, queue.OUTBOX, contact_id, self._worker, now=now, seconds=LEASE_SECONDS)
            message = await self._next_sendable(session, contact_id, now)
            if message is None:
                next_at = await aside.next_end(session, contact_id)
                await queue.release(session, queue.OUTBOX, contact_id, self._worker, next_at=next_at)
                return None
            left = await pace.pair_left(session, contact_id, now)
            wait_until = message.not_before if message.not_before and message.not_before > now else None
            if wait_until is None and left < 1:
                wait_until = now + pace.pair_wait(left)
            turn = number.Turn(wait_until) if wait_until else await number.may_send(session, now)
            if turn.wait_until:
                await queue.release(session, queue.OUTBOX, contact_id, self._worker, next_at=turn.wait_until)
                return None
            # Whoever finds the row like this, after a crash or without an answer, gives the status time to come.
            message.not_before = now + _time_to_reconcile(message)
            message.status, message.attempted_at, message.pair_left = "sending", now, left - 1
            message.attempts += 1
            contact = await session.get_one(Contact, contact_id)
            return Step(message, contact, turn.trial, await _read_by_its_author(session, message))

    async def _next_sendable(self, session: AsyncSession, contact_id: str, now: datetime) -> Message | None:
        """The first message in the line that may be sent at all; those before it are failed or set aside."""
        while True:
            message = await _first_in_line(session, contact_id)
            if message is None:
                if not await aside.end_waits(session, contact_id, now):
                    return None
            elif message.not_before and message.not_before > now:
                return message
            elif problem := await _hopeless(session, message):
                logger.warning("given up", message=message.id, attempts=message.attempts)
                await _fail(session, message, problem, now)
            elif await self._must_stay_here(session, message, now):
                await aside.outside_window(session, message, now)
                await session.flush()
            else:
                return message

    async def _must_stay_here(self, session: AsyncSession, message: Message, now: datetime) -> bool:
        """Whether the window is closed. The contact is locked then: the family cannot write while it is decided."""
        contact = await session.get_one(Contact, message.contact_id, populate_existing=True)
        if window.may_send(message.type, contact.last_inbound_at, now):
            return False
        await session.refresh(contact, with_for_update=LOCK)
        return not window.may_send(message.type, contact.last_inbound_at, now)

    async def _finish(self, step: Step, outcome: Accepted | Refused | Unknown) -> None:
        """Store what came of an attempt.

        No lease is needed for it: even if another worker took over meanwhile, what happened happened.
        """
        async with self._database.transaction() as session:
            now = clock.utcnow()
            message = await session.get_one(Message, step.message.id, with_for_update=True)
            if isinstance(outcome, Unknown):
                logger.warning("outcome unknown", message=message.id, problem=outcome.problem)
                return
            if isinstance(outcome, Accepted):
                await _accepted(session, message, outcome.wamid, now)
            elif message.status == "sending":  # else a status overtook us and proved that an earlier try was accepted
                await _refused(session, message, outcome, now, trial=step.trial)
            if step.trial and not _concerns_the_number(outcome):
                await number.free(session, now)

    async def close(self) -> None:
        """Let nothing of ours outlive the worker."""
        await self._presence.close()


async def _refused(session: AsyncSession, message: Message, refusal: Refused, now: datetime, *, trial: bool) -> None:
    """Apply the error's rule: the row fails, waits for its next attempt, or is set aside."""
    rule = rule_for(refusal.code, refusal.http_status)
    logger.warning("refused", message=message.id, code=refusal.code, action=rule.action.value)
    message.error_code, message.error_text = refusal.code, rule.reason
    await failures.also_because(session, message, rule, refusal.code, now, trial=trial)
    tried_enough = rule.action is Action.RETRY and refusal.code is not None and message.attempts >= MAX_ATTEMPTS
    if rule.action is Action.USE_TEMPLATE and message.type != "template":
        # Another clock, or one of the rare refusals inside the window: the same as if it had been closed all along.
        await session.get_one(Contact, message.contact_id, with_for_update=LOCK)
        await aside.outside_window(session, message, now)
    elif rule.action is Action.ANOTHER_DAY and message.attempts < MAX_DAYS:
        await aside.hold_for_another_day(session, message, now)
    elif rule.action in WAITING and not tried_enough:
        _wait(message, rule, now)
    else:
        await _fail(session, message, rule.reason, now, refusal.code)


def _wait(message: Message, rule: ErrorRule, now: datetime) -> None:
    message.status, message.not_before = "queued", None
    if rule.action in WHOLE_NUMBER:
        message.attempts -= 1  # nothing was wrong with this message
    else:
        base = 4 if rule.action is Action.HOLD_CONTACT else 2
        wait = _growing(timedelta(seconds=1), base, message.attempts, MAX_BACKOFF)
        message.not_before = now + wait * random.uniform(0.5, 1)  # noqa: S311  only spreads the retries


async def _fail(session: AsyncSession, message: Message, reason: str, now: datetime, code: int | None = None) -> None:
    aside.fail(message, reason, now, code)
    await session.flush()
    if message.purpose == INVITATION:
        await aside.fail_those_behind(session, message, now)


def _concerns_the_number(outcome: Accepted | Refused) -> bool:
    """Whether a trial's outcome leaves open if the number may send again."""
    if isinstance(outcome, Accepted):
        return False
    return outcome.code is None or rule_for(outcome.code, outcome.http_status).action in WHOLE_NUMBER


def _time_to_reconcile(message: Message) -> timedelta:
    """Longer after each attempt without an answer. One that was refused is certain, and does not make it longer."""
    if message.status != "sending" or message.attempted_at is None or message.not_before is None:
        return RECONCILE_AFTER
    return min(4 * (message.not_before - message.attempted_at), MAX_RECONCILE)


def _growing(first: timedelta, base: int, attempt: int, longest: timedelta) -> timedelta:
    factor: int = base ** min(attempt - 1, 20)
    return min(first * factor, longest)


async def _hopeless(session: AsyncSession, message: Message) -> str | None:
    """Why a row is not worth another attempt, in the words that staff read; None when it is."""
    if message.status == "sending" and message.attempts >= MAX_ATTEMPTS:
        return NEVER_KNOWN
    if message.purpose in (NOTICE, INVITATION) and await consent.is_out(session, message.contact_id):
        return consent.REFUSED
    return None


async def _first_in_line(session: AsyncSession, contact_id: str) -> Message | None:
    query = (
        select(Message)
        .where(
            Message.contact_id == contact_id,
            Message.direction == "out",
            Message.status.in_(("queued", "sending")),
        )
        .order_by(Message.id)
        .limit(1)
        .with_for_update()
    )
    return (await session.execute(query)).scalar_one_or_none()


async def _read_by_its_author(session: AsyncSession, message: Message) -> str | None:
    """The family's last message, when it is a person who answers: so it was read."""
    if not message.author.startswith("persona:"):
        return None
    query = (
        select(Message.wamid)
        .where(Message.contact_id == message.contact_id, Message.direction == "in", Message.id < message.id)
        .order_by(Message.id.desc())
        .limit(1)
    )
    return (await session.execute(query)).scalar_one_or_none()


async def _accepted(session: AsyncSession, message: Message, wamid: str, now: datetime) -> None:
    message.sent_at = message.done_at = now
    if message.status in ("queued", "sending"):  # else a status has overtaken us and knows more
        message.status = "sent"
        message.error_code = message.error_text = None
    if message.wamid is None and not await _is_taken(session, wamid):
        message.wamid = wamid
    await session.flush()
    await catch_up(session, message)


async def _is_taken(session: AsyncSession, wamid: str) -> bool:
    """Whether another row has this id. WhatsApp never repeats one, but a message must not be sent again over it."""
    return (await session.execute(select(Message.id).where(Message.wamid == wamid))).first() is not None
