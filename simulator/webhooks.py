"""What Meta would post to Puente: bodies in its shape, signed, retried until they are taken, in order per family."""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

import httpx

from puente import log
from puente.settings import Settings
from puente.whatsapp.signature import sign
from simulator.faults import Chaos
from simulator.world import BUSINESS_PHONE, WABA_ID, Family, Message

FIRST_DELAY, LONGEST_DELAY = 0.2, 5.0
logger = log.get("simulator")
Value = dict[str, Any]


def message_value(settings: Settings, family: Family, message: dict[str, Any]) -> Value:
    """The `value` of a webhook that brings one message."""
    contact: dict[str, Any] = {"profile": {"name": family.name}, "user_id": family.bsuid}
    if family.username:
        contact["profile"]["username"] = family.username
    if family.wa_id:
        contact["wa_id"] = family.wa_id
    return {**_head(settings), "contacts": [contact], "messages": [message]}


def message_envelope(family: Family, wamid: str, kind: str, sent_ago: float) -> dict[str, Any]:
    """What every inbound message carries. Its time is the real one, however far the simulator's clock is ahead."""
    sender = {"from": family.wa_id} if family.wa_id else {}
    return {
        **sender,
        "from_user_id": family.bsuid,
        "id": wamid,
        "timestamp": str(int(time.time() - sent_ago)),
        "type": kind,
    }


def status_value(
    settings: Settings, family: Family, message: Message, status: str, error: dict[str, Any] | None = None
) -> Value:
    """The `value` of a webhook that brings one status."""
    item: dict[str, Any] = {"id": message.id, "status": status, "timestamp": str(int(time.time()))}
    if family.wa_id:
        item["recipient_id"] = family.wa_id
    item["recipient_user_id"] = family.bsuid
    if opaque := message.body.get("biz_opaque_callback_data"):
        item["biz_opaque_callback_data"] = opaque
    if error:
        item["errors"] = [error]
    else:
        category = "utility" if message.type == "template" else "service"
        item["pricing"] = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": category}
    return {**_head(settings), "statuses": [item]}


def merge(values: list[Value]) -> bytes:
    """One webhook of several values, as Meta batches them: neighbours of the same kind share a change."""
    merged: list[Value] = []
    for value in values:
        kind = "messages" if "messages" in value else "statuses"
        if merged and kind in merged[-1]:
            merged[-1][kind] += value[kind]
            if kind == "messages":
                merged[-1]["contacts"] += [item for item in value["contacts"] if item not in merged[-1]["contacts"]]
        else:
            merged.append({key: list(item) if isinstance(item, list) else item for key, item in value.items()})
    changes = [{"value": value, "field": "messages"} for value in merged]
    body = {"object": "whatsapp_business_account", "entry": [{"id": WABA_ID, "changes": changes}]}
    return json.dumps(body, ensure_ascii=True).encode()  # Meta escapes what is not ASCII


def _head(settings: Settings) -> Value:
    metadata = {"display_phone_number": BUSINESS_PHONE, "phone_number_id": settings.whatsapp_phone_number_id}
    return {"messaging_product": "whatsapp", "metadata": metadata}


class _Item:
    def __init__(self, value: Value, taken: Callable[[], None] | None) -> None:
        self.value = value
        self.taken = taken
        self.done = asyncio.get_running_loop().create_future()


class Deliverer:
    """Posts webhooks in the background: a lane per family, strictly in order unless the faults say otherwise."""

    def __init__(self, settings: Settings, chaos: Chaos) -> None:
        self._url = f"http://127.0.0.1:{settings.puente_port}/webhooks/whatsapp"
        self._secret = settings.whatsapp_app_secret
        self._chaos = chaos
        self._lanes: dict[str, deque[_Item]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.delivered = 0
        self.refused = 0
        self.unreachable = False  # the last attempt came to nothing
        self._http = httpx.AsyncClient(timeout=20, trust_env=False, limits=httpx.Limits(max_connections=64))

    @property
    def pending(self) -> int:
        """How many webhooks and background jobs are not finished."""
        return len(self._tasks)

    def send(self, lane: str, value: Value, taken: Callable[[], None] | None = None) -> asyncio.Future[None]:
        """Deliver `value` behind what its lane already holds. The future ends when Puente answered 200."""
        item = _Item(value, taken)
        faults = self._chaos.faults
        if self._chaos.hits(faults.reorder_webhooks):
            self.start(self._deliver([item], wait=self._chaos.spread(faults.reorder_seconds)))
            return item.done
        waiting = self._lanes.get(lane)
        if waiting is None:
            self._lanes[lane] = deque([item])
            self.start(self._run(lane))
        else:
            waiting.append(item)
        return item.done

    def send_batch(self, values: list[tuple[Value, Callable[[], None] | None]]) -> None:
        """Deliver all of `values` in one webhook, beside the lanes."""
        self.start(self._deliver([_Item(value, taken) for value, taken in values]))

    def send_copies(self, value: Value, copies: int, taken: Callable[[], None] | None) -> None:
        """Deliver the same webhook several times at once."""
        for _ in range(copies):
            self.start(self._deliver([_Item(value, taken)]))

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in the background, until it ends or the simulator is reset."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def cancel_all(self) -> None:
        """Forget everything that is under way."""
        for task in list(self._tasks):
            task.cancel()
        self._lanes.clear()

    async def close(self) -> None:
        """Stop; nothing is delivered afterwards."""
        tasks = list(self._tasks)
        self.cancel_all()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._http.aclose()

    async def _run(self, lane: str) -> None:
        waiting = self._lanes[lane]
        while waiting:
            most = self._chaos.faults.batch_webhooks
            if most > 1:
                await asyncio.sleep(self._chaos.faults.batch_seconds)
            await self._deliver([waiting.popleft() for _ in range(min(most, len(waiting)))])
        if self._lanes.get(lane) is waiting:
            del self._lanes[lane]

    async def _deliver(self, items: list[_Item], wait: float = 0) -> None:
        await asyncio.sleep(wait)
        faults = self._chaos.faults
        if self._chaos.hits(faults.slow_webhooks):
            await asyncio.sleep(self._chaos.spread(faults.slow_webhook_seconds))
        body = merge([item.value for item in items])
        await self._post_until_taken(body)
        for item in items:
            if not item.done.done():
                item.done.set_result(None)
            if item.taken:
                item.taken()
        if self._chaos.hits(faults.duplicate_webhooks):
            self.start(self._repeat(body, self._chaos.spread(faults.reorder_seconds)))

    async def _repeat(self, body: bytes, wait: float) -> None:
        await asyncio.sleep(wait)
        await self._post_until_taken(body)

    async def _post_until_taken(self, body: bytes) -> None:
        headers = {"Content-Type": "application/json", "X-Hub-Signature-256": sign(body, self._secret)}
        delay = FIRST_DELAY
        while not await self._post(body, headers):
            self.refused += 1
            self.unreachable = True
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)
        self.delivered += 1
        self.unreachable = False

    async def _post(self, body: bytes, headers: dict[str, str]) -> bool:
        try:
            response = await self._http.post(self._url, content=body, headers=headers)
        except httpx.HTTPError as problem:
            logger.info("puente unreachable; the webhook is tried again", problem=type(problem).__name__)
            return False
        if response.status_code != 200:
            logger.info("puente refused the webhook; it is tried again", status=response.status_code)
        return response.status_code == 200
