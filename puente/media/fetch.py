"""Fetching one file: a fresh address each time, the size and the hash checked, the type told by the bytes."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from puente.media import types
from puente.media.models import Media
from puente.media.store import Store
from puente.whatsapp.media import AddressExpired, Described, MediaFiles, NotThere, TooLarge, TryLater

FRESH_ADDRESSES = 3  # in one attempt
GONE = "WhatsApp ya no tiene el archivo"
DAMAGED = "El archivo llegó dañado"


@dataclass(frozen=True)
class Kept:
    """The file is in the store."""

    mime: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Hopeless:
    """It will never be; why, in the words that staff read."""

    reason: str


@dataclass(frozen=True)
class Later:
    """Not now; why."""

    reason: str


class _Refused(Exception):
    """The bytes are not something that we keep."""


class _Damaged(Exception):
    """The bytes are not those that were sent."""


async def fetch(files: MediaFiles, store: Store, media: Media, limit: int) -> Kept | Hopeless | Later:
    """Bring one file into the store. Safe to repeat: the same key holds the same file."""
    reason = ""
    try:
        for _ in range(FRESH_ADDRESSES):
            described = await files.describe(media.whatsapp_id)
            if described.bytes is not None and described.bytes > limit:
                raise TooLarge
            try:
                return await _save(files, store, media, described, limit)
            except AddressExpired:
                reason = "la dirección del archivo caducó"
            except _Damaged:
                reason = DAMAGED
    except NotThere:
        return Hopeless(GONE)
    except TooLarge:
        return Hopeless(f"El archivo pesa más de {limit // (1024 * 1024)} MB")
    except _Refused as problem:
        return Hopeless(str(problem))
    except TryLater as problem:
        return Later(str(problem))
    return Later(reason)


async def _save(files: MediaFiles, store: Store, media: Media, described: Described, limit: int) -> Kept:
    seen = _Seen(media.kind)
    expected = media.declared_sha256 or described.sha256
    await store.write(media.key, seen.passing(files.download(described.url, limit), expected))
    mime = types.served_as(media.kind, types.sniff(seen.head), media.declared_mime)
    return Kept(mime, seen.bytes, seen.digest.hexdigest())


class _Seen:
    """Looks at the bytes on their way into the store; raising there keeps the file out of it."""

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self.head = b""
        self.bytes = 0
        self.digest = hashlib.sha256()

    async def passing(self, chunks: AsyncIterator[bytes], expected: str | None) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self.head = (self.head + chunk)[: types.HEAD] if len(self.head) < types.HEAD else self.head
            self.bytes += len(chunk)
            self.digest.update(chunk)
            yield chunk
        if expected is not None and self.digest.hexdigest() != expected:
            raise _Damaged
        if refusal := types.refusal(self._kind, self.head):
            raise _Refused(refusal)
