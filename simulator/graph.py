"""The Graph API: sending, media and templates, at the addresses that Meta documents."""

import asyncio
import hashlib
import hmac
import json
import re
import secrets
import time
from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import State, UploadFile

from simulator import choices, outbound
from simulator.errors import GraphError
from simulator.faults import Step
from simulator.phones import Phones
from simulator.world import BUSINESS_NAME, BUSINESS_PHONE, MEDIA_URL_LASTS, WABA_ID, Family, Media

CUT_CONNECTION = "x-simulator-cut"
MAX_UPLOAD = 100 * 1024 * 1024
TOO_LARGE = 200 * 1024 * 1024
UNUSABLE = {"PAUSED": 132015, "DISABLED": 132016, "PENDING": 132001, "REJECTED": 132001}
Answer = Response[Any]


@post("/{version:str}/{owner:str}/messages", status_code=200)
async def send_message(version: str, owner: str, request: Request[Any, Any, State], state: State) -> Answer:
    """Send a message, or mark one as read."""
    phones: Phones = state.phones
    _authorise(phones, request, version, owner)
    body = _json(await request.body())
    if isinstance(body, dict) and body.get("status") == "read":
        return Response(_mark_read(phones, body))
    step = phones.chaos.next_step()
    await asyncio.sleep(step.slow)
    if step.drop == "before":
        return await _cut(phones)
    _refuse(phones, step)
    answer = await _accept(phones, body, step)
    return await _cut(phones) if step.drop == "after" else Response(answer)


@post("/{version:str}/{owner:str}/media", status_code=200, request_max_body_size=MAX_UPLOAD)
async def upload_media(version: str, owner: str, request: Request[Any, Any, State], state: State) -> Answer:
    """Keep a file of the business; answers its id."""
    phones: Phones = state.phones
    _authorise(phones, request, version, owner)
    form = await request.form()
    file = form.get("file")
    if form.get("messaging_product") != "whatsapp" or not isinstance(file, UploadFile):
        raise GraphError(100, "The parameters messaging_product and file are required.")
    mime_type = str(form.get("type") or file.content_type)
    media = phones.world.add_media(mime_type, await file.read(), of_business=True, filename=file.filename)
    return Response({"id": media.id})


@get("/{version:str}/{media_id:str}")
async def describe_media(version: str, media_id: str, request: Request[Any, Any, State], state: State) -> Answer:
    """Where a file can be fetched during the next five minutes."""
    phones: Phones = state.phones
    _authorise(phones, request, version)
    if media_id == phones.settings.whatsapp_phone_number_id:
        return Response(_number(phones, request))
    media = phones.world.media.get(media_id)
    if media is None:
        raise GraphError(100, f"Object with ID '{media_id}' does not exist", subcode=33)
    chaos = phones.chaos
    expires = int(time.time()) + (-1 if chaos.hits(chaos.faults.media_expired) else MEDIA_URL_LASTS)
    size = TOO_LARGE if chaos.hits(chaos.faults.media_too_large) else len(media.data)
    host = f"http://127.0.0.1:{phones.settings.simulator_port}"
    digest = media_digest(media)
    return Response(
        {
            "url": f"{host}/media-files/{media.id}?expires={expires}&sign={_media_sign(media, expires)}",
            "mime_type": media.mime_type,
            "sha256": digest,
            "file_size": size,
            "id": media.id,
            "messaging_product": "whatsapp",
        }
    )


@get("/media-files/{media_id:str}")
async def fetch_media(
    media_id: str, request: Request[Any, Any, State], state: State, expires: int = 0, sign: str = ""
) -> Response[bytes]:
    """The bytes of a file: only with the Bearer token, and only while the address lives."""
    phones: Phones = state.phones
    _check_token(phones, request)
    media = phones.world.media.get(media_id)
    missing = Response(b"", status_code=404, media_type="text/plain")
    if media is None or expires < time.time() or phones.chaos.hits(phones.chaos.faults.media_404):
        return missing
    if not hmac.compare_digest(sign, _media_sign(media, expires)):
        return missing
    chaos = phones.chaos
    if chaos.hits(chaos.faults.media_slow):
        await asyncio.sleep(chaos.faults.media_slow_seconds)
    wrong = chaos.hits(chaos.faults.media_wrong_bytes)
    return Response(media.data[:-1] + b"?" if wrong else media.data, media_type=media.mime_type)


@get("/{version:str}/{owner:str}/subscribed_apps")
async def list_subscribed_apps(version: str, owner: str, request: Request[Any, Any, State], state: State) -> Answer:
    """The apps that receive the account's webhooks: ours."""
    _authorise(state.phones, request, version, owner, WABA_ID)
    return Response({"data": [{"whatsapp_business_api_data": {"id": "300000000000001", "name": "Puente"}}]})


@get("/{version:str}/{owner:str}/message_templates")
async def list_templates(
    version: str, owner: str, request: Request[Any, Any, State], state: State, limit: int = 25, after: int = 0
) -> Answer:
    """The business's templates, page by page."""
    phones: Phones = state.phones
    _authorise(phones, request, version, owner, WABA_ID)
    found = list(phones.world.templates.values())
    page: dict[str, Any] = {"data": found[after : after + limit]}
    if after + limit < len(found):
        page["paging"] = {"cursors": {"after": str(after + limit)}, "next": str(request.url)}
    return Response(page)


@post("/{version:str}/{owner:str}/message_templates", status_code=200)
async def create_template(version: str, owner: str, request: Request[Any, Any, State], state: State) -> Answer:
    """Create a template; here it is approved at once."""
    phones: Phones = state.phones
    _authorise(phones, request, version, owner, WABA_ID)
    body = _json(await request.body())
    name, language = body.get("name"), body.get("language")
    if not isinstance(name, str) or not re.fullmatch(r"[a-z0-9_]{1,512}", name) or not isinstance(language, str):
        raise GraphError(100, "name (a-z, 0-9, _) and language are required")
    category, components = body.get("category"), body.get("components")
    if category not in ("UTILITY", "MARKETING", "AUTHENTICATION") or not isinstance(components, list):
        raise GraphError(100, "category and components are required")
    if (name, language) in phones.world.templates:
        raise GraphError(100, "There is already content in this language for this template", subcode=2388024)
    _check_template_text(components)
    template = phones.world.add_template(name, language, category, components)
    return Response({"id": template.id, "status": template.status, "category": category})


@post("/{version:str}/{template_id:str}", status_code=200)
async def edit_template(version: str, template_id: str, request: Request[Any, Any, State], state: State) -> Answer:
    """Change a template; here it is approved at once."""
    phones: Phones = state.phones
    _authorise(phones, request, version)
    body = _json(await request.body())
    template = next((item for item in phones.world.templates.values() if item.id == template_id), None)
    if template is None:
        raise GraphError(100, f"Object with ID '{template_id}' does not exist", subcode=33)
    components = body.get("components", template.components)
    _check_template_text(components)
    template.components, template.category = components, body.get("category", template.category)
    template.status = "APPROVED"
    return Response({"success": True})


def graph_error(_request: Request[Any, Any, State], problem: GraphError) -> Answer:
    """The answer of a refusal."""
    return Response(problem.body(), status_code=problem.status)


# Who asks, and for what


def _authorise(
    phones: Phones, request: Request[Any, Any, State], version: str, owner: str | None = None, also: str = ""
) -> None:
    if not re.fullmatch(r"v\d{1,3}\.\d{1,2}", version):
        raise GraphError(100, f"Unknown path components: /{version}")
    _check_token(phones, request)
    if owner is not None and owner not in (phones.settings.whatsapp_phone_number_id, also):
        raise GraphError(100, f"Unsupported request. Object with ID '{owner}' does not exist", subcode=33)


def _check_token(phones: Phones, request: Request[Any, Any, State]) -> None:
    given = request.headers.get("Authorization", "")
    if not hmac.compare_digest(given.encode(), f"Bearer {phones.settings.whatsapp_access_token}".encode()):
        raise GraphError(190, "Invalid OAuth access token - Cannot parse access token")


def _json(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        raise GraphError(100, "The request body is not JSON") from None


def _number(phones: Phones, request: Request[Any, Any, State]) -> dict[str, Any]:
    """What the API tells of our number. A proof of the app secret is checked when one is given."""
    settings = phones.settings
    proof = hmac.new(settings.whatsapp_app_secret.encode(), settings.whatsapp_access_token.encode(), "sha256")
    given = request.query_params.get("appsecret_proof")
    if given is not None and not hmac.compare_digest(given.encode(), proof.hexdigest().encode()):
        raise GraphError(100, "Invalid appsecret_proof provided in the API argument")
    return {
        "id": settings.whatsapp_phone_number_id,
        "display_phone_number": f"+{BUSINESS_PHONE}",
        "verified_name": BUSINESS_NAME,
        "quality_rating": "GREEN",
    }


def _check_template_text(components: Any) -> None:
    body = next((part for part in components if isinstance(part, dict) and part.get("type") == "BODY"), {})
    text = str(body.get("text", "")).strip()
    if not 0 < len(text) <= 1024:
        raise GraphError(100, "components: BODY needs a text of 1 to 1024 characters")
    if re.match(r"{{", text) or re.search(r"}}[.!?]?$", text):
        raise GraphError(100, "Variables can't be at the start or end of the template", subcode=2388299)
    variables = re.findall(r"{{", text)
    sample = ((body.get("example") or {}).get("body_text") or [[]])[0]
    if len(sample) != len(variables):
        raise GraphError(100, "components: BODY needs one example for each variable", subcode=2388043)


# Misbehaviour


def _refuse(phones: Phones, step: Step) -> None:
    if step.http_status is not None:
        raise _plain_failure(step.http_status)
    if step.error is not None:
        raise GraphError(step.error, "The simulator was told to answer this error.")
    if not phones.take_number_allowance():
        raise GraphError(130429, "Cloud API message throughput has been reached.")


def _plain_failure(status: int) -> GraphError:
    problem = GraphError(131000, "The simulator was told to fail.")
    problem.status = status
    return problem


async def _cut(phones: Phones) -> Answer:
    # The outermost layer of `simulator.app` sees this header and cuts the connection instead of answering.
    await asyncio.sleep(phones.chaos.faults.drop_seconds)
    return Response("", headers={CUT_CONNECTION: "1"})


# Sending


async def _accept(phones: Phones, body: Any, step: Step) -> dict[str, Any]:
    kind = outbound.check(body, lambda media_id: _uploaded(phones, media_id))
    if kind == "template":
        _check_template(phones, body["template"])
    family = _addressee(phones, body)
    if family is None:
        # Meta accepts numbers that it does not know, and reports the failure afterwards.
        family = phones.world.create_family(wa_id=_digits(body.get("to", "")), name="Número sin WhatsApp")
        failed: GraphError | None = GraphError(131026, "Message undeliverable.")
    else:
        failed = GraphError(step.failed_status, "The simulator was told to fail.") if step.failed_status else None
        failed = failed or _check_window(phones, family, kind)
    if phones.chaos.faults.pair_rate and not phones.world.take_pair_allowance(family):
        raise GraphError(131056, "Too many messages sent from this phone number to the same recipient.")
    message = phones.receive(family, kind, body)
    if step.status_before_response and failed is None:
        await phones.report_first(family, message)
    phones.report(family, message, failed)
    contact = {"input": body.get("to") or body["recipient"]}
    contact |= {"wa_id": family.wa_id} if body.get("to") and family.wa_id else {"user_id": family.bsuid}
    return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": message.id}]}


def _uploaded(phones: Phones, media_id: str) -> bool:
    media = phones.world.media.get(media_id)
    return media is not None and media.of_business


def _addressee(phones: Phones, body: dict[str, Any]) -> Family | None:
    address = _digits(body["to"]) if body.get("to") else str(body["recipient"])
    if not address:
        raise GraphError(131009, "Recipient is not a phone number")
    if address in (BUSINESS_PHONE, "52" + BUSINESS_PHONE[3:]):
        raise GraphError(131021, "The sender and the recipient are the same number.")
    return phones.world.find_family(address)


def _digits(to: str) -> str:
    digits = re.sub(r"\D", "", to)
    # Without "+", Meta takes the number as a local one and prepends the business's own country code.
    return digits if to.strip().startswith("+") or not digits else "52" + digits


def _check_window(phones: Phones, family: Family, kind: str) -> GraphError | None:
    if kind == "template" or phones.world.window_left(family) > 0:
        return None
    problem = GraphError(
        131047, "Message failed to send because more than 24 hours have passed since the customer last replied."
    )
    if phones.chaos.faults.window_as_status:
        return problem
    raise problem


def _check_template(phones: Phones, content: dict[str, Any]) -> None:
    template = choices.template_of(content, phones.world)
    if template is None:
        language = content["language"]["code"]
        raise GraphError(132001, f"template name ({content['name']}) does not exist in {language}")
    if template.status in UNUSABLE:
        raise GraphError(UNUSABLE[template.status], f"template ({content['name']}) is {template.status.lower()}")
    given, expected = len(choices.body_parameters(content)), len(template.variables)
    if given != expected:
        raise GraphError(132000, f"body: number of localizable_params ({given}) does not match ({expected})")


def _mark_read(phones: Phones, body: dict[str, Any]) -> dict[str, Any]:
    allowed = {"messaging_product", "status", "message_id", "typing_indicator"}
    if unexpected := sorted(set(body) - allowed):
        raise GraphError(100, f'Unexpected key "{unexpected[0]}" on the message.')
    message = phones.world.message(str(body.get("message_id")))
    if body.get("messaging_product") != "whatsapp" or message is None or message.direction != "in":
        raise GraphError(131009, "message_id is not an inbound message of this number")
    typing = body.get("typing_indicator")
    if typing is not None and typing != {"type": "text"}:
        raise GraphError(131009, "typing_indicator must be {'type': 'text'}")
    phones.world.mark_read_by_puente(message, typing is not None)
    return {"success": True}


# Media


def media_digest(media: Media) -> str:
    """The hash as this endpoint writes it: hexadecimal."""
    return hashlib.sha256(media.data).hexdigest()


_MEDIA_KEY = secrets.token_bytes(16)


def _media_sign(media: Media, expires: int) -> str:
    return hmac.new(_MEDIA_KEY, f"{media.id}:{expires}".encode(), "sha256").hexdigest()[:32]
