"""Set-up can be interrupted and run again, finds Python where it hides, and says in one sentence what is missing."""

import ast
import importlib.util
import re
import stat
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from puente.settings import ROOT


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """tools/setup.py, working on an empty tree."""
    spec = importlib.util.spec_from_file_location("puente_setup", ROOT / "tools" / "setup.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "ROOT", str(tmp_path))
    monkeypatch.setattr(module, "find_uv", lambda: "uv")
    monkeypatch.setattr(module, "find_python", lambda *_: sys.executable)
    monkeypatch.setattr(module, "create", lambda folder, *_: fake_venv(Path(folder)))
    monkeypatch.setattr(module, "install", lambda *_: None)
    return module


@pytest.fixture
def environment(setup: ModuleType, tmp_path: Path) -> Any:
    (tmp_path / "requirements.lock").write_text("one==1 \\\n    --hash=sha256:00\n")
    environment = setup.Environment("Prueba", ".venv", "requirements.lock", ("3.12",), 0)
    environment.folder, environment.lock = str(tmp_path / ".venv"), str(tmp_path / "requirements.lock")
    return environment


def fake_venv(folder: Path) -> None:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()


def script(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_what_is_made_is_ready(setup: ModuleType, environment: Any) -> None:
    assert not setup.is_ready(environment)
    setup.prepare(environment)
    assert setup.is_ready(environment)


def test_another_lock_file_makes_it_not_ready(setup: ModuleType, environment: Any) -> None:
    setup.prepare(environment)
    Path(environment.lock).write_text("two==2\n")
    assert not setup.is_ready(environment)


def test_an_interrupted_one_is_not_ready_and_is_made_anew(
    setup: ModuleType, environment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any) -> None:
        (Path(environment.folder) / "half-a-package").touch()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(setup, "install", interrupted)
        with pytest.raises(KeyboardInterrupt):
            setup.prepare(environment)
    assert not setup.is_ready(environment)

    setup.prepare(environment)

    assert setup.is_ready(environment)
    assert not (Path(environment.folder) / "half-a-package").exists()


def test_an_update_that_is_interrupted_leaves_it_not_ready(
    setup: ModuleType, environment: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    setup.prepare(environment)
    old = Path(environment.lock).read_text()
    Path(environment.lock).write_text("two==2\n")

    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(setup, "install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        setup.prepare(environment)

    Path(environment.lock).write_text(old)
    assert not setup.is_ready(environment), "half old, half new, though the lock file is the old one again"


def test_too_little_disk_is_said_before_anything_is_made(setup: ModuleType, environment: Any) -> None:
    environment.gigabytes = 10**9
    with pytest.raises(setup.SetupError, match="falta espacio en disco"):
        setup.prepare(environment)
    assert not Path(environment.folder).exists()


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("error: Failed to fetch\n  Caused by: dns error: failed to lookup address", "falta conexión"),
        ("ERROR: ... Failed to establish a new connection: [Errno -2] Name or service not known", "falta conexión"),
        ("error: failed to write: No space left on device (os error 28)", "falta espacio en disco"),
        ("warning: something\nerror: hash mismatch for one==1\n", "error: hash mismatch for one==1"),
        ("", "sin explicación"),
    ],
)
def test_a_failure_is_told_in_one_sentence(setup: ModuleType, output: str, sentence: str) -> None:
    told = setup.reason(output, "instalar los paquetes")
    assert sentence in told
    assert "\n" not in told


def test_a_python_without_venv_is_told_by_the_package_to_install(setup: ModuleType, tmp_path: Path) -> None:
    python = script(tmp_path / "python", "echo 'ensurepip is not available' >&2; exit 1")
    with pytest.raises(setup.SetupError, match="python3-venv"):
        setup.make_plain_venv(str(python), str(tmp_path / "venv"))


def test_python_is_found_under_pyenv_when_its_shim_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setup: ModuleType
) -> None:
    monkeypatch.undo()  # the real find_python
    shim = script(tmp_path / "shims" / "python3.98", "echo 'pyenv: python3.98: command not found' >&2; exit 127")
    real = script(tmp_path / "versions" / "3.98.2" / "bin" / "python", "exit 0")
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", f"{shim.parent}:/usr/bin:/bin")
    assert setup.find_python(("3.98",), None) == str(real)


def test_a_python_that_is_nowhere_is_told(setup: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    with pytest.raises(setup.SetupError, match=r"falta Python 3\.98"):
        setup.find_python(("3.98",), None)


def test_debian_packages_are_only_named_when_they_may_not_be_installed(
    setup: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "debian_has", lambda name: name != "redis-server")
    monkeypatch.setattr(setup.shutil, "which", lambda _: None)
    setup.install_debian_packages()
    told = capsys.readouterr().err
    assert "pruebas con Redis" in told
    assert "apt-get install redis-server" in told


@pytest.mark.parametrize("name", ["requirements.lock", "bot/requirements.lock", "tools/uv.lock"])
def test_lock_files_hold_names_versions_and_hashes_and_no_address(name: str) -> None:
    text = (ROOT / name).read_text()
    entry = r"^[a-z0-9][^\s=]*==\S+[^\n]*\\\n(?:    --hash=sha256:[0-9a-f]{64}[^\n]*\n)+"
    entries = re.findall(entry, text, re.M)
    assert len(entries) == len(re.findall(r"^[A-Za-z0-9]", text, re.M)) > 0
    assert "://" not in text


def test_the_lock_files_know_what_the_projects_ask_for() -> None:
    for project, lock in (("pyproject.toml", "requirements.lock"), ("bot/pyproject.toml", "bot/requirements.lock")):
        locked = set(re.findall(r"^([a-z0-9][^\s=]*)==", (ROOT / lock).read_text(), re.M))
        content = tomllib.loads((ROOT / project).read_text())
        asked = content["project"]["dependencies"] + content["dependency-groups"]["dev"]
        names = {re.split(r"[\s\[<>=]", requirement)[0].lower() for requirement in asked}
        assert names <= locked, f"{lock} is older than {project}: make lock"


def test_it_runs_on_an_old_python() -> None:
    """The very first Python of a machine may be old: the file must at least not use new syntax."""
    ast.parse((ROOT / "tools" / "setup.py").read_text(), feature_version=(3, 8))
