"""The `puente` command."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from sqlalchemy.ext.asyncio import AsyncSession

from puente import clock, log
from puente import settings as configuration
from puente.db import Database
from puente.settings import Settings

if TYPE_CHECKING:
    from puente.whatsapp.account import Account

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Puente: the WhatsApp line of the families.")
Result = TypeVar("Result")
token_app = typer.Typer(no_args_is_help=True, help="API tokens.")
app.add_typer(token_app, name="token")
templates_app = typer.Typer(no_args_is_help=True, help="Message templates: our files and the WhatsApp account.")
app.add_typer(templates_app, name="templates")
messages_app = typer.Typer(no_args_is_help=True, help="Messages that did not reach their family.")
app.add_typer(messages_app, name="messages")
number_app = typer.Typer(no_args_is_help=True, help="Our WhatsApp number.")
app.add_typer(number_app, name="number")
duty_app = typer.Typer(no_args_is_help=True, help="People who are alerted of urgent cases.")
app.add_typer(duty_app, name="duty")
safety_app = typer.Typer(no_args_is_help=True, help="What the safety gate learns from.")
app.add_typer(safety_app, name="safety")


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
    started = time.monotonic()
    try:
        assistant.train(settings)
    except assistant.TrainingError as problem:
        sys.exit(f"puente: {problem}")
    typer.echo(f"Modelo entrenado en {time.monotonic() - started:.0f} s: {assistant.MODEL}", err=True)


@app.command()
def understand(source: Path, target: Path) -> None:
    """Write what the assistant understands of each JSON line of SOURCE to TARGET."""
    from puente import assistant
    from puente.training import commands
    from puente.training.lines import BadLine

    try:
        count = commands.understand(_start(), source, target)
    except (assistant.TrainingError, commands.UnderstandingError, BadLine) as problem:
        sys.exit(f"puente: {problem}")
    typer.echo(f"{count} mensajes → {target}", err=True)


@app.command()
def evaluate(
    source: Path,
    floors: Annotated[Path | None, typer.Option(help="YAML of thresholds: exit 1 when one is not held")] = None,
) -> None:
    """Measure the assistant on labelled JSON lines; a report as JSON and as a page."""
    from puente import assistant
    from puente.training import commands
    from puente.training.floors import FloorsError
    from puente.training.lines import BadLine

    try:
        report, as_json, as_page = commands.evaluate(_start(), source, floors)
    except (assistant.TrainingError, commands.UnderstandingError, BadLine, FloorsError) as problem:
        sys.exit(f"puente: {problem}")
    typer.echo(as_json.read_text("utf-8"))
    typer.echo(f"informe: {as_json} y {as_page}", err=True)
    if report.not_held:
        sys.exit("\n".join(["puente: no se cumplen estos umbrales:", *report.not_held]))


@app.command()
def doctor() -> None:
    """Look at the whole set-up and say what to do about what is wrong; exit 1 when something is."""
    from puente import doctor as clinic

    marks = {clinic.GOOD: "✓", clinic.WARNING: "!", clinic.BAD: "✗"}
    findings = _run(clinic.examine(_start()))
    for finding in findings:
        typer.echo(f"{marks[finding.how]} {finding.what}: {finding.said}")
        if finding.to_do:
            typer.echo(f"    → {finding.to_do}")
    if any(finding.how == clinic.BAD for finding in findings):
        sys.exit(1)


@templates_app.command("check")
def templates_check() -> None:
    """Check our templates against Meta's rules, without asking Meta; exit 1 when one breaks them."""
    from puente.whatsapp import templates

    wrong = 0
    for template in templates.all_templates().values():
        problems = template.problems()
        wrong += len(problems)
        typer.echo(f"{'✗' if problems else '✓'} {template.name} ({template.language}): {template.purpose}")
        for problem in problems:
            typer.echo(f"    → {problem}")
    if wrong:
        sys.exit(1)


@templates_app.command("diff")
def templates_diff() -> None:
    """Show how our templates differ from those of the account; exit 1 when they do."""
    from puente.whatsapp import submission, templates
    from puente.whatsapp.account import Account

    async def work(account: Account) -> bool:
        ours, theirs = templates.all_templates().values(), await account.templates()
        found = submission.compare(ours, theirs)
        for difference in found:
            typer.echo(f"✗ {difference.template.name} ({difference.template.language})")
            for said in difference.said:
                typer.echo(f"    → {said}")
        for other in submission.only_there(ours, theirs):
            typer.echo(f"· {other.name} ({other.language}): solo está en la cuenta")
        if not found:
            typer.echo("✓ la cuenta tiene todas nuestras plantillas, aprobadas y al día")
        return bool(found)

    if _with_account(work):
        sys.exit(1)


@templates_app.command("submit")
def templates_submit() -> None:
    """Submit the templates that the account lacks or has otherwise; exit 1 when one breaks Meta's rules."""
    from puente.whatsapp import submission, templates
    from puente.whatsapp.account import Account

    ours = templates.all_templates().values()
    if wrong := [template.name for template in ours if template.problems()]:
        sys.exit(f"puente: estas plantillas tienen errores (puente templates check): {', '.join(wrong)}")

    async def work(account: Account) -> None:
        found = submission.compare(ours, await account.templates())
        for difference in found:
            if difference.submittable:
                result = await submission.submit(account, difference)
                typer.echo(f"{result.name}: {result.said}")
            else:
                typer.echo(f"{difference.template.name}: {difference.said[-1]}")
        if not found:
            typer.echo("no hay nada que enviar")

    _with_account(work)


@messages_app.command("failed")
def messages_failed(limit: Annotated[int, typer.Option(help="How many, newest first")] = 50) -> None:
    """List the messages that did not reach their family, with the reason."""
    from puente.messages import failures

    for failure in _in_transaction(lambda session: failures.dead_letters(session, limit=limit)):
        row = failure.message
        again = f"\treenviado como {failure.replaced_by}" if failure.replaced_by else ""
        typer.echo(f"{row.id}\t{row.created_at:%Y-%m-%d %H:%M}\t{row.error_code or '-'}\t{row.error_text}{again}")


@messages_app.command("resend")
def messages_resend(message_ids: list[int]) -> None:
    """Send failed messages again, by the numbers that `messages failed` shows."""
    from puente.messages import failures

    for message_id in message_ids:

        async def resend(session: AsyncSession, message_id: int = message_id) -> int | None:
            row = await failures.resend(session, message_id, clock.utcnow())
            return row.id if row else None

        try:
            new_id = _in_transaction(resend)
        except failures.NotFailed as problem:
            sys.exit(f"puente: message {message_id} is {problem}, it has not failed")
        if new_id is None:
            sys.exit(f"puente: there is no outbound message {message_id}")
        typer.echo(f"{message_id} → {new_id}")


@number_app.command("status")
def number_status() -> None:
    """Say whether our number sends, and if not, why; exit 1 when it does not."""
    from puente.messages import number

    row = _in_transaction(number.state)
    if row is None or row.state == number.FREE:
        typer.echo("✓ el número puede enviar")
        return
    typer.echo(f"✗ {row.state} desde {row.since:%Y-%m-%d %H:%M} UTC: {row.reason} (código {row.code})")
    sys.exit(1)


@number_app.command("resume")
def number_resume() -> None:
    """Send again: what stopped the number was put right."""
    from puente.messages import number

    held = _in_transaction(lambda session: number.free(session, clock.utcnow()))
    typer.echo("el número envía otra vez" if held else "el número no estaba detenido")


@duty_app.command("add")
def duty_add(
    name: str,
    phone: Annotated[str, typer.Argument(help="WhatsApp number with country code")],
    area: Annotated[str, typer.Option(help="Area that is alerted")] = "atencion_medica",
    step: Annotated[int, typer.Option(help="1: at once; 2: when nobody took it; and so on")] = 1,
) -> None:
    """Put somebody on duty for alarms."""
    from puente.knowledge import catalogs
    from puente.safety import duty

    if area not in catalogs.areas():
        sys.exit(f"puente: there is no area {area!r}; there are: {', '.join(catalogs.areas())}")
    _in_transaction(lambda session: duty.add(session, area=area, name=name, phone=phone, step=step, now=clock.utcnow()))


@duty_app.command("list")
def duty_list() -> None:
    """Who is on duty."""
    from puente.safety import duty

    for person in _in_transaction(duty.on_duty):
        typer.echo(f"{person.id}\t{person.area}\t{person.step}\t{person.name}")


@duty_app.command("remove")
def duty_remove(person_id: int) -> None:
    """Take somebody off duty, by the number that `duty list` shows."""
    from puente.safety import duty

    if not _in_transaction(lambda session: duty.remove(session, person_id)):
        sys.exit(f"puente: nobody on duty has the number {person_id}")


@safety_app.callback()
def safety() -> None:
    """What the safety gate learns from."""


@safety_app.command("add")
def safety_add(
    text: Annotated[str, typer.Argument(help="The message, without personal data")],
    label: Annotated[str, typer.Option(help="What it is: alarma or inofensivo")],
    kind: Annotated[str, typer.Option(help="Which sign, or why it is harmless: data/safety/signs.yml names them")],
) -> None:
    """Keep an error of the safety gate as an example to learn from."""
    from puente.safety import corrections
    from puente.safety.examples import BadExample

    try:
        verdict = corrections.add(text, label, kind)
    except BadExample as problem:
        sys.exit(f"puente: {problem}")
    typer.echo(corrections.described(verdict))
    typer.echo(f"Guardado en {corrections.FILE}. Para que aprenda: python -m puente.safety.train")


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


def _with_account(work: "Callable[[Account], Awaitable[Result]]") -> Result:
    """Run one piece of work with the WhatsApp account."""
    from puente.whatsapp.account import Account, AccountError

    async def run() -> Result:
        account = Account(_start())
        try:
            return await work(account)
        finally:
            await account.close()

    try:
        return _run(run())
    except AccountError as problem:
        sys.exit(f"puente: WhatsApp no aceptó la consulta: {problem} (vea: puente doctor)")


def _in_transaction(work: Callable[[AsyncSession], Awaitable[Result]]) -> Result:
    """Run one piece of work on the configured database."""

    async def run() -> Result:
        database = Database(_start().puente_database_url)
        try:
            async with database.transaction() as session:
                return await work(session)
        finally:
            await database.close()

    return _run(run())


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
