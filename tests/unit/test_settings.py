"""Settings: defaults that suit one machine, and a production that refuses to start with them."""

from pathlib import Path

import pytest

from puente import settings
from puente.db import async_url
from puente.settings import DEVELOPMENT_SECRETS, SettingsError, load

PRODUCTION = {
    "PUENTE_ENV": "production",
    "PUENTE_DATABASE_URL": "postgresql://puente@db/puente",
    "WHATSAPP_API_URL": "https://graph.example",
    "WHATSAPP_PHONE_NUMBER_ID": "1234",
    **{name: f"propio-{name}" for name in DEVELOPMENT_SECRETS},
}


def test_nothing_set_gives_what_make_run_needs() -> None:
    found = load({})
    assert (found.puente_port, found.rasa_port, found.actions_port, found.simulator_port) == (8000, 5005, 5055, 8010)
    assert found.puente_home == settings.ROOT / "var"
    assert found.puente_database_url == f"sqlite:///{settings.ROOT / 'var' / 'puente.db'}"
    assert found.whatsapp_api_url == "http://127.0.0.1:8010"
    assert found.whatsapp_api_url_is_simulator
    assert not found.production


def test_a_whatsapp_address_replaces_the_simulator() -> None:
    found = load({"WHATSAPP_API_URL": "https://graph.example/", "SIMULATOR_PORT": "9000"})
    assert found.whatsapp_api_url == "https://graph.example"
    assert not found.whatsapp_api_url_is_simulator


def test_the_database_and_the_rest_move_with_the_data_folder(tmp_path: Path) -> None:
    assert load({"PUENTE_HOME": str(tmp_path)}).puente_database_url == f"sqlite:///{tmp_path / 'puente.db'}"


def test_empty_variables_count_as_not_set() -> None:
    assert load(dict.fromkeys(settings.variable_names(), "")) == load({})


@pytest.mark.parametrize("version", ["v23.0", "23.0"])
def test_the_api_version_may_carry_its_v_or_not(version: str) -> None:
    assert load({"WHATSAPP_API_VERSION": version}).whatsapp_api_version == "23.0"


@pytest.mark.parametrize("port", ["0", "65536", "ocho", "-1", "80.5", "²"])
def test_a_port_that_is_none_is_refused_by_name(port: str) -> None:
    with pytest.raises(SettingsError, match="RASA_PORT"):
        load({"RASA_PORT": port})


def test_an_unknown_mode_is_refused() -> None:
    with pytest.raises(SettingsError, match="PUENTE_ENV"):
        load({"PUENTE_ENV": "produccion"})


def test_production_starts_with_its_own_secrets() -> None:
    found = load(PRODUCTION)
    assert found.production
    assert found.whatsapp_app_secret == "propio-WHATSAPP_APP_SECRET"


@pytest.mark.parametrize("name", sorted(set(PRODUCTION) - {"PUENTE_ENV"}))
@pytest.mark.parametrize("value", [None, "", "  "])
def test_production_refuses_a_missing_or_empty_value_and_names_it(name: str, value: str | None) -> None:
    environ = {key: entry for key, entry in PRODUCTION.items() if key != name}
    if value is not None:
        environ[name] = value
    with pytest.raises(SettingsError, match=name):
        load(environ)


@pytest.mark.parametrize("name", sorted(DEVELOPMENT_SECRETS))
def test_production_refuses_a_secret_that_stands_in_the_source(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        load({**PRODUCTION, name: DEVELOPMENT_SECRETS[name]})


@pytest.mark.parametrize(
    ("url", "driver"),
    [
        ("sqlite:////tmp/x.db", "sqlite+aiosqlite:////tmp/x.db"),
        ("postgresql://u:p@h:5/d", "postgresql+psycopg://u:p@h:5/d"),
        ("postgres://u@h/d", "postgresql+psycopg://u@h/d"),
    ],
)
def test_each_database_gets_our_driver(url: str, driver: str) -> None:
    assert async_url(url) == driver


@pytest.mark.parametrize("url", ["mysql://u@h/d", "una base"])
def test_another_database_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(SettingsError, match="PUENTE_DATABASE_URL"):
        async_url(url)


def test_an_address_that_cannot_be_read_is_not_repeated_with_its_password() -> None:
    with pytest.raises(SettingsError) as refusal:
        async_url("postgresql//puente:contrasena@servidor/base")
    assert "contrasena" not in str(refusal.value)
