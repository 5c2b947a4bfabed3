"""What a family's message does whatever the dialogue makes of it: what waits for her goes out; BAJA and ALTA count.

The gate's lane calls `heed` for every message, whoever owns the conversation and whether or not Rasa is up.
"""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from puente.contacts import consent
from puente.dispatch import wordless
from puente.knowledge import texts
from puente.messages import aside, outbox
from puente.messages.models import SYSTEM, Message
from puente.whatsapp.compose import Reply
from puente.whatsapp.templates import READ_WAITING


async def heed(session: AsyncSession, message: Message, now: datetime) -> None:
    """Act on one inbound message; mark it as handled when the dialogue must not see it. Replaying changes nothing."""
    if message.type in wordless.SILENT:
        return
    released = await aside.release(session, message.contact_id, now)
    button_id = wordless.button_id(message)
    if button_id == READ_WAITING:
        _handled(message)
        if not released:
            await _answer(session, message, {"text": texts.get("mensaje_ya_enviado")}, now)
        return
    will = consent.command(message.text, button_id)
    # "Alta" is also what a hospital gives: as a word it is an order only from somebody who said BAJA before.
    if will == consent.IN and button_id is None and not await consent.is_out(session, message.contact_id):
        return
    if will is not None:
        await consent.record(session, message.contact_id, will, source=f"mensaje:{message.id}", now=now)
        _handled(message)
        await _answer(session, message, consent.confirmation(will), now)


async def _answer(session: AsyncSession, message: Message, reply: Reply, now: datetime) -> None:
    await outbox.write_turn(session, message.contact_id, [reply], now=now, turn_id=message.id, author=SYSTEM)


def _handled(message: Message) -> None:
    message.safety = {**(message.safety or {}), "handled": True}
