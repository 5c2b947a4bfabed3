"""What the simulator remembers: families, messages, media files, templates, and its own clock. All in memory."""

import base64
import hashlib
import re
import secrets
import time
from typing import Any

import msgspec

BUSINESS_PHONE = "5215555550100"
BUSINESS_NAME = "Puente"
WABA_ID = "200000000000001"
WINDOW = 24 * 3600
TYPING_LASTS = 25
MEDIA_URL_LASTS = 300
RANK = {"accepted": 0, "sent": 1, "delivered": 2, "read": 3, "failed": 4}


class Choice(msgspec.Struct):
    """Something that the family can press."""

    id: str
    title: str
    description: str = ""
    kind: str = "button"  # button, row (of a list), template


class Passed(msgspec.Struct):
    """A status and when it was reached."""

    status: str
    at: float


class Message(msgspec.Struct):
    """One bubble. `direction` is as Puente sees it: "in" is what the family wrote, "out" what it received.

    `status` of an "in": pending (webhook not yet taken), delivered, read. Of an "out": accepted, sent, delivered,
    read, failed. `body` is the message object in Meta's own words.
    """

    id: str
    seq: int
    direction: str
    type: str
    text: str
    at: float
    status: str
    body: dict[str, Any]
    buttons: list[Choice] = []
    statuses: list[Passed] = []
    error: str = ""
    reaction: str = ""
    pressed: str = ""
    revision: int = 0


class Family(msgspec.Struct):
    """A phone. Without `wa_id` it is known by its business-scoped id only."""

    key: str
    name: str
    wa_id: str | None
    bsuid: str
    username: str | None = None
    messages: list[Message] = []
    last_inbound_at: float | None = None
    typing_until: float = 0
    revision: int = 0
    pair_allowance: float = 45
    pair_checked_at: float = 0


class Media(msgspec.Struct):
    """A file; `of_business` ones were uploaded by Puente."""

    id: str
    mime_type: str
    data: bytes
    of_business: bool
    filename: str = ""
    sha256: str = ""


class Template(msgspec.Struct):
    """A template of the business, as the Graph API lists it."""

    id: str
    name: str
    language: str
    category: str
    components: list[dict[str, Any]]
    status: str = "APPROVED"

    @property
    def text(self) -> str:
        return next((part.get("text", "") for part in self.components if part.get("type") == "BODY"), "")

    @property
    def variables(self) -> list[str]:
        """The body's variables, `{{1}}` or `{{name}}`, in order and once each."""
        return list(dict.fromkeys(re.findall(r"{{\s*(\w+)\s*}}", self.text)))


FICTIONAL = (
    ("Carmen Ejemplo", "5215555550101", None),
    ("Beto Ficticio", "5215555550102", None),
    ("Lupita Inventada", "5215555550103", None),
    ("Abuela Muestra", "5215555550104", None),
    ("Tía Demostración", "5215555550105", None),
    ("Familia sin número", None, "familia.ejemplo"),
)


class World:
    """Everything; `reset` starts anew."""

    def __init__(self) -> None:
        self.hours_ahead = 0.0
        self.revision = 0
        self.reset()

    def reset(self) -> None:
        """Forget everything but the fictional families."""
        self.families: dict[str, Family] = {}
        self.media: dict[str, Media] = {}
        self.templates: dict[tuple[str, str], Template] = {}
        self.outbound: list[dict[str, Any]] = []
        self.hours_ahead = 0
        self._owners: dict[str, Family] = {}
        self._messages: dict[str, Message] = {}
        self._seq = 0
        self.revision += 1
        for name, wa_id, username in FICTIONAL:
            self.create_family(name=name, wa_id=wa_id, username=username)

    def now(self) -> float:
        """Seconds since the epoch on the simulator's clock."""
        return time.time() + self.hours_ahead * 3600

    def set_hours_ahead(self, hours: float) -> None:
        """Move the clock; what was written keeps its time."""
        self.hours_ahead = hours
        for family in self.families.values():
            self._changed(family)

    # Families

    def create_family(self, *, name: str = "", wa_id: str | None = None, username: str | None = None) -> Family:
        """The family of that phone, made when there is none. Without a phone: one known by its BSUID only."""
        digits = re.sub(r"\D", "", wa_id or "")
        key = phone_key(digits) if digits else _bsuid(username or secrets.token_hex(8))
        family = self.families.get(key)
        if family is None:
            bsuid = _bsuid(key) if digits else key
            family = Family(key, name or _default_name(digits), digits or None, bsuid, username)
            self.families[key] = family
            self._changed(family)
        elif name:
            family.name = name
            self._changed(family)
        return family

    def change_number(self, family: Family, wa_id: str) -> None:
        """Another number. WhatsApp gives the person another id with it; whoever had the number before is gone."""
        digits = re.sub(r"\D", "", wa_id)
        if self.families.get(family.key) is family:
            del self.families[family.key]
        family.key, family.wa_id, family.bsuid = phone_key(digits), digits, _bsuid(secrets.token_hex(8))
        self.families[family.key] = family
        self._changed(family)

    def find_family(self, address: str) -> Family | None:
        """By phone in any spelling, or by BSUID."""
        if address.startswith("MX."):
            return next((family for family in self.families.values() if family.bsuid == address), None)
        return self.families.get(phone_key(re.sub(r"\D", "", address)))

    def window_left(self, family: Family) -> float:
        """Seconds until the 24-hour window closes; 0 when it is closed."""
        if family.last_inbound_at is None:
            return 0
        return max(0.0, family.last_inbound_at + WINDOW - self.now())

    def take_pair_allowance(self, family: Family) -> bool:
        """Whether one more message to this family keeps the pair rate: 1 each 6 s, 45 at once."""
        now = time.monotonic()
        if family.pair_checked_at:
            family.pair_allowance = min(45, family.pair_allowance + (now - family.pair_checked_at) / 6)
        family.pair_checked_at = now
        if family.pair_allowance < 1:
            return False
        family.pair_allowance -= 1
        return True

    # Messages

    def add(
        self, family: Family, direction: str, kind: str, text: str, body: dict[str, Any], wamid: str = ""
    ) -> Message:
        """A new bubble of `family`."""
        self._seq += 1
        message = Message(
            id=wamid or new_wamid(family),
            seq=self._seq,
            direction=direction,
            type=kind,
            text=text,
            at=self.now(),
            status="accepted" if direction == "out" else "pending",
            body=body,
        )
        message.statuses = [Passed(message.status, message.at)]
        family.messages.append(message)
        self._messages[message.id] = message
        self._owners[message.id] = family
        if direction == "in":
            family.last_inbound_at = message.at
        else:
            family.typing_until = 0
        self.touch(message)
        return message

    def message(self, wamid: str) -> Message | None:
        """The message of that id."""
        return self._messages.get(wamid)

    def owner(self, wamid: str) -> Family | None:
        """Whose message it is."""
        return self._owners.get(wamid)

    def pass_status(self, message: Message, status: str) -> bool:
        """Move `message` to `status`; False when it is already there or beyond."""
        if status != "failed" and RANK.get(status, 0) <= RANK.get(message.status, 0):
            return False
        message.status = status
        message.statuses.append(Passed(status, self.now()))
        self.touch(message)
        return True

    def mark_read_by_puente(self, message: Message, typing: bool) -> None:
        """Blue ticks on this and every earlier message of the family; "escribiendo…" when asked."""
        family = self._owners[message.id]
        for earlier in family.messages:
            if earlier.direction == "in" and earlier.seq <= message.seq:
                self.pass_status(earlier, "read")
        family.typing_until = time.time() + TYPING_LASTS if typing else 0
        self._changed(family)

    def touch(self, message: Message) -> None:
        """Note that the page must draw `message` again."""
        self._changed(self._owners[message.id])
        message.revision = self.revision

    def unread(self, family: Family) -> list[Message]:
        """What has reached the phone and was not looked at."""
        return [item for item in family.messages if item.direction == "out" and item.status in ("sent", "delivered")]

    # Media and templates

    def add_media(self, mime_type: str, data: bytes, *, of_business: bool, filename: str = "") -> Media:
        """Keep a file; its hash is written as Meta writes it in webhooks (base64)."""
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        media = Media(str(secrets.randbelow(9 * 10**14) + 10**14), mime_type, data, of_business, filename, digest)
        self.media[media.id] = media
        return media

    def add_template(self, name: str, language: str, category: str, components: list[dict[str, Any]]) -> Template:
        """Keep a template; it is approved at once."""
        template = Template(str(secrets.randbelow(10**15)), name, language, category, components)
        self.templates[name, language] = template
        return template

    def _changed(self, family: Family) -> None:
        self.revision += 1
        family.revision = self.revision


def phone_key(digits: str) -> str:
    """One key for the two ways in which WhatsApp writes a Mexican mobile: 521 or 52 and ten digits."""
    return "52" + digits[3:] if re.fullmatch(r"521\d{10}", digits) else digits


def new_wamid(family: Family) -> str:
    """An identifier that no other run of the simulator has used: Puente remembers them."""
    owner = (family.wa_id or family.bsuid).encode()
    return "wamid." + base64.b64encode(b"\x1d\x07\x0b" + owner + b"\x15\x02\x00" + secrets.token_bytes(12)).decode()


def _bsuid(seed: str) -> str:
    return "MX." + str(int(hashlib.sha256(seed.encode()).hexdigest()[:14], 16))


def _default_name(digits: str) -> str:
    return f"Familia {digits[-4:]}" if digits else "Familia sin número"
