"""The `puente` command."""

import asyncio
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from puente import clock, log
from puente import settings as configuration
from puente.db import Database
from puente.settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Puente: the WhatsApp line of the families.")
Result = TypeVar("Result")
token_app = typer.Typer(no_args_is_help=True, help="API tokens.")
app.add_typer(token_app, name="token")


def main() -> None:
    """Run the command; a configuration error is one sentence, not a traceback."""
    try:
        app()
    except configuration.SettingsError as problem:
        sys.exit(f"puente: {problem}")


@app.command()
def web() -> None:
    """Run the web process: the webhook, the API, health and metrics."""
    import uvicorn

    from puente.api.app import create_app

    settings = _start()
    uvicorn.run(
        create_app(settings), host=settings.puente_host, port=settings.puente_port, log_config=None, access_log=False
    )


@app.command()
def worker() -> None:
    """Run a worker: safety gate, dialogue and sending. Run as many as you like."""
    from puente.dispatch import worker as process

    _run(process.run(_start()))


@app.command()
def migrate() -> None:
    """Bring the database up to the current tables."""
    from puente.db import migrations

    settings = _start()
    migrations.upgrade(settings.puente_database_url)


@app.command()
def run() -> None:
    """Run everything on this machine: the database is brought up to date, a model is trained if need be."""
    from puente import supervisor

    settings = _start()
    sys.exit(supervisor.run(settings, lambda: _prepare_database(settings)))


@app.command()
def train(if_needed: Annotated[bool, typer.Option(help="Only when the model is not current")] = False) -> None:
    """Train the assistant."""
    from puente import assistant

    settings = _start()
    if if_needed and assistant.model_is_current():
        return
    try:
        assistant.train(settings)
    except assistant.TrainingError as problem:
        sys.exit(f"puente: {problem}")


@app.command()
def understand(source: Path, target: Path) -> None:
    """Write what the assistant understands of each JSON line of SOURCE to TARGET."""
    from puente import assistant
    from puente.training import commands
    from puente.training.understand import BadLine

    try:
        count = commands.understand(_start(), source, target)
    except (assistant.TrainingError, commands.UnderstandingError, BadLine) as problem:
        sys.exit(f"puente: {problem}")
    typer.echo(f"{count} mensajes → {target}", err=True)


@app.command()
def evaluate(source: Path) -> None:
    """Measure the assistant on labelled JSON lines; a report as JSON and as a page."""
    from puente import assistant
    from puente.training import commands
    from puente.training.understand import BadLine

    try:
        _, as_json, as_page = commands.evaluate(_start(), source)
    except (assistant.TrainingError, commands.UnderstandingError, BadLine) as problem:
        sys.exit(f"puente: {problem}")
    typer.echo(as_json.read_text())
    typer.echo(f"informe: {as_json} y {as_page}", err=True)


@token_app.command("create")
def token_create(name: Annotated[str, typer.Argument(help="Who will use it")] = "demo") -> None:
    """Make a token (or a new one of that name) and print it. It cannot be shown again."""
    typer.echo(_run(_create_token(_start(), name)))


@token_app.command("revoke")
def token_revoke(name: str) -> None:
    """End a token."""
    if not _run(_revoke_token(_start(), name)):
        sys.exit(f"puente: there is no token called {name!r}")


def _prepare_database(settings: Settings) -> str:
    """Migrate and, outside production, make the demo's API token; the token stays the same from run to run."""
    from puente.db import migrations

    migrations.upgrade(settings.puente_database_url)
    return "" if settings.production else _run(_demo_token(settings))


async def _demo_token(settings: Settings) -> str:
    from puente.api import tokens

    kept = Path(settings.puente_home) / "demo-token"
    database = Database(settings.puente_database_url)
    try:
        async with database.transaction() as session:
            token = kept.read_text().strip() if kept.exists() else ""
            if not token or await tokens.caller(session, token) is None:
                token = await tokens.create(session, "demo", clock.utcnow())
                kept.touch(mode=0o600)
                kept.write_text(token)
            return token
    finally:
        await database.close()


async def _create_token(settings: Settings, name: str) -> str:
    from puente.api import tokens

    database = Database(settings.puente_database_url)
    try:
        async with database.transaction() as session:
            return await tokens.create(session, name, clock.utcnow())
    finally:
        await database.close()


async def _revoke_token(settings: Settings, name: str) -> bool:
    from puente.api import tokens

    database = Database(settings.puente_database_url)
    try:
        async with database.transaction() as session:
            return await tokens.revoke(session, name, clock.utcnow())
    finally:
        await database.close()


def _start() -> Settings:
    settings = configuration.load()
    log.configure(log_format=settings.puente_log_format)
    Path(settings.puente_home).mkdir(parents=True, exist_ok=True)
    return settings


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    try:
        return asyncio.run(work)
    except (KeyboardInterrupt, asyncio.CancelledError):  # asked to stop, and done
        sys.exit(0)


if __name__ == "__main__":
    main()
