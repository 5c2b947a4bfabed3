"""No process of Puente's tries to reach an outside host: not Rasa's reports, not a model hub, nobody."""

import subprocess
import sys
from pathlib import Path

import pytest

from puente import assistant, settings
from tests.conftest import CANNOT_RUN
from tests.stack import Stack
from tests.watch import can_watch, read_connections, read_line, watched


@pytest.fixture(autouse=True)
def need_strace() -> None:
    if subprocess.run(["which", "strace"], capture_output=True, check=False).returncode:
        pytest.skip("strace is not installed")
    if not can_watch():
        pytest.skip(f"{CANNOT_RUN} processes may not be traced")


async def test_the_whole_system_talks_to_nobody_outside(stack: Stack) -> None:
    phone = stack.phone("5215555550177")
    await phone.say("hola, no hay vincristina en la raza desde el lunes")
    await phone.replies(timeout=60)

    connections = stack.connections()

    assert {stack.settings.rasa_port, stack.settings.actions_port} <= {found.port for found in connections}
    assert [found.line for found in connections if found.leaves_this_machine] == []


def test_training_reports_to_nobody_outside(tmp_path: Path) -> None:
    (tmp_path / "config.yml").write_text(
        "recipe: default.v1\nassistant_id: prueba\nlanguage: es\n"
        "pipeline: [{name: WhitespaceTokenizer}, {name: KeywordIntentClassifier}]\npolicies: [{name: RulePolicy}]\n"
    )
    (tmp_path / "domain.yml").write_text("version: '3.1'\nintents: [saludo, despedida]\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "nlu.yml").write_text(
        "version: '3.1'\nnlu:\n- {intent: saludo, examples: '- hola'}\n- {intent: despedida, examples: '- adiós'}\n"
    )
    record = tmp_path / "connections.txt"

    trained = subprocess.run(
        watched([str(assistant.PYTHON), "-m", "rasa", "train"], record),
        cwd=tmp_path,
        env=assistant.environment(settings.load({"PUENTE_HOME": str(tmp_path)})),
        capture_output=True,
        text=True,
        check=False,
    )

    assert trained.returncode == 0, trained.stderr[-2000:]
    assert list((tmp_path / "models").glob("*.tar.gz"))
    assert [found.line for found in read_connections(record) if found.leaves_this_machine] == []


def test_the_watch_sees_a_connection(tmp_path: Path) -> None:
    record = tmp_path / "connections.txt"
    talk = "import socket; socket.socket().connect_ex(('127.0.0.1', 9))"

    subprocess.run(watched([sys.executable, "-c", talk], record), check=True)

    assert [(found.address, found.port) for found in read_connections(record)] == [("127.0.0.1", 9)]


@pytest.mark.parametrize(
    "line",
    [
        '7 connect(5, {sa_family=AF_INET, sin_port=htons(443), sin_addr=inet_addr("192.0.2.7")}, 16) = -1 EINPROGRESS',
        '7 connect(5, {sa_family=AF_INET, sin_port=htons(53), sin_addr=inet_addr("127.0.0.53")}, 16) = 0',
        "7 connect(5, {sa_family=AF_INET6, sin6_port=htons(443), sin6_flowinfo=htonl(0), "
        'inet_pton(AF_INET6, "2001:db8::7", &sin6_addr), sin6_scope_id=0}, 28 <unfinished ...>',
        '7 sendto(5, "x", 1, 0, {sa_family=AF_INET, sin_port=htons(8125), sin_addr=inet_addr("198.51.100.2")}, 16) = 1',
        '7 connect(5, {sa_family=AF_UNIX, sun_path="/run/systemd/resolve/io.systemd.Resolve"}, 42) = 0',
    ],
)
def test_an_address_outside_is_recognised(line: str) -> None:
    found = read_line(line)
    assert found
    assert found.leaves_this_machine


@pytest.mark.parametrize(
    "line",
    [
        '7 connect(5, {sa_family=AF_INET, sin_port=htons(5005), sin_addr=inet_addr("127.0.0.1")}, 16) = 0',
        "7 connect(5, {sa_family=AF_INET6, sin6_port=htons(5005), sin6_flowinfo=htonl(0), "
        'inet_pton(AF_INET6, "::ffff:127.0.0.1", &sin6_addr), sin6_scope_id=0}, 28) = 0',
    ],
)
def test_an_address_of_this_machine_is_let_through(line: str) -> None:
    found = read_line(line)
    assert found
    assert not found.leaves_this_machine


def test_what_is_no_connection_is_ignored() -> None:
    assert read_line('7 connect(3, {sa_family=AF_UNIX, sun_path="/var/run/nscd/socket"}, 110) = -1 ENOENT') is None
