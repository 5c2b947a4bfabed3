"""Messages without words that the dialogue could understand: what the family is told about each."""

import json
from datetime import datetime
from typing import Any

from puente.knowledge import resolve, texts
from puente.messages.models import Message

# Neither a question nor a message to us: recorded in the transcript, no answer expected.
SILENT = ("reaction", "system", "edit", "revoke", "request_welcome")
FILES = ("image", "video", "document", "audio")
TEXTS = {
    "audio": "archivo_ilegible",
    "image": "archivo_ilegible",
    "video": "archivo_ilegible",
    "document": "archivo_ilegible",
    "location": "ubicacion",
    "contacts": "tarjeta_de_contacto",
    "order": "pedido_de_catalogo",
    "unsupported": "mensaje_no_visible",
    "unknown": "mensaje_no_visible",
}
TO_A_PERSON = {"title": "Hablar con alguien", "payload": "/hablar_con_persona"}


def is_silent(message: Message) -> bool:
    """Whether nobody expects an answer; in a group nobody speaks to us."""
    return message.type in SILENT or bool((message.payload or {}).get("group_id"))


def replies(message: Message) -> list[dict[str, Any]]:
    """The acknowledgement for a place, a card, a sticker…; nothing for what the media lane acknowledges."""
    if is_silent(message) or (message.type in FILES and _has_file(message)):
        return []
    payload = message.payload or {}
    name = TEXTS.get(message.type, "mensaje_sin_texto")
    if message.type == "contacts" and payload.get("origin") == "contact_request":
        return [{"text": texts.get("telefono_compartido")}]
    if message.type == "interactive" and "product" in str((payload.get("interactive") or {}).get("type")):
        name = "pedido_de_catalogo"
    return [{"text": texts.get(name), "buttons": [TO_A_PERSON]}]


def said_without_words(message: Message, now: datetime) -> tuple[str, str] | None:
    """(what is shown, command for the dialogue) of a message that says something without being a text: a place."""
    place = (message.payload or {}).get("location")
    if message.type != "location" or not isinstance(place, dict):
        return None
    for said in (place.get("name"), place.get("address")):
        if not isinstance(said, str) or not said.strip():
            continue
        if unit := resolve.resolve("unidad", said, now=now).resolved:
            return said, "/informar" + json.dumps({"unidad": unit}, ensure_ascii=False)
    return None


def button_id(message: Message) -> str | None:
    """The id of the pressed button or list row, or None."""
    payload = message.payload or {}
    if message.type == "interactive":
        interactive = payload.get("interactive") or {}
        reply = interactive.get("button_reply") or interactive.get("list_reply") or {}
        return str(reply.get("id") or "") or None
    if message.type == "button":
        return str((payload.get("button") or {}).get("payload") or "") or None
    return None


def _has_file(message: Message) -> bool:
    content = (message.payload or {}).get(message.type)
    return isinstance(content, dict) and isinstance(content.get("id"), str) and bool(content["id"])
