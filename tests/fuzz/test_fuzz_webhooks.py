"""Whatever arrives signed is answered 200 and kept; nothing of it stops the lanes behind. The seed is in the name."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from puente import settings as configuration
from puente.db import Database, migrations
from puente.messages.models import Message, Quarantine, Webhook
from puente.settings import Settings
from puente.whatsapp import ingest
from puente.whatsapp.inbound import Broken, read
from tests.conftest import CANNOT_RUN
from tests.fuzz.edge import Edge
from tests.fuzz.webhooks import META_EXAMPLES, mutated, originals
from tests.integration.conftest import Miniature, Time, puente, time

__all__ = ["puente", "time"]  # fixtures
SEED = int(os.environ.get("FUZZ_SEED", "7"))


@pytest.fixture
def sqlite_settings(tmp_path: Path) -> Settings:
    return configuration.load({"PUENTE_HOME": str(tmp_path)})


async def _count(database: Database, table: Any) -> int:
    async with database.reading() as session:
        return (await session.execute(select(func.count()).select_from(table))).scalar_one()


def test_two_thousand_mutated_webhooks_get_no_5xx_and_are_all_kept(sqlite_settings: Settings) -> None:
    import asyncio

    migrations.upgrade(sqlite_settings.puente_database_url)
    asyncio.run(_post_two_thousand(sqlite_settings))


async def _post_two_thousand(settings: Settings) -> None:
    async with Edge(settings) as edge:
        answers, refused = await edge.post_all(mutated(SEED, 2000))
        database = edge.app.state.database
        assert answers == {200: 2000}, (SEED, answers, refused)
        assert await _count(database, Webhook) == 2000
        assert await _count(database, Message) > 100
        assert await _count(database, Quarantine) > 100


async def test_the_lanes_survive_what_the_edge_lets_in(
    puente: Miniature, time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    for body in mutated(SEED + 1, 250):
        async with puente.database.transaction() as session:
            await ingest.store(session, body, time.now, "100000000000001")
    await puente.work_until_quiet()
    left = [row.type for row in await puente.messages("in") if row.status != "done" or row.gated_at is None]
    assert left == []


def test_every_example_of_ours_is_understood() -> None:
    broken = [item.reason for body in originals() for item in read(body) if isinstance(item, Broken)]
    assert set(broken) == {"an error of the WhatsApp account"}


@pytest.mark.skipif(not META_EXAMPLES.exists(), reason=f"{CANNOT_RUN} Meta's examples are not beside this folder")
async def test_every_example_of_meta_is_kept_and_none_quarantined(puente: Miniature, time: Time) -> None:
    examples = json.loads(META_EXAMPLES.read_text("utf-8"))
    for body in examples.values():
        number = body["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"]
        async with puente.database.transaction() as session:
            await ingest.store(session, json.dumps(body).encode(), time.now, number)
    assert await _count(puente.database, Quarantine) == 0
    async with puente.database.reading() as session:
        kept = set((await session.execute(select(Message.wamid))).scalars())
    messages = [body["entry"][0]["changes"][0]["value"]["messages"][0] for body in examples.values()]
    assert kept == {message["id"] for message in messages}
