"""The client of our channel in Rasa: one message in, its replies and its parse out."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx

from puente.settings import Settings

THIS_MESSAGE = (400, 413, 422, 500)  # answers that blame the message; any other means that Rasa is not ready


class RasaUnavailable(Exception):
    """Rasa cannot be reached or is still loading; the message waits."""


class RasaFailed(Exception):
    """Rasa was there, but could not handle this very message."""


@dataclass(frozen=True)
class Turn:
    """What the assistant says to one message, and how it understood it."""

    replies: list[dict[str, Any]]
    parse: dict[str, Any] | None


class Rasa:
    """Talks to `bot/channel.py`."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._http = httpx.AsyncClient(
            base_url=settings.rasa_url,
            headers={"X-Puente-Token": settings.puente_internal_token},
            timeout=httpx.Timeout(25, connect=2),
            # Sanic ends a connection after 5 s without use: given up before, none dies under a message.
            limits=httpx.Limits(keepalive_expiry=3),
            transport=transport,
            trust_env=False,
        )

    async def turn(
        self, *, contact_id: str, wamid: str, text: str, payload: str | None, sent_at: datetime, alarm: str
    ) -> Turn:
        """Let the assistant handle one message. Replaying a `wamid` gives the same replies again.

        Raises RasaUnavailable when the message should wait, RasaFailed when it is this message that fails.
        """
        message = {
            "sender": contact_id,
            "message_id": wamid,
            "text": text,
            "payload": payload,
            "metadata": {"sent_at": sent_at.isoformat(), "alarm": alarm},
        }
        try:
            response = await self._http.post("/webhooks/puente/turn", json=message)
        except httpx.ReadTimeout as problem:  # it took the message and never finished: perhaps it never will
            raise RasaFailed(type(problem).__name__) from problem
        except httpx.HTTPError as problem:
            raise RasaUnavailable(type(problem).__name__) from problem
        if response.status_code in THIS_MESSAGE:
            raise RasaFailed(f"HTTP {response.status_code}")
        if response.status_code != 200:
            raise RasaUnavailable(f"HTTP {response.status_code}")
        return _turn(response)

    async def close(self) -> None:
        await self._http.aclose()


def _turn(response: httpx.Response) -> Turn:
    try:
        answer = response.json()
        return Turn(list(answer["replies"]), answer.get("parse"))
    except (ValueError, KeyError, TypeError, AttributeError) as problem:
        raise RasaFailed("an answer that is not what the protocol says") from problem
