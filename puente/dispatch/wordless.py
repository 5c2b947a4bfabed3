"""Messages without words that the dialogue could understand: what the family is told about each."""

from typing import Any

from puente.knowledge import texts
from puente.messages.models import Message

# Neither a question nor a message to us: recorded in the transcript, no answer expected.
SILENT = ("reaction", "system", "edit", "revoke")


def replies(message: Message) -> list[dict[str, Any]]:
    """The acknowledgement for a picture, voice note, location…; nothing for what expects no answer."""
    if message.type in SILENT:
        return []
    if message.type == "audio":
        text = texts.get("nota_de_voz")
    elif message.type in ("image", "video", "document"):
        text = texts.get("archivo_sin_texto")
    else:
        text = texts.get("mensaje_sin_texto")
    return [{"text": text, "buttons": [{"title": "Hablar con alguien", "payload": "/hablar_con_persona"}]}]


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
