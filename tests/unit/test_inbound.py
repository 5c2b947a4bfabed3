"""Reading webhooks: every item comes out, each alone, and nothing that arrives can make the reader fail."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from puente.whatsapp.inbound import Broken, InboundMessage, StatusEvent, read
from tests import fake_whatsapp as wa

AT = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)


def _read(*values: Any) -> list[InboundMessage | StatusEvent | Broken]:
    return list(read(json.loads(wa.webhook(*values))))


def _message(item: Any, **more: Any) -> InboundMessage:
    (found,) = _read(wa.value(messages=[item], **more))
    assert isinstance(found, InboundMessage)
    return found


def test_a_text_says_who_wrote_what_and_when() -> None:
    found = _message(wa.text("no hay vincristina 😢", at=AT, wamid="wamid.1"))
    assert (found.wamid, found.type, found.text, found.button_id) == ("wamid.1", "text", "no hay vincristina 😢", None)
    assert found.sent_at == AT
    assert (found.sender.wa_id, found.sender.profile_name) == (wa.FAMILY, "Familia de prueba")


def test_every_item_of_every_change_comes_out_in_order() -> None:
    found = _read(
        wa.value(messages=[wa.text("uno", at=AT), wa.text("dos", at=AT)]),
        wa.value(statuses=[wa.status("wamid.x", "sent"), wa.status("wamid.x", "read")]),
        wa.value(messages=[wa.text("tres", at=AT)]),
    )
    shown = [item.text if isinstance(item, InboundMessage) else item.status for item in found]  # type: ignore[union-attr]
    assert shown == ["uno", "dos", "sent", "read", "tres"]


@pytest.mark.parametrize(
    ("kind", "content", "text", "button_id"),
    [
        ("interactive", {"type": "button_reply", "button_reply": {"id": "/afirmar", "title": "Sí"}}, "Sí", "/afirmar"),
        (
            "interactive",
            {"type": "list_reply", "list_reply": {"id": "HGZ 1, Colima", "title": "HGZ 1, C…", "description": "x"}},
            "HGZ 1, C…",
            "HGZ 1, Colima",
        ),
        ("interactive", {"type": "nfm_reply", "nfm_reply": {"response_json": "{}"}}, None, None),
        ("button", {"payload": "/negar", "text": "No"}, "No", "/negar"),
        ("image", {"id": "1", "mime_type": "image/jpeg", "caption": "mi receta"}, "mi receta", None),
        ("image", {"id": "1", "mime_type": "image/jpeg"}, None, None),
        ("audio", {"id": "1", "voice": True}, None, None),
        ("document", {"id": "1", "filename": "vale.pdf"}, None, None),
        ("sticker", {"id": "1"}, None, None),
        ("location", {"latitude": 19.4, "longitude": -99.1}, None, None),
        ("contacts", [{"name": {"formatted_name": "x"}, "phones": []}], None, None),
        ("reaction", {"message_id": "wamid.1", "emoji": "👍"}, None, None),
        ("unsupported", {"type": "poll"}, None, None),
        ("algo_del_futuro", {"nuevo": [1, 2]}, None, None),
        ("text", {"body": "  \n "}, None, None),
    ],
)
def test_each_type_gives_what_can_be_understood_in_words(
    kind: str, content: Any, text: str | None, button_id: str | None
) -> None:
    found = _message(wa.message(kind, content, at=AT))
    assert (found.type, found.text, found.button_id) == (kind, text, button_id)
    assert found.raw[kind] == content


def test_a_sender_without_phone_is_known_by_the_business_scoped_id() -> None:
    profile = {"user_id": "MX.abc123", "profile": {"name": "Sin teléfono", "username": "familia.prueba"}}
    item = wa.text("hola", at=AT, wa_id=None, from_user_id="MX.abc123")
    sender = _message(item, contacts=[profile]).sender
    assert (sender.wa_id, sender.bsuid) == (None, "MX.abc123")
    assert (sender.username, sender.profile_name) == ("familia.prueba", "Sin teléfono")


def test_the_profile_adds_the_business_scoped_id_to_a_phone() -> None:
    profile = {"wa_id": wa.FAMILY, "user_id": "MX.abc123", "profile": {"name": "x"}}
    assert _message(wa.text("hola", at=AT), contacts=[profile]).sender.bsuid == "MX.abc123"


@pytest.mark.parametrize("contacts", [None, "x", [], [None], [{"wa_id": wa.FAMILY, "profile": "x"}], [{"wa_id": 5}]])
def test_a_message_does_not_need_a_sound_profile(contacts: Any) -> None:
    item = wa.value(messages=[wa.text("hola", at=AT)]) | {"contacts": contacts}
    (found,) = _read(item)
    assert isinstance(found, InboundMessage)
    assert found.text == "hola"


GOOD = wa.text("la buena", at=AT)


@pytest.mark.parametrize(
    "bad",
    [
        None,
        "texto suelto",
        [],
        {},
        {**GOOD, "id": ""},
        {**GOOD, "id": 5},
        {**GOOD, "id": "x" * 5000},
        {**GOOD, "timestamp": "ayer"},
        {**GOOD, "timestamp": "9" * 30},
        {**GOOD, "from": None},
        {**GOOD, "text": None},
        {**GOOD, "text": {}},
        {**GOOD, "type": "interactive", "interactive": {"button_reply": {"id": "/afirmar"}}},
        {key: entry for key, entry in GOOD.items() if key != "type"},
    ],
)
def test_a_broken_item_comes_out_alone(bad: Any) -> None:
    first, broken, last = _read(wa.value(messages=[GOOD, bad, {**GOOD, "id": "wamid.otra"}], contacts=[]))
    assert isinstance(first, InboundMessage)
    assert isinstance(broken, Broken)
    assert broken.item == bad
    assert isinstance(last, InboundMessage)


@pytest.mark.parametrize("bad", [{}, {"id": "wamid.x"}, {"id": "wamid.x", "status": ""}, {"status": "sent"}])
def test_a_broken_status_comes_out_alone(bad: Any) -> None:
    broken, good = _read(wa.value(statuses=[bad, wa.status("wamid.y", "sent", opaque="7")]))
    assert isinstance(broken, Broken)
    assert isinstance(good, StatusEvent)
    assert good.opaque == "7"


def test_account_errors_and_unknown_changes_are_kept_as_broken() -> None:
    found = _read(wa.value(errors=[{"code": 131031}]), {"messaging_product": "whatsapp", "calls": []})
    assert [type(item) for item in found] == [Broken, Broken]


@pytest.mark.parametrize(
    "body", [None, 5, "x", [], {}, {"entry": None}, {"entry": [None]}, {"entry": [{"changes": [3]}]}]
)
def test_a_body_that_is_no_webhook_is_one_broken_item(body: Any) -> None:
    (found,) = read(body)
    assert isinstance(found, Broken)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["entry", "changes", "value", "messages", "statuses", "contacts", "errors", "id", "from", "type", "timestamp",
         "text", "body", "interactive", "button_reply", "profile", "status", "image"]), inner, max_size=4),
    max_leaves=25,
)  # fmt: skip


@given(JSON)
def test_whatever_arrives_reading_it_never_fails(body: Any) -> None:
    list(read(body))
    list(read({"entry": [{"changes": [{"value": body}]}]}))
