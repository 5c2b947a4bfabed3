"""The REST face of files: those of a case, and the bytes of one."""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import PurePath
from urllib.parse import quote

import msgspec
from litestar import Request, get
from litestar.exceptions import NotFoundException
from litestar.response import Stream

from puente import log
from puente.cases import service as cases
from puente.db import Database
from puente.media import service
from puente.media.models import STORED, Media
from puente.media.store import Folder
from puente.settings import Settings

EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "video/mp4": ".mp4",
    "audio/ogg": ".ogg",
    "audio/amr": ".amr",
    "application/pdf": ".pdf",
}
# A browser that opens the answer after all neither guesses a type nor runs anything in it.
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cache-Control": "private, no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
logger = log.get("media")


class MediaView(msgspec.Struct):
    """A file that a family sent. `state`: pendiente, guardado, fallido (then `reason` says why)."""

    id: int
    kind: str
    state: str
    reason: str | None
    mime: str | None
    bytes: int | None
    sha256: str | None
    filename: str | None
    created_at: datetime


@get("/media/{media_id:int}", summary="Download a file", tags=["media"])
async def download(request: Request, settings: Settings, database: Database, media_id: int) -> Stream:
    """Always as an attachment, under the type that its bytes show. 404 while it is not stored."""
    async with database.reading() as session:
        media = await session.get(Media, media_id)
    if media is None or media.state != STORED:
        raise NotFoundException(detail="there is no such file, or it could not be kept")
    chunks = Folder(settings.media_folder).read(media.key)
    try:
        first = await anext(chunks, b"")
    except FileNotFoundError as problem:
        logger.error("a stored file is missing", media=media_id)
        raise NotFoundException(detail="the file is not in the store") from problem
    logger.info("file read", media=media_id, by=request.state.caller.name)
    headers = {**HEADERS, "Content-Disposition": _attachment(media), "Content-Length": str(media.bytes)}
    return Stream(_with_first(first, chunks), media_type=media.mime or "application/octet-stream", headers=headers)


@get("/cases/{folio:str}/media", summary="The files of a case, oldest first", tags=["media"])
async def of_case(database: Database, folio: str) -> list[MediaView]:
    """What the family sent about it."""
    async with database.reading() as session:
        case = await cases.find(session, folio)
        if case is None:
            raise NotFoundException(f"no case has the folio {folio!r}")
        return [view(media) for media in await service.of_case(session, case.id)]


def view(media: Media) -> MediaView:
    """A file for lists."""
    return MediaView(**{name: getattr(media, name) for name in MediaView.__struct_fields__})


def _attachment(media: Media) -> str:
    """The header that makes a browser save the file, under a harmless name."""
    given = re.sub(r"[^\w .()\-]", "_", PurePath((media.filename or "").replace("\\", "/")).name).strip(" .")[:120]
    name = given or f"archivo-{media.id}{EXTENSIONS.get(media.mime or '', '')}"
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk
