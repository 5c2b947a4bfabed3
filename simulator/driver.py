"""Drives the simulator from tests and benchmarks, as a family would use her phone.

async with Simulator() as simulator:
    phone = simulator.phone("5215555550101")
    await phone.say("no hay vincristina")
    replies = await phone.replies()
    await phone.press("Sí")
"""

import asyncio
import time
from typing import Any, Self

import httpx
import msgspec

from puente import settings as configuration
from simulator.world import Choice


class Bubble(msgspec.Struct):
    """A message as the simulator tells it."""

    id: str
    seq: int
    direction: str
    type: str
    text: str
    at: float
    status: str
    buttons: list[Choice] = []
    error: str = ""
    body: dict[str, Any] = {}

    @property
    def titles(self) -> list[str]:
        """The titles of what can be pressed."""
        return [choice.title for choice in self.buttons]


class SimulatorError(Exception):
    """The simulator refused; the message says why."""


class Simulator:
    """A running simulator. `url` defaults to the one of this environment's settings."""

    def __init__(self, url: str | None = None, http: httpx.AsyncClient | None = None) -> None:
        url = url or f"http://127.0.0.1:{configuration.load().simulator_port}"
        # The server ends a connection after 5 s without use; ours are given up before, or one dies under a request.
        limits = httpx.Limits(keepalive_expiry=2)
        self._http = http or httpx.AsyncClient(base_url=url, timeout=30, trust_env=False, limits=limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    def phone(self, wa_id: str) -> "Phone":
        """The phone of a family; it is made with its first message."""
        return Phone(wa_id, self)

    async def create_family(self, *, wa_id: str | None = None, name: str = "", username: str | None = None) -> "Phone":
        """A new family; without `wa_id`, one that is known by its BSUID only."""
        family = await self.call("POST", "/sim/families", {"wa_id": wa_id, "name": name, "username": username})
        return Phone(family["address"], self)

    async def families(self) -> list[dict[str, Any]]:
        """Every family."""
        found: list[dict[str, Any]] = await self.call("GET", "/sim/families")
        return found

    async def faults(self, **faults: Any) -> dict[str, Any]:
        """Misbehave like this from now on; without arguments: behave."""
        in_force: dict[str, Any] = await self.call("PUT", "/sim/faults", faults)
        return in_force

    async def outbound(self) -> list[dict[str, Any]]:
        """Every body that the Graph API accepted, oldest first."""
        accepted: list[dict[str, Any]] = await self.call("GET", "/sim/outbound")
        return [item["body"] for item in accepted]

    async def set_clock(self, hours: float) -> None:
        """Move the clock of the 24-hour window ahead."""
        await self.call("PUT", "/sim/clock", {"hours": hours})

    async def batch(self, writings: list[tuple[str, str]]) -> list[Bubble]:
        """(phone, text) pairs in one webhook."""
        body = [{"wa_id": wa_id, "text": text} for wa_id, text in writings]
        return msgspec.convert(await self.call("POST", "/sim/batch", body), list[Bubble])

    async def settled(self, timeout: float = 30) -> None:
        """Wait until no webhook and no status is under way."""
        deadline = time.monotonic() + timeout
        while (await self.call("GET", "/sim/webhooks"))["pending"]:
            if time.monotonic() > deadline:
                raise TimeoutError("webhooks are still under way")
            await asyncio.sleep(0.05)

    async def reset(self) -> None:
        """Forget messages, webhooks under way and faults."""
        await self.call("POST", "/sim/reset")

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """A control request; SimulatorError when it is refused."""
        response = await self._http.request(method, path, json=body)
        if response.is_error:
            raise SimulatorError(f"{method} {path}: {response.status_code} {response.text}")
        return response.json() if response.content else None


class Phone:
    """One family's phone, of `simulator`, of the one at `base_url`, or of the one in this environment's settings."""

    def __init__(self, wa_id: str, simulator: Simulator | None = None, *, base_url: str | None = None) -> None:
        self.wa_id = wa_id
        self.simulator = simulator or Simulator(base_url)
        self._last = 0  # the `seq` of what this phone wrote last

    async def say(self, text: str, **options: Any) -> Bubble:
        """Write a text. Options: wamid, context, sent_ago (seconds), copies."""
        return await self.write(text=text, **options)

    async def press(self, title: str = "", *, id: str = "", of: str = "", **options: Any) -> Bubble:
        """Press a button or choose a list's row, by its title or its id."""
        return await self.write(press={"title": title, "id": id, "of": of}, **options)

    async def send_image(self, caption: str | None = None, **options: Any) -> Bubble:
        """Send the sample picture."""
        return await self.write(image={"caption": caption}, **options)

    async def send_voice(self, **options: Any) -> Bubble:
        """Send the sample voice note."""
        return await self.write(audio={}, **options)

    async def send_document(self, caption: str | None = None, **options: Any) -> Bubble:
        """Send the sample document."""
        return await self.write(document={"caption": caption}, **options)

    async def send_location(self, latitude: float, longitude: float, name: str = "", address: str = "") -> Bubble:
        """Send a place."""
        place = {"latitude": latitude, "longitude": longitude, "name": name, "address": address}
        return await self.write(location=place)

    async def react(self, message: Bubble | str, emoji: str) -> Bubble:
        """React to a message; an empty emoji takes the reaction back."""
        message_id = message if isinstance(message, str) else message.id
        return await self.write(reaction={"message_id": message_id, "emoji": emoji})

    async def edit(self, message: Bubble | str, text: str) -> Bubble:
        """Correct something that this phone wrote."""
        message_id = message if isinstance(message, str) else message.id
        return await self.write(edit={"message_id": message_id, "text": text})

    async def delete(self, message: Bubble | str) -> Bubble:
        """Delete something that this phone wrote."""
        message_id = message if isinstance(message, str) else message.id
        return await self.write(delete={"message_id": message_id})

    async def change_number(self, wa_id: str, *, told: bool = True) -> None:
        """Go on with another number; `told`: WhatsApp tells Puente so."""
        await self.simulator.call("POST", f"/sim/families/{self.wa_id}/identity", {"wa_id": wa_id, "told": told})
        self.wa_id = wa_id

    async def read(self) -> None:
        """Open the conversation: everything that arrived becomes read."""
        await self.simulator.call("POST", f"/sim/families/{self.wa_id}/read")

    async def write(self, **writing: Any) -> Bubble:
        """Anything that POST /sim/families/{wa_id}/messages takes."""
        answer = await self.simulator.call("POST", f"/sim/families/{self.wa_id}/messages", writing)
        bubble = msgspec.convert(answer, Bubble)
        self._last = max(self._last, bubble.seq)
        return bubble

    async def messages(self, after: int = 0) -> list[Bubble]:
        """Both directions, oldest first; only those with a `seq` above `after`."""
        answer = await self.simulator.call("GET", f"/sim/families/{self.wa_id}/messages?after={after}")
        return msgspec.convert(answer, list[Bubble])

    async def replies(
        self,
        after: Bubble | int | None = None,
        timeout: float = 30,
        *,
        at_least: int = 1,
        settle: float = 0.5,
    ) -> list[Bubble]:
        """What Puente sent after `after` (by default: after what this phone wrote last).

        Waits for `at_least` messages and then until none has come for `settle` seconds. TimeoutError without them.
        """
        start = self._last if after is None else after if isinstance(after, int) else after.seq
        deadline, seen, since = time.monotonic() + timeout, -1, time.monotonic()
        while True:
            found = [item for item in await self.messages(start) if item.direction == "out"]
            now = time.monotonic()
            if len(found) != seen:
                seen, since = len(found), now
            if len(found) >= at_least and now - since >= settle:
                return found
            if now > deadline:
                raise TimeoutError(f"{len(found)} of {at_least} replies after {timeout} s: {[b.text for b in found]}")
            await asyncio.sleep(0.05)

    async def ask(self, text: str, timeout: float = 30) -> str:
        """Say something and give back all that was answered, as one text."""
        said = await self.say(text)
        return "\n\n".join(bubble.text for bubble in await self.replies(said, timeout))
