"""Runs the migrations in `migrations/`."""

from alembic import command
from alembic.config import Config

from puente.settings import ROOT


def config(url: str) -> Config:
    """Alembic's configuration for this database."""
    configuration = Config()
    configuration.set_main_option("script_location", str(ROOT / "migrations"))
    configuration.attributes["url"] = url
    return configuration


def upgrade(url: str) -> None:
    """Bring the database to the newest revision."""
    command.upgrade(config(url), "head")
