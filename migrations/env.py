"""Alembic's environment: our metadata, our engine."""

import asyncio

from alembic import context
from sqlalchemy.engine import Connection

from puente import settings
from puente.db import Base, create_engine
from puente.db import models as models  # fills the metadata


def migrate(connection: Connection) -> None:
    # SQLite cannot alter constraints in place; batch mode copies the table instead.
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
    )
    if connection.dialect.name == "postgresql":  # two replicas may migrate at once: the second waits and finds it done
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(4213140)")
    with context.begin_transaction():
        context.run_migrations()


async def run() -> None:
    url = context.config.attributes.get("url") or settings.load().puente_database_url
    engine = create_engine(url)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(migrate)
    finally:
        await engine.dispose()


asyncio.run(run())
