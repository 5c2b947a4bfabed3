"""`puente doctor`, `puente templates`: against the simulator all is well; every fault says what to do."""

import shutil
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from litestar.testing import AsyncTestClient

from puente import doctor
from puente.api.app import create_app
from puente.messages import number
from puente.settings import Settings
from puente.whatsapp import submission, templates
from puente.whatsapp.account import Account, AccountError
from puente.whatsapp.errors import rule_for
from simulator.app import create_app as create_simulator
from tests.integration.conftest import Miniature


class Served(httpx.AsyncBaseTransport):
    """An application in this process, as if it were served: with a Date, unless a test answers instead."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.instead: dict[str, httpx.Response | Exception] = {}
        self.clock = timedelta(0)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        for part, answer in self.instead.items():
            if part in str(request.url):
                if isinstance(answer, Exception):
                    raise answer
                return answer
        response = await self._inner.handle_async_request(request)
        response.headers["Date"] = format_datetime(datetime.now(UTC) + self.clock, usegmt=True)
        return response


@dataclass
class House:
    """Everything that a doctor looks at."""

    settings: Settings
    graph: Served
    web: Served
    simulator: AsyncTestClient
    dead: set[int] = field(default_factory=set)

    async def examine(self, **settings: Any) -> dict[str, doctor.Finding]:
        found = await doctor.examine(replace(self.settings, **settings), graph=self.graph, local=self._local())
        return {finding.what: finding for finding in found}

    def account(self, **settings: Any) -> Account:
        return Account(replace(self.settings, **settings), self.graph)

    def _local(self) -> httpx.AsyncBaseTransport:
        async def answer(request: httpx.Request) -> httpx.Response:
            if request.url.port in self.dead:
                raise httpx.ConnectError("refused", request=request)
            if request.url.port == self.settings.puente_port:
                return await self.web.handle_async_request(request)
            return httpx.Response(200)

        return httpx.MockTransport(answer)


@pytest.fixture
async def house(settings: Settings, puente: Miniature) -> AsyncIterator[House]:
    async with (
        AsyncTestClient(create_app(settings)) as web,
        AsyncTestClient(create_simulator(settings, seed=7)) as simulator,  # type: ignore[type-var]
    ):
        yield House(settings, Served(simulator._transport), Served(web._transport), simulator)


def _error(code: int, status: int = 400) -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": code, "message": "de prueba"}})


# ------------------------------------------------------------------------------------------------------- doctor


async def test_where_all_is_well_nothing_is_to_be_done(house: House) -> None:
    findings = await house.examine()
    assert {what for what, finding in findings.items() if finding.how == doctor.BAD} == set()
    assert {what for what, finding in findings.items() if finding.to_do} == {"WhatsApp"}, "it is the simulator"
    assert len(findings) >= 14


Fault = Callable[[House], Any]
LOCAL: list[tuple[str, Fault, str]] = [
    ("asistente (Rasa)", lambda house: house.dead.add(house.settings.rasa_port), "puente run"),
    ("acciones", lambda house: house.dead.add(house.settings.actions_port), "puente run"),
    ("webhook", lambda house: house.dead.add(house.settings.puente_port), "proceso web"),
    ("token", lambda house: house.graph.instead.update({"/v": _error(190, 401)}), "token permanente"),
    ("token", lambda house: house.graph.instead.update({"/v": _error(200, 403)}), "token permanente"),
    ("número", lambda house: house.graph.instead.update({"/v": _error(100)}), "WHATSAPP_PHONE_NUMBER_ID"),
    ("WhatsApp", lambda house: house.graph.instead.update({"/v": httpx.ConnectError("no")}), "red"),
    ("WhatsApp", lambda house: house.graph.instead.update({"/v": httpx.Response(502)}), "más tarde"),
    ("reloj", lambda house: setattr(house.graph, "clock", timedelta(minutes=3)), "NTP"),
    ("reloj", lambda house: setattr(house.graph, "clock", -timedelta(minutes=3)), "NTP"),
    (
        "suscripción al webhook",
        lambda house: house.graph.instead.update({"subscribed_apps": httpx.Response(200, json={"data": []})}),
        "Suscriba",
    ),
    (
        "suscripción al webhook",
        lambda house: house.graph.instead.update({"subscribed_apps": _error(10, 403)}),
        "WHATSAPP_BUSINESS_ACCOUNT_ID",
    ),
    (
        "plantillas",
        lambda house: house.graph.instead.update({"message_templates": httpx.Response(200, json={"data": []})}),
        "puente templates",
    ),
]


@pytest.mark.parametrize(("what", "fault", "to_do"), LOCAL, ids=[f"{what}-{n}" for n, (what, _, _) in enumerate(LOCAL)])
async def test_what_is_wrong_is_found_and_says_what_to_do(house: House, what: str, fault: Fault, to_do: str) -> None:
    fault(house)
    finding = (await house.examine())[what]
    assert finding.how == doctor.BAD
    assert to_do in finding.to_do


@pytest.mark.parametrize(
    ("variable", "what"),
    [
        ("whatsapp_verify_token", "webhook: verificación"),
        ("whatsapp_app_secret", "webhook: firma"),
        ("whatsapp_app_secret", "secreto de la app"),
        ("whatsapp_access_token", "token"),
        ("whatsapp_phone_number_id", "número"),
        ("whatsapp_business_account_id", "plantillas"),
    ],
)
async def test_a_wrong_variable_is_found(house: House, variable: str, what: str) -> None:
    assert (await house.examine(**{variable: "999"}))[what].how == doctor.BAD


async def test_a_database_of_before_is_told_to_migrate(house: House, tmp_path: Any) -> None:
    finding = (await house.examine(puente_database_url=f"sqlite:///{tmp_path / 'vacia.db'}"))["base de datos"]
    assert (finding.how, finding.to_do) == (doctor.BAD, "Ejecute: puente migrate")


async def test_a_database_that_does_not_answer_is_found(house: House) -> None:
    url = "postgresql://nadie@127.0.0.1:1/nada"
    finding = (await house.examine(puente_database_url=url))["base de datos"]
    assert finding.how == doctor.BAD
    assert "PUENTE_DATABASE_URL" in finding.to_do


async def test_a_full_disk_is_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10_000_000})())
    assert (await house.examine())["disco"].how == doctor.BAD


async def test_a_stopped_number_is_told_with_its_reason(house: House, puente: Miniature) -> None:
    async with puente.database.transaction() as session:
        await number.hold(session, rule_for(131042, 400), 131042, puente.time.now)
    finding = (await house.examine())["envíos"]
    assert finding.how == doctor.BAD
    assert "pago" in finding.said and "puente number resume" in finding.to_do


async def test_the_development_token_is_not_shown_to_a_real_whatsapp(house: House) -> None:
    findings = await house.examine(whatsapp_api_url_is_simulator=False)
    assert findings["token"].how == doctor.BAD
    assert "número" not in findings


async def test_the_doctor_changes_nothing_that_families_see(house: House, puente: Miniature) -> None:
    await house.examine()
    assert await puente.messages("in") == []
    assert await puente.messages("out") == []


# ---------------------------------------------------------------------------------------------------- templates


async def test_templates_are_submitted_until_nothing_differs(house: House) -> None:
    await house.simulator.delete("/sim/templates")
    account, ours = house.account(), templates.all_templates().values()
    found = submission.compare(ours, await account.templates())
    assert len(found) == len(ours)
    for difference in found:
        assert (await submission.submit(account, difference)).said == "aprobada"
    assert submission.compare(ours, await account.templates()) == []


async def test_a_changed_text_is_submitted_as_a_change(house: House) -> None:
    account, ours = house.account(), dict(templates.all_templates())
    ours["avance_caso"] = replace(ours["avance_caso"], body="Su caso {{1}} tiene novedades. Conteste para leerlas.")
    (difference,) = submission.compare(ours.values(), await account.templates())
    assert (await submission.submit(account, difference)).said == "enviada de nuevo"
    assert submission.compare(ours.values(), await account.templates()) == []


async def test_a_paused_template_is_told_and_not_submitted(house: House) -> None:
    await house.simulator.put("/sim/templates", json={"name": "avance_caso", "status": "PAUSED"})
    (difference,) = submission.compare(templates.all_templates().values(), await house.account().templates())
    assert not difference.submittable
    assert "pausa" in difference.said[0]


async def test_an_account_with_many_templates_is_read_to_its_end(house: House) -> None:
    for n in range(120):
        components = [{"type": "BODY", "text": "Hola."}]
        template = {"name": f"otra_{n}", "language": "es_MX", "category": "UTILITY", "components": components}
        response = await house.simulator.post(
            "/v23.0/200000000000001/message_templates", json=template, headers=_token(house)
        )
        assert response.status_code == 200
    theirs = await house.account().templates()
    assert len({item.name for item in theirs}) == 120 + len(templates.all_templates())


async def test_a_refusal_says_what_meta_says(house: House) -> None:
    with pytest.raises(AccountError, match="token") as refused:
        await house.account(whatsapp_access_token="ajeno").templates()
    assert refused.value.code == 190


@pytest.mark.parametrize(
    "answer", [httpx.Response(200, text="?"), httpx.Response(200, json=[1]), httpx.Response(200, json={"data": "x"})]
)
async def test_an_answer_that_is_not_as_documented_is_an_empty_one(house: House, answer: httpx.Response) -> None:
    house.graph.instead["message_templates"] = answer
    assert await house.account().templates() == []


def _token(house: House) -> dict[str, str]:
    return {"Authorization": f"Bearer {house.settings.whatsapp_access_token}"}
