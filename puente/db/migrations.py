"""Runs the migrations in `migrations/`."""

import asyncio

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from puente.db import create_engine
from puente.settings import ROOT


def config(url: str) -> Config:
    """Alembic's configuration for this database."""
    configuration = Config()
    configuration.set_main_option("script_location", str(ROOT / "migrations"))
    configuration.attributes["url"] = url
    return configuration


def upgrade(url: str) -> None:
    """Bring the database to the newest revision."""
    command.upgrade(config(url), "head")


def revisions(url: str) -> tuple[str | None, str | None]:
    """The database's revision and the newest one that this code knows. Raises when the database does not answer."""
    return asyncio.run(_revision_of(url)), ScriptDirectory.from_config(config(url)).get_current_head()


async def _revision_of(url: str) -> str | None:
    engine = create_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())
    finally:
        await engine.dispose()
