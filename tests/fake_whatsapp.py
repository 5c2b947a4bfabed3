"""WhatsApp as tests need it: webhooks in Meta's shape, and a Graph API in memory that does as it is told."""

import itertools
import json
from collections import deque
from datetime import datetime
from typing import Any

import httpx

from tests.schemas import check_outbound

FAMILY = "5215555550101"
_ids = itertools.count(1)

Item = dict[str, Any]


def new_wamid() -> str:
    return f"wamid.prueba{next(_ids):06d}"


def message(kind: str, content: Any, *, at: datetime, wa_id: str | None = FAMILY, wamid: str = "", **more: Any) -> Item:
    """One inbound message of any type."""
    item = {"id": wamid or new_wamid(), "timestamp": str(int(at.timestamp())), "type": kind, kind: content, **more}
    return {"from": wa_id, **item} if wa_id else item


def text(body: str, *, at: datetime, **more: Any) -> Item:
    return message("text", {"body": body}, at=at, **more)


def button(payload: str, title: str, *, at: datetime, **more: Any) -> Item:
    """A pressed reply button."""
    reply = {"type": "button_reply", "button_reply": {"id": payload, "title": title}}
    return message("interactive", reply, at=at, **more)


def status(wamid: str, name: str, *, opaque: str | None = None, **more: Any) -> Item:
    """One status of a message of ours."""
    item = {"id": wamid, "status": name, "timestamp": "1795000000", "recipient_id": FAMILY, **more}
    return {**item, "biz_opaque_callback_data": opaque} if opaque else item


def value(*, messages: Any = None, statuses: Any = None, contacts: Any = None, **more: Any) -> Item:
    """The `value` of a change. Without `contacts`, every sender gets a profile."""
    whole: Item = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "525555550100", "phone_number_id": "100000000000001"},
        **more,
    }
    if messages is not None:
        senders = dict.fromkeys(item["from"] for item in messages if isinstance(item, dict) and "from" in item)
        profiles = [{"wa_id": wa_id, "profile": {"name": "Familia de prueba"}} for wa_id in senders]
        whole |= {"contacts": profiles if contacts is None else contacts, "messages": messages}
    if statuses is not None:
        whole["statuses"] = statuses
    return whole


def webhook(*values: Item) -> bytes:
    """A webhook's body: one entry, a change for each value."""
    changes = [{"field": "messages", "value": entry} for entry in values]
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": changes}]}).encode()


class Graph:
    """Meta's side of `POST /messages`. `script` says what happens to the next requests; then all are accepted.

    A step is "accept", "accept and lose" (the answer never arrives), "lose" (neither), "unreachable", an error code, or
    an httpx.Response. Read marks are not messages: they stand in `marks`, and no step is for them. Whatever is posted
    must keep our schema and Meta's: `wrong` tells of what did not.
    """

    def __init__(self) -> None:
        self.script: deque[Any] = deque()
        self.requests: list[Item] = []
        self.accepted: list[Item] = []
        self.wamids: list[str] = []
        self.marks: list[Item] = []
        self.wrong: list[str] = []
        self.before_answer: Any = None

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    @property
    def texts(self) -> list[str]:
        """What the families have received, in the order of acceptance."""
        return [_shown(body) for body in self.accepted]

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        try:
            check_outbound(body)
        except Exception as problem:
            self.wrong.append(f"{problem}: {body}")
        if body.get("status") == "read":
            self.marks.append(body)
            return httpx.Response(200, json={"success": True})
        self.requests.append({"path": request.url.path, "headers": request.headers, "body": body})
        step = self.script.popleft() if self.script else "accept"
        if step == "unreachable":
            raise httpx.ConnectError("refused", request=request)
        if step == "lose":
            raise httpx.ReadTimeout("no answer", request=request)
        if isinstance(step, httpx.Response):
            return step
        if isinstance(step, int):
            return httpx.Response(400, json={"error": {"code": step, "message": "de prueba", "type": "OAuthException"}})
        wamid = new_wamid()
        self.accepted.append(body)
        self.wamids.append(wamid)
        if self.before_answer:
            await self.before_answer(body, wamid)
        if step == "accept and lose":
            raise httpx.ReadTimeout("no answer", request=request)
        return httpx.Response(200, json={"messaging_product": "whatsapp", "messages": [{"id": wamid}]})


def _shown(body: Item) -> str:
    if body["type"] == "template":
        return f"[{body['template']['name']}]"
    return str(body["interactive"]["body"]["text"] if body["type"] == "interactive" else body["text"]["body"])
