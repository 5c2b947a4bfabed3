"""Reading a conversation: its messages, each with what was done to it afterwards."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from puente.media import service as files
from puente.media.models import Media
from puente.messages import changes
from puente.messages.changes import DELETION, EDIT, REACTION, Acts
from puente.messages.models import Message


@dataclass(frozen=True)
class Line:
    """One message with its later wordings, its deletion, the reactions to it, and its file. Nothing is left out."""

    message: Message
    acts: Acts
    media: Media | None

    @property
    def reaction(self) -> str:
        """The sign that stands under the message now; empty when there is none."""
        return changes.emoji(self.acts.reactions[-1]) if self.acts.reactions else ""


async def last(session: AsyncSession, contact_id: str, limit: int) -> list[Line]:
    """The contact's last `limit` messages in both directions, oldest first.

    Corrections, deletions and reactions stand at the message that they are about; alone only when that is unknown.
    """
    target = aliased(Message)
    has_target = exists().where(target.wamid == Message.about_wamid, target.contact_id == contact_id)
    act = Message.type.in_((EDIT, DELETION, REACTION)) & (Message.direction == "in")
    query = (
        select(Message)
        .where(Message.contact_id == contact_id, ~(act & has_target))
        .order_by(Message.id.desc())
        .limit(limit)
    )
    rows = list(reversed(list((await session.execute(query)).scalars())))
    acts = await changes.about(session, contact_id, [row.wamid for row in rows if row.wamid], seen_by_gate=False)
    media = await files.of_messages(session, [row.id for row in rows if row.direction == "in"])
    return [Line(row, acts[row.wamid or ""], media.get(row.id)) for row in rows]


def shown(message: Message) -> str | None:
    """What a person reads; of a place or a card, what it says."""
    payload = message.payload or {}
    if message.text is not None or message.direction == "out":
        return message.text
    content = payload.get(message.type)
    if message.type == "location" and isinstance(content, dict):
        words = [str(content[key]) for key in ("name", "address") if content.get(key)]
        return ", ".join([*words, f"({content.get('latitude')}, {content.get('longitude')})"])
    if message.type == "contacts" and isinstance(content, list):
        return "; ".join(_card(card) for card in content if isinstance(card, dict)) or None
    if message.type == "system" and isinstance(content, dict):
        return str(content.get("body") or content.get("type") or "") or None
    return None


def button_titles(message: Message) -> list[str]:
    """What the family could tap in an outbound message."""
    action = ((message.payload or {}).get("interactive") or {}).get("action") or {}
    if message.direction != "out":
        return []
    if "buttons" in action:
        return [button["reply"]["title"] for button in action["buttons"]]
    return [row["title"] for section in action.get("sections", []) for row in section["rows"]]


def _card(card: dict[str, Any]) -> str:
    name = card.get("name")
    phones = card.get("phones")
    shown_name = str(name.get("formatted_name") or "") if isinstance(name, dict) else ""
    numbers = [str(entry.get("phone") or "") for entry in phones or [] if isinstance(entry, dict)]
    return " ".join(filter(None, [shown_name, *numbers]))
