"""One turn at a time per conversation, in one process or in several."""

import asyncio
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rasa.core.lock_store import LockError

from bot import conversation_locks
from bot.conversation_locks import ConversationLocks
from tests.bot.conftest import cannot_run, free_port


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not shutil.which("redis-server"):
        cannot_run("redis-server is not installed")
    folder: Path = tmp_path_factory.mktemp("redis")
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", ""]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    import redis

    client = redis.Redis(port=port)
    for _ in range(100):
        try:
            client.ping()
            break
        except redis.ConnectionError:
            time.sleep(0.05)
    yield f"redis://127.0.0.1:{port}/0"
    server.kill()
    server.wait()


@pytest.fixture(params=["process", "redis"])
def two_stores(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[ConversationLocks]:
    """Two users of the lock: the same store in one process, two stores over Redis."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    if request.param == "process":
        return [ConversationLocks()] * 2
    url = request.getfixturevalue("redis_server")
    return [ConversationLocks(redis_url=url), ConversationLocks(redis_url=url)]


async def test_turns_of_one_conversation_never_overlap(two_stores: list[ConversationLocks]) -> None:
    inside: list[int] = []

    async def turn(n: int) -> None:
        async with two_stores[n % 2].lock("uno"):
            inside.append(n)
            await asyncio.sleep(0.01)
            assert inside == [n]
            inside.remove(n)

    await asyncio.gather(*(turn(n) for n in range(10)))


async def test_other_conversations_do_not_wait(two_stores: list[ConversationLocks]) -> None:
    async with two_stores[0].lock("uno"), two_stores[1].lock("dos"):
        pass


async def test_a_conversation_held_too_long_is_told(
    two_stores: list[ConversationLocks], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_locks, "WAIT_SECONDS", 0.2)
    async with two_stores[0].lock("uno"):
        with pytest.raises(LockError):
            async with two_stores[1].lock("uno"):
                pytest.fail("two at once")
    async with two_stores[1].lock("uno"):
        pass


async def test_a_turn_longer_than_the_lock_s_life_keeps_it(
    two_stores: list[ConversationLocks], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_locks, "LIFETIME_SECONDS", 0.3)
    monkeypatch.setattr(conversation_locks, "RENEW_SECONDS", 0.1)
    monkeypatch.setattr(conversation_locks, "WAIT_SECONDS", 0.5)
    async with two_stores[0].lock("uno"):
        await asyncio.sleep(0.5)
        with pytest.raises(LockError):
            async with two_stores[1].lock("uno"):
                pytest.fail("two at once")


async def test_a_turn_that_fails_gives_the_conversation_back(two_stores: list[ConversationLocks]) -> None:
    with pytest.raises(ValueError):
        async with two_stores[0].lock("uno"):
            raise ValueError
    async with two_stores[1].lock("uno"):
        pass


async def test_nothing_is_left_behind_in_memory() -> None:
    store = ConversationLocks()
    async with store.lock("uno"):
        pass
    assert not store._held


async def test_a_redis_that_is_down_is_told() -> None:
    with pytest.raises(LockError):
        async with ConversationLocks(redis_url="redis://127.0.0.1:1/0").lock("uno"):
            pytest.fail("held without Redis")
