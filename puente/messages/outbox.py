"""Writing to the outbox. The rows are sent by the sender; writing them commits with the work that caused them."""

import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncSession

from puente.messages import queue
from puente.messages.models import BOT, SYSTEM, ButtonPayload, Message
from puente.whatsapp.compose import PAYLOAD_LIMIT, Body, Reply, compose, shown_text


async def write_turn(
    session: AsyncSession,
    contact_id: str,
    replies: Sequence[Reply],
    *,
    now: datetime,
    turn_id: int | None = None,
    author: str = BOT,
) -> list[Message]:
    """Queue the replies of one turn, in order, in as few messages as possible. Returns the rows."""
    shortened = [await _with_short_payloads(session, contact_id, reply, now) for reply in replies]
    rows = [_row(contact_id, body, shown_text(body), author, turn_id, now) for body in compose(shortened)]
    session.add_all(rows)
    await session.flush()
    if rows:
        await queue.enqueue(session, queue.OUTBOX, contact_id, now)
    return rows


async def write_body(
    session: AsyncSession, contact_id: str, body: Body, shown: str, *, now: datetime, author: str = SYSTEM
) -> Message:
    """Queue one ready-made body (a template); `shown` is what the transcript says. Returns the row."""
    row = _row(contact_id, body, shown, author, None, now)
    session.add(row)
    await session.flush()
    await queue.enqueue(session, queue.OUTBOX, contact_id, now)
    return row


async def resolve_payload(session: AsyncSession, contact_id: str, button_id: str) -> str:
    """The payload behind a pressed button: itself, or the long one that a short id of this contact stands for."""
    if not button_id.startswith("p:"):
        return button_id
    row = await session.get(ButtonPayload, button_id)
    return row.payload if row and row.contact_id == contact_id else ""


def _row(contact_id: str, body: Body, shown: str, author: str, turn_id: int | None, now: datetime) -> Message:
    return Message(
        contact_id=contact_id,
        direction="out",
        type=body["type"],
        text=shown,
        payload=body,
        author=author,
        status="queued",
        sent_at=now,
        created_at=now,
        turn_id=turn_id,
    )


async def _with_short_payloads(session: AsyncSession, contact_id: str, reply: Reply, now: datetime) -> Reply:
    buttons = reply.get("buttons") or []
    if all(len(button["payload"]) <= PAYLOAD_LIMIT for button in buttons):
        return reply
    short = []
    for button in buttons:
        payload = button["payload"]
        if len(payload) > PAYLOAD_LIMIT:
            row = ButtonPayload(id=f"p:{secrets.token_hex(8)}", contact_id=contact_id, payload=payload, created_at=now)
            session.add(row)
            payload = row.id
        short.append({"title": button["title"], "payload": payload})
    return {**reply, "buttons": short}
