"""Mutated webhooks: Meta's own examples and ours, broken in every way that a seed can think of."""

import copy
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests import fake_whatsapp as wa

META_EXAMPLES = Path(__file__).resolve().parents[3] / "shared" / "whatsapp" / "webhook.examples.json"
AT = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**70, -(2**70), 0.5, 1e308, "", " ", "0", "x", "\0", "\ud83d", "٣",
    "🤒" * 9, "a" * 600, "b" * 70_000, "null", "-1", "1e9", "99999999999999", "{{1}}", "'; DROP TABLE messages;--",
    "../../etc/passwd", "/afirmar", "alarma:si", "p:0000", "MX.1", "MX." + "9" * 200, "+52 55 5555 0101",
    "5215555550101", "text", "image", "edit", "revoke", "system", "user_changed_number", "user_changed_user_id",
    "contact_request", [], {}, [None], [[]], [{}], {"": None}, {"id": {}}, {"body": []}, ["a"] * 300,
)  # fmt: skip


def originals() -> list[Any]:
    """Whole bodies, parsed."""
    bodies = [json.loads(wa.webhook(value)) for value in _own()]
    if META_EXAMPLES.exists():
        bodies += json.loads(META_EXAMPLES.read_text("utf-8")).values()
    return bodies


def mutated(seed: int, count: int) -> Iterator[bytes]:
    """`count` bodies; the same seed gives the same ones."""
    dice, sources = random.Random(seed), sorted(originals(), key=lambda body: len(json.dumps(body)))
    for number in range(count):
        body = copy.deepcopy(
            dice.choice(sources if dice.random() < 0.2 else sources[:-1])
        )  # the last has many messages
        if dice.random() < 0.9:  # else it is a redelivery
            _rename(body, f"wamid.{seed}.{number}", f"52155555{dice.randrange(1000):05}")
        for _ in range(dice.choice((1, 1, 1, 2, 3, 8))):
            body = _mutate(dice, body, sources)
        yield _as_bytes(dice, body)


def _rename(body: Any, wamid: str, sender: str) -> None:
    """Other messages, of another family: what is known already would not be looked at twice."""
    values = [change["value"] for entry in body["entry"] for change in entry["changes"]]
    messages = [message for value in values for message in value.get("messages", [])]
    for place, message in enumerate(messages):
        message["id"] = f"{wamid}.{place}"
        message["from"] = sender


def _own() -> list[Any]:
    """One of each type that WhatsApp sends, as `value`s."""
    profile = {"profile": {"name": "Familia", "username": "familia.prueba"}, "user_id": "MX.1", "wa_id": wa.FAMILY}
    file = {"id": "123", "mime_type": "image/jpeg", "sha256": "SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI="}
    contents: list[tuple[str, Any]] = [
        ("text", {"body": "no hay vincristina"}),
        *((kind, {**file, "caption": "mi receta", "filename": "a.pdf"}) for kind in ("image", "video", "document")),
        ("audio", {**file, "voice": True}),
        ("sticker", {**file, "animated": False}),
        ("location", {"latitude": 19.4, "longitude": -99.1, "name": "La Raza", "address": "x"}),
        ("contacts", [{"name": {"formatted_name": "Tía"}, "phones": [{"phone": "+52", "wa_id": wa.FAMILY}]}]),
        ("interactive", {"type": "button_reply", "button_reply": {"id": "/afirmar", "title": "Sí"}}),
        ("interactive", {"type": "list_reply", "list_reply": {"id": "x", "title": "x", "description": "x"}}),
        ("interactive", {"type": "nfm_reply", "nfm_reply": {"name": "flow", "response_json": "{}"}}),
        ("button", {"payload": "/consultar_caso", "text": "¿Cómo va?"}),
        ("reaction", {"message_id": "wamid.1", "emoji": "❤️"}),
        ("edit", {"original_message_id": "wamid.1", "message": {"type": "text", "text": {"body": "corregido"}}}),
        ("revoke", {"original_message_id": "wamid.1"}),
        ("order", {"catalog_id": "1", "product_items": [{"quantity": 2}]}),
        (
            "system",
            {"type": "user_changed_number", "wa_id": "5215555550102", "user_id": "MX.2", "previous_user_id": "MX.1"},
        ),
        ("system", {"type": "user_changed_user_id", "user_id": "MX.3", "previous_user_id": "MX.2"}),
        ("unsupported", {"type": "poll"}),
        ("algo_del_futuro", {"x": [1]}),
    ]
    more = {"from_user_id": "MX.1", "context": {"from": "52", "id": "wamid.2"}, "origin": "contact_request"}
    messages = [wa.message(kind, content, at=AT, **more) for kind, content in contents]
    pricing = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "service"}
    error = {"code": 131047, "title": "x", "error_data": {"details": "x"}}
    statuses = [
        wa.status("wamid.2", "read", opaque="1", pricing=pricing),
        wa.status("wamid.3", "failed", errors=[error]),
    ]
    values = [wa.value(messages=[item], contacts=[profile]) for item in messages]
    return [
        *values,
        wa.value(statuses=statuses),
        wa.value(messages=messages, contacts=[profile]),
        wa.value(errors=[error]),
    ]


def _mutate(dice: random.Random, body: Any, sources: list[Any]) -> Any:
    places = list(_places(body))
    if not places or dice.random() < 0.02:
        return dice.choice(STRANGE)
    holder, key = dice.choice(places)
    act = dice.random()
    if act < 0.5:
        holder[key] = copy.deepcopy(dice.choice(STRANGE))
    elif act < 0.7:
        del holder[key]
    elif act < 0.8 and isinstance(holder, list):
        holder.extend(copy.deepcopy(holder[key]) for _ in range(dice.choice((1, 1, 2, 20))))
    elif act < 0.9:
        other, part = dice.choice(list(_places(dice.choice(sources))))
        holder[key] = copy.deepcopy(other[part])
    elif isinstance(holder, dict):
        holder[dice.choice(("id", "type", "from", "text", "context", "timestamp", "system", "ñ", ""))] = holder[key]
    return body


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from _places(value[key])


def _as_bytes(dice: random.Random, body: Any) -> bytes:
    raw = bytearray(json.dumps(body, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass"))
    act = dice.random()
    if act < 0.03:
        del raw[dice.randrange(len(raw)) :]
    elif act < 0.08:
        for _ in range(dice.choice((1, 3, 20))):
            raw[dice.randrange(len(raw))] = dice.randrange(256)
    elif act < 0.09:
        raw = bytearray(b'{"entry":' + b"[" * dice.choice((10, 1000, 60_000)))
    return bytes(raw)
