"""Blue ticks and "escribiendo…": only while the bot really answers, or once a person has read. Never in the way."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from puente import log
from puente.whatsapp.client import WhatsApp

READ_AFTER = 0.15  # seconds: when Rasa is away the turn has failed by then, and nobody is answering
TYPING_AFTER = 1.0
TYPING_AGAIN = 20.0  # WhatsApp ends it after 25 s
logger = log.get("presence")


class Presence:
    """Tells the family that it was read and is being answered. Without `whatsapp` it tells nothing."""

    def __init__(self, whatsapp: WhatsApp | None = None) -> None:
        self._whatsapp = whatsapp
        self._tasks: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def answering(self, wamid: str | None) -> AsyncIterator[None]:
        """While the block runs the bot answers message `wamid`. If it fails at once, nothing was shown."""
        if self._whatsapp is None or not wamid:
            yield
            return
        shown = asyncio.Event()
        showing = asyncio.create_task(self._show(wamid, shown))
        try:
            yield
            if not shown.is_set():  # a quick answer: it was read all the same
                self.read(wamid)
        finally:
            showing.cancel()

    def read(self, wamid: str | None) -> None:
        """Show that `wamid`, and all before it, was read. Returns at once."""
        if self._whatsapp is not None and wamid:
            self._start(self._whatsapp.mark_read(wamid))

    async def close(self) -> None:
        """Forget what is still under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _show(self, wamid: str, shown: asyncio.Event) -> None:
        await asyncio.sleep(READ_AFTER)
        shown.set()
        self.read(wamid)
        await asyncio.sleep(TYPING_AFTER - READ_AFTER)
        while self._whatsapp is not None:
            self._start(self._whatsapp.mark_read(wamid, typing=True))
            await asyncio.sleep(TYPING_AGAIN)

    def _start(self, request: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(request)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (problem := task.exception()) is not None:
            logger.info("a read mark was not shown", problem=type(problem).__name__)
