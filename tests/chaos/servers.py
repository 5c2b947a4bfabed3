"""The processes under chaos: Puente's own (tests/stack.py) and a PostgreSQL that can be crashed and started again."""

import asyncio
import contextlib
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.conftest import _server_folder, free_port
from tests.stack import HEALTH, Stack

WORKER_IS_UP = "worker started"
READY_SECONDS = 240


class ChaosStack(Stack):
    """A stack whose processes are killed while others are just starting."""

    watching: bool

    def __init__(self, home: Path, **environment: str) -> None:
        super().__init__(home, **environment)
        self.watching = False  # strace makes everything slow; other tests look at connections
        self._workers = 0

    def start(self, name: str) -> None:
        if name == "worker":
            self._workers = self._workers_started()
        super().start(name)

    async def wait_for(self, name: str) -> None:
        """Return when the program, just started, works; raise when it ended instead."""
        deadline = time.monotonic() + READY_SECONDS
        async with httpx.AsyncClient(timeout=3, trust_env=False) as http:
            while not await self._works(name, http):
                if name in self.ended():
                    raise RuntimeError(f"{name} ended at its start:\n{self.log(name)[-3000:]}")
                if time.monotonic() > deadline:
                    raise RuntimeError(f"{name} did not get ready:\n{self.log(name)[-3000:]}")
                await asyncio.sleep(0.2)

    def ended(self) -> list[str]:
        """The programs that ended by themselves: a crash that is nobody's kill."""
        return [name for name, process in list(self._running.items()) if process.poll() is not None]

    async def _works(self, name: str, http: httpx.AsyncClient) -> bool:
        if name not in HEALTH:
            return self._workers_started() > self._workers
        try:
            return (await http.get(f"http://127.0.0.1:{self._programs[name].port}{HEALTH[name]}")).status_code == 200
        except httpx.HTTPError:
            return False

    def _workers_started(self) -> int:
        return self.log("worker").count(WORKER_IS_UP) if self.log_file("worker").exists() else 0


class Postgres:
    """A PostgreSQL server of our own. `crash` ends it as a power cut would; `start` lets it recover."""

    def __init__(self, programs: Path, folder: Path, as_user: list[str]) -> None:
        self._programs, self._folder, self._as_user = programs, folder, as_user
        self._port = free_port()
        self._server: subprocess.Popen[bytes] | None = None
        self._run("initdb", "-D", "data", "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C.UTF-8", "-N")

    def start(self) -> None:
        """Start it and wait until it answers."""
        options = ["-c", "listen_addresses=127.0.0.1", "-k", self._folder, "-c", "fsync=off"]
        options += ["-c", "max_connections=200"]
        command = [*self._as_user, self._programs / "postgres", "-D", "data", "-p", str(self._port), *options]
        with (self._folder / "log").open("ab") as log:
            self._server = subprocess.Popen([str(part) for part in command], cwd=self._folder, stdout=log, stderr=log)
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def crash(self) -> None:
        """SIGQUIT: PostgreSQL's immediate shutdown, which throws away what is not committed and writes nothing more."""
        if self._server is not None:
            self._server.send_signal(signal.SIGQUIT)
            self._server.wait(READY_SECONDS)
            self._server = None

    def create(self, name: str) -> str:
        """Make an empty database. Returns its address."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.url(name)

    def url(self, name: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self._port}/{name}"

    def _run(self, program: str, *arguments: str) -> None:
        command = [*self._as_user, str(self._programs / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder)


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL; skips the test where its server is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    programs = found[-1] if found else Path(shutil.which("initdb") or "/nowhere").parent
    if not (programs / "initdb").exists():
        pytest.skip("PostgreSQL's server is not installed")
    with _server_folder("postgres") as (folder, as_user):
        server = Postgres(programs, folder, as_user)
        try:
            server.start()
            yield server
        finally:
            server.crash()
