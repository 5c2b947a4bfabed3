"""The documentation names only what exists, and leaves out no variable, command or call."""

import re
from pathlib import Path

import pytest
import typer

from puente import assistant
from puente.api.app import create_app
from puente.cli import app as command_line
from puente.settings import ROOT, load, variable_names

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]
# A variable of ours, as the documents write it: whole, in code.
VARIABLE = re.compile(r"`((?:PUENTE|RASA|ACTIONS|SIMULATOR|WHATSAPP|REDIS)_[A-Z_]+)(?:=[^`]*)?`")
# Read by one part only, so not among the settings; the code that reads each must name it.
SPECIAL = {"PUENTE_BOT_DATABASE_URL": "bot", "SIMULATOR_SEED": "simulator", "ACTIONS_URL": "puente"}


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", text("Makefile"), re.M))


def commands() -> set[str]:
    """`web`, `token create`, …"""
    found: set[str] = set()

    def walk(group: typer.Typer, prefix: str) -> None:
        for command in group.registered_commands:
            assert command.callback
            found.add(prefix + (command.name or command.callback.__name__))
        for inner in group.registered_groups:
            assert inner.typer_instance
            walk(inner.typer_instance, f"{prefix}{inner.name} ")

    walk(command_line, "")
    return found


def http_paths() -> set[str]:
    """`GET /api/v1/cases`, …; every parameter is written {}."""
    return {
        f"{method} {_plain(route.path)}"
        for route in create_app(load({})).routes
        for method in getattr(route, "methods", [])
        if method not in ("OPTIONS", "HEAD")
    }


def calls_named(document: str) -> set[str]:
    found = re.findall(r"`(GET|POST|PUT|DELETE) (/[^` ]*)`", text(document))
    return {f"{method} {_plain(path)}" for method, path in found}


def _plain(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path.partition("?")[0]).rstrip("/") or "/"


@pytest.mark.parametrize("name", NAMES)
def test_every_make_target_named_exists(name: str) -> None:
    named = set(re.findall(r"(?:`|^)make ([a-z]+)\b", text(name), re.M))
    assert named <= make_targets()


def test_every_make_target_for_people_is_documented() -> None:
    offered = set(re.findall(r"^([a-z]+):.*##", text("Makefile"), re.M)) - {"help", "setup"}
    assert offered <= set(re.findall(r"make ([a-z]+)", text("README.md")))


@pytest.mark.parametrize("name", NAMES)
def test_every_variable_named_exists(name: str) -> None:
    named = set(VARIABLE.findall(text(name)))
    assert named <= {*variable_names(), *SPECIAL, *assistant.QUIET}


def test_every_variable_is_documented() -> None:
    documented = set(re.findall(r"^\| `([A-Z_]+)` \|", text("docs/configuration.md"), re.M))
    assert set(variable_names()) <= documented


@pytest.mark.parametrize(("name", "folder"), SPECIAL.items())
def test_a_variable_of_one_part_is_read_by_it(name: str, folder: str) -> None:
    code = [path for path in (ROOT / folder).rglob("*.py") if ".venv" not in path.parts]
    assert any(name in path.read_text() for path in code)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_named_exists(name: str) -> None:
    known = commands()
    for words in re.findall(r"`puente ((?:[a-z]+ ?)+)", text(name)):
        assert any(words.strip() == command or words.startswith(command + " ") for command in known), words


def test_every_command_is_documented() -> None:
    documented = {words.strip() for words in re.findall(r"^\| `puente ([a-z ]+)` \|", text("docs/operations.md"), re.M)}
    assert documented == commands()


@pytest.mark.parametrize("name", NAMES)
def test_every_http_call_named_exists(name: str) -> None:
    assert calls_named(name) <= http_paths()


def test_every_call_of_the_api_is_documented() -> None:
    offered = {call for call in http_paths() if "/api/v1/" in call and "/schema" not in call}
    assert offered <= calls_named("docs/api.md")


@pytest.mark.parametrize("name", NAMES)
def test_every_link_leads_somewhere(name: str) -> None:
    links = re.findall(r"(?<!!)\[[^\]]*\]\(([^)#]+)", text(name))
    missing = [link for link in links if "://" not in link and not ((ROOT / name).parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_every_picture_exists(name: str) -> None:
    pictures = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text(name))
    assert [picture for picture in pictures if not ((ROOT / name).parent / picture).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_the_tree_that_is_named_exists(name: str) -> None:
    folders = "puente|bot|actions|simulator|data|tools|tests|benchmarks|docs|migrations"
    made_later = {"bot/.venv"}
    for path in re.findall(rf"`((?:{folders})/[\w./-]*)`", text(name)):
        assert path in made_later or (ROOT / path).exists() or Path(ROOT / path).with_suffix(".py").exists(), path
