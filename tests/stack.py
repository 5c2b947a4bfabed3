"""The real processes of Puente, for tests that want the whole: started, killed and started again by name.

    stack.phone("5215555550101")     a family's phone (simulator/driver.py)
    stack.api.get("/api/v1/cases")   the API with a valid token
    stack.kill("rasa")               SIGKILL, and it stays dead until
    stack.restart("rasa")            it runs and answers again

When strace may be used, every connection that any of the processes asks for is written down: `stack.connections()`.
Measurements do without (`watching=False`): each sending costs two switches to strace.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

import httpx

from puente import assistant, supervisor
from puente import settings as configuration
from puente.settings import ROOT
from simulator.driver import Phone, Simulator
from tests.conftest import free_port, listens
from tests.watch import Connection, can_watch, read_connections, watched

START_SECONDS = 120
HEALTH = {"rasa": "/webhooks/puente/health", "actions": "/health", "simulator": "/", "web": "/healthz"}


class Stack:
    """Simulator, action server, Rasa, worker and web. Use it in a `with` block."""

    def __init__(self, home: Path, *, watching: bool = True, **environment: str) -> None:
        ports = {name: str(free_port()) for name in ("PUENTE_PORT", "RASA_PORT", "ACTIONS_PORT", "SIMULATOR_PORT")}
        self.home = home
        self.environment = {"PUENTE_HOME": str(home), **ports, **environment}
        self.settings = configuration.load(self.environment)
        self.url = f"http://127.0.0.1:{self.settings.puente_port}"
        self.simulator_url = f"http://127.0.0.1:{self.settings.simulator_port}"
        self._programs = {program.name: program for program in supervisor.programs(self.settings)}
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._starts = 0
        self.watching = watching and can_watch()
        self.api: httpx.Client

    def __enter__(self) -> "Stack":
        if not assistant.model_is_current():
            self._run("train", "--if-needed")
        self._run("migrate")
        token = self._run("token", "create", "pruebas").strip().splitlines()[-1]
        self.api = httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, trust_env=False)
        try:
            for name in self._programs:
                self.start(name)
            self.wait_until_ready()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running.values():
            _signal(process, signal.SIGTERM)
        deadline = time.monotonic() + 10
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            _signal(process, signal.SIGKILL)
            process.wait()
        self._running.clear()
        self.api.close()

    @property
    def names(self) -> list[str]:
        return list(self._programs)

    def phone(self, wa_id: str) -> Phone:
        """A family's phone. Take a number that no other test uses."""
        return Simulator(self.simulator_url).phone(wa_id)

    def start(self, name: str) -> None:
        """Start a program; does not wait for it."""
        program = self._programs[name]
        self._starts += 1
        command = program.command
        if self.watching:
            command = watched(command, self.home / f"connections-{self._starts}-{name}.txt")
        with self.log_file(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**program.environment, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """End a program and its children with SIGKILL, as a crash would. It stays dead."""
        process = self._running.pop(name)
        _signal(process, signal.SIGKILL)
        process.wait()
        port = self._programs[name].port
        while port and listens(port):
            time.sleep(0.05)

    def restart(self, name: str) -> None:
        """Start a program again (killing it first if it runs) and wait until all is ready."""
        if name in self._running:
            self.kill(name)
        self.start(name)
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Return when every program that runs answers; raise with the log of one that died."""
        deadline = time.monotonic() + START_SECONDS
        waiting = [name for name in self._running if name in HEALTH]
        while waiting:
            for name, process in self._running.items():
                if process.poll() is not None:
                    raise RuntimeError(f"{name} ended with {process.returncode}:\n{self.log(name)[-3000:]}")
            waiting = [name for name in waiting if not self._answers(name)]
            if waiting and time.monotonic() > deadline:
                raise RuntimeError(f"{waiting[0]} did not get ready:\n{self.log(waiting[0])[-3000:]}")
            time.sleep(0.1)

    def log_file(self, name: str) -> Path:
        return self.home / f"{name}.log"

    def log(self, name: str) -> str:
        """What a program has written."""
        return self.log_file(name).read_text(errors="replace")

    def connections(self) -> list[Connection]:
        """Every connection that a process has asked for since the start. Empty when strace cannot be used."""
        return [found for path in sorted(self.home.glob("connections-*.txt")) for found in read_connections(path)]

    def cpu_seconds(self) -> dict[str, float]:
        """The processor's time that each running program has used since its start. Of Linux only."""
        tick = os.sysconf("SC_CLK_TCK")
        spent = {}
        for name, process in self._running.items():
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            spent[name] = sum(int(field) for field in fields[11:15]) / tick  # its own and its children's
        return spent

    def _answers(self, name: str) -> bool:
        try:
            url = f"http://127.0.0.1:{self._programs[name].port}{HEALTH[name]}"
            return httpx.get(url, timeout=3, trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False

    def _run(self, *arguments: str) -> str:
        result = subprocess.run(
            [sys.executable, "-m", "puente", *arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            raise RuntimeError(f"puente {' '.join(arguments)}: {result.stdout[-2000:]}{result.stderr[-2000:]}")
        return result.stdout


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)
