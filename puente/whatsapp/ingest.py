"""Stores a webhook: raw body and one row per item, in one transaction. Nothing else happens in the request."""

import json
import math
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from puente import log
from puente.contacts import identity
from puente.contacts.models import Contact
from puente.db import insert_new
from puente.media import service as media
from puente.messages import queue
from puente.messages.models import Message, Quarantine, Status, Webhook
from puente.messages.statuses import apply_status
from puente.whatsapp.inbound import Broken, InboundMessage, StatusEvent, read

Item = InboundMessage | StatusEvent | Broken
Senders = dict[tuple[str | None, ...], Contact]  # those whom this webhook has named already
LOOKED_UP_AT_ONCE = 500
NOT_STORABLE = (DataError, IntegrityError, ValueError, OverflowError)
DO_NOT_OPEN_THE_WINDOW = ("system", "edit", "revoke")
logger = log.get("whatsapp")


async def store(session: AsyncSession, body: bytes, now: datetime, own_number: str | None = None) -> None:
    """Keep everything that a signed body says. Repeated items are recognised by their unique ids.

    What is meant for another number than `own_number` is quarantined.

    An item that the database refuses is quarantined alone; a database that is down raises, so that WhatsApp retries.
    """
    webhook = Webhook(body=body, received_at=now)
    session.add(webhook)
    await session.flush()
    webhook_id = webhook.id
    items = await _without_redeliveries(session, list(_items(body, own_number)))
    try:
        async with session.begin_nested():  # one savepoint for all, as long as nothing is wrong with any
            senders: Senders = {}
            for item in items:
                await _store_item(session, item, webhook_id, now, senders)
    except NOT_STORABLE:
        for item in items:
            await _store_or_quarantine(session, item, webhook_id, now)
    alerts = sum(isinstance(item, Broken) and item.alert for item in items)
    if alerts:
        logger.error("WhatsApp reports a problem of the account; see the quarantine", webhook=webhook_id, errors=alerts)


async def _without_redeliveries(session: AsyncSession, items: list[Item]) -> list[Item]:
    """Leave out the messages that are here already; parallel ones that get past this stop at the unique constraint."""
    wamids = [item.wamid for item in items if isinstance(item, InboundMessage)]
    known: set[str | None] = set()
    for start in range(0, len(wamids), LOOKED_UP_AT_ONCE):
        query = select(Message.wamid).where(Message.wamid.in_(wamids[start : start + LOOKED_UP_AT_ONCE]))
        known.update((await session.execute(query)).scalars())
    return [item for item in items if not (isinstance(item, InboundMessage) and item.wamid in known)]


async def _store_or_quarantine(session: AsyncSession, item: Item, webhook_id: int, now: datetime) -> None:
    """Store one item so that its failure undoes nothing else."""
    try:
        await _store_alone(session, item, webhook_id, now)
    except NOT_STORABLE as problem:
        raw = item.raw if isinstance(item, InboundMessage | StatusEvent) else None
        _quarantine(session, webhook_id, Broken(f"not storable: {type(problem).__name__}", raw), now)


async def _store_alone(session: AsyncSession, item: Item, webhook_id: int, now: datetime) -> None:
    try:
        async with session.begin_nested():
            await _store_item(session, item, webhook_id, now, {})
    except IntegrityError:  # a parallel delivery was first with something that this one looked for in vain
        async with session.begin_nested():
            await _store_item(session, item, webhook_id, now, {})


def _items(body: bytes, own_number: str | None) -> Iterable[Item]:
    try:
        parsed = json.loads(body, parse_int=_whole, parse_float=_finite, parse_constant=lambda _name: None)
        return read(_storable(parsed), own_number)
    except (ValueError, RecursionError) as problem:
        return [Broken(f"the body is not JSON: {problem}", None)]


def _whole(number: str) -> int | None:
    return int(number) if len(number) < 100 else None  # Python refuses thousands of digits


def _finite(number: str) -> float | None:
    value = float(number)
    return value if math.isfinite(value) else None


def _storable(value: Any) -> Any:
    """JSON says things that no database stores: NUL characters and halves of surrogate pairs. Replace them."""
    if isinstance(value, str):
        return value.replace("\0", "").encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    return value


async def _store_item(session: AsyncSession, item: Item, webhook_id: int, now: datetime, senders: Senders) -> None:
    if isinstance(item, InboundMessage):
        await _store_message(session, item, now, senders)
    elif isinstance(item, StatusEvent):
        await _store_status(session, item, now)
    else:
        _quarantine(session, webhook_id, item, now)


async def _store_message(session: AsyncSession, item: InboundMessage, now: datetime, senders: Senders) -> None:
    who = (item.sender.wa_id, item.sender.bsuid, item.sender.username, item.sender.profile_name)
    if item.type == "system":
        senders.clear()  # it may change who is who
    contact = senders.get(who)
    if contact is None:
        contact = senders[who] = await identity.recognise(session, item.sender, now)
        await queue.enqueue(session, queue.GATE, contact.id, now)
    values = {
        "contact_id": contact.id,
        "direction": "in",
        "wamid": item.wamid,
        "type": item.type,
        "text": item.text,
        "payload": item.raw,
        "author": "familia",
        "status": "received",
        "sent_at": item.sent_at,
        "created_at": now,
        "attempts": 0,
        "about_wamid": item.about,
    }
    message_id = await insert_new(session, Message, values, ["wamid"])
    if message_id is None:
        return
    if item.type not in DO_NOT_OPEN_THE_WINDOW:
        # A clock ahead of ours must not hold WhatsApp's window open longer than it is.
        written_at = min(item.sent_at, now)
        contact.last_inbound_at = max(contact.last_inbound_at or written_at, written_at)
    if item.file is not None:
        await media.expect(session, message_id, contact.id, item.type, item.file, now)
    await _apply_to_identity(session, contact, item)


async def _apply_to_identity(session: AsyncSession, contact: Contact, item: InboundMessage) -> None:
    """What some messages say about who writes: a new number, another device, a number that was hidden."""
    if item.moved_to is not None:
        await identity.moved(session, item.sender, item.moved_to, item.sent_at)
    if item.device_changed:
        identity.mark_to_verify(session, contact, identity.OTHER_DEVICE, item.sent_at)
    if item.shared_phone is not None:
        await identity.give_phone(session, contact, item.shared_phone, item.sent_at)


async def _store_status(session: AsyncSession, item: StatusEvent, now: datetime) -> None:
    message_id = int(item.opaque) if item.opaque and re.fullmatch(r"[0-9]{1,18}", item.opaque) else None
    values = {
        "wamid": item.wamid,
        "status": item.status,
        "message_id": message_id,
        "payload": item.raw,
        "created_at": now,
    }
    if await insert_new(session, Status, values, ["wamid", "status"]) is not None:
        await apply_status(session, item.wamid, message_id)


def _quarantine(session: AsyncSession, webhook_id: int, item: Broken, now: datetime) -> None:
    session.add(Quarantine(webhook_id=webhook_id, reason=item.reason[:500], item=item.item, created_at=now))
