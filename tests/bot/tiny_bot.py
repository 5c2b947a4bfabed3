"""A bot of four intents, trained in seconds, and an action server that fails on demand: enough to try the runtime."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import requests
from aiohttp import web

ROOT = Path(__file__).resolve().parents[2]
TOKEN = {"X-Puente-Token": "interno-desarrollo"}
CONFIG = """
recipe: default.v1
assistant_id: prueba
language: es
pipeline:
  - name: KeywordIntentClassifier
policies:
  - name: RulePolicy
"""
DOMAIN = """
version: "3.1"
intents: [saludo, afirmar, informar, reportar_desabasto]
entities: [unidad]
slots:
  cuenta: {type: any, mappings: [{type: custom}]}
  nombre: {type: text, mappings: [{type: from_text, conditions: [{active_loop: formulario, requested_slot: nombre}]}]}
forms:
  formulario: {required_slots: [nombre]}
actions: [action_contar]
responses:
  utter_saludo:
    - text: "Buen día.\\n\\nSoy la prueba."
      buttons: [{title: "Sí", payload: "/afirmar"}]
    - text: "Hola.\\n\\nSoy la prueba."
      buttons: [{title: "Sí", payload: "/afirmar"}]
  utter_ask_nombre: [{text: "¿Cómo se llama?"}]
  utter_listo: [{text: "Listo, {nombre}."}]
  utter_dato: [{text: "Anotado."}]
session_config: {session_expiration_time: 720, carry_over_slots_to_new_session: true}
"""
DATA = """
version: "3.1"
nlu:
  - intent: saludo
    examples: "- hola"
  - intent: afirmar
    examples: "- cuenta uno"
  - intent: informar
    examples: "- es un dato"
  - intent: reportar_desabasto
    examples: "- no hay medicina"
rules:
  - rule: saludo
    steps: [{intent: saludo}, {action: utter_saludo}]
  - rule: contar
    steps: [{intent: afirmar}, {action: action_contar}]
  - rule: dato
    steps: [{intent: informar}, {action: utter_dato}]
  - rule: empieza
    steps: [{intent: reportar_desabasto}, {action: formulario}, {active_loop: formulario}]
  - rule: termina
    condition: [{active_loop: formulario}]
    steps: [{action: formulario}, {active_loop: null}, {slot_was_set: [{requested_slot: null}]}, {action: utter_listo}]
"""


def train(folder: Path) -> Path:
    """Train the bot in a process of its own (Rasa changes the loop and the logging of the one it trains in)."""
    for name, text in (("config.yml", CONFIG), ("domain.yml", DOMAIN), ("data.yml", DATA)):
        (folder / name).write_text(text)
    command = [sys.executable, "-m", "rasa", "train", "--data", "data.yml", "--out", "models"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=_environment(), timeout=180)
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return folder


class ActionServer:
    """Counts how often it was asked; `mode` says how it answers: `well`, `error`, `nonsense` or `slow`."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/webhook"
        self.mode, self.calls = "well", 0
        self.seen: list[dict[str, Any]] = []
        self._port = port
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        threading.Thread(target=self._loop.run_forever, daemon=True).start()

    def start(self) -> None:
        self._call(self._start())

    def stop(self) -> None:
        if self._runner:
            self._call(self._runner.cleanup())
            self._runner = None

    def _call(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _start(self) -> None:
        app = web.Application(client_max_size=10**8)
        app.router.add_post("/webhook", self._run_action)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()

    async def _run_action(self, request: web.Request) -> web.Response:
        call = await request.json()
        self.calls += 1
        self.seen.append(call)
        if self.mode == "error":
            return web.json_response({"error": "x"}, status=500)
        if self.mode == "nonsense":
            return web.json_response({"events": [{"event": "does not exist"}]})
        if self.mode == "slow":
            await asyncio.sleep(2)
        count = (call["tracker"]["slots"].get("cuenta") or 0) + 1
        events = [{"event": "slot", "name": "cuenta", "value": count}]
        custom = {"contador": count}
        return web.json_response({"events": events, "responses": [{"text": f"van {count}", "custom": custom}]})


class RunningRasa:
    """A real Rasa process with our channel, store and locks, as the supervisor starts it."""

    def __init__(self, bot: Path, port: int, actions_url: str, **environment: str) -> None:
        self.base = f"http://127.0.0.1:{port}/webhooks/puente"
        self.http = requests.Session()
        self.http.trust_env = False
        self._bot, self._port = bot, port
        self._environment = _environment(ACTIONS_URL=actions_url, PUENTE_HOME=str(bot / "var"), **environment)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, model: str = "models") -> None:
        command = [sys.executable, "-m", "rasa", "run", "-i", "127.0.0.1", "-p", str(self._port), "-m", model]
        command += ["--credentials", str(ROOT / "credentials.yml"), "--endpoints", str(ROOT / "endpoints.yml")]
        with (self._bot / "rasa.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._bot, env=self._environment, stdout=log, stderr=log, start_new_session=True
            )

    def wait_until(self, status: int) -> None:
        for _ in range(600):
            if self._process is None or self._process.poll() is not None:
                break
            try:
                if self.http.get(f"{self.base}/health", timeout=10).status_code == status:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.1)
        raise RuntimeError((self._bot / "rasa.log").read_text()[-3000:])

    def turn(self, body: bytes | str, headers: Any = TOKEN, timeout: float = 30) -> requests.Response:
        headers = {"Content-Type": "application/json", **headers}
        return self.http.post(f"{self.base}/turn", data=body, headers=headers, timeout=timeout)

    def kill(self) -> None:
        if self._process:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def _environment(**more: str) -> dict[str, str]:
    quiet = {"RASA_TELEMETRY_ENABLED": "false", "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PUENTE_", "REDIS_"))}
    return {**kept, **quiet, **more}


def copied(bot: Path, folder: Path) -> Path:
    """The trained bot with a fresh memory."""
    shutil.copytree(bot, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("var", ".rasa"))
    return folder
