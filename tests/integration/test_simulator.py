"""The simulator behaves like Meta's Cloud API, and misbehaves when it is told to."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import uvicorn

from puente import settings as configuration
from puente.whatsapp.signature import verify
from simulator.app import create_app
from simulator.driver import Phone, Simulator, SimulatorError
from tests.conftest import CANNOT_RUN, free_port

SCHEMAS = Path(__file__).resolve().parents[3] / "shared" / "whatsapp"
CARMEN = "5215555550101"
# One simulator for all of them, reset before each: starting one costs more than most of these tests.
pytestmark = pytest.mark.asyncio(loop_scope="module")


@dataclass
class FakePuente:
    """Takes webhooks as Puente does; `answers` says how, one each, then 200."""

    secret: str
    answers: list[int] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    tries: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        body = b""
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        self.tries += 1
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        assert scope["path"] == "/webhooks/whatsapp"
        status = self.answers.pop(0) if self.answers else 200
        if not verify(body, headers.get("x-hub-signature-256"), self.secret):
            status = 401
        if status == 200:
            self.taken.append(json.loads(body))
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    def items(self, kind: str) -> list[dict[str, Any]]:
        """Every message or status, in the order in which it came."""
        return [
            item
            for body in self.taken
            for change in body["entry"][0]["changes"]
            for item in change["value"].get(kind, [])
        ]


@dataclass
class House:
    """A simulator and what stands where Puente would be."""

    puente: FakePuente
    simulator: Simulator
    graph: httpx.AsyncClient
    number: str

    def phone(self, wa_id: str = CARMEN) -> Phone:
        return self.simulator.phone(wa_id)

    async def send(self, body: dict[str, Any], to: str = "+" + CARMEN) -> httpx.Response:
        """A sending request as Puente makes it."""
        request = {"messaging_product": "whatsapp", "recipient_type": "individual", "to": to, **body}
        return await self.graph.post(f"/v23.0/{self.number}/messages", json=request)

    async def send_text(self, text: str = "Buenas tardes", **more: Any) -> httpx.Response:
        return await self.send({"type": "text", "text": {"body": text}, **more})


async def _serve(app: Any, port: int, lifespan: str) -> tuple[uvicorn.Server, asyncio.Task[None]]:
    options = {"host": "127.0.0.1", "http": "h11", "log_level": "critical", "timeout_graceful_shutdown": 1}
    config = uvicorn.Config(app, port=port, lifespan=lifespan, **options)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined,method-assign]
    task = asyncio.create_task(server.serve())
    await _until(lambda: server.started)
    return server, task


async def _until(true: Callable[[], bool], seconds: float = 10) -> None:
    for _ in range(int(seconds / 0.02)):
        if true():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it did not happen")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running_house() -> AsyncIterator[House]:
    sim_port, puente_port = free_port(), free_port()
    settings = configuration.load({"SIMULATOR_PORT": str(sim_port), "PUENTE_PORT": str(puente_port)})
    puente = FakePuente(settings.whatsapp_app_secret)
    url = f"http://127.0.0.1:{sim_port}"
    token = {"Authorization": f"Bearer {settings.whatsapp_access_token}"}
    servers = [
        await _serve(puente, puente_port, "off"),
        await _serve(create_app(settings, seed=7), sim_port, "on"),
    ]
    async with (
        Simulator(url) as simulator,
        httpx.AsyncClient(base_url=url, headers=token, timeout=10, trust_env=False) as graph,
    ):
        yield House(puente, simulator, graph, settings.whatsapp_phone_number_id)
    for server, task in reversed(servers):
        server.should_exit = True
        await task


@pytest_asyncio.fixture(loop_scope="module")
async def house(running_house: House) -> House:
    """The house as new: no messages, no faults, and statuses that follow quickly."""
    await running_house.simulator.reset()
    await running_house.simulator.faults(status_seconds=0.02)
    puente = running_house.puente
    puente.answers, puente.taken, puente.tries = [], [], 0
    return running_house


def code_of(response: httpx.Response) -> int:
    """The code of a refusal, after checking that it is written as Meta writes it."""
    error = response.json()["error"]
    assert {"message", "type", "code", "error_data", "fbtrace_id"} <= set(error)
    return int(error["code"])


BUTTONS = {
    "type": "interactive",
    "interactive": {
        "type": "button",
        "body": {"text": "¿Es correcto?"},
        "action": {
            "buttons": [
                {"type": "reply", "reply": {"id": "si", "title": "Sí"}},
                {"type": "reply", "reply": {"id": "no", "title": "No"}},
            ]
        },
    },
}


def a_list(rows: int = 3, **row: str) -> dict[str, Any]:
    section = {"title": "Opciones", "rows": [{"id": f"fila-{n}", "title": f"Fila {n}", **row} for n in range(rows)]}
    action = {"button": "Ver opciones", "sections": [section]}
    return {"type": "interactive", "interactive": {"type": "list", "body": {"text": "Elija"}, "action": action}}


# The family writes


async def test_what_a_family_says_reaches_puente_signed_and_in_metas_shape(house: House) -> None:
    said = await house.phone().say("no hay vincristina ñ 🙏")
    await house.simulator.settled()
    value = house.puente.taken[0]["entry"][0]["changes"][0]["value"]
    assert value["contacts"][0]["wa_id"] == CARMEN
    assert value["messages"][0] | {"timestamp": "", "from_user_id": ""} == {
        "from": CARMEN,
        "from_user_id": "",
        "id": said.id,
        "timestamp": "",
        "type": "text",
        "text": {"body": "no hay vincristina ñ 🙏"},
    }


async def test_every_kind_of_message_fits_metas_schema(house: House) -> None:
    schema = SCHEMAS / "webhook.schema.json"
    if not schema.exists():
        pytest.skip(f"{CANNOT_RUN} Meta's schema is not beside this repository (../shared/whatsapp)")
    jsonschema = pytest.importorskip("jsonschema")
    phone = house.phone()
    await phone.say("hola")
    await phone.send_image("la receta")
    await phone.send_voice()
    await phone.send_document()
    await phone.send_location(19.46, -99.14, "Hospital de Ejemplo", "Calle Inventada 1")
    await house.send(BUTTONS)
    await phone.press("Sí")
    await house.send(a_list())
    await phone.press("Fila 2")
    reply = (await phone.messages())[-2]
    await phone.react(reply, "👍")
    await house.simulator.settled()  # or the message would be read before it is delivered
    await phone.read()
    await house.simulator.settled()
    assert {item["type"] for item in house.puente.items("messages")} == {
        "text", "image", "audio", "document", "location", "interactive", "reaction",
    }  # fmt: skip
    assert {item["status"] for item in house.puente.items("statuses")} >= {"sent", "delivered"}
    validator = jsonschema.Draft202012Validator(json.loads(schema.read_text()))
    for body in house.puente.taken:
        validator.validate(body)


async def test_pressing_a_button_sends_its_id_and_the_message_it_belongs_to(house: House) -> None:
    await house.phone().say("hola")
    offer = (await house.send(BUTTONS)).json()["messages"][0]["id"]
    await house.phone().press("sí")
    await house.simulator.settled()
    pressed = house.puente.items("messages")[-1]
    assert pressed["interactive"] == {"type": "button_reply", "button_reply": {"id": "si", "title": "Sí"}}
    assert pressed["context"]["id"] == offer


async def test_choosing_a_row_sends_a_list_reply_with_its_description(house: House) -> None:
    await house.phone().say("hola")
    await house.send(a_list(description="la de siempre"))
    await house.phone().press(id="fila-1")
    await house.simulator.settled()
    reply = house.puente.items("messages")[-1]["interactive"]["list_reply"]
    assert reply == {"id": "fila-1", "title": "Fila 1", "description": "la de siempre"}


async def test_pressing_what_is_not_offered_is_refused_and_says_what_is(house: House) -> None:
    await house.phone().say("hola")
    await house.send(BUTTONS)
    with pytest.raises(SimulatorError, match="offered: 'Sí', 'No'"):
        await house.phone().press("Tal vez")


async def test_a_family_without_phone_is_known_by_its_scoped_id_only(house: House) -> None:
    phone = await house.simulator.create_family(name="Sin número", username="inventada")
    await phone.say("hola")
    await house.simulator.settled()
    message = house.puente.items("messages")[0]
    assert "from" not in message and message["from_user_id"] == phone.wa_id
    request = {"messaging_product": "whatsapp", "recipient": phone.wa_id, "type": "text", "text": {"body": "Hola"}}
    answer = (await house.graph.post(f"/v23.0/{house.number}/messages", json=request)).json()
    assert answer["contacts"] == [{"input": phone.wa_id, "user_id": phone.wa_id}]
    assert [reply.text for reply in await phone.replies(settle=0)] == ["Hola"]


async def test_a_webhook_is_repeated_until_puente_takes_it_and_order_is_kept(house: House) -> None:
    house.puente.answers = [500, 503]
    for text in ("uno", "dos", "tres"):
        await house.phone().say(text)
    await house.simulator.settled()
    assert [item["text"]["body"] for item in house.puente.items("messages")] == ["uno", "dos", "tres"]
    assert house.puente.tries == 5
    assert [message.status for message in await house.phone().messages()] == ["delivered"] * 3


async def test_several_families_can_write_in_one_webhook(house: House) -> None:
    await house.simulator.batch([(CARMEN, "uno"), ("5215555550102", "dos"), (CARMEN, "tres")])
    await house.simulator.settled()
    assert len(house.puente.taken) == 1
    assert [item["text"]["body"] for item in house.puente.items("messages")] == ["uno", "dos", "tres"]
    assert len(house.puente.taken[0]["entry"][0]["changes"][0]["value"]["contacts"]) == 2


async def test_the_same_webhook_can_come_five_times_at_once(house: House) -> None:
    said = await house.phone().say("hola", copies=5)
    await house.simulator.settled()
    assert [item["id"] for item in house.puente.items("messages")] == [said.id] * 5


# Puente sends


@pytest.mark.parametrize("to", ["+5215555550101", "+525555550101", "+52 1 55 5555 0101", "5555550101"])
async def test_both_spellings_of_a_mexican_number_reach_the_same_family(house: House, to: str) -> None:
    await house.phone().say("hola")
    answer = (await house.send({"type": "text", "text": {"body": "Hola"}}, to=to)).json()
    assert answer["messaging_product"] == "whatsapp"
    assert answer["contacts"] == [{"input": to, "wa_id": CARMEN}]
    assert answer["messages"][0]["id"].startswith("wamid.")
    assert [reply.text for reply in await house.phone().replies(after=0, settle=0)] == ["Hola"]


async def test_a_number_without_plus_gets_the_country_code_of_the_business(house: House) -> None:
    await house.phone().say("hola")
    answer = await house.send({"type": "text", "text": {"body": "Hola"}}, to=CARMEN)
    assert answer.json()["contacts"][0]["wa_id"] == "52" + CARMEN
    await house.simulator.settled()
    assert house.puente.items("statuses")[-1]["errors"][0]["code"] == 131026


async def test_statuses_go_from_sent_to_read_with_our_own_reference(house: House) -> None:
    await house.phone().say("hola")
    await house.send_text(biz_opaque_callback_data="17")
    await house.simulator.settled()
    assert [item["status"] for item in house.puente.items("statuses")] == ["sent", "delivered"]
    await house.phone().read()
    await house.simulator.settled()
    statuses = house.puente.items("statuses")
    assert [item["status"] for item in statuses] == ["sent", "delivered", "read"]
    assert {item["biz_opaque_callback_data"] for item in statuses} == {"17"}
    assert statuses[0]["pricing"]["pricing_model"] == "PMP"


async def test_marking_as_read_turns_the_ticks_blue_and_shows_that_somebody_writes(house: House) -> None:
    first, second = await house.phone().say("uno"), await house.phone().say("dos")
    body = {
        "messaging_product": "whatsapp", "status": "read", "message_id": second.id,
        "typing_indicator": {"type": "text"},
    }  # fmt: skip
    answer = await house.graph.post(f"/v23.0/{house.number}/messages", json=body)
    assert answer.json() == {"success": True}
    assert {item.id: item.status for item in await house.phone().messages()} == {first.id: "read", second.id: "read"}


async def test_the_wrong_token_the_wrong_number_and_the_wrong_version_are_refused(house: House) -> None:
    path = f"/v23.0/{house.number}/messages"
    wrong = await house.graph.post(path, json={}, headers={"Authorization": "Bearer otro"})
    assert (wrong.status_code, code_of(wrong)) == (401, 190)
    assert code_of(await house.graph.post("/v23.0/999/messages", json={})) == 100
    assert code_of(await house.graph.post(path.replace("v23.0", "23"), json={})) == 100


def _with(body: dict[str, Any], *path: Any, value: Any) -> dict[str, Any]:
    copy = json.loads(json.dumps(body))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return dict(copy)


BUTTON = ("interactive", "action", "buttons")
ROW = ("interactive", "action", "sections", 0, "rows")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"type": "text", "text": {"body": "a" * 4097}}, 100),
        ({"type": "text", "text": {"body": ""}}, 100),
        ({"type": "text", "text": {"cuerpo": "hola"}}, 100),
        ({"type": "text"}, 131008),
        ({"type": "poll", "poll": {}}, 131051),
        ({"type": "text", "text": {"body": "hola"}, "extra": 1}, 100),
        ({"type": "text", "text": {"body": "hola"}, "biz_opaque_callback_data": "x" * 513}, 131009),
        (_with(BUTTONS, *BUTTON, 0, "reply", "title", value="a" * 21), 131009),
        (_with(BUTTONS, *BUTTON, 0, "reply", "title", value="No"), 131009),
        (_with(BUTTONS, *BUTTON, 0, "reply", "id", value="a" * 257), 131009),
        (_with(BUTTONS, *BUTTON, value=BUTTONS["interactive"]["action"]["buttons"] * 2), 131009),
        (_with(BUTTONS, "interactive", "body", "text", value="a" * 1025), 131009),
        (a_list(11), 131009),
        (a_list(2, description="a" * 73), 131009),
        (_with(a_list(), *ROW, 0, "title", value="a" * 25), 131009),
        (_with(a_list(), *ROW, 0, "id", value="a" * 201), 131009),
        (_with(a_list(), "interactive", "action", "button", value="a" * 21), 131009),
        ({"type": "image", "image": {"id": "1"}}, 100),
        ({"type": "image", "image": {"link": "file:///etc/passwd"}}, 100),
        ({"type": "template", "template": {"name": "no_existe", "language": {"code": "es_MX"}}}, 132001),
    ],
)  # fmt: skip
async def test_a_body_that_meta_would_refuse_is_refused(house: House, body: dict[str, Any], code: int) -> None:
    await house.phone().say("hola")
    response = await house.send(body)
    assert response.is_client_error and code_of(response) == code
    assert await house.simulator.outbound() == []


@pytest.mark.parametrize(
    "body",
    [
        {"type": "text", "text": {"body": "á" * 4096, "preview_url": False}},
        BUTTONS,
        a_list(10),
        {"type": "image", "image": {"link": "https://ejemplo.invalid/a.png", "caption": "x"}},
        {"type": "location", "location": {"latitude": 19.4, "longitude": -99.1, "name": "Aquí", "address": "Allá"}},
    ],
)
async def test_a_body_at_the_limits_is_accepted(house: House, body: dict[str, Any]) -> None:
    await house.phone().say("hola")
    assert (await house.send(body)).status_code == 200


async def test_metas_own_examples_are_accepted(house: House) -> None:
    examples = SCHEMAS / "outbound-message.examples.json"
    if not examples.exists():
        pytest.skip(f"{CANNOT_RUN} Meta's examples are not beside this repository (../shared/whatsapp)")
    await house.phone().say("hola")
    bodies = json.loads(examples.read_text())
    tried = 0
    for name, body in bodies.items():
        content = json.dumps({key: value for key, value in body.items() if key != "to"})
        if "<" in content or "{{" in content or "type" not in body:
            continue  # a form to fill in
        if body["type"] in ("text", "contacts", "reaction"):
            response = await house.send(body | {"to": "+" + CARMEN})
            assert response.status_code == 200, (name, response.text)
            tried += 1
    assert tried >= 3


async def test_outside_the_24_hours_only_a_template_goes_through(house: House) -> None:
    assert code_of(await house.send_text()) == 131047
    await house.phone().say("hola")
    assert (await house.send_text()).status_code == 200
    await house.simulator.set_clock(24.5)
    assert code_of(await house.send_text()) == 131047
    components = [
        {"type": "BODY", "text": "Su caso {{1}} avanzó.", "example": {"body_text": [["PU-1"]]}},
        {"type": "BUTTONS", "buttons": [{"type": "QUICK_REPLY", "text": "Ver"}]},
    ]
    template = {"name": "avance", "language": "es_MX", "category": "UTILITY", "components": components}
    await house.graph.post("/v23.0/200000000000001/message_templates", json=template)
    content: dict[str, Any] = {"name": "avance", "language": {"code": "es_MX"}}
    assert code_of(await house.send({"type": "template", "template": content})) == 132000
    content["components"] = [{"type": "body", "parameters": [{"type": "text", "text": "ABC-1"}]}]
    assert (await house.send({"type": "template", "template": content})).status_code == 200
    assert (await house.phone().messages())[-1].text == "Su caso ABC-1 avanzó."
    await house.phone().press("Ver")
    assert (await house.send_text()).status_code == 200
    await house.simulator.settled()
    assert house.puente.items("messages")[-1]["button"] == {"payload": "Ver", "text": "Ver"}


async def test_a_picture_can_be_fetched_with_the_token_only_and_its_hash_holds(house: House) -> None:
    await house.phone().send_image()
    await house.simulator.settled()
    image = house.puente.items("messages")[0]["image"]
    described = (await house.graph.get(f"/v23.0/{image['id']}")).json()
    fetched = await house.graph.get(described["url"])
    assert fetched.content.startswith(b"\xff\xd8") and fetched.headers["content-type"] == "image/jpeg"
    assert len(fetched.content) == described["file_size"]
    assert base64.b64encode(hashlib.sha256(fetched.content).digest()).decode() == image["sha256"]
    async with httpx.AsyncClient(trust_env=False) as stranger:
        assert (await stranger.get(described["url"])).status_code == 401
    late = described["url"].replace("expires=", "expires=1")[:-1]
    assert (await house.graph.get(late)).status_code == 404


async def test_an_uploaded_file_can_be_sent_by_its_id(house: House) -> None:
    await house.phone().say("hola")
    form = {"messaging_product": "whatsapp", "type": "image/png"}
    upload = await house.graph.post(
        f"/v23.0/{house.number}/media", data=form, files={"file": ("a.png", b"\x89PNG", "image/png")}
    )
    assert (await house.send({"type": "image", "image": {"id": upload.json()["id"]}})).status_code == 200


# Misbehaviour


async def test_a_script_decides_about_the_next_requests_one_by_one(house: House) -> None:
    await house.phone().say("hola")
    await house.simulator.faults(script=[{"http_status": 502}, {"error": 130429}, {"error": 131056}, {}])
    answers = [await house.send_text(str(number)) for number in range(5)]
    assert [answer.status_code for answer in answers] == [502, 429, 400, 200, 200]
    assert [body["text"]["body"] for body in await house.simulator.outbound()] == ["3", "4"]


@pytest.mark.parametrize(("drop", "accepted"), [("after", 1), ("before", 0)])
async def test_a_cut_connection_hides_whether_the_message_was_accepted(house: House, drop: str, accepted: int) -> None:
    await house.phone().say("hola")
    await house.simulator.faults(script=[{"drop": drop}])
    with pytest.raises(httpx.HTTPError):
        await house.send_text()
    assert len(await house.simulator.outbound()) == accepted


async def test_probabilities_repeat_with_the_same_seed(house: House) -> None:
    await house.phone().say("hola")
    runs = []
    for _ in range(2):
        await house.simulator.faults(http_5xx=0.4, errors={"131000": 0.2}, seed=5)
        runs.append([(await house.send_text()).status_code for _ in range(12)])
    assert runs[0] == runs[1] and {200, 503} <= set(runs[0])


async def test_a_status_can_come_before_the_answer(house: House) -> None:
    await house.phone().say("hola")
    await house.simulator.faults(script=[{"status_before_response": True}], status_seconds=0.5)
    wamid = (await house.send_text()).json()["messages"][0]["id"]
    assert [(item["id"], item["status"]) for item in house.puente.items("statuses")] == [(wamid, "sent")]


async def test_statuses_can_be_reversed_repeated_or_left_out(house: House) -> None:
    await house.phone().say("hola")
    await house.simulator.faults(reverse_statuses=1, duplicate_statuses=1, status_seconds=0.02)
    await house.send_text()
    await house.simulator.settled()
    assert [item["status"] for item in house.puente.items("statuses")] == ["delivered", "delivered", "sent", "sent"]
    await house.simulator.faults(skip_statuses=1, status_seconds=0.02)
    await house.send_text()
    await house.simulator.settled()
    assert len(house.puente.items("statuses")) == 4


async def test_an_accepted_message_can_fail_afterwards(house: House) -> None:
    await house.phone().say("hola")
    await house.simulator.faults(failed_statuses={"131026": 1}, status_seconds=0.02)
    assert (await house.send_text()).status_code == 200
    await house.simulator.settled()
    failed = house.puente.items("statuses")[-1]
    assert (failed["status"], failed["errors"][0]["code"]) == ("failed", 131026)


async def test_webhooks_can_come_twice_and_out_of_order(house: House) -> None:
    await house.simulator.faults(duplicate_webhooks=1, reorder_webhooks=0.5, reorder_seconds=0.3, seed=3)
    said = [(await house.phone().say(str(number))).id for number in range(8)]
    await house.simulator.settled()
    came = [item["id"] for item in house.puente.items("messages")]
    assert sorted(came) == sorted(said * 2)
    assert list(dict.fromkeys(came)) != said


async def test_waiting_messages_can_come_in_one_webhook(house: House) -> None:
    await house.simulator.faults(batch_webhooks=10, batch_seconds=0.2)
    for number in range(4):
        await house.phone().say(str(number))
    await house.simulator.settled()
    assert [item["text"]["body"] for item in house.puente.items("messages")] == ["0", "1", "2", "3"]
    assert len(house.puente.taken) == 1


async def test_the_pair_rate_and_the_number_rate_can_be_kept(house: House) -> None:
    await house.phone().say("hola")
    await house.simulator.faults(pair_rate=True)
    answers = [await house.send_text() for _ in range(46)]
    assert [answer.status_code for answer in answers[:45]] == [200] * 45 and code_of(answers[45]) == 131056
    await house.simulator.faults(number_rate=1)
    assert 130429 in [code_of(answer) for answer in [await house.send_text() for _ in range(3)] if answer.is_error]


async def test_an_unknown_fault_is_refused_and_says_which(house: House) -> None:
    with pytest.raises(SimulatorError, match="http_6xx"):
        await house.simulator.faults(http_6xx=1)


async def test_a_repeated_press_keeps_its_identifier(house: House) -> None:
    await house.phone().say("hola")
    await house.send(BUTTONS)
    pressed = await house.phone().press("Sí", copies=3)
    await house.simulator.settled()
    assert [item["id"] for item in house.puente.items("messages")][1:] == [pressed.id] * 3


async def test_reset_forgets_messages_and_faults(house: House) -> None:
    await house.phone().say("hola")
    await house.simulator.faults(http_5xx=1)
    await house.simulator.reset()
    assert await house.phone().messages() == []
    assert (await house.simulator.call("GET", "/sim/faults"))["http_5xx"] == 0


# ------------------------------------------------------------------------------ what families do afterwards


async def test_a_correction_and_a_deletion_name_the_message_that_they_are_about(house: House) -> None:
    said = await house.phone().say("no hay vincristin")
    await house.phone().edit(said, "no hay vincristina")
    await house.phone().delete(said)
    await house.simulator.settled()
    _, edit, deletion = house.puente.items("messages")
    assert edit["edit"] == {
        "original_message_id": said.id,
        "message": {"type": "text", "text": {"body": "no hay vincristina"}},
    }
    assert deletion["revoke"] == {"original_message_id": said.id}


async def test_nobody_corrects_what_another_family_wrote(house: House) -> None:
    said = await house.phone().say("hola")
    with pytest.raises(SimulatorError):
        await house.phone("5215555550102").edit(said, "otra cosa")


async def test_a_new_number_comes_with_a_new_id_and_a_system_message_without_contacts(house: House) -> None:
    phone = house.phone("5215555550171")
    await phone.say("antes")
    await phone.change_number("5215555550172")
    await phone.say("después")
    await house.simulator.settled()
    before, system, after = house.puente.items("messages")
    assert (system["from"], system["system"]["wa_id"]) == ("5215555550171", "5215555550172")
    assert system["system"]["previous_user_id"] == before["from_user_id"]
    assert system["system"]["user_id"] == after["from_user_id"] != before["from_user_id"]
    assert after["from"] == "5215555550172"
    told = [change["value"] for body in house.puente.taken for change in body["entry"][0]["changes"]]
    assert next(value for value in told if value["messages"][0]["type"] == "system")["contacts"] == []


async def _fetch(house: House) -> tuple[dict[str, Any], httpx.Response]:
    said = await house.phone().send_image()
    described = (await house.graph.get(f"/v23.0/{said.body['image']['id']}")).json()
    return described, await house.graph.get(described["url"])


async def test_files_expire_and_come_damaged_when_told_to(house: House) -> None:
    described, answer = await _fetch(house)
    assert hashlib.sha256(answer.content).hexdigest() == described["sha256"]
    await house.simulator.faults(media_expired=1)
    assert (await _fetch(house))[1].status_code == 404
    await house.simulator.faults(media_wrong_bytes=1)
    described, answer = await _fetch(house)
    assert hashlib.sha256(answer.content).hexdigest() != described["sha256"]
    await house.simulator.faults(media_too_large=1)
    assert (await _fetch(house))[0]["file_size"] > 100 * 1024 * 1024
