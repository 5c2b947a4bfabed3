"""A thin client of Meta's Cloud API. Every outcome is a value: accepted, refused or unknown."""

from dataclasses import dataclass
from typing import Any

import httpx

from puente.contacts.models import Contact
from puente.settings import Settings

UNSENDABLE = 100  # Meta's own code for "invalid parameter"
CLEARLY_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)


@dataclass(frozen=True)
class Accepted:
    """WhatsApp took the message."""

    wamid: str


@dataclass(frozen=True)
class Refused:
    """WhatsApp did not take the message (`code` says why), or it never got there (`code` None)."""

    code: int | None
    http_status: int
    title: str


@dataclass(frozen=True)
class Unknown:
    """The request went out but no answer came: the message may or may not have been accepted."""

    problem: str


class WhatsApp:
    """Sends to one business number."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._path = f"/v{settings.whatsapp_api_version}/{settings.whatsapp_phone_number_id}/messages"
        self._http = httpx.AsyncClient(
            base_url=settings.whatsapp_api_url,
            headers={"Authorization": f"Bearer {settings.whatsapp_access_token}"},
            timeout=httpx.Timeout(10, connect=5),
            transport=transport,
            trust_env=False,
        )

    async def send(self, contact: Contact, body: dict[str, Any], opaque: str) -> Accepted | Refused | Unknown:
        """Send `body` to `contact`. `opaque` comes back in the statuses and identifies our row."""
        request = {"messaging_product": "whatsapp", **address(contact), **body, "biz_opaque_callback_data": opaque}
        try:
            response = await self._http.post(self._path, json=request)
        except CLEARLY_NOT_SENT as problem:
            return Refused(None, 503, type(problem).__name__)
        except httpx.HTTPError as problem:
            return Unknown(type(problem).__name__)
        except UnicodeEncodeError as problem:  # half an emoji: no try will ever send it
            return Refused(UNSENDABLE, 400, type(problem).__name__)
        return _outcome(response)

    async def mark_read(self, wamid: str, *, typing: bool = False) -> None:
        """Show the family that the message was read, and that an answer is being written. Failing is of no consequence.

        WhatsApp marks earlier messages as well, and ends "escribiendo…" with the answer or after 25 seconds.
        """
        body: dict[str, Any] = {"messaging_product": "whatsapp", "status": "read", "message_id": wamid}
        if typing:
            body["typing_indicator"] = {"type": "text"}
        try:
            await self._http.post(self._path, json=body)
        except (httpx.HTTPError, UnicodeEncodeError):
            return

    async def close(self) -> None:
        await self._http.aclose()


def address(contact: Contact) -> dict[str, str]:
    """The addressee's fields. The "+" is vital: without it Meta prepends our own country code."""
    base = {"recipient_type": "individual"}
    if contact.wa_id:
        return {**base, "to": "+" + contact.wa_id.lstrip("+")}
    return {**base, "recipient": contact.bsuid or ""}


def _outcome(response: httpx.Response) -> Accepted | Refused | Unknown:
    try:
        answer = response.json()
    except ValueError:
        answer = {}
    if response.is_success:
        wamid = _wamid(answer)
        return Accepted(wamid) if wamid else Unknown("an answer without the message's id")
    error = answer.get("error") if isinstance(answer, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    if isinstance(error, dict) and isinstance(code, int):
        return Refused(code, response.status_code, str(error.get("message", "")))
    if response.status_code >= 500:  # not WhatsApp's own words: something on the way, before or after it
        return Unknown(f"HTTP {response.status_code}")
    return Refused(None, response.status_code, "")


def _wamid(answer: Any) -> str | None:
    try:
        wamid = answer["messages"][0]["id"]
    except (KeyError, IndexError, TypeError):
        return None
    return wamid if isinstance(wamid, str) and wamid else None
