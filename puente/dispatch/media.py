"""The media lane: each contact's files are fetched at once, and the family is told in one sentence what became of them.

Killed at any point it fetches the same file again under the same name; what the family is told commits with the mark
that it was told.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncSession

from puente import clock, log
from puente.cases.models import Case
from puente.contacts import service as contacts
from puente.contacts.models import BOT, Contact
from puente.db import Database
from puente.knowledge import texts
from puente.media import service as media
from puente.media.fetch import Hopeless, Kept, Later, fetch
from puente.media.models import FAILED, STORED, Media
from puente.media.store import Store
from puente.messages import changes, outbox, queue
from puente.messages.models import SYSTEM, Message
from puente.settings import Settings
from puente.whatsapp.compose import Reply
from puente.whatsapp.media import MediaFiles

LEASE_SECONDS = 150
FETCH_SECONDS = 120
RETRY_SECONDS = (2, 10, 30, 60, 300, 900, 3600)
GIVE_UP_AFTER = timedelta(days=1)
SAY_SO_AFTER = timedelta(minutes=3)  # a file that WhatsApp does not hand over: the family may send it again
SETTLE = timedelta(seconds=1.5)  # several pictures at once are acknowledged together
TO_A_PERSON = {"title": "Hablar con alguien", "payload": "/hablar_con_persona"}
NOT_DELIVERED = "WhatsApp no entregó el archivo en un día"
logger = log.get("media")


class MediaLane:
    """Work of the `media` lane."""

    def __init__(self, database: Database, files: MediaFiles, store: Store, settings: Settings, worker: str) -> None:
        self._database = database
        self._files = files
        self._store = store
        self._settings = settings
        self._worker = worker

    async def work(self, contact_id: str) -> None:
        """Fetch the contact's files until none is left or one has to wait."""
        while (file := await self._begin_next(contact_id)) is not None:
            await self._finish(file.id, await self._fetch(file))

    async def _begin_next(self, contact_id: str) -> Media | None:
        """The next file, its attempt counted. None, with the contact released, when there is nothing to fetch now."""
        async with self._database.transaction() as session:
            now = clock.utcnow()
            await queue.still_mine(session, queue.MEDIA, contact_id, self._worker, now=now, seconds=LEASE_SECONDS)
            waiting = await media.pending(session, contact_id)
            for file in waiting:
                if file.not_before is None or file.not_before <= now:
                    file.attempts += 1
                    seconds = RETRY_SECONDS[min(file.attempts, len(RETRY_SECONDS)) - 1]
                    file.not_before = now + timedelta(seconds=seconds)
                    return file
            moments = [file.not_before for file in waiting if file.not_before]
            settles_at = await _tell(session, contact_id, waiting, now)
            next_at = min([*moments, *([settles_at] if settles_at else [])], default=None)
            await queue.release(session, queue.MEDIA, contact_id, self._worker, next_at=next_at)
            return None

    async def _fetch(self, file: Media) -> Kept | Hopeless | Later:
        large = self._settings.puente_document_mb if file.kind == "document" else self._settings.puente_media_mb
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                return await fetch(self._files, self._store, file, large * 1024 * 1024)
        except TimeoutError:
            return Later("tardó demasiado")

    async def _finish(self, media_id: int, outcome: Kept | Hopeless | Later) -> None:
        """Store what came of an attempt; two workers at the same file say the same."""
        async with self._database.transaction() as session:
            file = await session.get_one(Media, media_id, with_for_update=True)
            if file.state in (STORED, FAILED):
                return
            now = clock.utcnow()
            if isinstance(outcome, Kept):
                file.state, file.stored_at, file.reason = STORED, now, None
                file.mime, file.bytes, file.sha256 = outcome.mime, outcome.bytes, outcome.sha256
                await media.attach(session, file, now)
                return
            logger.warning("file not fetched", media=file.id, attempt=file.attempts, problem=outcome.reason)
            file.reason = outcome.reason
            if isinstance(outcome, Hopeless) or now - file.created_at > GIVE_UP_AFTER:
                file.state = FAILED
                file.reason = outcome.reason if isinstance(outcome, Hopeless) else NOT_DELIVERED
                await media.attach(session, file, now)


async def _tell(session: AsyncSession, contact_id: str, waiting: Sequence[Media], now: datetime) -> datetime | None:
    """Tell the family what became of its files. Returns when to look again, if more may be coming just now."""
    files = await media.untold(session, contact_id)
    newest = max((file.stored_at for file in files if file.stored_at), default=None)
    if newest is not None and newest + SETTLE > now and not any(file.kind == "audio" for file in files):
        return newest + SETTLE
    late = [file for file in waiting if file.told_of_delay_at is None and now - file.created_at > SAY_SO_AFTER]
    wanted = await _not_deleted(session, contact_id, [*files, *late])
    contact = await session.get_one(Contact, contact_id)
    if contact.owner == BOT:  # else a person answers, and sees the files
        told = [file for file in files if file.id in wanted]
        replies = await _replies(session, contact_id, told, [file for file in late if file.id in wanted], now)
        await outbox.write_turn(session, contact_id, replies, now=now, author=SYSTEM)
    for file in files:
        file.told_at = now
    for file in late:
        file.told_of_delay_at = now
    return None


async def _not_deleted(session: AsyncSession, contact_id: str, files: Sequence[Media]) -> set[int]:
    """The files whose messages the family has not taken back: only those are worth an answer."""
    messages = {file.id: await session.get_one(Message, file.message_id) for file in files}
    acts = await changes.about(session, contact_id, [message.wamid or "" for message in messages.values()])
    return {media_id for media_id, message in messages.items() if not acts[message.wamid or ""].deletions}


async def _replies(
    session: AsyncSession, contact_id: str, files: Sequence[Media], late: Sequence[Media], now: datetime
) -> list[Reply]:
    kept = [file for file in files if file.state == STORED and file.kind not in ("audio", "sticker")]
    voices = [file for file in files if file.state == STORED and file.kind == "audio"]
    replies: list[Reply] = []
    if kept:
        replies.append(await _acknowledgement(session, kept))
    for file in files:
        if file.state == FAILED and file.kind != "sticker":
            reason = (file.reason or "").removesuffix(".").replace("El archivo", "el archivo", 1)
            replies.append({"text": _say("archivo_fallido", [file], motivo=reason), "buttons": [TO_A_PERSON]})
    if late:
        replies.append({"text": _say("archivo_demorado", late)})
    if voices:  # nobody but a person can listen
        replies.append({"text": texts.get("nota_de_voz")})
        await contacts.request_handoff(
            session, contact_id, area=await _area(session, voices), reason="mandó una nota de voz", now=now
        )
    return replies


async def _acknowledgement(session: AsyncSession, kept: Sequence[Media]) -> Reply:
    cases = {file.case_id for file in kept}
    (case_id,) = cases if len(cases) == 1 else (None,)
    contact = await session.get_one(Contact, kept[0].contact_id)
    if case_id is not None and contact.verify_since is None:
        case = await session.get_one(Case, case_id)
        return {"text": _say("archivo_en_reporte", kept, folio=case.folio)}
    messages = [await session.get_one(Message, file.message_id) for file in kept]
    if any(message.text for message in messages):  # the dialogue answers the words
        return {"text": _say("archivo_con_texto", kept)}
    return {"text": _say("archivo_sin_texto", kept), "buttons": [TO_A_PERSON]}


async def _area(session: AsyncSession, files: Sequence[Media]) -> str:
    case = await session.get(Case, files[-1].case_id) if files[-1].case_id else None
    return case.area if case else "atencion_derechohabiente"


def _say(name: str, files: Sequence[Media], **values: str) -> str:
    """A text with what was sent put into words: "su foto … la", "sus 3 fotos … las", "sus 2 archivos … los"."""
    kinds = {file.kind for file in files}
    noun, pronoun = media.NAMES[files[0].kind] if len(kinds) == 1 else ("archivo", "lo")
    if len(files) > 1:
        first, *rest = noun.split()  # "nota de voz" → "notas de voz"
        noun, pronoun = " ".join([f"{first}s", *rest]), f"{pronoun}s"
    what = f"su {noun}" if len(files) == 1 else f"sus {len(files)} {noun}"
    return texts.get(name).format(que=what, lo=pronoun, **values)
