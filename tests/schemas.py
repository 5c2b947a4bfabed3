"""What may be posted to WhatsApp: our own closed schema, and Meta's where the project's shared folder has it."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

OURS = Path(__file__).parent / "data" / "outbound.schema.json"
METAS = Path(__file__).resolve().parents[2] / "shared" / "whatsapp" / "outbound-message.schema.json"
ENVELOPE = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "to": "+5215555550101",
    "biz_opaque_callback_data": "1",
}


def check_outbound(body: dict[str, Any]) -> None:
    """Raise jsonschema's ValidationError for a body of `POST /messages` that is not as it must be."""
    _validator(OURS).validate(body)
    if METAS.exists() and body.get("status") != "read":  # marks have a schema of their own at Meta
        _validator(METAS).validate(_as_metas_schema_knows_it(body))
    check_what_schemas_cannot(body)


def check_what_schemas_cannot(body: dict[str, Any]) -> None:
    """Titles and ids of one message differ."""
    action = body.get("interactive", {}).get("action", {})
    choices = [button["reply"] for button in action.get("buttons", [])]
    choices += [row for section in action.get("sections", []) for row in section["rows"]]
    for key in ("id", "title"):
        values = [choice[key] for choice in choices]
        assert len(set(values)) == len(values), f"equal {key}s: {values}"


def enveloped(body: dict[str, Any]) -> dict[str, Any]:
    """A composed body as it is posted."""
    return {**ENVELOPE, **body}


def _as_metas_schema_knows_it(body: dict[str, Any]) -> dict[str, Any]:
    """Meta's published schema is older than `recipient` and calls for a phone (facts/whatsapp.md §2).

    Its pattern for a template button's index is mistyped ("^[2-6, 11-14]$"): the documented "0" does not pass it.
    """
    known = {key: value for key, value in body.items() if key not in ("recipient", "biz_opaque_callback_data")}
    known = {"to": "+5215555550101", **copy.deepcopy(known)}
    for component in known.get("template", {}).get("components", []):
        if component["type"] == "button":
            component["index"] = "2"
    return known


@cache
def _validator(path: Path) -> Draft202012Validator:
    return Draft202012Validator(json.loads(path.read_text("utf-8")))
