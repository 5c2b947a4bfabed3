"""`puente run`: every process of Puente under one roof.

The supervisor starts the programs, joins their logs, starts again what dies and stops all together. Each program is
a process group of its own. If the supervisor itself is killed (even with SIGKILL) a guard process, which only waits
for the end of a pipe, ends the groups that are left: none stays behind holding a port.
"""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from puente import assistant, log
from puente.settings import ROOT, Settings

GRACE_SECONDS = 10  # how long a program may take to end itself
BACKOFF_SECONDS = (0.5, 1, 2, 4, 8, 15, 30)
STEADY_SECONDS = 60  # a program that lived this long starts again at once
COLOURS = {"web": 36, "worker": 32, "rasa": 35, "actions": 33, "simulator": 34, "train": 35, "puente": 1}
FOREIGN = {"rasa", "train", "actions"}  # programs that log by means other than puente.log
# Sanic turns Python's deprecation warnings on again while it is imported, so no environment variable keeps them away.
# They are for the authors of the libraries that Rasa pins; each is a line like this and, mostly, its source indented.
_LIBRARY_WARNING = re.compile(r"^/.*: \w*(Deprecation|Future)Warning: |^Implementing implicit namespace packages")
_TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\S*\s+")

Print = Callable[[str], None]


class StartError(Exception):
    """Puente cannot start; the message is one sentence in Spanish."""


@dataclass(frozen=True)
class Program:
    """A program to keep running."""

    name: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    port: int | None = None
    port_variable: str = ""


# ------------------------------------------------------------------------------------------------ what is run


def programs(settings: Settings) -> list[Program]:
    """Puente's processes, in the order in which they start.

    The web process and the worker come first, so that messages are accepted (and kept) while Rasa still loads.
    """
    own = {
        **assistant.inherited(),
        **assistant.QUIET,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "PUENTE_HOME": str(settings.puente_home),
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_NUM_THREADS": "2",
    }
    started = [
        Program("web", _puente("web"), own, settings.puente_port, "PUENTE_PORT"),
        Program("worker", _puente("worker"), own),
    ]
    if settings.whatsapp_api_url_is_simulator:
        simulator = [sys.executable, "-m", "simulator"]
        started.append(Program("simulator", simulator, own, settings.simulator_port, "SIMULATOR_PORT"))
    started.append(
        Program("actions", _actions(settings), _actions_environment(own), settings.actions_port, "ACTIONS_PORT")
    )
    started.append(Program("rasa", _rasa(settings), assistant.environment(settings), settings.rasa_port, "RASA_PORT"))
    return started


def _puente(command: str) -> list[str]:
    return [sys.executable, "-m", "puente", command]


def _actions(settings: Settings) -> list[str]:
    return [sys.executable, "-m", "rasa_sdk", "--actions", "actions", "--port", str(settings.actions_port), "--quiet"]


def _actions_environment(own: Mapping[str, str]) -> dict[str, str]:
    # rasa-sdk warns at every call that Rasa 3.6 and SDK 3.21 "might not be compatible". They are: the protocol did not
    # change, and the integration tests run this very pair. Only that warning is silenced, by its first words.
    silenced = "ignore:Your versions of rasa and rasa_sdk might not be compatible:UserWarning"
    return {**own, "SANIC_HOST": "127.0.0.1", "PYTHONWARNINGS": f"ignore::DeprecationWarning,{silenced}"}


def _rasa(settings: Settings) -> list[str]:
    files = ["--credentials", "credentials.yml", "--endpoints", "endpoints.yml", "-m", str(assistant.MODEL)]
    return [str(assistant.PYTHON), "-m", "rasa", "run", "-i", "127.0.0.1", "-p", str(settings.rasa_port), *files]


# ------------------------------------------------------------------------------------------------- the whole


def run(settings: Settings, prepare: Callable[[], str]) -> int:
    """Run Puente until it is told to stop. `prepare` readies the database and returns the demo's API token."""
    started = programs(settings)
    try:
        check_ports(started)
    except StartError as problem:
        print(f"puente: {problem}", file=sys.stderr)
        return 1
    token = prepare()
    return asyncio.run(_run(settings, started, token))


async def _run(settings: Settings, started: list[Program], token: str) -> int:
    supervisor = Supervisor(as_json=settings.puente_log_format == "json")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    work = asyncio.create_task(_start_all(supervisor, settings, started, token))
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()  # only a failed start ends it
            await stop.wait()
    except StartError as problem:
        supervisor.say(str(problem))
        return 1
    finally:
        work.cancel()
        stopping.cancel()
        supervisor.say("deteniendo todo…")
        await supervisor.stop()
    return 0


async def _start_all(supervisor: "Supervisor", settings: Settings, started: list[Program], token: str) -> None:
    since = time.monotonic()
    for program in started:
        if program.name == "rasa":
            await _train_if_needed(supervisor, settings)
        await supervisor.start(program)
    supervisor.say("cargando el asistente (Rasa tarda unos segundos); los mensajes ya se reciben y se guardan")
    await wait_until_ready(f"http://127.0.0.1:{settings.puente_port}/readyz")
    supervisor.say(f"listo en {time.monotonic() - since:.0f} s\n" + addresses(settings, token))


async def _train_if_needed(supervisor: "Supervisor", settings: Settings) -> None:
    if assistant.model_is_current():
        return
    supervisor.say("no hay un modelo al día: entreno uno (unos minutos; solo pasa cuando cambian los datos)")
    code = await supervisor.run_once(
        Program("train", _puente("train"), {**assistant.environment(settings), "LOG_LEVEL": "INFO"})
    )
    if code:
        raise StartError("el entrenamiento falló; la causa está en las líneas de «train»")


def addresses(settings: Settings, token: str) -> str:
    """What a person wants to know once everything runs."""
    base = f"http://127.0.0.1:{settings.puente_port}"
    lines = []
    if settings.whatsapp_api_url_is_simulator:
        lines.append(("Teléfono simulado", f"http://127.0.0.1:{settings.simulator_port}/"))
    lines += [
        ("API y su documentación", f"{base}/api/v1/schema"),
        ("Estado de cada parte", f"{base}/readyz"),
        ("Consola del personal", "en construcción"),
        ("Token de la API", token or "puente token create NOMBRE"),
    ]
    width = max(len(label) for label, _ in lines)
    body = "\n".join(f"    {label.ljust(width)}  {value}" for label, value in lines)
    hint = "\n\n    Escriba desde el teléfono: «buenas, no ay vincristina pa mi niña en la raza desde el lunes»"
    return f"\n{body}{hint if settings.whatsapp_api_url_is_simulator else ''}\n    Para detener todo: Ctrl+C\n"


def check_ports(started: Iterable[Program]) -> None:
    """Raise StartError, naming the variable, when a port is taken."""
    taken = [program for program in started if program.port and not _is_free(program.port)]
    if taken:
        which = ", ".join(f"{program.port} ({program.port_variable})" for program in taken)
        first = taken[0]
        raise StartError(
            f"hay un puerto ocupado: {which}; ¿ya está corriendo Puente? Si no, elija otro, por ejemplo "
            f"{first.port_variable}={(first.port or 0) + 1000} make run"
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


async def wait_until_ready(url: str, every: float = 0.3) -> None:
    """Return when `url` answers 200."""
    while not await asyncio.to_thread(_answers, url):
        await asyncio.sleep(every)


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never through a proxy
    try:
        with opener.open(url, timeout=3) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


# -------------------------------------------------------------------------------------------- the supervisor


class Supervisor:
    """Keeps programs running. One per process; use it inside one event loop."""

    def __init__(
        self,
        *,
        write: Print = lambda line: print(line, flush=True),
        as_json: bool = False,
        backoff: tuple[float, ...] = BACKOFF_SECONDS,
        grace: float = GRACE_SECONDS,
    ) -> None:
        self._write = write
        self._as_json = as_json
        self._colour = sys.stdout.isatty() and not as_json and "NO_COLOR" not in os.environ
        self._backoff = backoff
        self._grace = grace
        self._keepers: dict[str, asyncio.Task[None]] = {}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._guard: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._after_warning: set[str] = set()

    async def start(self, program: Program) -> None:
        """Start a program and keep it running."""
        self._keepers[program.name] = asyncio.create_task(self._keep(program))
        await asyncio.sleep(0)

    async def run_once(self, program: Program) -> int:
        """Run a program to its end. Returns its exit code."""
        return await self._finish(program, *await self._spawn(program))

    def pid(self, name: str) -> int | None:
        """The process of a program, if it runs now."""
        process = self._processes.get(name)
        return process.pid if process else None

    async def stop(self) -> None:
        """End every program, politely first, and wait until all are gone."""
        self._stopping = True
        groups = {process.pid for process in self._processes.values()}
        for group in groups:
            _signal_group(group, signal.SIGTERM)
        deadline = time.monotonic() + self._grace
        while any(_group_lives(group) for group in groups) and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
        for group in groups:
            _signal_group(group, signal.SIGKILL)
        for keeper in self._keepers.values():
            keeper.cancel()
        await asyncio.gather(*self._keepers.values(), return_exceptions=True)
        self._dismiss_guard()

    def say(self, text: str) -> None:
        """A line of the supervisor's own."""
        self._line("puente", text)

    async def _keep(self, program: Program) -> None:
        failures = 0
        while not self._stopping:
            started = time.monotonic()
            try:
                ending = _how_it_ended(await self._finish(program, *await self._spawn(program)))
            except StartError as problem:
                ending = str(problem)
            if self._stopping:
                return
            if time.monotonic() - started > STEADY_SECONDS:
                failures = 0
            pause = self._backoff[min(failures, len(self._backoff) - 1)]
            failures += 1
            self.say(f"{program.name} terminó ({ending}); lo inicio de nuevo en {pause:g} s")
            await asyncio.sleep(pause)

    async def _spawn(self, program: Program) -> tuple[asyncio.subprocess.Process, asyncio.Task[None]]:
        # A pipe of our own: asyncio's would make wait() wait for every grandchild that inherited it.
        output, inlet = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *program.command,
                cwd=ROOT,
                env=dict(program.environment),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=inlet,
                stderr=inlet,
                start_new_session=True,  # a group of its own: it and its children can be ended together
            )
        except OSError as problem:
            os.close(output)
            raise StartError(f"no se pudo iniciar {program.name}: {problem}") from problem
        finally:
            os.close(inlet)
        self._tell_guard(f"+{process.pid}")
        self._processes[program.name] = process
        if self._stopping:  # told to stop between the decision to start and now
            _signal_group(process.pid, signal.SIGKILL)
        return process, asyncio.create_task(self._copy_lines(program.name, output))

    async def _finish(self, program: Program, process: asyncio.subprocess.Process, copying: asyncio.Task[None]) -> int:
        try:
            code = await process.wait()
        finally:
            # What the program started must not outlive it; when we are cancelled, neither must the program.
            _signal_group(process.pid, signal.SIGKILL)
            await process.wait()
            self._processes.pop(program.name, None)
            self._tell_guard(f"-{process.pid}")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(copying, 2)  # its last words
        return code

    async def _copy_lines(self, name: str, output: int) -> None:
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(output, "rb", 0))
        rest = b""
        try:
            while chunk := await reader.read(65536):  # not readline: it fails on a line longer than its buffer
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._line(name, line.decode(errors="replace").rstrip("\r"))
            if rest:
                self._line(name, rest.decode(errors="replace"))
        finally:
            transport.close()

    def _line(self, name: str, line: str) -> None:
        if not line.strip() or self._is_library_warning(name, line):
            return
        if name in FOREIGN:
            line = log.mask(_TIMESTAMP.sub("", line))
        if self._as_json:
            self._write(
                line if line.startswith("{") else json.dumps({"component": name, "event": line}, ensure_ascii=False)
            )
            return
        label = name.ljust(9)
        if self._colour:
            label = f"\033[{COLOURS.get(name, 37)}m{label}\033[0m"
        self._write(f"{label} │ {line}")

    def _is_library_warning(self, name: str, line: str) -> bool:
        if name not in FOREIGN:
            return False
        if _LIBRARY_WARNING.match(line):
            self._after_warning.add(name)
            return True
        follows = name in self._after_warning and line.startswith("  ")
        self._after_warning.discard(name)
        return follows

    def _tell_guard(self, order: str) -> None:
        if self._guard is None:
            command = [sys.executable, str(Path(__file__).with_name("guard.py"))]
            self._guard = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
        assert self._guard.stdin
        with contextlib.suppress(BrokenPipeError):
            self._guard.stdin.write(order.encode() + b"\n")
            self._guard.stdin.flush()

    def _dismiss_guard(self) -> None:
        if self._guard and self._guard.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._guard.stdin.close()
            self._guard.wait()
            self._guard = None


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _group_lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _how_it_ended(code: int) -> str:
    return f"señal {signal.Signals(-code).name}" if code < 0 else f"código {code}"
