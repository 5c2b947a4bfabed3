"""The outbox lane: each contact's messages are sent in order; an unknown outcome is reconciled, not repeated blindly."""

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
MAX_BACKOFF_SECONDS = 300
MAX_ATTEMPTS = 12
PAUSE_SECONDS = 10
STOP_SECONDS = 60
OUTSIDE_WINDOW = "Pasaron más de 24 horas desde el último mensaje de la familia"
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
            if not await self._finish(message.id, contact_id, outcome):
                return

    async def _begin_next(self, contact_id: str) -> tuple[Message, Contact] | None:
        """Mark the next row as being sent. None, with the contact released, when there is nothing to send now."""
        async with self._database.transaction() as session:
            now = clock.utcnow()
            await self._prove_lease(session, contact_id, now)
            contact = await session.get_one(Contact, contact_id)
            while (message := await _oldest_unsent(session, contact_id)) is not None:
                wait_until = self._must_wait(message, now)
                if wait_until:
                    await queue.release(session, queue.OUTBOX, contact_id, self._worker, next_at=wait_until)
                    return None
                if _window_open(contact, now):
                    message.status, message.attempted_at = "sending", now
                    message.attempts += 1
                    return message, contact
                message.status, message.error_text = "failed", OUTSIDE_WINDOW
                await session.flush()
            await queue.release(session, queue.OUTBOX, contact_id, self._worker, next_at=None)
            return None

    def _must_wait(self, message: Message, now: datetime) -> datetime | None:
        """Until when nothing may be sent: the number is paused, or the fate of an earlier attempt is still open."""
        if self._paused_until and self._paused_until > now:
            return self._paused_until
        if message.status == "sending" and message.attempted_at:
            decided = message.attempted_at + RECONCILE_AFTER
            return decided if decided > now else None
        return None

    async def _finish(self, message_id: int, contact_id: str, outcome: Accepted | Refused | Unknown) -> bool:
        """Store what came of an attempt. Returns whether the contact's next message may follow at once."""
        async with self._database.transaction() as session:
            now = clock.utcnow()
            await self._prove_lease(session, contact_id, now)
            message = await session.get_one(Message, message_id, with_for_update=True)
            if isinstance(outcome, Accepted):
                await _accepted(session, message, outcome.wamid, now)
                return True
            if message.status != "sending":  # a status overtook us and proved that it was accepted
                return True
            if isinstance(outcome, Unknown):
                logger.warning("outcome unknown", message=message_id, problem=outcome.problem)
                next_at = now + RECONCILE_AFTER
            else:
                next_at = self._refused(message, outcome, now)
            if next_at is None:
                return True
            await queue.release(session, queue.OUTBOX, contact_id, self._worker, next_at=next_at)
            return False

    def _refused(self, message: Message, refusal: Refused, now: datetime) -> datetime | None:
        """Apply the error's rule. Returns when to go on with this contact, None for at once (the row failed)."""
        rule = rule_for(refusal.code, refusal.http_status)
        logger.warning("refused", message=message.id, code=refusal.code, action=rule.action.value)
        message.error_code, message.error_text = refusal.code, rule.reason
        if rule.action is Action.FAIL:
            message.status = "failed"
            return None
        message.status = "queued"
        if rule.action is Action.STOP:
            self._paused_until = now + timedelta(seconds=STOP_SECONDS)
            return self._paused_until
        if rule.action is Action.PAUSE_NUMBER:
            self._paused_until = now + timedelta(seconds=PAUSE_SECONDS)
            return self._paused_until
        base = 4 if rule.action is Action.HOLD_CONTACT else 2
        if rule.action is Action.RETRY and refusal.code is not None and message.attempts >= MAX_ATTEMPTS:
            message.status = "failed"
            return None
        return now + timedelta(
            seconds=min(base ** (message.attempts - 1), MAX_BACKOFF_SECONDS) * random.uniform(0.5, 1)
        )

    async def _prove_lease(self, session: AsyncSession, contact_id: str, now: datetime) -> None:
        await queue.still_mine(session, queue.OUTBOX, contact_id, self._worker, now=now, seconds=LEASE_SECONDS)


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
    message.wamid = message.wamid or wamid
    message.sent_at = now
    message.done_at = now
    message.error_code = message.error_text = None
    if message.status == "sending":
        message.status = "sent"
    await session.flush()
    await catch_up(session, message)


def _window_open(contact: Contact, now: datetime) -> bool:
    return contact.last_inbound_at is not None and now - contact.last_inbound_at < WINDOW
