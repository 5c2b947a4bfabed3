"""The commands with which operators look after sending: `puente messages`, `puente number`, `puente doctor`."""

import asyncio
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from puente import clock, doctor, log
from puente.cli import app
from puente.contacts.service import Identity, recognise
from puente.db import Database, migrations
from puente.messages import aside, number, outbox
from puente.whatsapp.errors import rule_for
from tests.conftest import free_port


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A Puente of its own whose processes do not run."""
    monkeypatch.setattr(log, "configure", lambda **_: None)  # or all later tests would log to the runner's closed file
    url = f"sqlite:///{tmp_path / 'puente.db'}"
    migrations.upgrade(url)
    names = ("PUENTE_PORT", "RASA_PORT", "ACTIONS_PORT", "SIMULATOR_PORT")
    return {"PUENTE_HOME": str(tmp_path), "PUENTE_DATABASE_URL": url, **{name: str(free_port()) for name in names}}


def _puente(environment: dict[str, str], *words: str) -> Result:
    return CliRunner().invoke(app, list(words), env=environment)


def _prepare(environment: dict[str, str]) -> int:
    """A failed message and a stopped number; the message's id."""

    async def work() -> int:
        database = Database(environment["PUENTE_DATABASE_URL"])
        now = clock.utcnow()
        async with database.transaction() as session:
            contact = await recognise(session, Identity("5215555550101"), now)
            (row,) = await outbox.write_turn(session, contact.id, [{"text": "uno"}], now=now)
            aside.fail(row, rule_for(131026, 400).reason, now, 131026)
            await number.hold(session, rule_for(131042, 400), 131042, now)
        await database.close()
        return row.id

    return asyncio.run(work())


def test_dead_letters_are_listed_and_sent_again_once(environment: dict[str, str]) -> None:
    failed = _prepare(environment)
    listed = _puente(environment, "messages", "failed")
    assert listed.exit_code == 0
    assert f"{failed}\t" in listed.output and "131026" in listed.output
    first = _puente(environment, "messages", "resend", str(failed))
    second = _puente(environment, "messages", "resend", str(failed))
    assert first.exit_code == second.exit_code == 0
    assert first.output == second.output == f"{failed} → {failed + 1}\n"
    assert "reenviado como" in _puente(environment, "messages", "failed").output


def test_what_cannot_be_sent_again_says_why(environment: dict[str, str]) -> None:
    failed = _prepare(environment)
    _puente(environment, "messages", "resend", str(failed))
    waits = _puente(environment, "messages", "resend", str(failed + 1))
    unknown = _puente(environment, "messages", "resend", "999")
    assert (waits.exit_code, unknown.exit_code) == (1, 1)


def test_a_stopped_number_is_told_and_freed(environment: dict[str, str]) -> None:
    assert _puente(environment, "number", "status").exit_code == 0
    _prepare(environment)
    told = _puente(environment, "number", "status")
    assert told.exit_code == 1
    assert "pago" in told.output
    assert "otra vez" in _puente(environment, "number", "resume").output
    assert "no estaba" in _puente(environment, "number", "resume").output
    assert _puente(environment, "number", "status").exit_code == 0


def test_the_doctor_says_what_to_do_and_fails(environment: dict[str, str]) -> None:
    found = _puente(environment, "doctor")
    assert found.exit_code == 1
    assert "✓ base de datos" in found.output
    assert "✗ asistente (Rasa)" in found.output
    assert "→ Arranque Puente" in found.output


def test_the_doctor_is_content_with_warnings(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    async def examine(_settings: object) -> list[doctor.Finding]:
        return [doctor.Finding("todo", doctor.WARNING, "casi bien", "nada")]

    monkeypatch.setattr(doctor, "examine", examine)
    found = _puente(environment, "doctor")
    assert (found.exit_code, found.output) == (0, "! todo: casi bien\n    → nada\n")


def test_an_account_that_cannot_be_reached_is_one_sentence(environment: dict[str, str]) -> None:
    for command in ("diff", "submit"):
        found = _puente(environment, "templates", command)
        assert found.exit_code == 1
        assert "puente doctor" in str(found.exception) + found.output
