"""What families do to messages afterwards: correct them, delete them, react to them.

Each such act is a row of its own that names the message it is about; nothing that was written is ever overwritten. It
may arrive before the message itself.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente.messages.models import Message

MOST_AT_ONCE = 200
EDIT, DELETION, REACTION = "edit", "revoke", "reaction"


@dataclass(frozen=True)
class Waiting:
    """An inbound message that is not done, as it stands now."""

    row: Message
    text: str | None  # the newest wording
    deleted: bool = False
    handled: bool = False  # the safety gate has answered it, in this wording or another


@dataclass
class Acts:
    """What was done to one message, oldest first."""

    edits: list[Message] = field(default_factory=list)
    deletions: list[Message] = field(default_factory=list)
    reactions: list[Message] = field(default_factory=list)


async def waiting(session: AsyncSession, contact_id: str) -> list[Waiting]:
    """The contact's messages that the gate has seen and that are not done, in the order in which they were written.

    Those of a turn that was begun come first; no more than can be dealt with at once.
    """
    query = (
        select(Message)
        .where(
            Message.contact_id == contact_id,
            Message.direction == "in",
            Message.status == "received",
            Message.gated_at.is_not(None),
        )
        .order_by(Message.turn_id.is_(None), Message.sent_at, Message.id)
        .limit(MOST_AT_ONCE)
    )
    rows = list((await session.execute(query)).scalars())
    acts = await about(session, contact_id, [row.wamid for row in rows if row.wamid])
    return [_as_it_stands(row, acts[row.wamid or ""]) for row in rows]


async def about(
    session: AsyncSession, contact_id: str, wamids: Iterable[str], *, seen_by_gate: bool = True
) -> defaultdict[str, Acts]:
    """What the contact did to these messages; with `seen_by_gate`, only what the safety gate has looked at."""
    found: defaultdict[str, Acts] = defaultdict(Acts)
    wanted = list(wamids)
    if not wanted:
        return found
    query = (
        select(Message)
        .where(
            Message.about_wamid.in_(wanted),
            Message.contact_id == contact_id,
            Message.direction == "in",
            Message.type.in_((EDIT, DELETION, REACTION)),
        )
        .order_by(Message.sent_at, Message.id)
    )
    if seen_by_gate:
        query = query.where(Message.gated_at.is_not(None))
    for act in (await session.execute(query)).scalars():
        acts = found[act.about_wamid or ""]
        {EDIT: acts.edits, DELETION: acts.deletions, REACTION: acts.reactions}[act.type].append(act)
    return found


def emoji(reaction: Message) -> str:
    """The reaction's sign; empty when it was taken back."""
    return str(((reaction.payload or {}).get("reaction") or {}).get("emoji") or "")


def _as_it_stands(row: Message, acts: Acts) -> Waiting:
    said = [row, *acts.edits]
    return Waiting(
        row,
        next((version.text for version in reversed(acts.edits) if version.text), row.text),
        bool(acts.deletions),
        any((version.safety or {}).get("handled") for version in said),
    )
