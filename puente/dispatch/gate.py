"""The gate's lane: every inbound message is looked at for danger at once, whoever owns the conversation."""

import asyncio
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente import clock, log
from puente.contacts import consent
from puente.contacts import service as contacts
from puente.db import TROUBLE, Database
from puente.dispatch import commands, wordless
from puente.messages import outbox, queue
from puente.messages.models import SYSTEM, Message
from puente.safety import alarms, gate

LEASE_SECONDS = 10
logger = log.get("gate")


class GateLane:
    """Work of the `gate` lane: verdict, safe answer and urgent case in one transaction, then on to the dialogue."""

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker

    async def work(self, contact_id: str) -> None:
        """Look at every message of the contact that nobody has looked at."""
        while not await self._settle(contact_id, await self._decide(contact_id)):
            pass  # another message came while these were decided about

    async def _decide(self, contact_id: str) -> dict[int, gate.Verdict]:
        """What each message says, by its id: before the transaction, which must not wait for it, and in a thread."""
        async with self._database.reading() as session:
            messages = await _unseen(session, contact_id)
        return await asyncio.to_thread(lambda: {message.id: _verdict(message) for message in messages})

    async def _settle(self, contact_id: str, verdicts: dict[int, gate.Verdict]) -> bool:
        """Act on the verdicts and pass the contact on. False when there are messages without one."""
        async with self._database.transaction() as session:
            now = clock.utcnow()
            await queue.still_mine(session, queue.GATE, contact_id, self._worker, now=now, seconds=LEASE_SECONDS)
            unseen = await _unseen(session, contact_id)
            for message in unseen:
                if message.id in verdicts:
                    await self._look(session, message, verdicts[message.id], now)
            await queue.enqueue(session, queue.INBOX, contact_id, now)
            if any(message.id not in verdicts for message in unseen):
                return False
            await queue.release(session, queue.GATE, contact_id, self._worker, next_at=None)
            return True

    async def _look(self, session: AsyncSession, message: Message, verdict: gate.Verdict, now: datetime) -> None:
        message.gated_at = now
        message.safety = verdict.as_json()
        if verdict.tier != gate.NONE:
            logger.warning("alarm", tier=verdict.tier, kind=verdict.kind, message=message.id)
        try:
            async with session.begin_nested():
                await alarms.consider(session, message, verdict, now)
        except TROUBLE:
            raise  # the database: the whole look is repeated
        except Exception:
            logger.exception("alarm could not be raised", message=message.id)
            if verdict.tier != gate.NONE:
                await _at_least_answer(session, message, verdict, now)
        try:
            async with session.begin_nested():
                await commands.heed(session, message, now)
        except TROUBLE:
            raise
        except Exception:
            logger.exception("a command could not be heeded", message=message.id)


class AlarmLane:
    """Work of the `alarm` lane: questions that nobody answered in time, alarms that nobody took."""

    def __init__(self, database: Database, worker: str) -> None:
        self._database = database
        self._worker = worker

    async def work(self, contact_id: str) -> None:
        """Do what is due for this contact, and come back when the next thing is."""
        async with self._database.transaction() as session:
            now = clock.utcnow()
            await queue.still_mine(session, queue.ALARM, contact_id, self._worker, now=now, seconds=LEASE_SECONDS)
            await alarms.expire(session, contact_id, now)
            await alarms.alert_again(session, contact_id, now)
            next_at = await alarms.next_work_at(session, contact_id)
            await queue.release(session, queue.ALARM, contact_id, self._worker, next_at=next_at)


def _verdict(message: Message) -> gate.Verdict:
    order = consent.command(message.text, wordless.button_id(message))
    return gate.Verdict(gate.NONE) if order else gate.decide(message.text or "")  # "baja" tells of no fever


async def _at_least_answer(session: AsyncSession, message: Message, verdict: gate.Verdict, now: datetime) -> None:
    """The family is told what to do and a person gets the conversation, even if no case could be opened."""
    reply = {"text": alarms.safe_answer(verdict.kind)}
    await outbox.write_turn(session, message.contact_id, [reply], now=now, turn_id=message.id, author=SYSTEM)
    await contacts.request_handoff(
        session,
        message.contact_id,
        area="atencion_medica",
        reason="posible urgencia: no se pudo abrir el caso",
        now=now,
    )


async def _unseen(session: AsyncSession, contact_id: str) -> list[Message]:
    query = (
        select(Message)
        .where(Message.contact_id == contact_id, Message.direction == "in", Message.gated_at.is_(None))
        .order_by(Message.sent_at, Message.id)
    )
    return list((await session.execute(query)).scalars())
