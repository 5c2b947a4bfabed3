"""The phone page: every family's phone, drawn by the server; `static/phone.js` only exchanges what changed."""

import re
import time
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jinja2
import regex
from litestar import Response, get
from litestar.datastructures import State
from litestar.static_files import create_static_files_router
from markupsafe import Markup, escape

from simulator.control import FamilyView, family_view
from simulator.phones import Phones
from simulator.world import BUSINESS_NAME, Family, Message

HERE = Path(__file__).parent
MEXICO = ZoneInfo("America/Mexico_City")
HIDDEN = ("reaction", "edit", "revoke", "system")  # shown at other bubbles, or not at all
SHOWN = 300  # bubbles; older ones stay in the API
DAYS = ("lunes", "martes", "miércoles", "jueves", "viernes", "sábado", "domingo")
MONTHS = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio",
    "julio", "agosto", "septiembre", "octubre", "noviembre", "diciembre",
)  # fmt: skip
TYPES = {
    "image": "📷 Foto", "audio": "🎤 Nota de voz", "document": "📄 Documento", "location": "📍 Ubicación",
    "video": "🎥 Video", "sticker": "🙂 Sticker", "contacts": "👤 Contacto",
}  # fmt: skip
TICKS = {
    "pending": ("reloj", "en camino"),
    "delivered": ("dos", "entregado"),
    "read": ("dos leido", "leído"),
}
# What a browser may show inside the page. Anything else is offered as a file to save.
SHOWN_TYPES = ("image/jpeg", "image/png", "image/webp", "audio/ogg", "audio/mpeg", "audio/mp4", "application/pdf")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'self'"
)
HEADERS = {"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}

_MARKS = (("*", "strong"), ("_", "em"), ("~", "s"))
_EMOJI = regex.compile(r"^(?:\p{Extended_Pictographic}[\p{Emoji_Modifier}\uFE0F\u200D]*){1,3}$")


@get("/")
async def show_page(state: State, familia: str = "", version: str = "") -> Response[str]:
    """The page; 204 when nothing has changed since `version`."""
    phones: Phones = state.phones
    world = phones.world
    families = sorted(world.families.values(), key=_newest, reverse=True)
    chosen = world.find_family(familia) if familia else None
    shown = chosen or next(iter(world.families.values()))
    current = _version(phones, shown)
    if version == current:
        return Response("", status_code=204, headers=HEADERS)
    html = _TEMPLATES.get_template("phone.html").render(
        business=BUSINESS_NAME,
        version=current,
        chosen=chosen is not None,
        families=[(family_view(phones, family), _preview(family)) for family in families],
        family=family_view(phones, shown),
        messages=shown.messages[-SHOWN:],
        by_id=world.message,
        typing=_typing(shown),
        to_read=len(world.unread(shown)),
        now=world.now(),
        hours_ahead=world.hours_ahead,
        deliverer=phones.deliverer,
        media=world.media,
    )
    return Response(html, media_type="text/html", headers=HEADERS)


@get("/phone/media/{media_id:str}")
async def show_media(media_id: str, state: State) -> Response[bytes]:
    """A file as the family's phone shows it."""
    media = state.phones.world.media.get(media_id)
    if media is None:
        return Response(b"", status_code=404, media_type="text/plain", headers=HEADERS)
    kind = media.mime_type.partition(";")[0].strip()
    safe = kind if kind in SHOWN_TYPES else "application/octet-stream"
    headers = {**HEADERS, "Cache-Control": "max-age=3600"}
    if safe != kind:
        headers["Content-Disposition"] = "attachment"
    return Response(media.data, media_type=safe, headers=headers)


static_files = create_static_files_router(path="/static", directories=[HERE / "static"])


def formatted(text: str) -> Markup:
    """`text` as WhatsApp shows it: *bold*, _italic_, ~struck~, ```code``` and links. Everything else stays text."""
    pieces = re.split(r"```(.+?)```", text, flags=re.DOTALL)
    html = [
        f"<code>{escape(piece)}</code>" if position % 2 else _marked(str(escape(piece)))
        for position, piece in enumerate(pieces)
    ]
    return Markup("".join(html))  # noqa: S704 - every piece was escaped above


def _marked(escaped: str) -> str:
    pieces = re.split(r"(https?://[^\s<]+[^\s<.,;:!?)])", escaped)
    for position, piece in enumerate(pieces):
        if position % 2:
            pieces[position] = f'<a href="{piece}" target="_blank" rel="noopener noreferrer">{piece}</a>'
            continue
        for mark, tag in _MARKS:
            pattern = rf"(?<![\w{re.escape(mark)}]){re.escape(mark)}(\S|\S[^\n]*?\S){re.escape(mark)}(?!\w)"
            piece = re.sub(pattern, rf"<{tag}>\1</{tag}>", piece)
        pieces[position] = piece
    return "".join(pieces)


def is_emoji(text: str) -> bool:
    """Whether `text` is one to three emoji, which WhatsApp shows large."""
    return bool(_EMOJI.match(text.strip()))


def hour(at: float) -> str:
    """`5:04 p. m.`"""
    local = datetime.fromtimestamp(at, MEXICO)
    return f"{local.hour % 12 or 12}:{local.minute:02} {'a' if local.hour < 12 else 'p'}. m."


def day(at: float, now: float) -> str:
    """`Hoy`, `Ayer` or the date."""
    that, today = datetime.fromtimestamp(at, MEXICO).date(), datetime.fromtimestamp(now, MEXICO).date()
    if (today - that).days in (0, 1):
        return ("Hoy", "Ayer")[(today - that).days]
    return f"{DAYS[that.weekday()].capitalize()} {that.day} de {MONTHS[that.month - 1]}"


def remaining(seconds: float) -> str:
    """`3 h 20 min`"""
    minutes = int(seconds // 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min"


def tick(message: Message) -> tuple[str, str] | None:
    """The tick of a message that the family wrote: (class, word). What it received has none."""
    return TICKS.get(message.status) if message.direction == "in" else None


def picture(message: Message) -> str:
    """The address of a message's file on this simulator; empty for one that lies elsewhere."""
    content = message.body.get(message.type)
    if not isinstance(content, dict):
        return ""
    if "id" in content:
        return f"/phone/media/{content['id']}"
    return ""  # a link: the page fetches nothing from outside


def initials(name: str) -> str:
    """`CE` of Carmen Ejemplo."""
    return "".join(word[0] for word in name.split()[:2]).upper() or "?"


def colour(view: FamilyView) -> int:
    """One of six colours, always the same for a family."""
    return int((view.wa_id or view.bsuid)[-3:]) % 6


def phone_number(view: FamilyView) -> str:
    """`+52 1 55 5555 0101`, or how else the family is known."""
    digits = view.wa_id or ""
    if len(digits) == 13 and digits.startswith("521"):
        return f"+52 1 {digits[3:5]} {digits[5:9]} {digits[9:]}"
    return f"+{digits}" if digits else f"@{view.username or 'usuario'} · sin teléfono"


def _preview(family: Family) -> dict[str, Any]:
    shown = [item for item in family.messages if item.type not in HIDDEN]
    if not shown:
        return {"text": "Toque para escribir", "at": None, "message": None}
    last = shown[-1]
    text = " ".join(last.text.split())
    if last.type in TYPES:
        text = f"{TYPES[last.type].split()[0]} {text}" if text else TYPES[last.type]
    return {"text": text[:80], "at": last.at, "message": last}


def _newest(family: Family) -> float:
    return family.messages[-1].at if family.messages else 0


def _typing(family: Family) -> bool:
    return family.typing_until > time.time()


def _version(phones: Phones, family: Family) -> str:
    deliverer = phones.deliverer
    minute = int(phones.world.now() // 60)
    return f"{phones.world.revision}-{minute}-{_typing(family)}-{deliverer.unreachable}-{deliverer.delivered}"


_TEMPLATES = jinja2.Environment(loader=jinja2.FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True)
_TEMPLATES.filters.update(
    formatted=formatted, hour=hour, day=day, remaining=remaining, tick=tick, picture=picture, initials=initials,
    colour=colour, phone_number=phone_number, is_emoji=is_emoji,
)  # fmt: skip
_TEMPLATES.globals["type_names"] = TYPES
