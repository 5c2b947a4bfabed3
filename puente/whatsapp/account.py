"""The set-up of our WhatsApp account, for operators: the number, who receives its webhooks, its templates."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from puente.settings import Settings
from puente.whatsapp.templates import Template

MOST_PAGES = 50


class AccountError(Exception):
    """WhatsApp refused, or could not be reached. `code` is Meta's, None when it was not Meta who answered."""

    def __init__(self, code: int | None, status: int | None, message: str) -> None:
        super().__init__(message)
        self.code, self.status = code, status


@dataclass(frozen=True)
class Number:
    """What WhatsApp says of our number, and the time on its clock."""

    phone: str
    name: str
    quality: str
    at: datetime | None


@dataclass(frozen=True)
class Submitted:
    """A template as the account has it."""

    id: str
    name: str
    language: str
    category: str
    status: str
    components: tuple[dict[str, Any], ...]


class Account:
    """The calls that set-up needs."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._number = settings.whatsapp_phone_number_id
        self._account = settings.whatsapp_business_account_id
        self._token, self._secret = settings.whatsapp_access_token, settings.whatsapp_app_secret
        self._http = httpx.AsyncClient(
            base_url=f"{settings.whatsapp_api_url}/v{settings.whatsapp_api_version}/",
            headers={"Authorization": f"Bearer {self._token}"},
            timeout=httpx.Timeout(15, connect=5),
            transport=transport,
            trust_env=False,
        )

    async def number(self, *, prove_secret: bool = False) -> Number:
        """Our number. With `prove_secret` WhatsApp also checks that the app secret belongs to the token's app."""
        query = {"fields": "display_phone_number,verified_name,quality_rating"}
        if prove_secret:
            proof = hmac.new(self._secret.encode(), self._token.encode(), hashlib.sha256)
            query["appsecret_proof"] = proof.hexdigest()
        answer, headers = await self._call("GET", self._number, query)
        return Number(
            phone=str(answer.get("display_phone_number", "")),
            name=str(answer.get("verified_name", "")),
            quality=str(answer.get("quality_rating", "")),
            at=_date(headers),
        )

    async def subscribed_apps(self) -> list[str]:
        """The names of the apps that receive the account's webhooks."""
        answer, _ = await self._call("GET", f"{self._account}/subscribed_apps")
        apps = [item.get("whatsapp_business_api_data") or {} for item in _items(answer)]
        return [str(app.get("name") or app.get("id") or "?") for app in apps]

    async def templates(self) -> list[Submitted]:
        """Every template of the account."""
        found: list[Submitted] = []
        query = {"fields": "id,name,language,category,status,components", "limit": "100"}
        for _ in range(MOST_PAGES):
            answer, _ = await self._call("GET", f"{self._account}/message_templates", query)
            found += [_submitted(item) for item in _items(answer)]
            paging = answer.get("paging") or {}
            after = (paging.get("cursors") or {}).get("after")
            if not paging.get("next") or not after:
                break
            query["after"] = after
        return found

    async def create(self, template: Template) -> str:
        """Submit a new template. Returns its status."""
        body = {
            "name": template.name,
            "language": template.language,
            "category": template.category,
            "components": template.components(),
        }
        answer, _ = await self._call("POST", f"{self._account}/message_templates", body=body)
        return str(answer.get("status", "?"))

    async def edit(self, submitted: Submitted, template: Template) -> None:
        """Submit a new text for a template that the account has."""
        body = {"category": template.category, "components": template.components()}
        await self._call("POST", submitted.id, body=body)

    async def close(self) -> None:
        await self._http.aclose()

    async def _call(
        self, method: str, path: str, query: Mapping[str, str] | None = None, body: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], httpx.Headers]:
        try:
            response = await self._http.request(method, path, params=query, json=body)
        except httpx.HTTPError as problem:
            raise AccountError(None, None, type(problem).__name__) from problem
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        answer = answer if isinstance(answer, dict) else {}
        if response.is_error:
            raise _refusal(response.status_code, answer.get("error"))
        return answer, response.headers


def _refusal(status: int, error: Any) -> AccountError:
    known: dict[str, Any] = error if isinstance(error, dict) else {}
    data = known.get("error_data")
    details = data.get("details") if isinstance(data, dict) else None
    code = known.get("code")
    said = known.get("error_user_msg") or details or known.get("message") or f"HTTP {status}"
    return AccountError(code if isinstance(code, int) else None, status, str(said))


def _items(answer: dict[str, Any]) -> list[dict[str, Any]]:
    data = answer.get("data")
    return [item for item in data if isinstance(item, dict)] if isinstance(data, list) else []


def _submitted(item: dict[str, Any]) -> Submitted:
    components = item.get("components")
    return Submitted(
        id=str(item.get("id", "")),
        name=str(item.get("name", "")),
        language=str(item.get("language", "")),
        category=str(item.get("category", "")),
        status=str(item.get("status", "")),
        components=tuple(part for part in components if isinstance(part, dict)) if isinstance(components, list) else (),
    )


def _date(headers: httpx.Headers) -> datetime | None:
    try:
        return parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError, TypeError):
        return None
