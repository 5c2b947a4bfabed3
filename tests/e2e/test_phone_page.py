"""The phone page in a real browser: it writes, presses, reads, and shows what others wrote as text."""

import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from puente import settings as configuration
from simulator.page import formatted, is_emoji
from tests.conftest import CANNOT_RUN, free_port

ROOT = Path(__file__).resolve().parents[2]
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1280,800",
)  # fmt: skip


@dataclass
class Page:
    """A browser on a running simulator, and what a Puente would have been told."""

    browser: Any
    sim: httpx.Client
    graph: httpx.Client
    number: str
    webhooks: list[dict[str, Any]] = field(default_factory=list)

    def open(self, family: str) -> None:
        """Open a family's phone."""
        self.browser.get(f"{self.sim.base_url}/?familia={family}")

    def find(self, css: str) -> list[Any]:
        return list(self.browser.find_elements("css selector", css))

    def click(self, css: str) -> None:
        self.browser.find_element("css selector", css).click()

    def type(self, text: str) -> None:
        self.browser.find_element("css selector", "#text").send_keys(text)

    def talk(self) -> str:
        return str(self.browser.find_element("css selector", "#messages").text)

    def send(self, to: str, body: dict[str, Any]) -> str:
        """Puente sends something."""
        request = {"messaging_product": "whatsapp", "to": "+" + to, **body}
        answer = self.graph.post(f"/v23.0/{self.number}/messages", json=request)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["messages"][0]["id"])

    def said(self, family: str, **writing: Any) -> None:
        """The family writes without the page."""
        self.sim.post(f"/sim/families/{family}/messages", json=writing).raise_for_status()

    def items(self, kind: str) -> list[dict[str, Any]]:
        """Every message or status that reached Puente."""
        return [
            item
            for body in self.webhooks
            for change in body["entry"][0]["changes"]
            for item in change["value"].get(kind, [])
        ]


def until(true: Callable[[], Any], what: str, seconds: float = 15) -> None:
    """Wait for something that the browser does in its own time."""
    deadline = time.monotonic() + seconds
    while True:
        if true():
            return
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    driver = shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip(f"{CANNOT_RUN} chromium and chromium-driver are not installed")
    webhooks: list[dict[str, Any]] = []
    puente = ThreadingHTTPServer(("127.0.0.1", 0), _taking(webhooks))
    threading.Thread(target=puente.serve_forever, daemon=True).start()
    ports = {"SIMULATOR_PORT": str(free_port()), "PUENTE_PORT": str(puente.server_port)}
    settings = configuration.load(ports)
    url = f"http://127.0.0.1:{settings.simulator_port}"
    log = tmp_path_factory.mktemp("simulator") / "log"
    with log.open("wb") as output:
        simulator = subprocess.Popen(
            [sys.executable, "-m", "simulator"], cwd=ROOT, env=ports, stdout=output, stderr=output
        )
    token = {"Authorization": f"Bearer {settings.whatsapp_access_token}"}
    try:
        with (
            httpx.Client(base_url=url, trust_env=False) as sim,
            httpx.Client(base_url=url, headers=token, trust_env=False) as graph,
        ):
            until(lambda: simulator.poll() is not None or _answers(sim), "the simulator answers", 60)
            assert simulator.poll() is None, log.read_text()
            browser = _browser(chromium, driver)
            try:
                yield Page(browser, sim, graph, settings.whatsapp_phone_number_id, webhooks)
            finally:
                browser.quit()
    finally:
        simulator.terminate()
        simulator.wait(10)
        puente.shutdown()


def _browser(chromium: str, driver: str) -> Any:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in FLAGS:
        options.add_argument(flag)
    return webdriver.Chrome(options=options, service=Service(driver))


def _answers(sim: httpx.Client) -> bool:
    try:
        return sim.get("/").status_code == 200
    except httpx.HTTPError:
        return False


def _taking(webhooks: list[dict[str, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            webhooks.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    return Handler


def test_a_text_typed_on_the_phone_reaches_puente_and_gets_its_ticks(page: Page) -> None:
    page.open("5215555550101")
    page.type("no hay vincristina\n")
    until(lambda: "no hay vincristina" in page.talk(), "the bubble appears")
    until(lambda: any(item.get("text") == {"body": "no hay vincristina"} for item in page.items("messages")), "webhook")
    until(lambda: page.find(".ours .icon-tick-dos"), "two ticks")


def test_a_reply_appears_formatted_and_is_reported_as_read(page: Page) -> None:
    page.open("5215555550101")
    page.said("5215555550101", text="hola")
    wamid = page.send("5215555550101", {"type": "text", "text": {"body": "Su folio es *AB7*."}})
    until(lambda: [item for item in page.find(".theirs strong") if item.text == "AB7"], "bold text")
    until(lambda: (wamid, "read") in [(item["id"], item["status"]) for item in page.items("statuses")], "status read")


def test_pressing_a_button_and_choosing_a_row_send_their_ids(page: Page) -> None:
    page.open("5215555550102")
    page.said("5215555550102", text="hola")
    buttons = {"buttons": [{"type": "reply", "reply": {"id": "id-si", "title": "Sí, es correcto"}}]}
    rows = {"button": "Ver opciones", "sections": [{"title": "Uno", "rows": [{"id": "id-fila", "title": "La fila"}]}]}
    for kind, action in (("button", buttons), ("list", rows)):
        interactive = {"type": kind, "body": {"text": "¿Es correcto?"}, "action": action}
        page.send("5215555550102", {"type": "interactive", "interactive": interactive})
    until(lambda: page.find("[data-press='id-si']") and page.find("[data-list]"), "both are offered")
    page.click("[data-press='id-si']")
    until(lambda: page.find("[data-press='id-si']:disabled"), "it can be pressed once only")
    page.click("[data-list]")
    page.click("[data-sheet] [data-press='id-fila']")
    until(
        lambda: (
            {"id-si", "id-fila"}
            <= {
                next(value["id"] for value in item["interactive"].values() if isinstance(value, dict))
                for item in page.items("messages")
                if item["type"] == "interactive"
            }
        ),
        "both ids reach Puente",
    )


def test_pictures_voice_notes_and_documents_can_be_sent(page: Page) -> None:
    page.open("5215555550103")
    page.click("[data-send]")  # an empty message is a voice note
    until(lambda: page.find(".type-audio"), "the voice note appears")
    for kind in ("image", "document"):
        page.click("[data-attach]")
        page.click(f"""#attachments [data-write='{{"{kind}": {{}}}}']""")
        until(lambda kind=kind: page.find(f".type-{kind}"), f"{kind} appears")
    drawn = "return document.querySelector('.photo img').naturalWidth"
    until(lambda: page.browser.execute_script(drawn) > 100, "the picture is drawn")
    until(lambda: {"audio", "image", "document"} <= {item["type"] for item in page.items("messages")}, "webhooks")


def test_what_somebody_writes_is_never_run(page: Page) -> None:
    page.open("5215555550104")
    attack = "<img src=x onerror=\"document.title='robado'\"><script>document.title='robado'</script>"
    page.said("5215555550104", text=attack)
    page.send("5215555550104", {"type": "text", "text": {"body": f'*{attack}* https://ejemplo.invalid/"onclick="x'}})
    page.sim.post("/sim/families", json={"name": attack, "wa_id": "5215555550177"})
    until(lambda: page.talk().count("<script>") == 2, "both are shown as they were written")
    assert not page.find("#messages img, #messages script, #chat-list img")
    assert page.browser.title != "robado"


def test_another_familys_unread_messages_are_counted_until_its_phone_is_opened(page: Page) -> None:
    page.open("5215555550101")
    page.said("5215555550105", text="hola")
    page.send("5215555550105", {"type": "text", "text": {"body": "¿En qué le ayudo?"}})
    until(lambda: page.find("[data-key='5215555550105'] .dot"), "the dot appears")
    page.click("[data-key='5215555550105'] a")
    until(lambda: "¿En qué le ayudo?" in page.talk() and not page.find("[data-key='5215555550105'] .dot"), "it is gone")


def test_the_clock_and_the_faults_are_set_from_the_page(page: Page) -> None:
    page.said("5215555550101", text="hola")
    page.open("5215555550101")
    assert page.find("#clock .open")
    page.click("[data-clock='24']")
    until(lambda: page.find("#clock .closed"), "the window is closed")
    page.click("[data-clock='0']")
    until(lambda: page.find("#clock .open"), "the window is open again")
    slider = "const one = document.querySelector('[name=\"errors.130429\"]'); one.value = 25;"
    page.browser.execute_script(slider + "one.dispatchEvent(new Event('change', {bubbles: true}))")
    until(lambda: page.sim.get("/sim/faults").json()["errors"] == {"130429": 0.25}, "the fault is in force")
    page.click("[data-behave]")
    until(lambda: page.sim.get("/sim/faults").json()["errors"] == {}, "it behaves again")


def test_on_a_narrow_screen_the_phone_is_the_screen_and_has_a_way_back(page: Page) -> None:
    narrow = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    page.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", narrow)
    try:
        page.browser.get(str(page.sim.base_url))
        assert page.find(".chats")[0].is_displayed() and not page.find(".phone")[0].is_displayed()
        page.click("[data-key='5215555550101'] a")
        until(lambda: page.find(".phone")[0].is_displayed() and not page.find(".chats")[0].is_displayed(), "the phone")
        width = "return [document.documentElement.scrollWidth, document.querySelector('.phone').clientWidth]"
        assert page.browser.execute_script(width) == [390, 390]
        page.click(".back")
        until(lambda: page.find(".chats")[0].is_displayed(), "the families")
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*negrita* y _cursiva_", "<strong>negrita</strong> y <em>cursiva</em>"),
        ("2*3*4 y snake_case_aquí", "2*3*4 y snake_case_aquí"),
        ("* lista\n* otra", "* lista\n* otra"),
        ("```<b>```", "<code>&lt;b&gt;</code>"),
        ("a & <b>", "a &amp; &lt;b&gt;"),
        ("ver https://ejemplo.invalid/a_b_c.", 'ver <a href="https://ejemplo.invalid/a_b_c" target="_blank" '
         'rel="noopener noreferrer">https://ejemplo.invalid/a_b_c</a>.'),
    ],
)  # fmt: skip
def test_text_is_marked_as_whatsapp_marks_it(text: str, html: str) -> None:
    assert str(formatted(text)) == html


@pytest.mark.parametrize(("text", "large"), [("🙏", True), ("❤️👍🏽", True), ("hola 🙏", False), ("", False)])
def test_a_few_emoji_alone_are_large(text: str, large: bool) -> None:
    assert is_emoji(text) is large
