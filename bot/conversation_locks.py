"""One turn at a time per conversation: among the tasks of this process, or among all processes through Redis.

Rasa's own locks are tickets that run out after a minute whether or not their holder is still at work, are asked for
once a second, and on Redis are read and written in two steps, so that two processes can take the same one.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from rasa.core.lock_store import LockError, LockStore

KEY = "puente:conversation:{}"
LIFETIME_SECONDS = 10.0  # how long a conversation stays locked after its holder was killed
RENEW_SECONDS = 3.0
WAIT_SECONDS = 20.0  # below the 25 that the caller of the channel waits
POLL_SECONDS = 0.05


class ConversationLocks(LockStore):
    """The lock store that endpoints.yml names. REDIS_URL makes it shared."""

    def __init__(self, endpoint_config: Any = None, redis_url: str | None = None) -> None:
        self._redis_url = redis_url or os.environ.get("REDIS_URL") or None
        self._redis: Any = None
        self._held: dict[str, _Queue] = {}

    @asynccontextmanager
    async def lock(
        self, conversation_id: str, lock_lifetime: float = LIFETIME_SECONDS, wait_time_in_seconds: float = POLL_SECONDS
    ) -> AsyncIterator[None]:
        """Hold the conversation. Raises LockError when it cannot be had in time."""
        holding = self._among_processes if self._redis_url else self._in_this_process
        async with holding(conversation_id):
            yield

    @asynccontextmanager
    async def _in_this_process(self, conversation_id: str) -> AsyncIterator[None]:
        queue = self._held.setdefault(conversation_id, _Queue())
        queue.users += 1
        try:
            try:
                await asyncio.wait_for(queue.lock.acquire(), WAIT_SECONDS)
            except asyncio.TimeoutError as problem:
                raise LockError("the conversation is busy") from problem
            try:
                yield
            finally:
                queue.lock.release()
        finally:
            queue.users -= 1
            if not queue.users:
                del self._held[conversation_id]

    @asynccontextmanager
    async def _among_processes(self, conversation_id: str) -> AsyncIterator[None]:
        from redis.exceptions import RedisError

        lock = self._client().lock(
            KEY.format(conversation_id), timeout=LIFETIME_SECONDS, sleep=POLL_SECONDS, blocking_timeout=WAIT_SECONDS
        )
        try:
            if not await lock.acquire():
                raise LockError("the conversation is busy")
        except RedisError as problem:
            raise LockError(f"Redis: {type(problem).__name__}") from problem
        renewal = asyncio.ensure_future(_renew(lock))
        try:
            yield
        finally:
            renewal.cancel()
            with suppress(RedisError):  # lost or unreachable: it runs out by itself
                await lock.release()

    def _client(self) -> Any:
        if self._redis is None:
            from redis import asyncio as redis

            self._redis = redis.from_url(self._redis_url, socket_timeout=5, socket_connect_timeout=2)
        return self._redis


class _Queue:
    """An asyncio lock, first come first served, and how many hold or wait for it."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


async def _renew(lock: Any) -> None:
    """Keep the lock as long as the turn lasts. Should it be lost all the same, the store refuses the older write."""
    from redis.exceptions import RedisError

    with suppress(RedisError):
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await lock.extend(LIFETIME_SECONDS, replace_ttl=True)
