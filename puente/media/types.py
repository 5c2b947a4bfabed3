"""What the bytes of a file say it is, whatever its sender calls it."""

import base64
import binascii
import re
from typing import Any

UNKNOWN = "application/octet-stream"
TEXT = "text/plain"
HEAD = 512  # bytes that are enough to tell

# (offset, bytes, type). The order matters where one begins like another.
_MAGIC: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypmif1", "image/heic"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftyp3g", "video/3gpp"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"OggS", "audio/ogg"),
    (0, b"#!AMR", "audio/amr"),
    (0, b"ID3", "audio/mpeg"),
    (8, b"WAVE", "audio/wav"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),  # also Word, Excel and PowerPoint since 2007
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),  # and before
    (0, b"{\\rtf", "application/rtf"),
)
_RUNS = (b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe", b"#!/", b"dex\n")  # programs
_MARKUP = re.compile(rb"^\s*<(!doctype|html|script|svg|\?xml|body|iframe)", re.I)
_OFFICE = ("application/zip", "application/x-ole-storage")
# An audio recording and a film share their containers.
_FAMILIES = {
    "image": ("image/",),
    "sticker": ("image/",),
    "audio": ("audio/", "video/mp4", "video/3gpp", "video/webm"),
    "video": ("video/",),
}


def sniff(head: bytes) -> str:
    """The type that the first bytes of a file show, UNKNOWN when they show none."""
    for offset, magic, mime in _MAGIC:
        if head[offset : offset + len(magic)] == magic:
            return mime
    if re.match(rb"\xff[\xf0-\xf9]", head):
        return "audio/aac"
    if re.match(rb"\xff[\xe2-\xef\xfa-\xff]", head):
        return "audio/mpeg"
    return TEXT if _is_text(head) else UNKNOWN


def refusal(kind: str, head: bytes) -> str | None:
    """Why a file sent as `kind` is not kept, in the words that staff read; None when it may be."""
    if not head:
        return "El archivo llegó vacío"
    mime = sniff(head)
    if head.startswith(_RUNS) and mime in (UNKNOWN, TEXT):
        return "El archivo es un programa, no un documento"
    if kind != "document" and not mime.startswith(_FAMILIES.get(kind, ("",))):
        return "El archivo no es lo que dice ser"
    return None


def served_as(kind: str, mime: str, declared: str | None) -> str:
    """The type to serve a kept file under: the sniffed one; pages and the like only as plain bytes."""
    if mime in _OFFICE and declared and re.fullmatch(r"application/[\w.+-]{1,100}", declared):
        return declared  # the bytes say "an office document", the sender says which
    return mime


def hex_digest(value: Any) -> str | None:
    """A SHA-256 in hexadecimal, as the Graph API writes it; webhooks write base64. None when it is neither."""
    if not isinstance(value, str):
        return None
    if re.fullmatch(r"[0-9a-fA-F]{64}", value):
        return value.lower()
    try:
        raw = base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
    return raw.hex() if len(raw) == 32 else None


def _is_text(head: bytes) -> bool:
    if b"\0" in head or _MARKUP.match(head):
        return False
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as problem:
        return problem.start >= len(head) - 3  # a character cut by the end of the head
    return bool(head)
