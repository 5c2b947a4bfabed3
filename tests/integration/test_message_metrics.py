"""What /metrics says of messages: how many wait, how fast they are answered, what fails, what it costs."""

import re

import pytest
from litestar.testing import AsyncTestClient

from puente.api.app import create_app
from puente.messages import outbox
from puente.messages.metrics import quantile
from puente.settings import Settings
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature


async def _metrics(settings: Settings) -> dict[str, float]:
    async with AsyncTestClient(create_app(settings)) as client:
        text = (await client.get("/metrics")).text
    return {name: float(value) for name, value in re.findall(r"^(puente_\S+) (\S+)$", text, re.M)}


async def test_without_messages_there_is_nothing_to_tell(puente: Miniature, settings: Settings) -> None:
    found = await _metrics(settings)
    assert found['puente_oldest_message_seconds{direction="in"}'] == 0
    assert found["puente_answers"] == 0
    assert found['puente_number_held{state="alto"}'] == 0


async def test_what_waits_is_counted_with_the_age_of_the_oldest(puente: Miniature, settings: Settings) -> None:
    await puente.say("uno")
    puente.time.pass_(seconds=30)
    await puente.say("dos")
    found = await _metrics(settings)
    assert found['puente_waiting_messages{direction="in"}'] == 2
    assert found['puente_oldest_message_seconds{direction="in"}'] == 30
    await puente.work("gate", "inbox")
    puente.time.pass_(seconds=5)
    found = await _metrics(settings)
    assert found['puente_waiting_messages{direction="out"}'] == 2
    assert found['puente_oldest_message_seconds{direction="out"}'] == 5


async def test_the_time_to_answer_is_told_by_percentile(puente: Miniature, settings: Settings) -> None:
    for seconds in (1, 2, 3, 4, 40):
        await puente.say("hola")
        puente.time.pass_(seconds=seconds)
        await puente.work()
    found = await _metrics(settings)
    assert found["puente_answers"] == 5
    assert found['puente_answer_seconds{quantile="0.5"}'] == 3
    assert found['puente_answer_seconds{quantile="0.99"}'] == 40
    puente.time.pass_(hours=2)
    assert (await _metrics(settings))["puente_answers"] == 0


@pytest.mark.parametrize(
    ("share", "value"), [(0.5, 5), (0.9, 9), (0.95, 10), (0.99, 10), (0.0, 1), (1.0, 10), (0.1, 1)]
)
def test_a_percentile_is_the_value_that_so_many_do_not_pass(share: float, value: int) -> None:
    assert quantile(range(1, 11), share) == value


async def test_failures_and_a_stopped_number_are_told_by_code(puente: Miniature, settings: Settings) -> None:
    await puente.say("hola")
    await puente.work("gate", "inbox")
    contact_id = (await puente.contact()).id
    async with puente.database.transaction() as session:
        for text in ("uno", "dos"):
            await outbox.write_turn(session, contact_id, [{"text": text}], now=puente.time.now)
    puente.graph.script.extend([131026, 131026, 131031])
    await puente.work("outbox")
    puente.time.pass_(seconds=20)
    found = await _metrics(settings)
    assert found['puente_failed_messages{code="131026"}'] == 2
    assert found['puente_number_held{state="alto"}'] == 1
    assert found["puente_number_held_seconds"] == 20


async def test_the_months_messages_are_told_as_whatsapp_charges_them(puente: Miniature, settings: Settings) -> None:
    pricing = {"billable": True, "pricing_model": "PMP", "type": "regular", "category": "utility"}
    await puente.receive(statuses=[wa.status("wamid.a", "delivered", pricing=pricing, timestamp="1795300000")])
    found = await _metrics(settings)
    line = 'puente_month_messages{billable="true",category="utility",month="2026-11",type="regular"}'
    assert found[line] == 1
