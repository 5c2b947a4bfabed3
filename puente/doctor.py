"""`puente doctor`: is everything set up, and if not, what to do about it. Asks, changes nothing."""

import asyncio
import json
import shutil
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from puente.db import Database, migrations
from puente.messages import number
from puente.settings import DEVELOPMENT_SECRETS, Settings
from puente.whatsapp import errors, submission, templates
from puente.whatsapp.account import Account, AccountError, Number
from puente.whatsapp.signature import sign

GOOD, WARNING, BAD = "bien", "aviso", "mal"
FREE_GIGABYTES = 2
CLOCK_SECONDS = 30  # the 24-hour window is decided with a margin of five minutes
NOT_FOUND = 100
TOKEN = (0, 3, 10, 190)


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at; `to_do` says what a person should do when it is not well."""

    what: str
    how: str
    said: str
    to_do: str = ""


@dataclass(frozen=True)
class Clinic:
    """What the checks look with; tests bring their own transports."""

    settings: Settings
    account: Account
    http: httpx.AsyncClient


async def examine(
    settings: Settings,
    *,
    graph: httpx.AsyncBaseTransport | None = None,
    local: httpx.AsyncBaseTransport | None = None,
) -> list[Finding]:
    """Everything that was looked at, in the order in which one would put it right."""
    http = httpx.AsyncClient(timeout=httpx.Timeout(5), transport=local, trust_env=False)
    clinic = Clinic(settings, Account(settings, graph), http)
    checks: tuple[Callable[[Clinic], Awaitable[list[Finding]]], ...] = (
        _data, _disk, _database, _processes, _webhook, _whatsapp, _number,
    )  # fmt: skip
    try:
        findings: list[Finding] = []
        for check in checks:
            try:
                findings += await check(clinic)
            except Exception as problem:  # a check that breaks is a finding too
                findings.append(Finding(check.__name__.strip("_"), BAD, f"{type(problem).__name__}: {problem}"))
        return findings
    finally:
        await clinic.account.close()
        await http.aclose()


# ----------------------------------------------------------------------------------------------------- on this side


async def _data(_clinic: Clinic) -> list[Finding]:
    try:
        errors.table()
        wrong = [f"{item.name}: {said}" for item in templates.all_templates().values() for said in item.problems()]
    except (errors.BadTable, templates.BadTemplate) as problem:
        wrong = [str(problem)]
    if wrong:
        return [Finding("datos", BAD, "; ".join(wrong), "Corrija los archivos de data/whatsapp y data/templates.")]
    return [Finding("datos", GOOD, "la tabla de errores y las plantillas se leen bien")]


async def _disk(clinic: Clinic) -> list[Finding]:
    home = clinic.settings.puente_home
    while not home.exists():
        home = home.parent
    free = shutil.disk_usage(home).free / 1e9
    said = f"quedan {free:.1f} GB en {clinic.settings.puente_home}"
    if free >= FREE_GIGABYTES:
        return [Finding("disco", GOOD, said)]
    return [Finding("disco", BAD, said, f"Libere espacio: hacen falta al menos {FREE_GIGABYTES} GB.")]


async def _database(clinic: Clinic) -> list[Finding]:
    try:
        there, newest = await asyncio.to_thread(migrations.revisions, clinic.settings.puente_database_url)
    except Exception as problem:  # whatever is wrong with it
        to_do = "Revise PUENTE_DATABASE_URL y que el servidor de la base de datos esté encendido."
        return [Finding("base de datos", BAD, f"no responde ({type(problem).__name__})", to_do)]
    if there != newest:
        said = f"sus tablas son de la versión {there or 'ninguna'}; la actual es {newest}"
        return [Finding("base de datos", BAD, said, "Ejecute: puente migrate")]
    return [Finding("base de datos", GOOD, f"responde y está al día ({newest})")]


async def _processes(clinic: Clinic) -> list[Finding]:
    settings = clinic.settings
    return [
        await _answers(clinic, "asistente (Rasa)", f"{settings.rasa_url}/webhooks/puente/health"),
        await _answers(clinic, "acciones", f"{settings.actions_url}/health"),
    ]


async def _answers(clinic: Clinic, what: str, url: str) -> Finding:
    to_do = "Arranque Puente (puente run) y espere a que cargue; si sigue igual, vea sus líneas en la bitácora."
    try:
        response = await clinic.http.get(url)
    except httpx.HTTPError as problem:
        return Finding(what, BAD, f"no responde ({type(problem).__name__})", to_do)
    if response.status_code != 200:
        return Finding(what, BAD, f"responde {response.status_code}", to_do)
    return Finding(what, GOOD, "responde")


async def _webhook(clinic: Clinic) -> list[Finding]:
    """Our own web process: does it confirm its address to Meta, and does it know the secret that signs?"""
    settings = clinic.settings
    url = f"http://{_host(settings)}:{settings.puente_port}/webhooks/whatsapp"
    query = {"hub.mode": "subscribe", "hub.challenge": "20261122", "hub.verify_token": settings.whatsapp_verify_token}
    to_do = "El proceso web usa otra configuración que esta terminal: iguale las variables y reinícielo."
    try:
        verified = await clinic.http.get(url, params=query)
        body = json.dumps({"object": "whatsapp_business_account", "entry": []}).encode()
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": sign(body, settings.whatsapp_app_secret)}
        signed = await clinic.http.post(url, content=body, headers=headers)
        forged = await clinic.http.post(url, content=body, headers={**headers, "X-Hub-Signature-256": "sha256=0"})
    except httpx.HTTPError as problem:
        said = f"el proceso web no responde ({type(problem).__name__})"
        return [Finding("webhook", BAD, said, f"Arranque el proceso web en el puerto {settings.puente_port}.")]
    findings = [Finding("webhook: verificación", GOOD, "la dirección se confirma con el token de verificación")]
    if (verified.status_code, verified.text) != (200, "20261122"):
        findings = [Finding("webhook: verificación", BAD, "no acepta WHATSAPP_VERIFY_TOKEN", to_do)]
    if (signed.status_code, forged.status_code) != (200, 401):
        return [*findings, Finding("webhook: firma", BAD, "no acepta lo que firma WHATSAPP_APP_SECRET", to_do)]
    return [*findings, Finding("webhook: firma", GOOD, "acepta lo firmado y rechaza lo demás")]


async def _number(clinic: Clinic) -> list[Finding]:
    database = Database(clinic.settings.puente_database_url)
    try:
        async with database.reading() as session:
            row = await number.state(session)
    finally:
        await database.close()
    if row is None or row.state == number.FREE:
        return [Finding("envíos", GOOD, "el número puede enviar")]
    said = f"el número está en {row.state} desde {row.since:%d/%m %H:%M} UTC: {row.reason} (código {row.code})"
    to_do = "Corrija la causa. Puente prueba solo de vez en cuando; para no esperar: puente number resume"
    return [Finding("envíos", BAD if row.state == number.STOPPED else WARNING, said, to_do)]


# -------------------------------------------------------------------------------------------------- on WhatsApp's side


async def _whatsapp(clinic: Clinic) -> list[Finding]:
    settings, findings = clinic.settings, []
    if settings.whatsapp_api_url_is_simulator:
        findings.append(Finding("WhatsApp", WARNING, "se usa el teléfono simulado", "Para el real: WHATSAPP_API_URL."))
    elif settings.whatsapp_access_token == DEVELOPMENT_SECRETS["WHATSAPP_ACCESS_TOKEN"]:
        return [Finding("token", BAD, "es el de desarrollo", "Ponga el suyo en WHATSAPP_ACCESS_TOKEN.")]
    try:
        found = await clinic.account.number()
    except AccountError as problem:
        return [*findings, _refused(problem)]
    findings += [
        Finding("token", GOOD, "WhatsApp lo acepta"),
        _of_number(found),
        _clock(found),
        await _secret(clinic),
        await _subscription(clinic),
        await _templates(clinic),
    ]
    return findings


def _refused(problem: AccountError) -> Finding:
    if problem.status is None:
        to_do = "Revise la red, el proxy y WHATSAPP_API_URL."
        return Finding("WhatsApp", BAD, f"no se alcanza ({problem})", to_do)
    if problem.status == 401 or problem.code in TOKEN or 200 <= (problem.code or 0) <= 299:
        to_do = "Genere un token permanente del usuario del sistema con whatsapp_business_messaging y _management."
        return Finding("token", BAD, f"WhatsApp no lo acepta: {problem}", to_do)
    if problem.code == NOT_FOUND:
        to_do = "Copie el identificador del número (no el teléfono) en WHATSAPP_PHONE_NUMBER_ID."
        return Finding("número", BAD, f"WhatsApp no lo conoce: {problem}", to_do)
    return Finding("WhatsApp", BAD, f"responde con un error: {problem}", "Inténtelo más tarde.")


def _of_number(found: Number) -> Finding:
    said = f"{found.phone} «{found.name}», calidad {found.quality or 'desconocida'}"
    if found.quality == "RED":
        return Finding("número", WARNING, said, "La calidad es baja: hay quejas. Envíe menos avisos y respete BAJA.")
    return Finding("número", GOOD, said)


def _clock(found: Number) -> Finding:
    if found.at is None:
        return Finding("reloj", WARNING, "WhatsApp no dijo su hora", "Compruebe que este equipo use NTP.")
    apart = abs((datetime.fromtimestamp(time.time(), UTC) - found.at).total_seconds())
    said = f"difiere {apart:.0f} s del de WhatsApp"
    if apart <= CLOCK_SECONDS:
        return Finding("reloj", GOOD, said)
    return Finding("reloj", BAD, said, "Sincronice el reloj (NTP): con él se decide la ventana de 24 horas.")


async def _secret(clinic: Clinic) -> Finding:
    try:
        await clinic.account.number(prove_secret=True)
    except AccountError as problem:
        to_do = "Copie en WHATSAPP_APP_SECRET la clave secreta de la app a la que pertenece el token."
        return Finding("secreto de la app", BAD, f"no corresponde al token: {problem}", to_do)
    return Finding("secreto de la app", GOOD, "corresponde al token")


async def _subscription(clinic: Clinic) -> Finding:
    what = "suscripción al webhook"
    try:
        apps = await clinic.account.subscribed_apps()
    except AccountError as problem:
        to_do = "Revise WHATSAPP_BUSINESS_ACCOUNT_ID y el permiso whatsapp_business_management del token."
        return Finding(what, BAD, f"no se pudo consultar: {problem}", to_do)
    if not apps:
        to_do = "Suscriba la app a la cuenta y al campo «messages» en el panel de Meta; sin eso no llegan mensajes."
        return Finding(what, BAD, "ninguna app recibe los mensajes de la cuenta", to_do)
    return Finding(what, GOOD, f"recibe los mensajes: {', '.join(apps)}")


async def _templates(clinic: Clinic) -> Finding:
    ours = templates.all_templates().values()
    try:
        found = submission.compare(ours, await clinic.account.templates())
    except AccountError as problem:
        to_do = "Revise WHATSAPP_BUSINESS_ACCOUNT_ID y el permiso whatsapp_business_management del token."
        return Finding("plantillas", BAD, f"no se pudieron consultar: {problem}", to_do)
    if not found:
        return Finding("plantillas", GOOD, "todas están aprobadas y al día")
    said = "; ".join(f"{item.template.name}: {item.said[0].splitlines()[0]}" for item in found)
    return Finding("plantillas", BAD, said, "Vea: puente templates diff. Envíelas con: puente templates submit")


def _host(settings: Settings) -> str:
    return "127.0.0.1" if settings.puente_host in ("0.0.0.0", "::") else settings.puente_host  # noqa: S104
