"""Pressed buttons: whether their question is still open, and what to say when it is not.

WhatsApp's buttons stay on the screen for ever. "Sí, enviar" of yesterday must not confirm today's report.
"""

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente.knowledge import texts
from puente.messages.models import BOT, Message

ALARM = "alarma:"  # the gate deals with these while their question is open
ANSWERS = ("/afirmar", "/negar", "/cancelar", "/informar")  # mean something only beside their question


async def explanation(session: AsyncSession, message: Message, payload: str) -> list[dict[str, Any]] | None:
    """What to tell the family when the button's question is over: that, and the question that is open now, if any."""
    if message.type != "interactive" or not _is_answer(payload):
        return None
    latest = await _latest_turn(session, message.contact_id)
    if not payload.startswith(ALARM):
        offer = await _offer(session, message)
        if offer is None or not latest or offer.turn_id == latest[-1].turn_id or offer.id > latest[-1].id:
            return None  # it cannot be told, or it is the last thing that was asked
        if any(_asks_the_same(row, offer) for row in latest):
            return None
    asked = next((row for row in latest if choices(row)), None)
    if asked is None:
        return [{"text": f"{texts.get('boton_viejo')} {texts.get('boton_viejo_seguimos')}"}]
    return [{"text": f"{texts.get('boton_viejo')}\n\n{asked.text}", "buttons": choices(asked)}]


def choices(message: Message) -> list[dict[str, str]]:
    """The buttons or rows that an outbound message offers, as the dialogue writes them."""
    action = ((message.payload or {}).get("interactive") or {}).get("action") or {}
    offered = [button["reply"] for button in action.get("buttons", [])]
    offered += [row for section in action.get("sections", []) for row in section["rows"]]
    return [{"title": entry["title"], "payload": entry["id"]} for entry in offered]


def _is_answer(payload: str) -> bool:
    """Whether it answers a question, rather than asking for something that can be done at any time."""
    if not payload.startswith("/"):
        return bool(payload)  # a name of a list, or the gate's
    return payload.partition("{")[0] in ANSWERS


async def _offer(session: AsyncSession, message: Message) -> Message | None:
    query = select(Message).where(
        Message.wamid == message.about_wamid, Message.contact_id == message.contact_id, Message.direction == "out"
    )
    return (await session.execute(query)).scalar_one_or_none() if message.about_wamid else None


async def _latest_turn(session: AsyncSession, contact_id: str) -> list[Message]:
    """The rows of the dialogue's last turn, in order."""
    query = (
        select(Message)
        .where(Message.contact_id == contact_id, Message.direction == "out", Message.author == BOT)
        .order_by(Message.id.desc())
        .limit(10)
    )
    rows = list((await session.execute(query)).scalars())
    return [row for row in reversed(rows) if row.turn_id == rows[0].turn_id]


def _asks_the_same(row: Message, offer: Message) -> bool:
    """A question asked again, perhaps after an answer to something else."""
    return choices(row) == choices(offer) and (row.text or "").endswith(offer.text or "")
