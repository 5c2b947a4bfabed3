"""Checks a body of `POST /messages` as strictly as Meta does; lengths are counted in code points."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from simulator.errors import GraphError

ENVELOPE = {"messaging_product", "recipient_type", "to", "recipient", "type", "context", "biz_opaque_callback_data"}
MEDIA = ("image", "video", "audio", "document", "sticker")
CAPTIONED = ("image", "video", "document")
HEADERS = {"button": ("text", "image", "video", "document"), "list": ("text",)}
Body = dict[str, Any]


def check(body: Any, known_media: Callable[[str], bool]) -> str:
    """The type of a message's body. Raises GraphError as Meta would answer."""
    if not isinstance(body, dict):
        raise GraphError(100, "The request body is not a JSON object")
    kind = body.get("type", "text")
    if kind not in _CHECKS:
        raise GraphError(131051, f"Message type {kind!r} is currently not supported")
    _check_envelope(body, kind)
    if kind == "contacts":
        _check_contacts(body[kind])
    elif kind in MEDIA:
        _check_media(_object(body[kind], kind), kind, known_media)
    else:
        _CHECKS[kind](_object(body[kind], kind))
    return str(kind)


def _check_envelope(body: Body, kind: str) -> None:
    if body.get("messaging_product") != "whatsapp":
        raise GraphError(100, "Param messaging_product must be one of {WHATSAPP}")
    if body.get("recipient_type", "individual") != "individual":
        raise GraphError(100, "Param recipient_type must be one of {INDIVIDUAL}")
    if not body.get("to") and not body.get("recipient"):
        raise GraphError(100, "The parameter to is required.")
    for name in ("to", "recipient"):
        if name in body:
            _text(body[name], name, 1, 256)
    if kind not in body:
        raise GraphError(131008, f"Parameter '{kind}' is mandatory for type '{kind}'")
    _only(body, ENVELOPE | {kind}, "the message")
    if "context" in body:
        _only(_object(body["context"], "context"), {"message_id"}, "context")
        _text(body["context"].get("message_id"), "context['message_id']", 1, 512)
    if "biz_opaque_callback_data" in body:
        _text(body["biz_opaque_callback_data"], "biz_opaque_callback_data", 1, 512)


def _check_text(text: Body) -> None:
    _only(text, {"body", "preview_url"}, "text")
    _text(text.get("body"), "text['body']", 1, 4096, code=100)
    if not isinstance(text.get("preview_url", False), bool):
        raise GraphError(100, "Param text['preview_url'] must be a boolean")


def _check_media(media: Body, kind: str, known_media: Callable[[str], bool]) -> None:
    allowed = {"id", "link"}
    allowed |= {"caption"} if kind in CAPTIONED else set()
    allowed |= {"filename"} if kind == "document" else set()
    allowed |= {"voice"} if kind == "audio" else set()
    _only(media, allowed, kind)
    if ("id" in media) == ("link" in media):
        raise GraphError(100, f"Exactly one of id and link is required in {kind}")
    if "id" in media and not (isinstance(media["id"], str) and known_media(media["id"])):
        raise GraphError(100, f"Param {kind}['id'] is not a valid whatsapp business account media attachment ID")
    if "link" in media:
        address = urlsplit(_text(media["link"], f"{kind}['link']", 1, 2000, code=100))
        if address.scheme not in ("http", "https") or not address.netloc:
            raise GraphError(100, f"Param {kind}['link'] is not a valid URI.")
    if "caption" in media:
        _text(media["caption"], f"{kind}['caption']", 0, 1024)
    if "filename" in media:
        _text(media["filename"], f"{kind}['filename']", 1, 240)


def _check_interactive(interactive: Body) -> None:
    kind = interactive.get("type")
    if kind not in _INTERACTIVE:
        raise GraphError(131009, f"Interactive type {kind!r} is not valid")
    _only(interactive, {"type", "header", "body", "footer", "action"}, "interactive")
    body = _object(interactive.get("body"), "interactive['body']")
    _only(body, {"text"}, "interactive['body']")
    _text(body.get("text"), "interactive['body']['text']", 1, 1024)
    if "footer" in interactive:
        footer = _object(interactive["footer"], "interactive['footer']")
        _only(footer, {"text"}, "interactive['footer']")
        _text(footer.get("text"), "interactive['footer']['text']", 1, 60)
    if "header" in interactive:
        _check_header(_object(interactive["header"], "interactive['header']"), str(kind))
    _INTERACTIVE[str(kind)](_object(interactive.get("action"), "interactive['action']"))


def _check_header(header: Body, kind: str) -> None:
    if header.get("type") not in HEADERS.get(kind, ("text",)):
        raise GraphError(131009, f"Header type {header.get('type')!r} is not valid for {kind}")
    if header["type"] == "text":
        _only(header, {"type", "text"}, "interactive['header']")
        _text(header.get("text"), "interactive['header']['text']", 1, 60)


def _check_buttons(action: Body) -> None:
    _only(action, {"buttons"}, "action")
    buttons = _list(action.get("buttons"), "buttons", 1, 3)
    titles, ids = [], []
    for button in buttons:
        if button.get("type") != "reply":
            raise GraphError(131009, "Button type must be reply")
        _only(button, {"type", "reply"}, "button")
        reply = _object(button.get("reply"), "button['reply']")
        _only(reply, {"id", "title"}, "button['reply']")
        titles.append(_text(reply.get("title"), "Button title", 1, 20))
        ids.append(_text(reply.get("id"), "Button id", 1, 256))
    _distinct(titles, "Duplicated title of buttons")
    _distinct(ids, "Duplicated id of buttons")


def _check_list(action: Body) -> None:
    _only(action, {"button", "sections"}, "action")
    _text(action.get("button"), "List button", 1, 20)
    sections = _list(action.get("sections"), "sections", 1, 10)
    titles, ids = [], []
    for section in sections:
        _only(section, {"title", "rows"}, "section")
        if len(sections) > 1 or "title" in section:
            _text(section.get("title"), "Section title", 1, 24)
        for row in _list(section.get("rows"), "rows", 1, 10):
            _only(row, {"id", "title", "description"}, "row")
            titles.append(_text(row.get("title"), "Row title", 1, 24))
            ids.append(_text(row.get("id"), "Row id", 1, 200))
            if "description" in row:
                _text(row["description"], "Row description", 1, 72)
    if len(ids) > 10:
        raise GraphError(131009, "Total row count exceed max allowed count: 10")
    _distinct(ids, "Duplicated id of rows")
    _distinct(titles, "Duplicated title of rows")


def _check_link_button(action: Body) -> None:
    if action.get("name") != "cta_url":
        raise GraphError(131009, "action['name'] must be cta_url")
    parameters = _object(action.get("parameters"), "action['parameters']")
    _text(parameters.get("display_text"), "display_text", 1, 20)
    _text(parameters.get("url"), "url", 1, 2000)


def _check_named_action(name: str) -> Callable[[Body], None]:
    def check_action(action: Body) -> None:
        if action != {"name": name}:
            raise GraphError(131009, f"action must be {{'name': '{name}'}}")

    return check_action


def _check_location(location: Body) -> None:
    _only(location, {"latitude", "longitude", "name", "address"}, "location")
    for name, limit in (("latitude", 90), ("longitude", 180)):
        try:
            valid = abs(float(location[name])) <= limit
        except (KeyError, TypeError, ValueError):
            valid = False
        if not valid:
            raise GraphError(131009, f"location['{name}'] is not valid")


def _check_reaction(reaction: Body) -> None:
    _only(reaction, {"message_id", "emoji"}, "reaction")
    _text(reaction.get("message_id"), "reaction['message_id']", 1, 512)
    _text(reaction.get("emoji"), "reaction['emoji']", 0, 16)


def _check_template(template: Body) -> None:
    _only(template, {"name", "language", "components"}, "template")
    _text(template.get("name"), "template['name']", 1, 512, code=131008)
    language = _object(template.get("language"), "template['language']")
    _text(language.get("code"), "template['language']['code']", 2, 10, code=131008)
    for component in template.get("components") or []:
        if _object(component, "template component").get("type") not in ("header", "body", "button"):
            raise GraphError(132012, "Component type must be header, body or button")


def _check_contacts(contacts: Any) -> None:
    for contact in _list(contacts, "contacts", 1, 257):
        name = _object(contact.get("name"), "contact['name']")
        _text(name.get("formatted_name"), "contact['name']['formatted_name']", 1, 1024, code=131008)


def _object(value: Any, name: str) -> Body:
    if value is None:
        raise GraphError(131008, f"The parameter {name} is required.")
    if not isinstance(value, dict):
        raise GraphError(100, f"Param {name} must be a JSON object.")
    return value


def _list(value: Any, name: str, least: int, most: int) -> list[Body]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise GraphError(100, f"Param {name} must be an array of objects.")
    if not least <= len(value) <= most:
        raise GraphError(131009, f"Invalid {name} count. Min allowed {name}: {least}, Max allowed {name}: {most}")
    return value


def _text(value: Any, name: str, least: int, most: int, *, code: int = 131009) -> str:
    if value is None:
        raise GraphError(131008, f"The parameter {name} is required.")
    if not isinstance(value, str):
        raise GraphError(100, f"Param {name} must be a string.")
    if not least <= len(value) <= most or (least and not value.strip()):
        raise GraphError(code, f"{name} length invalid. Min length: {least}, Max length: {most}")
    return value


def _only(value: Body, allowed: set[str], name: str) -> None:
    for key in value:
        if key not in allowed:
            raise GraphError(100, f'Unexpected key "{key}" on {name}.')


def _distinct(values: list[str], problem: str) -> None:
    if any(value != value.strip() for value in values):
        raise GraphError(131009, "Leading or trailing spaces are not allowed")
    if len(set(values)) != len(values):
        raise GraphError(131009, problem)


_INTERACTIVE: dict[str, Callable[[Body], None]] = {
    "button": _check_buttons,
    "list": _check_list,
    "cta_url": _check_link_button,
    "location_request_message": _check_named_action("send_location"),
    "request_contact_info": _check_named_action("request_contact_info"),
}
_CHECKS: dict[str, Callable[..., None]] = {
    "text": _check_text,
    "interactive": _check_interactive,
    "location": _check_location,
    "reaction": _check_reaction,
    "template": _check_template,
    "contacts": _check_contacts,
    **dict.fromkeys(MEDIA, _check_media),
}
