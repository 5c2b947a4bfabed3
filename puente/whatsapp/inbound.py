"""Reads a webhook body into messages and statuses, item by item: a broken item never spoils its neighbours."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from puente.contacts.service import Identity

MEDIA = ("image", "video", "document", "audio", "sticker")
MAX_IDENTIFIER = 512  # far beyond real ones; an index cannot hold any length


@dataclass(frozen=True)
class InboundMessage:
    """One message of a family. `text` is what can be understood (text, caption, button title), else None."""

    wamid: str
    sender: Identity
    sent_at: datetime
    type: str
    text: str | None
    button_id: str | None
    raw: dict[str, Any]


@dataclass(frozen=True)
class StatusEvent:
    """One status of a message of ours. `opaque` is our row's id, when WhatsApp echoes it."""

    wamid: str
    status: str
    opaque: str | None
    raw: dict[str, Any]


@dataclass(frozen=True)
class Broken:
    """An item that could not be read, and why."""

    reason: str
    item: Any


Item = TypeVar("Item", InboundMessage, StatusEvent)


def read(body: Any) -> Iterator[InboundMessage | StatusEvent | Broken]:
    """Every item of every change of every entry. Never raises: what cannot be read comes out as Broken."""
    if not isinstance(body, dict) or not isinstance(body.get("entry"), list):
        yield Broken("the body is not a WhatsApp webhook", body)
        return
    for entry in body["entry"]:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        if not isinstance(changes, list):
            yield Broken("an entry without changes", entry)
            continue
        for change in changes:
            yield from _read_change(change)


def _read_change(change: Any) -> Iterator[InboundMessage | StatusEvent | Broken]:
    value = change.get("value") if isinstance(change, dict) else None
    if not isinstance(value, dict):
        yield Broken("a change without value", change)
        return
    contacts = value.get("contacts")
    profiles = [item for item in contacts if isinstance(item, dict)] if isinstance(contacts, list) else []
    yield from (_guard(_read_message, item, profiles) for item in _items(value, "messages"))
    yield from (_guard(_read_status, item, profiles) for item in _items(value, "statuses"))
    for error in _items(value, "errors"):
        yield Broken("an error of the WhatsApp account", error)
    if not any(key in value for key in ("messages", "statuses", "errors")):
        yield Broken(f"nothing known in a change of field {change.get('field')!r}", change)


def _items(value: dict[str, Any], key: str) -> list[Any]:
    items = value.get(key, [])
    return items if isinstance(items, list) else [items]


def _guard(reader: Callable[..., Item], item: Any, profiles: list[dict[str, Any]]) -> Item | Broken:
    try:
        return reader(item, profiles)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError) as problem:
        return Broken(f"unreadable item: {type(problem).__name__}: {problem}", item)


def _read_message(item: dict[str, Any], profiles: list[dict[str, Any]]) -> InboundMessage:
    kind = item["type"]
    text, button_id = _content(item, kind)
    return InboundMessage(
        wamid=_nonempty(item["id"]),
        sender=_sender(item, profiles),
        sent_at=datetime.fromtimestamp(int(item["timestamp"]), UTC),
        type=str(kind),
        text=text,
        button_id=button_id,
        raw=item,
    )


def _sender(item: dict[str, Any], profiles: list[dict[str, Any]]) -> Identity:
    wa_id, bsuid = _identifier(item.get("from")), _identifier(item.get("from_user_id"))
    if not wa_id and not bsuid:
        raise ValueError("the message names no sender")
    for profile in profiles:
        if (wa_id and profile.get("wa_id") == wa_id) or (bsuid and profile.get("user_id") == bsuid):
            name = profile.get("profile")
            name = name if isinstance(name, dict) else {}
            user_id = bsuid or _identifier(profile.get("user_id"))
            return Identity(wa_id, user_id, _string(name.get("username")), _string(name.get("name")))
    return Identity(wa_id, bsuid)


def _identifier(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= MAX_IDENTIFIER else None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _content(item: dict[str, Any], kind: str) -> tuple[str | None, str | None]:
    """(text, button id) of a message; both None when there is nothing to understand in words."""
    if kind == "text":
        text = str(item["text"]["body"])
        return (text, None) if text.strip() else (None, None)
    if kind == "interactive":
        interactive = item["interactive"]
        reply = interactive.get("button_reply") or interactive.get("list_reply")
        return (str(reply["title"]), str(reply["id"])) if reply else (None, None)
    if kind == "button":
        return str(item["button"]["text"]), str(item["button"]["payload"])
    if kind in MEDIA:
        caption = item.get(kind, {}).get("caption")
        return (str(caption), None) if caption else (None, None)
    return None, None


def _read_status(item: dict[str, Any], _profiles: list[dict[str, Any]]) -> StatusEvent:
    opaque = _string(item.get("biz_opaque_callback_data"))
    return StatusEvent(_nonempty(item["id"]), _nonempty(item["status"]), opaque, item)


def _nonempty(value: Any) -> str:
    found = _identifier(value)
    if found is None:
        raise ValueError("an identifier is empty, too long or no string")
    return found
