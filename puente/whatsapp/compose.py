"""Turns the replies of one turn into as few WhatsApp messages as possible, within WhatsApp's limits.

A reply is what the dialogue engine says: {"text", "buttons": [{"title", "payload"}], "image"}. A body is the JSON of
`POST /messages` without the addressee. Limits are counted in code points and cuts fall between graphemes
(facts/whatsapp.md §1).
"""

from collections.abc import Sequence
from typing import Any

import regex

TEXT_LIMIT = 4096
INTERACTIVE_BODY_LIMIT = 1024
BUTTONS_LIMIT, BUTTON_TITLE_LIMIT = 3, 20
ROWS_LIMIT, ROW_TITLE_LIMIT, ROW_DESCRIPTION_LIMIT = 10, 24, 72
PAYLOAD_LIMIT = 200  # rows allow 200 characters of id, buttons 256
LIST_BUTTON = "Ver opciones"
NAMELESS = "Opción"

Reply = dict[str, Any]
Body = dict[str, Any]


def compose(replies: Sequence[Reply]) -> list[Body]:
    """The WhatsApp bodies of one turn. Texts are joined until buttons or a picture end a message."""
    bodies: list[Body] = []
    paragraphs: list[str] = []
    for reply in replies:
        if image := reply.get("image"):
            bodies += [*_texts("\n\n".join(paragraphs)), {"type": "image", "image": {"link": image}}]
            paragraphs = []
        if text := _sendable(reply.get("text") or ""):
            paragraphs.append(text)
        if buttons := reply.get("buttons"):
            bodies += _with_choices("\n\n".join(paragraphs), buttons)
            paragraphs = []
    return bodies + _texts("\n\n".join(paragraphs))


def text_body(text: str) -> Body:
    """One plain text message. `text` must already fit."""
    return {"type": "text", "text": {"body": text, "preview_url": False}}


def shown_text(body: Body) -> str:
    """What a person reads in a body: for the transcript."""
    if body["type"] == "text":
        return str(body["text"]["body"])
    if body["type"] == "interactive":
        return str(body["interactive"]["body"]["text"])
    return ""


def shorten(text: str, limit: int) -> str:
    """`text` in at most `limit` code points, cut between graphemes and marked with an ellipsis."""
    text = _sendable(text)
    if len(text) <= limit:
        return text
    kept = ""
    for grapheme in regex.findall(r"\X", text):
        if len(kept) + len(grapheme) > limit - 1:
            break
        kept += grapheme
    return kept.rstrip() + "…"


def split(text: str, limit: int) -> list[str]:
    """`text` in pieces of at most `limit` code points, cut at paragraphs, lines, words, and only then graphemes."""
    pieces = []
    while len(text) > limit:
        cut = _best_cut(text, limit)
        pieces.append(text[:cut].rstrip())
        text = text[cut:].lstrip()
    return [piece for piece in [*pieces, text] if piece]


def _best_cut(text: str, limit: int) -> int:
    for separator in ("\n\n", "\n", " "):
        position = text.rfind(separator, 1, limit)
        if position > limit // 3:
            return position
    cut = 0
    for grapheme in regex.finditer(r"\X", text[: limit + 64]):
        if grapheme.end() > limit:
            break
        cut = grapheme.end()
    return cut or limit


def _sendable(text: str) -> str:
    """Without what neither the database nor WhatsApp takes: NUL characters and halves of emoji."""
    return text.replace("\0", "").encode("utf-8", "replace").decode().strip()


def _texts(text: str) -> list[Body]:
    return [text_body(piece) for piece in split(text, TEXT_LIMIT)]


def _with_choices(text: str, buttons: Sequence[dict[str, str]]) -> list[Body]:
    if len(buttons) > ROWS_LIMIT:
        numbered = "\n".join(f"{number}. {button['title']}" for number, button in enumerate(buttons, 1))
        return _texts(f"{text}\n\n{numbered}")
    pieces = split(text, INTERACTIVE_BODY_LIMIT) or ["¿Qué prefiere?"]
    interactive = _buttons(buttons) if len(buttons) <= BUTTONS_LIMIT else _rows(buttons)
    interactive["body"] = {"text": pieces[-1]}
    return [*map(text_body, pieces[:-1]), {"type": "interactive", "interactive": interactive}]


def _buttons(buttons: Sequence[dict[str, str]]) -> dict[str, Any]:
    titles = _titles(buttons, BUTTON_TITLE_LIMIT)
    replies = [
        {"type": "reply", "reply": {"id": button["payload"], "title": title}}
        for button, title in zip(buttons, titles, strict=True)
    ]
    return {"type": "button", "action": {"buttons": replies}}


def _rows(buttons: Sequence[dict[str, str]]) -> dict[str, Any]:
    titles = _titles(buttons, ROW_TITLE_LIMIT)
    rows = []
    for button, title in zip(buttons, titles, strict=True):
        row = {"id": button["payload"], "title": title}
        if title != button["title"]:  # the whole title is still readable below the cut one
            row["description"] = shorten(button["title"], ROW_DESCRIPTION_LIMIT)
        rows.append(row)
    return {"type": "list", "action": {"button": LIST_BUTTON, "sections": [{"title": "Opciones", "rows": rows}]}}


def _titles(buttons: Sequence[dict[str, str]], limit: int) -> list[str]:
    """WhatsApp refuses long, empty and equal titles: they are cut, named and numbered."""
    result: list[str] = []
    for button in buttons:
        title = shorten(button["title"], limit) or NAMELESS
        shown, number = title, 1
        while shown in result:
            number += 1
            suffix = f" ({number})"
            shown = shorten(title, limit - len(suffix)) + suffix
        result.append(shown)
    return result
