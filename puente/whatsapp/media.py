"""Fetching the files of families from Meta: first where a file is (that address lives five minutes), then its bytes."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx

from puente.media.types import hex_digest
from puente.settings import Settings

META_HOSTS = (".whatsapp.net", ".facebook.com", ".fbcdn.net", ".fbsbx.com", ".whatsapp.com")
# Meta's codes for a file that it does not have, does not give or never got whole: no later try will help.
HOPELESS = (100, 131008, 131009, 131051, 131052)


class TryLater(Exception):
    """WhatsApp cannot be reached or refuses for now."""


class AddressExpired(Exception):
    """The address of the file is dead; a fresh one may live."""


class NotThere(Exception):
    """WhatsApp does not have the file, or no longer."""


class TooLarge(Exception):
    """The file is larger than what we keep."""


@dataclass(frozen=True)
class Described:
    """Where a file is, and what Meta says about it."""

    url: str
    sha256: str | None
    bytes: int | None


class MediaFiles:
    """The media half of the Graph API."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._base = settings.whatsapp_api_url
        self._prefix = f"/v{settings.whatsapp_api_version}"
        self._number = settings.whatsapp_phone_number_id
        self._http = httpx.AsyncClient(
            base_url=self._base,
            headers={"Authorization": f"Bearer {settings.whatsapp_access_token}"},
            timeout=httpx.Timeout(20, connect=5),
            transport=transport,
            trust_env=False,
        )

    async def describe(self, media_id: str) -> Described:
        """Where the file is. Raises NotThere or TryLater."""
        path = f"{self._prefix}/{media_id}"
        try:
            response = await self._http.get(path, params={"phone_number_id": self._number})
            answer = response.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as problem:
            raise TryLater(type(problem).__name__) from problem
        if not isinstance(answer, dict) or not response.is_success:
            raise _refusal(response.status_code, answer)
        url = answer.get("url")
        if not isinstance(url, str) or not self._may_have_our_token(url):
            raise TryLater("an address that is not Meta's")
        return Described(url, hex_digest(answer.get("sha256")), _size(answer.get("file_size")))

    async def download(self, url: str, limit: int) -> AsyncIterator[bytes]:
        """The file's bytes. Raises AddressExpired, TooLarge or TryLater."""
        received = 0
        try:
            async with self._http.stream("GET", url) as response:
                if response.status_code in (401, 403, 404, 410):
                    raise AddressExpired(f"HTTP {response.status_code}")
                if response.status_code != 200:  # a redirect too: our token follows nobody
                    raise TryLater(f"HTTP {response.status_code}")
                async for chunk in response.aiter_bytes(64 * 1024):
                    received += len(chunk)
                    if received > limit:
                        raise TooLarge
                    yield chunk
        except httpx.HTTPError as problem:
            raise TryLater(type(problem).__name__) from problem

    async def close(self) -> None:
        await self._http.aclose()

    def _may_have_our_token(self, url: str) -> bool:
        try:
            found, own = urlsplit(url), urlsplit(self._base)
            if (found.scheme, found.hostname, found.port) == (own.scheme, own.hostname, own.port):
                return True
            return found.scheme == "https" and f".{found.hostname}".endswith(META_HOSTS)
        except ValueError:
            return False


def _size(value: Any) -> int | None:
    """A number of bytes; Meta has written it as a number and as a string."""
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _refusal(status: int, answer: Any) -> Exception:
    error = answer.get("error") if isinstance(answer, dict) else None
    code = error.get("code") if isinstance(error, dict) else None
    if code in HOPELESS:
        return NotThere(f"code {code}")
    return TryLater(f"HTTP {status}, code {code}")
