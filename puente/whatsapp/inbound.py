"""Reads a webhook body into messages and statuses, item by item: a broken item never spoils its neighbours."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from puente.contacts.identity import Identity
from puente.media.types import hex_digest

MEDIA = ("image", "video", "document", "audio", "sticker")
CHANGES_OF_NUMBER = ("user_changed_number", "user_changed_user_id", "customer_changed_number")
CHANGES_OF_DEVICE = ("customer_identity_changed", "user_identity_changed")
MAX_IDENTIFIER = 512  # far beyond real ones; an index cannot hold any length


@dataclass(frozen=True)
class File:
    """A file that a message carries, to be fetched under its id."""

    whatsapp_id: str
    mime: str | None
    sha256: str | None  # hexadecimal
    name: str | None


@dataclass(frozen=True)
class InboundMessage:
    """One message of a family. `text` is what can be understood (text, caption, button title), else None.

    `about` is the message that an edit, a deletion, a reaction or an answer refers to. `moved_to` is who the sender is
    from now on, when that is what the message tells; `device_changed`, that somebody else may hold the number.
    """

    wamid: str
    sender: Identity
    sent_at: datetime
    type: str
    text: str | None
    button_id: str | None
    raw: dict[str, Any]
    about: str | None = None
    file: File | None = None
    shared_phone: str | None = None
    moved_to: Identity | None = None
    device_changed: bool = False


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
    alert: bool = False  # about the account itself: somebody should look soon


Item = TypeVar("Item", InboundMessage, StatusEvent)


def read(body: Any, own_number: str | None = None) -> Iterator[InboundMessage | StatusEvent | Broken]:
    """Every item of every change of every entry. Never raises: what cannot be read comes out as Broken.

    With `own_number` (a phone number id), so does what is meant for another number.
    """
    if not isinstance(body, dict) or not isinstance(body.get("entry"), list):
        yield Broken("the body is not a WhatsApp webhook", body)
        return
    for entry in body["entry"]:
        changes = entry.get("changes") if isinstance(entry, dict) else None
        if not isinstance(changes, list):
            yield Broken("an entry without changes", entry)
            continue
        for change in changes:
            yield from _read_change(change, own_number)


def _read_change(change: Any, own_number: str | None) -> Iterator[InboundMessage | StatusEvent | Broken]:
    value = change.get("value") if isinstance(change, dict) else None
    if not isinstance(value, dict):
        yield Broken("a change without value", change)
        return
    if not _is_for(value, own_number):
        yield Broken("a change for a number that is not ours", change)
        return
    contacts = value.get("contacts")
    profiles = [item for item in contacts if isinstance(item, dict)] if isinstance(contacts, list) else []
    yield from (_guard(_read_message, item, profiles) for item in _items(value, "messages"))
    yield from (_guard(_read_status, item, profiles) for item in _items(value, "statuses"))
    for error in _items(value, "errors"):
        yield Broken("an error of the WhatsApp account", error, alert=True)
    if not any(key in value for key in ("messages", "statuses", "errors")):
        yield Broken(f"nothing known in a change of field {change.get('field')!r}", change)


def _is_for(value: dict[str, Any], own_number: str | None) -> bool:
    metadata = value.get("metadata")
    number = metadata.get("phone_number_id") if isinstance(metadata, dict) else None
    return own_number is None or number is None or str(number) == own_number


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
    sent_at = datetime.fromtimestamp(int(item["timestamp"]), UTC)
    is_system = kind == "system" and isinstance(item.get("system"), dict)
    return InboundMessage(
        wamid=_nonempty(item["id"]),
        sender=_sender_before(item, sent_at) if is_system else _sender(item, profiles, sent_at),
        sent_at=sent_at,
        type=str(kind),
        text=text,
        button_id=button_id,
        raw=item,
        about=_about(item, kind),
        file=_file(item[kind]) if kind in MEDIA else None,
        shared_phone=_shared_phone(item) if kind == "contacts" else None,
        moved_to=_moved_to(item["system"], sent_at) if is_system else None,
        device_changed=is_system and item["system"].get("type") in CHANGES_OF_DEVICE,
    )


def _about(item: dict[str, Any], kind: str) -> str | None:
    content = item.get(kind)
    if kind == "reaction":
        return _identifier(content["message_id"]) if isinstance(content, dict) else None
    if kind in ("edit", "revoke"):
        return _identifier(content.get("original_message_id")) if isinstance(content, dict) else None
    context = item.get("context")
    return _identifier(context.get("id")) if isinstance(context, dict) else None


def _file(content: Any) -> File | None:
    """The file of a picture, voice note…; None when there is no id to fetch it by."""
    whatsapp_id = _identifier(content.get("id")) if isinstance(content, dict) else None
    if whatsapp_id is None:
        return None
    return File(
        whatsapp_id,
        _identifier(content.get("mime_type")),
        hex_digest(content.get("sha256")),
        _identifier(content.get("filename")),
    )


def _shared_phone(item: dict[str, Any]) -> str | None:
    """The sender's own number, when it answers our asking for it; other people's cards say nothing about the sender."""
    if item.get("origin") != "contact_request":
        return None
    phones = [entry for card in item["contacts"] for entry in card.get("phones") or []]
    return next((_identifier(entry.get("wa_id")) for entry in phones if entry.get("wa_id")), None)


def _sender_before(item: dict[str, Any], sent_at: datetime) -> Identity:
    """Who a system message is about, as known so far. Its `from_user_id` may be the old id or the new one."""
    wa_id = _identifier(item.get("from"))
    bsuid = _identifier(item["system"].get("previous_user_id"))
    if not wa_id and not bsuid:
        bsuid = _identifier(item.get("from_user_id"))
    if not wa_id and not bsuid:
        raise ValueError("the message names no sender")
    return Identity(wa_id, bsuid, said_at=sent_at)


def _moved_to(system: dict[str, Any], sent_at: datetime) -> Identity | None:
    if system.get("type") not in CHANGES_OF_NUMBER:
        return None
    wa_id = _identifier(system.get("wa_id")) or _identifier(system.get("new_wa_id"))
    bsuid = _identifier(system.get("user_id"))
    return Identity(wa_id, bsuid, said_at=sent_at) if wa_id or bsuid else None


def _sender(item: dict[str, Any], profiles: list[dict[str, Any]], sent_at: datetime) -> Identity:
    wa_id, bsuid = _identifier(item.get("from")), _identifier(item.get("from_user_id"))
    if not wa_id and not bsuid:
        raise ValueError("the message names no sender")
    for profile in profiles:
        if (wa_id and profile.get("wa_id") == wa_id) or (bsuid and profile.get("user_id") == bsuid):
            name = profile.get("profile")
            name = name if isinstance(name, dict) else {}
            user_id = bsuid or _identifier(profile.get("user_id"))
            return Identity(wa_id, user_id, _string(name.get("username")), _string(name.get("name")), sent_at)
    return Identity(wa_id, bsuid, said_at=sent_at)


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
    if kind == "edit":
        changed = (item.get("edit") or {}).get("message") or {}
        return _content(changed, changed["type"]) if changed.get("type") in ("text", *MEDIA) else (None, None)
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
