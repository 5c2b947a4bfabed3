"""Reading a conversation."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente.messages.models import Message


async def last(session: AsyncSession, contact_id: str, limit: int) -> list[Message]:
    """The contact's last `limit` messages in both directions, oldest first."""
    query = select(Message).where(Message.contact_id == contact_id).order_by(Message.id.desc()).limit(limit)
    return list(reversed(list((await session.execute(query)).scalars())))


def button_titles(message: Message) -> list[str]:
    """What the family could tap in an outbound message."""
    action = ((message.payload or {}).get("interactive") or {}).get("action") or {}
    if message.direction != "out":
        return []
    if "buttons" in action:
        return [button["reply"]["title"] for button in action["buttons"]]
    return [row["title"] for section in action.get("sections", []) for row in section["rows"]]
