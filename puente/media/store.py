"""Where files are kept. A folder now; an S3-compatible store is another class with these three methods."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import BinaryIO, Protocol

CHUNK = 256 * 1024


class Store(Protocol):
    """Files under random names that we chose; nothing of a family's is ever part of a name."""

    async def write(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Keep a file, whole or not at all. The same key again replaces it."""

    def read(self, key: str) -> AsyncIterator[bytes]:
        """The file's bytes. Raises FileNotFoundError when there is none."""

    async def delete(self, key: str) -> None:
        """Forget a file; one that is not there is forgotten already."""


class Folder:
    """A folder outside any web root, readable by this user only."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def write(self, key: str, chunks: AsyncIterator[bytes]) -> None:
        """Beside its final name first, so that a crash leaves no half of a file under it."""
        path = self._path(key)
        part = path.with_suffix(".part")
        await asyncio.to_thread(path.parent.mkdir, mode=0o700, parents=True, exist_ok=True)
        try:
            with await asyncio.to_thread(_open_private, part) as file:
                async for chunk in chunks:
                    await asyncio.to_thread(file.write, chunk)
                await asyncio.to_thread(_to_disk, file)
            await asyncio.to_thread(os.replace, part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise

    async def read(self, key: str) -> AsyncIterator[bytes]:
        """In pieces: a hundred megabytes are never in memory at once."""
        with await asyncio.to_thread(self._path(key).open, "rb") as file:
            while chunk := await asyncio.to_thread(file.read, CHUNK):
                yield chunk

    async def delete(self, key: str) -> None:
        """Remove the file."""
        await asyncio.to_thread(self._path(key).unlink, missing_ok=True)

    def _path(self, key: str) -> Path:
        if not (key.isalnum() and key.isascii()):
            raise ValueError("a key of the store is letters and digits")
        return self._root / key[:2] / key


def _open_private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _to_disk(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())
