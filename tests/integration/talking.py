"""A conversation with the actions alone: what Rasa's rules would do with each message, without Rasa.

talk = Talk("c1")
said = await talk.say("que papeles ocupo", "informacion_licencia")
said.text, said.titles
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher

import actions
from actions import base, casos, conversacion, urgencias
from actions.temas import FORM
from puente.contacts import service as contacts
from puente.contacts.service import Identity
from puente.db import Database

NOW = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
RULES = {
    "informacion_licencia": "action_licencia",
    "requisitos_donacion": "action_donacion",
    "informacion_unidad": "action_unidad",
    "consultar_minutas": "action_minutas",
    "reunion_padres": "action_reunion",
    "privacidad_datos": "action_privacidad",
    "tramitar_licencia": "action_iniciar_caso",
    "reportar_desabasto": "action_iniciar_caso",
    "afirmar": "action_contestar_oferta",
    "negar": "action_contestar_oferta",
    "informar": "action_sin_pregunta",
    "nlu_fallback": "action_no_entendi",
    "hablar_con_persona": "action_pasar_a_persona",
    "urgencia_medica": "action_urgencia",
    "saludo": "action_presentarse",
}
ANSWERS = {
    "action_licencia",
    "action_donacion",
    "action_unidad",
    "action_minutas",
    "action_reunion",
    "action_privacidad",
}
ACTIONS = {found().name(): found for found in (getattr(actions, name) for name in actions.__all__)}


async def begin(database: Database, monkeypatch: pytest.MonkeyPatch, wa_id: str) -> "Talk":
    """A contact whose conversation can begin, on this database."""
    for module in (base, casos, conversacion, urgencias):
        monkeypatch.setattr(module, "database", lambda: database)
    async with database.transaction() as session:
        return Talk((await contacts.recognise(session, Identity(wa_id), NOW)).id)


@dataclass
class Said:
    """What came back: the texts, the buttons' titles, the actions that ran."""

    text: str
    titles: list[str]
    ran: list[str]


class Talk:
    """One contact's conversation; `slots` and `form` are what Rasa would remember."""

    def __init__(self, contact_id: str) -> None:
        self.contact_id = contact_id
        self.slots: dict[str, Any] = {}
        self.form = False
        self._events: list[dict[str, Any]] = []
        self._count = 0

    async def say(self, text: str, intent: str = "informar", *, entities: Any = (), **more: Any) -> Said:
        """A message as it was understood."""
        return await self._turn(text, intent, list(entities), more.pop("metadata", {}), more)

    async def press(self, title: str, payload: str) -> Said:
        """A button."""
        if not payload.startswith("/"):
            return await self.say(payload)
        return await self._turn(payload, payload[1:], [], {"shown_text": title}, {})

    async def _turn(
        self, text: str, intent: str, entities: list[Any], metadata: dict[str, Any], more: dict[str, Any]
    ) -> Said:
        self._count += 1
        self._message = {
            "text": text,
            "intent": {"name": intent, "confidence": 0.95},
            "entities": entities,
            "intent_ranking": [],
            "message_id": f"wamid.{self._count}",
            "metadata": {"sent_at": NOW.isoformat(), **metadata},
            **more,
        }
        self._said, self._ran, self._rejected = CollectingDispatcher(), [], False
        self._events.append({"event": "user", "text": text})
        await (self._form_turn() if self.form else self._by_rule())
        self.last = self._said.messages
        texts = [message.get("text") or message.get("response") or "" for message in self._said.messages]
        titles = [button["title"] for message in self._said.messages for button in message.get("buttons") or []]
        return Said("\n".join(texts), titles, self._ran)

    async def _by_rule(self) -> None:
        name = RULES[self._message["intent"]["name"]]
        again = await self._run(name)
        if again:
            await self._by_rule()
        elif self.form and not self._asked_by_form:
            await self._form_turn()
        elif name in ANSWERS and not self.form:
            await self._run("action_ofrecer_pedido")
        elif name == "action_iniciar_caso":
            await self._form_turn()

    async def _form_turn(self) -> None:
        self.form, self._rejected = True, False
        await self._run("validate_formulario_caso")
        if self._rejected:
            self.slots["requested_slot"] = "abierta"
            name = RULES[self._message["intent"]["name"]]
            await self._run("action_recordar_pedido" if name == "action_iniciar_caso" else name)
            await self._form_turn()
        elif self.slots.get("requested_slot") is None:
            self.form = False
            if await self._run("action_terminar_caso"):
                await self._by_rule()

    async def _run(self, name: str) -> bool:
        """Run an action. Returns whether the message is to be taken anew."""
        loop = {"name": FORM} if self.form else {}
        tracker = Tracker(self.contact_id, self.slots, self._message, self._events, False, None, loop, "action_listen")
        self._asked_by_form, anew = False, False
        before = len(self._said.messages)
        for event in await ACTIONS[name]().run(self._said, tracker, {}):
            if event["event"] == "slot":
                self.slots[event["name"]] = event["value"]
            elif event["event"] == "action_execution_rejected":
                self._rejected = True
            elif event["event"] == "followup":
                self.form = True
            elif event["event"] == "user":
                self._message = {
                    **event["parse_data"],
                    "message_id": event["message_id"],
                    "metadata": event["metadata"],
                }
                anew = True
        self._ran.append(name)
        self._events.append({"event": "action", "name": name})
        self._events += [{"event": "bot", "text": said.get("text")} for said in self._said.messages[before:]]
        return anew
