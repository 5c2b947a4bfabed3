"""The outbox lane: each contact's messages are sent in order.

An attempt without an answer (a crash, a timeout) is not repeated blindly: the message may have been accepted. The
status that WhatsApp sends proves it; only when none comes is the message sent again.
"""

import random
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente import clock, log
from puente.contacts.models import Contact
from puente.db import Database
from puente.messages import queue
from puente.messages.models import Message
from puente.messages.statuses import catch_up
from puente.whatsapp.client import Accepted, Refused, Unknown, WhatsApp
from puente.whatsapp.errors import Action, rule_for

LEASE_SECONDS = 40
WINDOW = timedelta(hours=24) - timedelta(minutes=5)  # a margin for clocks that differ
RECONCILE_AFTER = timedelta(seconds=15)  # time for the status that proves an unknown send
MAX_RECONCILE = timedelta(minutes=15)
MAX_BACKOFF = timedelta(minutes=5)
MAX_ATTEMPTS = 12
PAUSE = timedelta(seconds=10)
STOP = timedelta(seconds=60)
OUTSIDE_WINDOW = "Pasaron más de 24 horas desde el último mensaje de la familia"
NEVER_KNOWN = "No se supo si WhatsApp recibió el mensaje; pregunte a la familia si le llegó"
logger = log.get("sender")


class OutboxLane:
    """Work of the `outbox` lane."""

    def __init__(self, database: Database, whatsapp: WhatsApp, worker: str) -> None:
        self._database = database
        self._whatsapp = whatsapp
        self._worker = worker
        self._paused_until: datetime | None = None  # the whole number: over its rate, or stopped

    async def work(self, contact_id: str) -> None:
        """Send the contact's messages until none is left or one has to wait."""
        while (step := await self._begin_next(contact_id)) is not None:
            message, contact = step
            outcome = await self._whatsapp.send(contact, message.payload or {}, str(message.id))
            await self._finish(message.id, outcome)

    async def _begin_next(self, contact_id: str) -> tuple[Message, Contact] | None:
        """Mark the next row as being sent. None, with the contact released, when there is nothing to send now."""
        async with self._database.transaction() as session:
            now = clock.utcnow()
            await queue.still_mine(session, queue.OUTBOX, contact_id, self._worker, now=now, seconds=LEASE_SECONDS)
            contact = await session.get_one(Contact, contact_id)
            while (message := await _oldest_unsent(session, contact_id)) is not None:
                if wait_until := self._wait_until(message, now):
                    await queue.release(session, queue.OUTBOX, contact_id, self._worker, next_at=wait_until)
                    return None
                if problem := _hopeless(message, contact, now):
                    logger.warning("given up", message=message.id, attempts=message.attempts)
                    message.status, message.error_text = "failed", problem
                    await session.flush()
                    continue
                message.status, message.attempted_at = "sending", now
                message.attempts += 1
                # Whoever finds the row like this, after a crash or without an answer, gives the status time to come.
                message.not_before = now + _growing(RECONCILE_AFTER, 4, message.attempts, MAX_RECONCILE)
                return message, contact
            await queue.release(session, queue.OUTBOX, contact_id, self._worker, next_at=None)
            return None

    def _wait_until(self, message: Message, now: datetime) -> datetime | None:
        """Until when nothing may be sent: the number is paused, or it is too early for this row's next attempt."""
        moments = [moment for moment in (self._paused_until, message.not_before) if moment and moment > now]
        return max(moments, default=None)

    async def _finish(self, message_id: int, outcome: Accepted | Refused | Unknown) -> None:
        """Store what came of an attempt.

        No lease is needed for it: even if another worker took over meanwhile, what happened happened.
        """
        async with self._database.transaction() as session:
            message = await session.get_one(Message, message_id, with_for_update=True)
            if isinstance(outcome, Accepted):
                await _accepted(session, message, outcome.wamid, clock.utcnow())
            elif isinstance(outcome, Unknown):
                logger.warning("outcome unknown", message=message_id, problem=outcome.problem)
            elif message.status == "sending":  # else a status overtook us and proved that an earlier try was accepted
                self._refused(message, outcome, clock.utcnow())

    def _refused(self, message: Message, refusal: Refused, now: datetime) -> None:
        """Apply the error's rule: the row fails, or waits for its next attempt."""
        rule = rule_for(refusal.code, refusal.http_status)
        logger.warning("refused", message=message.id, code=refusal.code, action=rule.action.value)
        message.error_code, message.error_text = refusal.code, rule.reason
        tried_enough = rule.action is Action.RETRY and refusal.code is not None and message.attempts >= MAX_ATTEMPTS
        if rule.action is Action.FAIL or tried_enough:
            message.status = "failed"
            return
        message.status, message.not_before = "queued", None
        if rule.action in (Action.STOP, Action.PAUSE_NUMBER):
            self._paused_until = now + (STOP if rule.action is Action.STOP else PAUSE)
            message.attempts -= 1  # nothing was wrong with this message
        else:
            base = 4 if rule.action is Action.HOLD_CONTACT else 2
            wait = _growing(timedelta(seconds=1), base, message.attempts, MAX_BACKOFF)
            message.not_before = now + wait * random.uniform(0.5, 1)  # noqa: S311  only spreads the retries


def _growing(first: timedelta, base: int, attempt: int, longest: timedelta) -> timedelta:
    factor: int = base ** min(attempt - 1, 20)
    return min(first * factor, longest)


def _hopeless(message: Message, contact: Contact, now: datetime) -> str | None:
    """Why a row is not worth another attempt, in the words that staff read; None when it is."""
    if message.status == "sending" and message.attempts >= MAX_ATTEMPTS:
        return NEVER_KNOWN
    outside = contact.last_inbound_at is None or now - contact.last_inbound_at >= WINDOW
    if outside and message.type != "template":
        return OUTSIDE_WINDOW
    return None


async def _oldest_unsent(session: AsyncSession, contact_id: str) -> Message | None:
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


async def _accepted(session: AsyncSession, message: Message, wamid: str, now: datetime) -> None:
    message.sent_at = message.done_at = now
    message.error_code = message.error_text = None
    if message.status in ("queued", "sending"):
        message.status = "sent"
    if message.wamid is None and not await _is_taken(session, wamid):
        message.wamid = wamid
    await session.flush()
    await catch_up(session, message)


async def _is_taken(session: AsyncSession, wamid: str) -> bool:
    """Whether another row has this id. WhatsApp never repeats one, but a message must not be sent again over it."""
    return (await session.execute(select(Message.id).where(Message.wamid == wamid))).first() is not None
