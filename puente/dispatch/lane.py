"""What the three lanes have in common: claim contacts, work on them concurrently, give them back."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from datetime import timedelta

from puente import clock, log
from puente.db import Database
from puente.messages import queue

POLL_SECONDS = 0.05  # how soon work that another process queued is noticed
ERROR_PAUSE_SECONDS = 1.0
GRACE_SECONDS = 5
logger = log.get("worker")

Work = Callable[[str], Awaitable[None]]


class Lane:
    """Runs `work(contact_id)` for the contacts that are ready in one lane, at most `concurrency` at once."""

    def __init__(
        self, database: Database, name: str, worker: str, work: Work, *, concurrency: int, lease_seconds: float
    ) -> None:
        self._database = database
        self.name = name
        self._worker = worker
        self._work = work
        self._lease_seconds = lease_seconds
        self._concurrency = concurrency
        self._running: dict[str, asyncio.Task[None]] = {}  # by contact
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
                await self._wake.wait()
                self._wake.clear()
        finally:
            if self._running:
                await asyncio.wait(self._running.values(), timeout=GRACE_SECONDS)

    async def _claim_and_start(self) -> None:
        free = self._concurrency - len(self._running)
        if free <= 0:
            return
        try:
            for contact_id in await self._claim(free):
                # One of our own whose lease ran out while this process was held up: the claim renewed it.
                if contact_id not in self._running:
                    task = asyncio.create_task(self._guarded(contact_id), name=contact_id)
                    self._running[contact_id] = task
                    task.add_done_callback(self._finished)
        except Exception:
            logger.exception("the queue cannot be read", lane=self.name)
            await asyncio.sleep(ERROR_PAUSE_SECONDS)

    async def _claim(self, limit: int) -> list[str]:
        async with self._database.transaction() as session:
            return await queue.claim(
                session, self.name, self._worker, limit=limit, seconds=self._lease_seconds, now=clock.utcnow()
            )

    def _finished(self, task: asyncio.Task[None]) -> None:
        was_full = len(self._running) >= self._concurrency
        del self._running[task.get_name()]
        if was_full:  # somebody may be waiting for this very place
            self._wake.set()
        self._on_finish()

    async def _guarded(self, contact_id: str) -> None:
        try:
            await self._work(contact_id)
        except queue.LeaseLost:
            logger.info("another worker took over", lane=self.name, contact=contact_id)
        except Exception:
            logger.exception("work failed", lane=self.name, contact=contact_id)
            await self._give_back(contact_id)

    async def _give_back(self, contact_id: str) -> None:
        """Try again soon; if not even this works the lease expires and anyone alive takes over."""
        again = clock.utcnow() + timedelta(seconds=ERROR_PAUSE_SECONDS)
        try:
            async with self._database.transaction() as session:
                await queue.release(session, self.name, contact_id, self._worker, next_at=again)
        except Exception:
            logger.exception("the contact could not be given back", lane=self.name, contact=contact_id)


async def watch(database: Database, lanes: dict[str, Lane], look: asyncio.Event) -> None:
    """Wake each lane that has work ready. One cheap look for all lanes, without a write lock, until cancelled.

    `look` asks for a look at once: what one lane has finished is another's work. Waking every lane instead would have
    each of them claim, which is a writing transaction, and mostly in vain.
    """
    while True:
        look.clear()
        try:
            async with database.reading() as session:
                for name in await queue.lanes_ready(session, now=clock.utcnow()):
                    if name in lanes:  # else it is the work of another kind of worker
                        lanes[name].wake()
        except Exception:
            logger.exception("the queue cannot be read")
            await asyncio.sleep(ERROR_PAUSE_SECONDS)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(look.wait(), POLL_SECONDS)
