"""The month's cost: each delivered message once, however its statuses come, by category, as WhatsApp prices it."""

from typing import Any

import pytest

from puente.messages import costs, outbox
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature

UTILITY = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
FREE = {"billable": False, "pricing_model": "PMP", "type": "free_customer_service", "category": "service"}


def _status(wamid: str, name: str, pricing: Any = UTILITY, at: str = "1795300000") -> wa.Item:
    return wa.status(wamid, name, pricing=pricing, timestamp=at)


async def _month(puente: Miniature, month: str = "2026-11") -> dict[tuple[str, bool], int]:
    async with puente.database.reading() as session:
        return {(cost.category, cost.billable): cost.messages for cost in await costs.of_month(session, month)}


async def test_a_delivered_message_counts_once_whatever_its_statuses_repeat(puente: Miniature) -> None:
    names = ["sent", "delivered", "delivered", "read", "played"]
    await puente.receive(statuses=[_status("wamid.a", name) for name in names])
    await puente.receive(statuses=[_status("wamid.a", "delivered"), _status("wamid.b", "read")])
    assert await _month(puente) == {("utility", True): 2}


async def test_what_was_not_delivered_costs_nothing(puente: Miniature) -> None:
    await puente.receive(statuses=[_status("wamid.a", "sent"), _status("wamid.b", "failed", None)])
    assert await _month(puente) == {}


async def test_free_messages_are_told_apart(puente: Miniature) -> None:
    await puente.receive(statuses=[_status("wamid.a", "delivered"), _status("wamid.b", "delivered", FREE)])
    assert await _month(puente) == {("utility", True): 1, ("service", False): 1}


async def test_the_month_is_that_of_the_delivery_in_mexico_city(puente: Miniature) -> None:
    await puente.receive(statuses=[_status("wamid.a", "delivered", at="1796104800")])  # 1 December, 06:00 UTC
    await puente.receive(statuses=[_status("wamid.b", "delivered", at="1796104799")])  # still November there
    assert await _month(puente, "2026-12") == {("utility", True): 1}
    assert await _month(puente, "2026-11") == {("utility", True): 1}


@pytest.mark.parametrize("pricing", [None, "gratis", {}, {"category": 7, "billable": None}, {"category": "x" * 500}])
async def test_pricing_that_is_not_as_documented_spoils_nothing(puente: Miniature, pricing: Any) -> None:
    await puente.say("hola")
    await puente.work("gate", "inbox", "outbox")
    (row,) = await puente.messages("out")
    await puente.receive(statuses=[_status(row.wamid or "", "delivered", pricing, at="ayer")])
    (row,) = await puente.messages("out")
    assert row.status == "delivered"


async def test_a_price_makes_a_total(puente: Miniature, monkeypatch: pytest.MonkeyPatch) -> None:
    await puente.receive(statuses=[_status(f"wamid.{number}", "delivered") for number in range(3)])
    await puente.receive(statuses=[_status("wamid.gratis", "delivered", FREE)])
    async with puente.database.reading() as session:
        unpriced = {cost.category: cost.total for cost in await costs.of_month(session, "2026-11")}
        monkeypatch.setattr(costs, "_prices", lambda: ({"utility": 0.5}, "XXX"))
        priced = {cost.category: cost.total for cost in await costs.of_month(session, "2026-11")}
    assert unpriced == {"utility": None, "service": 0}
    assert priced == {"utility": 1.5, "service": 0}


async def test_a_message_of_ours_is_counted_with_its_status(puente: Miniature) -> None:
    await puente.say("hola")
    await puente.work("gate", "inbox")
    async with puente.database.transaction() as session:
        await outbox.write_turn(session, (await puente.contact()).id, [{"text": "uno"}], now=puente.time.now)
    await puente.work("outbox")
    await puente.receive(statuses=[_status(wamid, "read", FREE) for wamid in puente.graph.wamids])
    assert await _month(puente) == {("service", False): 2}
