"""Configuration, read once from the environment. Every default suits `make run`; production refuses defaults."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# Secrets that are public knowledge (they stand here): fine on one developer's machine, refused in production.
DEVELOPMENT_SECRETS = {
    "WHATSAPP_ACCESS_TOKEN": "simulador-token",
    "WHATSAPP_APP_SECRET": "simulador-secreto",
    "WHATSAPP_VERIFY_TOKEN": "simulador-verificacion",
    "PUENTE_INTERNAL_TOKEN": "interno-desarrollo",
}


class SettingsError(Exception):
    """The environment cannot be used; the message says which variable and what to do."""


@dataclass(frozen=True)
class Settings:
    """All that can be configured. Field names are the environment variables in lower case."""

    puente_env: str
    puente_home: Path
    puente_database_url: str
    puente_port: int
    puente_host: str
    rasa_port: int
    actions_port: int
    simulator_port: int
    redis_url: str | None
    whatsapp_api_url: str
    whatsapp_api_url_is_simulator: bool
    whatsapp_api_version: str
    whatsapp_phone_number_id: str
    whatsapp_business_account_id: str
    whatsapp_access_token: str
    whatsapp_app_secret: str
    whatsapp_verify_token: str
    puente_internal_token: str
    puente_privacy_url: str
    puente_log_format: str
    puente_media_mb: int
    puente_document_mb: int
    puente_backlog_hours: float

    @property
    def production(self) -> bool:
        return self.puente_env == "production"

    @property
    def media_folder(self) -> Path:
        return self.puente_home / "media"

    @property
    def rasa_url(self) -> str:
        return f"http://127.0.0.1:{self.rasa_port}"

    @property
    def actions_url(self) -> str:
        return f"http://127.0.0.1:{self.actions_port}"


def load(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the settings from `environ` (the process's by default).

    Raises SettingsError when a value cannot be used, or in production when a secret is missing or a default.
    """
    # An empty variable, as compose files leave them, counts as not set: no default may slip past the checks by it.
    given = os.environ if environ is None else environ
    env = {name: value.strip() for name, value in given.items() if value.strip()}
    mode = env.get("PUENTE_ENV", "development")
    if mode not in ("development", "production"):
        raise SettingsError(f"PUENTE_ENV is {mode!r}; it must be 'development' or 'production'")
    home = Path(env.get("PUENTE_HOME", ROOT / "var")).resolve()
    simulator_port = _port(env, "SIMULATOR_PORT", 8010)
    if mode == "production":
        _refuse_default_secrets(env)
    return Settings(
        puente_env=mode,
        puente_home=home,
        puente_database_url=env.get("PUENTE_DATABASE_URL", f"sqlite:///{home / 'puente.db'}"),
        puente_port=_port(env, "PUENTE_PORT", 8000),
        puente_host=env.get("PUENTE_HOST", "127.0.0.1"),
        rasa_port=_port(env, "RASA_PORT", 5005),
        actions_port=_port(env, "ACTIONS_PORT", 5055),
        simulator_port=simulator_port,
        redis_url=env.get("REDIS_URL"),
        whatsapp_api_url=env.get("WHATSAPP_API_URL", f"http://127.0.0.1:{simulator_port}").rstrip("/"),
        whatsapp_api_url_is_simulator="WHATSAPP_API_URL" not in env,
        whatsapp_api_version=env.get("WHATSAPP_API_VERSION", "v23.0").removeprefix("v"),
        whatsapp_phone_number_id=env.get("WHATSAPP_PHONE_NUMBER_ID", "100000000000001"),
        whatsapp_business_account_id=env.get("WHATSAPP_BUSINESS_ACCOUNT_ID", "200000000000001"),
        whatsapp_access_token=_secret(env, "WHATSAPP_ACCESS_TOKEN"),
        whatsapp_app_secret=_secret(env, "WHATSAPP_APP_SECRET"),
        whatsapp_verify_token=_secret(env, "WHATSAPP_VERIFY_TOKEN"),
        puente_internal_token=_secret(env, "PUENTE_INTERNAL_TOKEN"),
        puente_privacy_url=env.get("PUENTE_PRIVACY_URL", ""),
        puente_log_format=env.get("PUENTE_LOG_FORMAT", "text"),
        puente_media_mb=int(_number(env, "PUENTE_MEDIA_MB", 16, least=1, most=100)),
        puente_document_mb=int(_number(env, "PUENTE_DOCUMENT_MB", 100, least=1, most=100)),
        puente_backlog_hours=_number(env, "PUENTE_BACKLOG_HOURS", 3, least=0.25, most=24),
    )


def variable_names() -> list[str]:
    """The environment variables that exist, for the documentation's test."""
    derived = {"whatsapp_api_url_is_simulator"}
    return [field.name.upper() for field in fields(Settings) if field.name not in derived]


def _secret(env: Mapping[str, str], name: str) -> str:
    return env.get(name, DEVELOPMENT_SECRETS[name])


def _port(env: Mapping[str, str], name: str, default: int) -> int:
    value = env.get(name, str(default))
    if not value.isdecimal() or not 0 < int(value) < 65536:
        raise SettingsError(f"{name} is {value!r}; it must be a port number between 1 and 65535")
    return int(value)


def _number(env: Mapping[str, str], name: str, default: float, *, least: float, most: float) -> float:
    value = env.get(name, str(default))
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not least <= number <= most:
        raise SettingsError(f"{name} is {value!r}; it must be a number between {least} and {most}")
    return number


def _refuse_default_secrets(env: Mapping[str, str]) -> None:
    missing = [name for name, default in DEVELOPMENT_SECRETS.items() if env.get(name, default) == default]
    needed = ("WHATSAPP_API_URL", "WHATSAPP_PHONE_NUMBER_ID", "PUENTE_DATABASE_URL")
    missing += [name for name in needed if name not in env]
    if missing:
        raise SettingsError("production needs its own value for: " + ", ".join(sorted(missing)))
