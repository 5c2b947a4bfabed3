"""What the three lanes have in common: poll, claim contacts, work on them concurrently, give them back."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from puente import clock, log
from puente.db import Database
from puente.messages import queue

POLL_SECONDS = 0.05
ERROR_PAUSE_SECONDS = 1.0
logger = log.get("worker")

Work = Callable[[str], Awaitable[None]]


class Lane:
    """Runs `work(contact_id)` for the contacts that are ready in one lane, at most `concurrency` at once."""

    def __init__(
        self, database: Database, name: str, worker: str, work: Work, *, concurrency: int, lease_seconds: float
    ) -> None:
        self._database = database
        self._name = name
        self._worker = worker
        self._work = work
        self._lease_seconds = lease_seconds
        self._concurrency = concurrency
        self._running: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._on_finish: Callable[[], None] = lambda: None

    def on_finish(self, callback: Callable[[], None]) -> None:
        """Call `callback` whenever work on a contact ends."""
        self._on_finish = callback

    def wake(self) -> None:
        """Look at the queue now instead of at the next poll."""
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled; then let what is running finish."""
        try:
            while True:
                await self._claim_and_start()
                await self._pause()
        finally:
            if self._running:
                await asyncio.wait(self._running, timeout=5)

    async def _claim_and_start(self) -> None:
        free = self._concurrency - len(self._running)
        if free <= 0:
            return
        try:
            for contact_id in await self._claim(free):
                task = asyncio.create_task(self._guarded(contact_id))
                self._running.add(task)
                task.add_done_callback(self._finished)
        except Exception:
            logger.exception("the queue cannot be read", lane=self._name)
            await asyncio.sleep(ERROR_PAUSE_SECONDS)

    async def _claim(self, limit: int) -> list[str]:
        async with self._database.reading() as session:  # most polls find nothing and need no write lock
            if not await queue.anything_ready(session, self._name, now=clock.utcnow()):
                return []
        async with self._database.transaction() as session:
            return await queue.claim(
                session, self._name, self._worker, limit=limit, seconds=self._lease_seconds, now=clock.utcnow()
            )

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._wake.set()
        self._on_finish()

    async def _guarded(self, contact_id: str) -> None:
        try:
            await self._work(contact_id)
        except queue.LeaseLost:
            logger.info("another worker took over", lane=self._name, contact=contact_id)
        except Exception:
            logger.exception("work failed", lane=self._name, contact=contact_id)
            await self._give_back(contact_id)

    async def _give_back(self, contact_id: str) -> None:
        """Try again soon; if not even this works the lease expires and anyone alive takes over."""
        again = clock.utcnow() + timedelta(seconds=ERROR_PAUSE_SECONDS)
        try:
            async with self._database.transaction() as session:
                await queue.release(session, self._name, contact_id, self._worker, next_at=again)
        except Exception:
            logger.exception("the contact could not be given back", lane=self._name, contact=contact_id)

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()
