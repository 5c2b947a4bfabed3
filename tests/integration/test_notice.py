"""The privacy notice is given once to each contact, and which version and when is kept."""

from datetime import UTC, datetime, timedelta

import pytest

from puente.contacts import notice
from puente.contacts import service as contacts
from puente.contacts.service import Identity
from puente.db import Database

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


@pytest.fixture
async def contact(database: Database) -> str:
    async with database.transaction() as session:
        return (await contacts.recognise(session, Identity("5215555550171"), NOW)).id


async def _give(database: Database, contact: str, version: str, wamid: str, later: int = 0) -> bool:
    async with database.transaction() as session:
        now = NOW + timedelta(minutes=later)
        return await notice.give(session, contact, version=version, source_wamid=wamid, now=now)


async def test_it_is_given_once_and_when_is_kept(database: Database, contact: str) -> None:
    assert await _give(database, contact, "2026-11", "wamid.1")
    assert not await _give(database, contact, "2026-11", "wamid.2", later=5)
    async with database.reading() as session:
        kept = await notice.given(session, contact, "2026-11")
        assert kept is not None
        assert (kept.source_wamid, kept.given_at) == ("wamid.1", NOW)
        assert await notice.given(session, contact, "2027-01") is None


async def test_the_same_message_again_carries_it_again(database: Database, contact: str) -> None:
    assert await _give(database, contact, "2026-11", "wamid.1")
    assert await _give(database, contact, "2026-11", "wamid.1", later=1)


async def test_a_new_version_is_given_to_everybody_once_more(database: Database, contact: str) -> None:
    assert await _give(database, contact, "2026-11", "wamid.1")
    assert await _give(database, contact, "2027-01", "wamid.2", later=9)
