"""/sim: what tests, benchmarks and the phone page tell the simulator."""

import base64
import binascii
from collections.abc import Callable
from typing import Any

import msgspec
from litestar import Controller, delete, get, post, put
from litestar.datastructures import State
from litestar.exceptions import ClientException, NotFoundException

from simulator import samples
from simulator.faults import Faults
from simulator.phones import Phones
from simulator.world import Choice, Family, Message, Passed


class NewFamily(msgspec.Struct, forbid_unknown_fields=True):
    """`wa_id` left out: a family known by its BSUID only."""

    name: str = ""
    wa_id: str | None = None
    username: str | None = None


class Attachment(msgspec.Struct, forbid_unknown_fields=True):
    """A file; without `data` (base64) the bundled sample of its kind."""

    data: str | None = None
    mime_type: str | None = None
    filename: str | None = None
    caption: str | None = None


class Place(msgspec.Struct, forbid_unknown_fields=True):
    """A location."""

    latitude: float
    longitude: float
    name: str = ""
    address: str = ""


class Reaction(msgspec.Struct, forbid_unknown_fields=True):
    """A reaction to a message; an empty emoji takes it back."""

    message_id: str
    emoji: str = ""


class Edit(msgspec.Struct, forbid_unknown_fields=True):
    """A correction of one of the family's own messages."""

    message_id: str
    text: str


class Deletion(msgspec.Struct, forbid_unknown_fields=True):
    """A deletion of one of the family's own messages."""

    message_id: str


class NewNumber(msgspec.Struct, forbid_unknown_fields=True):
    """Another number; `told`: whether WhatsApp says so. `username` changes the user name instead."""

    wa_id: str | None = None
    username: str | None = None
    told: bool = True


class Press(msgspec.Struct, forbid_unknown_fields=True):
    """What to press: by title or by id, in the newest message that offers it or in message `of`."""

    title: str = ""
    id: str = ""
    of: str = ""


class Writing(msgspec.Struct, forbid_unknown_fields=True):
    """Exactly one of the first nine. `raw` is a whole message object of any type, with its own content."""

    text: str | None = None
    press: Press | str | None = None
    image: Attachment | None = None
    audio: Attachment | None = None
    document: Attachment | None = None
    location: Place | None = None
    reaction: Reaction | None = None
    edit: Edit | None = None
    delete: Deletion | None = None
    raw: dict[str, Any] | None = None
    wamid: str = ""
    context: str = ""
    sent_ago: float = 0  # seconds before now that the message says it was written
    copies: int = 1  # the same webhook so many times at once


class Together(msgspec.Struct, forbid_unknown_fields=True):
    """One text of a batch."""

    wa_id: str
    text: str


class Clock(msgspec.Struct, forbid_unknown_fields=True):
    """How far the simulator's clock is ahead of the real one."""

    hours: float


class TemplateState(msgspec.Struct, forbid_unknown_fields=True):
    """A template's status: APPROVED, PENDING, REJECTED, PAUSED, DISABLED."""

    name: str
    status: str
    language: str = "es_MX"


class FamilyView(msgspec.Struct):
    """A family, as lists show it."""

    address: str
    name: str
    wa_id: str | None
    bsuid: str
    username: str | None
    messages: int
    unread: int
    last_text: str
    window_seconds: int


class MessageView(msgspec.Struct):
    """A message, with everything that happened to it."""

    id: str
    seq: int
    direction: str
    type: str
    text: str
    at: float
    status: str
    statuses: list[Passed]
    buttons: list[Choice]
    error: str
    reaction: str
    pressed: str
    body: dict[str, Any]


class Control(Controller):
    """Everything under /sim."""

    path = "/sim"

    @get("/families")
    async def list_families(self, state: State) -> list[FamilyView]:
        """Every family."""
        return [family_view(state.phones, family) for family in state.phones.world.families.values()]

    @post("/families")
    async def create_family(self, data: NewFamily, state: State) -> FamilyView:
        """A family; the same phone again gives the same family."""
        family = state.phones.world.create_family(name=data.name, wa_id=data.wa_id, username=data.username)
        return family_view(state.phones, family)

    @get("/families/{address:str}/messages")
    async def list_messages(self, address: str, state: State, after: int = 0) -> list[MessageView]:
        """A family's messages, both directions, oldest first; only those with a `seq` above `after`."""
        return [message_view(item) for item in _family(state, address).messages if item.seq > after]

    @post("/families/{address:str}/messages")
    async def write(self, address: str, data: Writing, state: State) -> MessageView:
        """The family writes; an unknown phone becomes a family. The webhook follows in the background."""
        phones: Phones = state.phones
        family = phones.world.find_family(address)
        if family is None:
            if address.startswith("MX."):
                raise NotFoundException(f"there is no family {address}")
            family = phones.world.create_family(wa_id=address)
        try:
            return message_view(write_message(phones, family, data))
        except (LookupError, ValueError) as problem:
            raise ClientException(str(problem)) from None

    @post("/families/{address:str}/identity", status_code=200)
    async def change_identity(self, address: str, data: NewNumber, state: State) -> FamilyView:
        """The family gets another number or user name."""
        phones: Phones = state.phones
        family = _family(state, address)
        if data.username is not None:
            family.username = data.username
        if data.wa_id is not None:
            phones.change_number(family, data.wa_id, told=data.told)
        return family_view(phones, family)

    @post("/families/{address:str}/read", status_code=204)
    async def read(self, address: str, state: State) -> None:
        """The family opens the conversation: statuses `read` follow."""
        state.phones.look(_family(state, address))

    @post("/batch")
    async def write_together(self, data: list[Together], state: State) -> list[MessageView]:
        """Texts of several families in one webhook."""
        phones: Phones = state.phones
        writings = [(phones.world.create_family(wa_id=item.wa_id), item.text) for item in data]
        return [message_view(message) for message in phones.say_together(writings)]

    @get("/outbound")
    async def list_outbound(self, state: State) -> list[dict[str, Any]]:
        """Every body that the Graph API accepted: {wamid, at, body}."""
        outbound: list[dict[str, Any]] = state.phones.world.outbound
        return outbound

    @get("/faults")
    async def show_faults(self, state: State) -> Faults:
        """The faults in force."""
        faults: Faults = state.phones.chaos.faults
        return faults

    @put("/faults")
    async def set_faults(self, data: Faults, state: State) -> Faults:
        """Misbehave like this from now on; what is not named is off."""
        return _set_faults(state, data)

    @delete("/faults", status_code=200)
    async def clear_faults(self, state: State) -> Faults:
        """Behave."""
        return _set_faults(state, Faults())

    @get("/clock")
    async def show_clock(self, state: State) -> dict[str, float]:
        """How far the clock is ahead, and what it says."""
        return {"hours": state.phones.world.hours_ahead, "now": state.phones.world.now()}

    @put("/clock")
    async def set_clock(self, data: Clock, state: State) -> dict[str, float]:
        """Move the clock that the 24-hour window follows. Webhooks go on telling the real time."""
        state.phones.world.set_hours_ahead(data.hours)
        return {"hours": state.phones.world.hours_ahead, "now": state.phones.world.now()}

    @put("/templates")
    async def set_template(self, data: TemplateState, state: State) -> TemplateState:
        """What the account says of a template from now on, as after a review or too many complaints."""
        template = state.phones.world.templates.get((data.name, data.language))
        if template is None:
            raise NotFoundException(f"there is no template {data.name} in {data.language}")
        template.status = data.status
        return data

    @delete("/templates", status_code=204)
    async def delete_templates(self, state: State) -> None:
        """The account of somebody who has just begun: without templates."""
        state.phones.world.templates.clear()

    @get("/webhooks")
    async def webhooks(self, state: State) -> dict[str, int]:
        """How many webhooks (and statuses to come) are under way, were taken, were refused and tried again."""
        deliverer = state.phones.deliverer
        return {"pending": deliverer.pending, "delivered": deliverer.delivered, "refused": deliverer.refused}

    @post("/reset", status_code=204)
    async def reset(self, state: State) -> None:
        """Forget messages, webhooks under way and faults."""
        state.phones.reset()
        state.phones.chaos.set(Faults())


def write_message(phones: Phones, family: Family, data: Writing) -> Message:
    """Carry out what `data` asks. Raises ValueError or LookupError when it cannot be done."""
    given = [name for name in _WRITERS if getattr(data, name) is not None]
    if len(given) != 1:
        raise ValueError("give exactly one of: " + ", ".join(_WRITERS))
    if not 1 <= data.copies <= 100:
        raise ValueError("copies must be between 1 and 100")
    if data.wamid and (known := phones.world.message(data.wamid)) is not None:
        raise ValueError(f"the wamid belongs to another message ({known.type})")
    options = {"wamid": data.wamid, "context": data.context, "sent_ago": data.sent_ago, "copies": data.copies}
    return _WRITERS[given[0]](phones, family, data, options)


def _write_text(phones: Phones, family: Family, data: Writing, options: dict[str, Any]) -> Message:
    return phones.say(family, "text", {"body": data.text}, data.text or "", **options)


def _write_press(phones: Phones, family: Family, data: Writing, options: dict[str, Any]) -> Message:
    press = Press(title=data.press) if isinstance(data.press, str) else data.press or Press()
    return phones.press(family, title=press.title, id=press.id, of=press.of, **options)


def _write_file(kind: str) -> Any:
    def write(phones: Phones, family: Family, data: Writing, options: dict[str, Any]) -> Message:
        attachment: Attachment = getattr(data, kind)
        sample = samples.SAMPLES[kind]
        try:
            content = sample.read() if attachment.data is None else base64.b64decode(attachment.data, validate=True)
        except binascii.Error:
            raise ValueError("data is not base64") from None
        mime_type, filename = attachment.mime_type or sample.mime_type, attachment.filename or sample.filename
        media = phones.world.add_media(mime_type, content, of_business=False, filename=filename)
        body: dict[str, Any] = {"id": media.id, "mime_type": mime_type, "sha256": media.sha256}
        body |= {"voice": True} if kind == "audio" else {}
        body |= {"filename": filename} if kind == "document" else {}
        body |= {"caption": attachment.caption} if attachment.caption else {}
        return phones.say(family, kind, body, attachment.caption or "", **options)

    return write


def _write_location(phones: Phones, family: Family, data: Writing, options: dict[str, Any]) -> Message:
    place = msgspec.to_builtins(data.location)
    return phones.say(family, "location", place, place["name"], **options)


def _write_reaction(phones: Phones, family: Family, data: Writing, options: dict[str, Any]) -> Message:
    assert data.reaction is not None  # `write_message` has looked
    message = phones.world.message(data.reaction.message_id)
    if message is None or phones.world.owner(message.id) is not family:
        raise LookupError("there is no such message to react to")
    return phones.react(family, message, data.reaction.emoji, **options)


def _own_message(phones: Phones, family: Family, wamid: str) -> Message:
    message = phones.world.message(wamid)
    if message is None or message.direction != "in" or phones.world.owner(wamid) is not family:
        raise LookupError("this family wrote no such message")
    return message


def _write_edit(phones: Phones, family: Family, data: Writing, options: dict[str, Any]) -> Message:
    assert data.edit is not None  # `write_message` has looked
    return phones.edit(family, _own_message(phones, family, data.edit.message_id), data.edit.text, **options)


def _write_delete(phones: Phones, family: Family, data: Writing, options: dict[str, Any]) -> Message:
    assert data.delete is not None  # `write_message` has looked
    return phones.delete(family, _own_message(phones, family, data.delete.message_id), **options)


def _write_raw(phones: Phones, family: Family, data: Writing, options: dict[str, Any]) -> Message:
    raw = data.raw or {}
    kind = raw.get("type")
    if not isinstance(kind, str):
        raise ValueError("a raw message needs a type")
    message = phones.say(family, kind, raw.get(kind, {}), f"[{kind}]", **options)
    message.body |= raw
    return message


_WRITERS: dict[str, Callable[[Phones, Family, Writing, dict[str, Any]], Message]] = {
    "text": _write_text,
    "press": _write_press,
    "image": _write_file("image"),
    "audio": _write_file("audio"),
    "document": _write_file("document"),
    "location": _write_location,
    "reaction": _write_reaction,
    "edit": _write_edit,
    "delete": _write_delete,
    "raw": _write_raw,
}


def family_view(phones: Phones, family: Family) -> FamilyView:
    """A family for lists."""
    return FamilyView(
        address=family.wa_id or family.bsuid,
        name=family.name,
        wa_id=family.wa_id,
        bsuid=family.bsuid,
        username=family.username,
        messages=len(family.messages),
        unread=len(phones.world.unread(family)),
        last_text=family.messages[-1].text if family.messages else "",
        window_seconds=int(phones.world.window_left(family)),
    )


def message_view(message: Message) -> MessageView:
    """A message for lists."""
    return MessageView(**{name: getattr(message, name) for name in MessageView.__struct_fields__})


def _family(state: State, address: str) -> Family:
    family: Family | None = state.phones.world.find_family(address)
    if family is None:
        raise NotFoundException(f"there is no family {address}")
    return family


def _set_faults(state: State, faults: Faults) -> Faults:
    state.phones.chaos.set(faults)
    return faults
