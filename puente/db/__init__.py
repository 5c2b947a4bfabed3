"""The database: one engine, sessions, and the declarative base that every package's models share."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Integer, MetaData, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase

from puente.settings import SettingsError

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


IDLE_SECONDS = 60
SQLITE_CONNECTIONS = 30
# The database is away, locked or ended a deadlock: the same work may succeed later.
TROUBLE = (OperationalError, InterfaceError)

# SQLite numbers rows by itself only for its own INTEGER.
BigId = BigInteger().with_variant(Integer, "sqlite")


class Base(DeclarativeBase):
    """Base of every table. Whole numbers are 64 bits wide."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map: ClassVar[dict[Any, Any]] = {int: BigId}


def async_url(url: str) -> str:
    """The SQLAlchemy address with the async driver that we use for its database."""
    try:
        parsed = make_url(url)
    except ArgumentError as problem:  # its own message would show the password
        raise SettingsError("PUENTE_DATABASE_URL is no database address, like postgresql://user@host/name") from problem
    drivers = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
    backend = parsed.drivername.split("+")[0]
    if backend not in drivers:
        raise SettingsError(f"PUENTE_DATABASE_URL names {backend!r}; only sqlite and postgresql are supported")
    return parsed.set(drivername=drivers[backend]).render_as_string(hide_password=False)


def create_engine(url: str) -> AsyncEngine:
    """An engine for `url`; SQLite in WAL mode, where every transaction takes the write lock at its start.

    SQLite's deferred transactions fail with "database is locked" when a reader turns into a writer; beginning
    them as IMMEDIATE makes concurrent processes wait for each other instead.

    Errors do not show the values that were being stored: those are families' words.
    """
    address = async_url(url)
    if not address.startswith("sqlite"):
        return create_async_engine(
            address,
            pool_size=10,
            max_overflow=10,
            pool_pre_ping=True,
            hide_parameters=True,
            # A process that hangs in the middle of a transaction must not lock a family's rows for ever.
            connect_args={"options": f"-c idle_in_transaction_session_timeout={IDLE_SECONDS}s"},
        )
    # Connections are kept: one beyond the pool's size would be a new thread and four pragmas each time.
    engine = create_async_engine(
        address, connect_args={"timeout": 30}, hide_parameters=True, pool_size=SQLITE_CONNECTIONS, max_overflow=0
    )
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _begin_sqlite(connection: Any) -> None:
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions behind our back
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=30000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


class Database:
    """Holds the engine and opens transactions.

    SQLite has one writer at a time, and one that finds it busy sleeps for up to a tenth of a second before it looks
    again, however soon it becomes free. So the writers of one process queue here, in order, and are woken at once.
    """

    def __init__(self, url: str) -> None:
        self.engine = create_engine(url)
        self._writing = asyncio.Lock() if self.engine.dialect.name == "sqlite" else contextlib.nullcontext()
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """A session whose transaction commits at the end of the block, or rolls back on an exception."""
        async with self._writing, self._sessions() as session, session.begin():
            yield session

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncSession]:
        """A session that only reads: on SQLite it does not wait for writers, nor they for it."""
        async with self._sessions() as session, session.begin():
            await session.connection(execution_options={"reading": True})
            yield session

    async def close(self) -> None:
        await self.engine.dispose()


async def insert_new(
    session: AsyncSession, table: Any, values: Mapping[str, Any], unique: list[str] | None = None
) -> Any | None:
    """Insert a row unless one with the same `unique` columns (None: any that are unique) exists.

    Returns the new `id`, or None if it was there.

    This is the only idempotency mechanism: the unique constraint decides, never a check before the insert.
    """
    is_postgres = session.get_bind().dialect.name == "postgresql"
    insert = postgresql.insert if is_postgres else sqlite.insert
    statement = insert(table).values(**values).on_conflict_do_nothing(index_elements=unique).returning(table.id)
    return (await session.execute(statement)).scalar_one_or_none()
