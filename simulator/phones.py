"""What happens on the families' side: they write, they receive, they read."""

import asyncio
import time
from functools import partial
from typing import Any

from puente.settings import Settings
from puente.whatsapp import templates
from simulator import choices, webhooks
from simulator.errors import GraphError
from simulator.faults import Chaos
from simulator.webhooks import Deliverer
from simulator.world import BUSINESS_PHONE, Family, Message, World

Body = dict[str, Any]


class Phones:
    """Joins the world to the webhooks."""

    def __init__(self, settings: Settings, seed: int | None = None) -> None:
        self.settings = settings
        self.world = World()
        self._submit_templates()
        self.chaos = Chaos(seed)
        self.deliverer = Deliverer(settings, self.chaos)
        self._requests: list[float] = []  # when the last second's sending requests came

    def reset(self) -> None:
        """Forget messages and webhooks under way; the faults stay. The account's templates are Puente's again."""
        self.deliverer.cancel_all()
        self.world.reset()
        self._submit_templates()

    def _submit_templates(self) -> None:
        """As if an operator had submitted them."""
        for template in templates.all_templates().values():
            self.world.add_template(template.name, template.language, template.category, template.components())

    # The family writes

    def say(self, family: Family, kind: str, content: Body, text: str, *, copies: int = 1, **options: Any) -> Message:
        """A message of `family`: a bubble, and a webhook on its way (`copies` of it at once).

        Options: `context` (the message it answers), `wamid`, `sent_ago` in seconds.
        """
        message, value = self._write(family, kind, content, text, **options)
        if copies > 1:
            self.deliverer.send_copies(value, copies, partial(self._taken, message))
        else:
            self.deliverer.send(family.key, value, partial(self._taken, message))
        return message

    def say_together(self, writings: list[tuple[Family, str]]) -> list[Message]:
        """Texts of one or several families in one webhook."""
        written = [self._write(family, "text", {"body": text}, text) for family, text in writings]
        self.deliverer.send_batch([(value, partial(self._taken, message)) for message, value in written])
        return [message for message, _ in written]

    def press(self, family: Family, *, title: str = "", id: str = "", of: str = "", **options: Any) -> Message:
        """Press a button or a list's row by its title or id, in the newest message that has it (or in `of`)."""
        found = choices.find(family, title=title, id=id, of=of)
        if found is None:
            offered = ", ".join(repr(item.title) for item in choices.offered(family)) or "none"
            raise LookupError(f"there is nothing to press called {title or id!r}; offered: {offered}")
        message, choice = found
        message.pressed = choice.id
        self.world.touch(message)
        kind, content = choices.webhook_content(choice)
        return self.say(family, kind, content, choice.title, **options | {"context": message.id})

    def react(self, family: Family, message: Message, emoji: str, **options: Any) -> Message:
        """React to a message; without emoji the reaction is taken back."""
        message.reaction = emoji
        self.world.touch(message)
        content = {"message_id": message.id, "emoji": emoji} if emoji else {"message_id": message.id}
        return self.say(family, "reaction", content, emoji, **options)

    def edit(self, family: Family, message: Message, text: str, **options: Any) -> Message:
        """Correct a text or a caption that this family wrote; the bubble shows the new wording."""
        content = message.body.get(message.type)
        changed = {"body": text} if message.type == "text" else {**(content or {}), "caption": text}
        message.text = text
        self.world.touch(message)
        edit = {"original_message_id": message.id, "message": {"type": message.type, message.type: changed}}
        return self.say(family, "edit", edit, text, **options)

    def delete(self, family: Family, message: Message, **options: Any) -> Message:
        """Delete a message that this family wrote."""
        message.text = "[mensaje eliminado]"
        self.world.touch(message)
        return self.say(family, "revoke", {"original_message_id": message.id}, "", **options)

    def change_number(self, family: Family, wa_id: str, *, told: bool = True) -> None:
        """The family gets another number, and with it another id. `told`: WhatsApp says so in a system message."""
        old_wa_id, old_bsuid = family.wa_id, family.bsuid
        self.world.change_number(family, wa_id)
        if told:
            body = f"{family.name} changed from {old_wa_id} to {family.wa_id}"
            system = {"type": "user_changed_number", "body": body, "wa_id": family.wa_id, "user_id": family.bsuid,
                      "previous_user_id": old_bsuid}  # fmt: skip
            wamid = self.world.add(family, "in", "system", body, {}).id
            message = webhooks.message_envelope(family, wamid, "system", 0) | {"system": system}
            message |= {"from": old_wa_id} if old_wa_id else {}
            value = webhooks.message_value(self.settings, family, message)
            value["contacts"] = []  # a system message brings none
            self.deliverer.send(family.key, value)

    def look(self, family: Family) -> None:
        """The family opens the conversation: what had arrived is read."""
        for message in self.world.unread(family):
            if self.world.pass_status(message, "read"):
                self._send_status(family, message, "read")

    def _write(
        self,
        family: Family,
        kind: str,
        content: Body,
        text: str,
        *,
        context: str = "",
        wamid: str = "",
        sent_ago: float = 0,
    ) -> tuple[Message, webhooks.Value]:
        before = family.last_inbound_at
        message = self.world.add(family, "in", kind, text, {}, wamid)
        if sent_ago:
            family.last_inbound_at = max(before or 0, message.at - sent_ago)
        message.body = webhooks.message_envelope(family, message.id, kind, sent_ago) | {kind: content}
        if context:
            message.body["context"] = {"from": BUSINESS_PHONE, "id": context}
        return message, webhooks.message_value(self.settings, family, message.body)

    def _taken(self, message: Message) -> None:
        if message.status == "pending":
            self.world.pass_status(message, "delivered")

    # The family receives

    def take_number_allowance(self) -> bool:
        """Whether one more sending request keeps the number's rate of the faults."""
        limit = self.chaos.faults.number_rate
        now = time.monotonic()
        self._requests = [at for at in self._requests if at > now - 1]
        if limit and len(self._requests) >= limit:
            return False
        self._requests.append(now)
        return True

    def receive(self, family: Family, kind: str, body: Body) -> Message:
        """A body that the Graph API accepted reaches the phone."""
        if kind == "reaction":
            target = self.world.message(body["reaction"]["message_id"])
            if target:
                target.reaction = body["reaction"]["emoji"]
                self.world.touch(target)
        message = self.world.add(family, "out", kind, choices.shown_text(body, kind, self.world), body)
        message.buttons = choices.of_body(body, kind, self.world)
        self.world.outbound.append({"wamid": message.id, "at": message.at, "body": body})
        return message

    def report(self, family: Family, message: Message, failed: GraphError | None = None) -> None:
        """Send the statuses of `message`, a little later."""
        self.deliverer.start(self._report(family, message, failed))

    async def report_first(self, family: Family, message: Message) -> None:
        """Send `sent` and wait until Puente took it (at most 5 s): before the sender has its answer."""
        self.world.pass_status(message, "sent")
        await asyncio.wait([self._send_status(family, message, "sent")], timeout=5)

    async def _report(self, family: Family, message: Message, failed: GraphError | None) -> None:
        pause = self.chaos.faults.status_seconds
        await asyncio.sleep(pause)
        if failed:
            message.error = f"{failed.code}: {failed.details}"
            self.world.pass_status(message, "failed")
            self._send_status(family, message, "failed", failed.in_status())
            return
        order = ["sent", "delivered"]
        if self.chaos.hits(self.chaos.faults.reverse_statuses):
            order.reverse()
        for status in order:
            if self.world.pass_status(message, status) or order[0] == "delivered":
                self._send_status(family, message, status)
            await asyncio.sleep(pause)

    def _send_status(
        self, family: Family, message: Message, status: str, error: dict[str, Any] | None = None
    ) -> asyncio.Future[None]:
        value = webhooks.status_value(self.settings, family, message, status, error)
        if self.chaos.hits(self.chaos.faults.skip_statuses):
            skipped = asyncio.get_running_loop().create_future()
            skipped.set_result(None)
            return skipped
        if self.chaos.hits(self.chaos.faults.duplicate_statuses):
            self.deliverer.send(family.key, value)
        return self.deliverer.send(family.key, value)
