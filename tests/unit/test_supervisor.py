"""The supervisor keeps programs running, joins their logs, and leaves no process behind."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from puente import supervisor as module
from puente.settings import ROOT, load
from puente.supervisor import Program, StartError, Supervisor
from tests.conftest import free_port

FOREVER = "import time; print('ready', flush=True); time.sleep(600)"
WITH_CHILD = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print('child', child.pid, flush=True); time.sleep(600)"
)
STUBBORN = "import signal, time; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)"


class Terminal:
    """Where the supervisor writes in these tests."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, line: str) -> None:
        self.lines.append(line)

    def has(self, text: str) -> bool:
        return any(text in line for line in self.lines)


@pytest.fixture
def terminal() -> Terminal:
    return Terminal()


@pytest.fixture
async def supervisor(terminal: Terminal) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(write=terminal, backoff=(0.01,), grace=1)
    yield supervisor
    await supervisor.stop()


def python(name: str, code: str) -> Program:
    return Program(name, [sys.executable, "-c", code])


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether the process runs (one that has ended but that nobody has collected yet does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_each_line_carries_its_programs_name(supervisor: Supervisor, terminal: Terminal) -> None:
    await supervisor.start(python("web", FOREVER))
    await until(lambda: terminal.has("ready"))
    assert terminal.lines[0].startswith("web ")


async def test_a_line_longer_than_any_buffer_arrives_whole(supervisor: Supervisor, terminal: Terminal) -> None:
    await supervisor.run_once(python("web", "print('x' * 300000)"))
    assert terminal.has("x" * 300000)


async def test_identifiers_in_the_logs_of_rasa_are_masked(supervisor: Supervisor, terminal: Terminal) -> None:
    await supervisor.run_once(python("rasa", "print('2026-11-22 07:00:01 failed for 5215555550101')"))
    assert terminal.lines == ["rasa      │ failed for …01"]


async def test_warnings_for_the_authors_of_libraries_are_left_out(supervisor: Supervisor, terminal: Terminal) -> None:
    warning = "print('/a/b.py:7: DeprecationWarning: old'); print('  import old'); print('real'); print('  more')"
    await supervisor.run_once(python("rasa", warning))
    assert terminal.lines == ["rasa      │ real", "rasa      │   more"]


async def test_json_logs_stay_json_whoever_writes_them(terminal: Terminal) -> None:
    supervisor = Supervisor(write=terminal, as_json=True)
    await supervisor.run_once(python("web", """print('{"event": "a"}'); print('plain words')"""))
    await supervisor.stop()
    assert [json.loads(line)["event"] for line in terminal.lines] == ["a", "plain words"]


async def test_a_program_that_dies_is_started_again(supervisor: Supervisor, terminal: Terminal) -> None:
    await supervisor.start(python("worker", FOREVER))
    await until(lambda: terminal.has("ready"))
    first = supervisor.pid("worker")
    assert first
    os.kill(first, signal.SIGKILL)
    await until(lambda: supervisor.pid("worker") not in (None, first))
    assert terminal.has("SIGKILL")


async def test_a_program_that_cannot_start_does_not_stop_the_others(supervisor: Supervisor, terminal: Terminal) -> None:
    await supervisor.start(python("web", FOREVER))
    await supervisor.start(python("worker", "raise SystemExit(3)"))
    await until(lambda: sum("código 3" in line for line in terminal.lines) >= 3)
    assert supervisor.pid("web")


async def test_stopping_ends_all_programs_and_their_children(supervisor: Supervisor, terminal: Terminal) -> None:
    await supervisor.start(python("web", FOREVER))
    await supervisor.start(python("rasa", WITH_CHILD))
    await until(lambda: terminal.has("ready") and terminal.has("child"))
    child = int(next(line for line in terminal.lines if "child" in line).split()[-1])
    pids = [supervisor.pid("web"), supervisor.pid("rasa"), child]

    await supervisor.stop()

    assert [pid for pid in pids if pid and alive(pid)] == []


async def test_what_ignores_the_polite_signal_is_killed(supervisor: Supervisor, terminal: Terminal) -> None:
    await supervisor.start(python("rasa", STUBBORN))
    await until(lambda: terminal.has("ready"))
    pid = supervisor.pid("rasa")
    await supervisor.stop()
    assert pid
    assert not alive(pid)


async def test_nothing_is_started_again_while_stopping(supervisor: Supervisor, terminal: Terminal) -> None:
    await supervisor.start(python("web", FOREVER))
    await until(lambda: terminal.has("ready"))
    await supervisor.stop()
    await asyncio.sleep(0.1)
    assert supervisor.pid("web") is None
    assert not terminal.has("lo inicio de nuevo")


async def test_children_of_a_dead_program_do_not_outlive_it(supervisor: Supervisor, terminal: Terminal) -> None:
    await supervisor.start(python("rasa", WITH_CHILD))
    await until(lambda: terminal.has("child"))
    child = int(next(line for line in terminal.lines if "child" in line).split()[-1])
    pid = supervisor.pid("rasa")
    assert pid
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not alive(child))


def test_killing_the_supervisor_leaves_no_process_behind(tmp_path: Path) -> None:
    script = f"""
import asyncio, sys
from puente.supervisor import Program, Supervisor
async def main():
    supervisor = Supervisor()
    await supervisor.start(Program("web", [sys.executable, "-c", {WITH_CHILD!r}]))
    await asyncio.sleep(600)
asyncio.run(main())
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    started = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, env=environment)
    assert started.stdout
    child = int(started.stdout.readline().split()[-1])
    assert alive(child)

    started.kill()
    started.wait()

    deadline = time.monotonic() + 20
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(child)


def test_a_busy_port_is_told_by_the_name_of_its_variable() -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        busy = Program("web", ["true"], port=port, port_variable="PUENTE_PORT")
        with pytest.raises(StartError, match=rf"{port} \(PUENTE_PORT\)"):
            module.check_ports([busy])


def test_free_ports_are_no_problem() -> None:
    module.check_ports([Program("web", ["true"], port=free_port()), Program("worker", ["true"])])


def test_messages_can_be_accepted_before_rasa_is_loaded() -> None:
    names = [program.name for program in module.programs(load({}))]
    assert names[:2] == ["web", "worker"]
    assert names[-1] == "rasa"


def test_the_simulator_runs_only_when_no_real_whatsapp_is_configured() -> None:
    simulated = [program.name for program in module.programs(load({}))]
    real = [program.name for program in module.programs(load({"WHATSAPP_API_URL": "http://127.0.0.1:9"}))]
    assert "simulator" in simulated
    assert "simulator" not in real


def test_no_program_reports_home() -> None:
    for program in module.programs(load({})):
        assert program.environment["RASA_TELEMETRY_ENABLED"] == "false"
        assert program.environment["HF_HUB_OFFLINE"] == "1"


def test_rasa_and_the_action_server_listen_on_this_machine_only() -> None:
    by_name = {program.name: program for program in module.programs(load({}))}
    rasa = by_name["rasa"].command
    assert rasa[rasa.index("-i") + 1] == "127.0.0.1"
    assert by_name["actions"].environment["SANIC_HOST"] == "127.0.0.1"


async def test_ready_means_that_the_address_answers_200() -> None:
    port, status = free_port(), ["503 Unavailable"]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(f"HTTP/1.1 {status[0]}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", port):
        waiting = asyncio.create_task(module.wait_until_ready(f"http://127.0.0.1:{port}/readyz", every=0.01))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(waiting), 0.3)
        assert not waiting.done()
        status[0] = "200 OK"
        await asyncio.wait_for(waiting, 10)
