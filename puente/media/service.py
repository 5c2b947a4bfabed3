"""What can be done with files: expect one, attach it to a case, find those of messages and cases."""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Protocol

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente.cases import folio as folios
from puente.cases import service as cases
from puente.cases.models import Case
from puente.contacts.models import Contact
from puente.db import insert_new
from puente.media.models import FAILED, PENDING, STORED, Media
from puente.messages import queue
from puente.messages.models import Message

STILL_ABOUT = timedelta(hours=2)  # a case so fresh is what a file without words is about
NAMES = {  # what the family sent, and the pronoun for it
    "image": ("foto", "la"),
    "video": ("video", "lo"),
    "audio": ("nota de voz", "la"),
    "document": ("documento", "lo"),
    "sticker": ("sticker", "lo"),
}


class Announced(Protocol):
    """What a webhook says about a file."""

    @property
    def whatsapp_id(self) -> str: ...
    @property
    def mime(self) -> str | None: ...
    @property
    def sha256(self) -> str | None: ...
    @property
    def name(self) -> str | None: ...


async def expect(
    session: AsyncSession, message_id: int, contact_id: str, kind: str, file: Announced, now: datetime
) -> None:
    """A message carries a file: note it, to be fetched in the background at once."""
    values = {
        "message_id": message_id,
        "contact_id": contact_id,
        "kind": kind,
        "whatsapp_id": file.whatsapp_id,
        "declared_mime": file.mime,
        "declared_sha256": file.sha256,
        "filename": file.name,
        "state": PENDING,
        "key": secrets.token_hex(16),
        "attempts": 0,
        "created_at": now,
    }
    if await insert_new(session, Media, values, ["message_id"]) is not None:
        await queue.enqueue(session, queue.MEDIA, contact_id, now)


async def attach(session: AsyncSession, media: Media, now: datetime) -> Case | None:
    """Attach a file to the case that it is about, if that can be told, and write it into the case's history."""
    contact = await session.get_one(Contact, media.contact_id)
    message = await session.get_one(Message, media.message_id)
    case = await session.get(Case, media.case_id) if media.case_id else None
    if case is None and contact.verify_since is None:  # whoever has to prove who they are adds to no case
        case = await _case_meant(session, message, now)
    if case is None:
        return None
    media.case_id = case.id
    note = f"La familia envió un archivo ({NAMES[media.kind][0]}, número {media.id})."
    await cases.add_note(session, case, actor="familia", note=note, source_wamid=f"{message.wamid}#archivo", now=now)
    return case


async def of_messages(session: AsyncSession, message_ids: Sequence[int]) -> dict[int, Media]:
    """The files of these messages, by message."""
    query = select(Media).where(Media.message_id.in_(message_ids))
    return {media.message_id: media for media in (await session.execute(query)).scalars()}


async def of_case(session: AsyncSession, case_id: int) -> list[Media]:
    """The files attached to a case, oldest first."""
    return list((await session.execute(select(Media).where(Media.case_id == case_id).order_by(Media.id))).scalars())


async def pending(session: AsyncSession, contact_id: str) -> list[Media]:
    """The contact's files that are still to be fetched, oldest first."""
    query = select(Media).where(Media.contact_id == contact_id, Media.state == PENDING).order_by(Media.id)
    return list((await session.execute(query.with_for_update())).scalars())


async def untold(session: AsyncSession, contact_id: str) -> list[Media]:
    """The contact's files about whose fate the family was told nothing yet, oldest first."""
    query = (
        select(Media)
        .where(Media.contact_id == contact_id, Media.state.in_((STORED, FAILED)), Media.told_at.is_(None))
        .order_by(Media.id)
    )
    return list((await session.execute(query)).scalars())


async def _case_meant(session: AsyncSession, message: Message, now: datetime) -> Case | None:
    """The case whose folio the caption names; else the only open one, or one that was opened or touched just now."""
    open_cases = await cases.cases_of(session, message.contact_id, open_only=True)
    folio = folios.find(message.text or "")
    if named := next((case for case in open_cases if case.folio == folio), None):
        return named
    fresh = [case for case in open_cases if now - max(case.created_at, case.updated_at) < STILL_ABOUT]
    if fresh:
        return max(fresh, key=lambda case: (case.updated_at, case.id))
    return open_cases[0] if len(open_cases) == 1 else None
