"""Fixtures for every test. Both environments read this file: what only one of them has is imported inside fixtures."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from puente import assistant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from puente.db import Database
    from puente.settings import Settings
    from tests.stack import Stack

os.environ.update(assistant.QUIET)  # tests phone home as little as the rest

# The beginning of a skip's reason when nothing that we install could make the test run. All other skips are failures
# in CI: a test that never runs protects nobody.
CANNOT_RUN = "cannot run here:"


# --------------------------------------------------------------------------------------------------- settings


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of a Puente of its own: own folder, own database, ports where nobody listens."""
    from puente import settings as configuration

    ports = {name: str(free_port()) for name in ("PUENTE_PORT", "RASA_PORT", "ACTIONS_PORT", "SIMULATOR_PORT")}
    return configuration.load({"PUENTE_HOME": str(tmp_path), "PUENTE_DATABASE_URL": database_url, **ports})


# --------------------------------------------------------------------------------------------------- database


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a database of its own, empty: every test that uses it runs on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'puente.db'}"
    return fresh_postgres_database(request.getfixturevalue("postgres_url"))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A database with the current tables."""
    from puente.db import Database, migrations

    await asyncio.to_thread(migrations.upgrade, database_url)  # alembic starts an event loop of its own
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server that lives as long as the tests. The address is that of its database `postgres`."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    found = programs[-1] if programs else Path(shutil.which("initdb") or "/nowhere").parent
    if not (found / "initdb").exists():
        pytest.skip("PostgreSQL's server is not installed")
    with _server_folder("postgres") as (folder, as_user):
        data, port = folder / "data", free_port()
        initdb = [
            found / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=trust",
            "-E",
            "UTF8",
            "--locale=C.UTF-8",
            "-N",
        ]
        subprocess.run([*as_user, *initdb], check=True, capture_output=True, cwd=folder)
        options = ["-c", "listen_addresses=127.0.0.1", "-k", folder, "-c", "fsync=off", "-c", "max_connections=200"]
        server = [*as_user, found / "postgres", "-D", data, "-p", str(port), *options]
        with _running(server, folder, port):
            url = f"postgresql://postgres@127.0.0.1:{port}/postgres"
            _wait_for_postgres(url)
            yield url


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A Redis server that lives as long as the tests."""
    program = shutil.which("redis-server")
    if not program:
        pytest.skip("redis-server is not installed")
    with _server_folder(None) as (folder, _):
        port = free_port()
        with _running(
            [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder], folder, port
        ):
            yield f"redis://127.0.0.1:{port}/0"


def fresh_postgres_database(postgres_url: str) -> str:
    """Make an empty database on that server. Returns its address."""
    import psycopg

    name = f"puente_{uuid4().hex[:12]}"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return postgres_url.rpartition("/")[0] + "/" + name


def _wait_for_postgres(url: str) -> None:
    import psycopg

    deadline = time.monotonic() + 30
    while True:
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


@contextlib.contextmanager
def _server_folder(user: str | None) -> Iterator[tuple[Path, list[str]]]:
    """A folder for a server, and how to become the user that may run it (PostgreSQL refuses to run as root)."""
    folder = Path(tempfile.mkdtemp(prefix="puente-server-"))
    as_user: list[str] = []
    if user and os.geteuid() == 0:
        shutil.chown(folder, user)
        as_user = ["setpriv", f"--reuid={user}", f"--regid={user}", "--clear-groups", "--"]
    try:
        yield folder, as_user
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _running(command: list[str | Path], folder: Path, port: int) -> Iterator[None]:
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([str(part) for part in command], cwd=folder, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while not listens(port):
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command[0]} did not start: {(folder / 'log').read_text()[-500:]}")
            time.sleep(0.05)
        yield
    finally:
        server.terminate()  # for PostgreSQL: wait for clients; there are none left that matter
        try:
            server.wait(5)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


# ------------------------------------------------------------------------------------------- the whole system


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The real processes on ports of their own, with a simulated WhatsApp: see tests/stack.py. Shared by all tests.

    Use a phone that no other test uses, and leave every program running.
    """
    from tests.stack import Stack

    with Stack(tmp_path_factory.mktemp("stack")) as stack:
        yield stack


# ------------------------------------------------------------------------------------------------ small parts


def free_port() -> int:
    """A port where nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody accepts connections there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


# ------------------------------------------------------------------------------------------------ skips in CI


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI a test that could run and was skipped is a failure."""
    if os.environ.get("CI") and _avoidable_skips(session.config) and session.exitstatus == 0:
        session.exitstatus = 1


def pytest_terminal_summary(config: pytest.Config) -> None:
    """Say which skips made a run in CI fail."""
    skips = _avoidable_skips(config) if os.environ.get("CI") else []
    if skips:
        reporter = config.pluginmanager.get_plugin("terminalreporter")
        reporter.write_sep("=", "skipped though CI could run it: counted as a failure", red=True)
        for skip in skips:
            reporter.write_line(skip)


def _avoidable_skips(config: pytest.Config) -> list[str]:
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    reasons = []
    for report in reporter.stats.get("skipped", []) if reporter else []:
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(CANNOT_RUN):
            reasons.append(f"{report.nodeid}: {reason}")
    return reasons
