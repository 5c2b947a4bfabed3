"""Writing to the outbox. The rows are sent by the sender; writing them commits with the work that caused them."""

import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from puente import clock
from puente.messages import queue
from puente.messages.models import ANSWER, BOT, NOTICE, SYSTEM, ButtonPayload, Message
from puente.whatsapp import templates
from puente.whatsapp.compose import PAYLOAD_LIMIT, Body, Reply, compose, shown_text

PAYLOAD_LIVES = timedelta(days=30)  # an older button stands for its title only


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
    rows = [_row(contact_id, body, shown_text(body), author, ANSWER, now, turn_id) for body in compose(shortened)]
    session.add_all(rows)
    await session.flush()
    if rows:
        await queue.enqueue(session, queue.OUTBOX, contact_id, now)
    return rows


async def write_notice(
    session: AsyncSession,
    contact_id: str,
    text: str,
    *,
    template: str,
    values: Sequence[str],
    now: datetime,
    author: str = SYSTEM,
) -> Message:
    """Queue news that the family did not ask for. `template` with `values` is sent in its place outside the window.

    Raises KeyError for an unknown template and ValueError for a wrong number of values or a text that is not one
    message: now, and not when it is sent.
    """
    templates.all_templates()[template].message(*values)
    bodies = compose([{"text": text}])
    if len(bodies) != 1:
        raise ValueError("a notice is one message, neither empty nor longer than WhatsApp allows")
    row = _row(contact_id, bodies[0], shown_text(bodies[0]), author, NOTICE, now)
    row.fallback = {"template": template, "values": list(values)}
    session.add(row)
    await session.flush()
    await queue.enqueue(session, queue.OUTBOX, contact_id, now)
    return row


async def write_body(
    session: AsyncSession,
    contact_id: str,
    body: Body,
    shown: str,
    *,
    now: datetime,
    author: str = SYSTEM,
    purpose: str = NOTICE,
) -> Message:
    """Queue one ready-made body (a template); `shown` is what the transcript says. Returns the row."""
    row = _row(contact_id, body, shown, author, purpose, now)
    session.add(row)
    await session.flush()
    await queue.enqueue(session, queue.OUTBOX, contact_id, now)
    return row


async def resolve_payload(session: AsyncSession, contact_id: str, button_id: str) -> str:
    """The payload behind a pressed button: itself, or the long one that a short id of this contact stands for.

    Empty when the short id is unknown or has expired: then the button says no more than its title.
    """
    if not button_id.startswith("p:"):
        return button_id
    row = await session.get(ButtonPayload, button_id)
    fresh = row is not None and row.contact_id == contact_id and row.created_at > clock.utcnow() - PAYLOAD_LIVES
    return row.payload if row and fresh else ""


def _row(
    contact_id: str, body: Body, shown: str, author: str, purpose: str, now: datetime, turn_id: int | None = None
) -> Message:
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
        purpose=purpose,
    )


async def _with_short_payloads(session: AsyncSession, contact_id: str, reply: Reply, now: datetime) -> Reply:
    """The reply with every payload that WhatsApp would refuse as a button's id behind a short one of ours."""
    buttons = reply.get("buttons") or []
    repeated = Counter(button["payload"] for button in buttons)
    if all(_is_an_id(button["payload"]) and repeated[button["payload"]] == 1 for button in buttons):
        return reply
    stale = (ButtonPayload.contact_id == contact_id, ButtonPayload.created_at <= now - PAYLOAD_LIVES)
    await session.execute(delete(ButtonPayload).where(*stale))
    short = []
    for button in buttons:
        payload = button["payload"]
        if not _is_an_id(payload) or repeated[payload] > 1:
            row = ButtonPayload(id=f"p:{secrets.token_hex(8)}", contact_id=contact_id, payload=payload, created_at=now)
            session.add(row)
            payload = row.id
        short.append({"title": button["title"], "payload": payload})
    return {**reply, "buttons": short}


def _is_an_id(payload: str) -> bool:
    return 0 < len(payload) <= PAYLOAD_LIMIT and payload == payload.strip()
