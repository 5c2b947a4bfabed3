"""Turns the replies of one turn into as few WhatsApp messages as possible, within WhatsApp's limits.

A reply is what the dialogue engine says: {"text", "buttons": [{"title", "payload"}], "image"}. A body is the JSON of
`POST /messages` without the addressee. Limits are counted in code points (facts/whatsapp.md §1: as Meta counts them; a
grapheme has one or more, so what fits in code points fits in graphemes too) and cuts fall between graphemes.
"""

from collections.abc import Sequence
from typing import Any

import regex

TEXT_LIMIT = 4096
INTERACTIVE_BODY_LIMIT = CAPTION_LIMIT = 1024
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
        text, buttons, image = _sendable(reply.get("text") or ""), reply.get("buttons"), reply.get("image")
        if image:  # what came before stands before it
            bodies += _texts("\n\n".join(paragraphs))
            paragraphs = []
        if text:
            paragraphs.append(text)
        if buttons:
            bodies += _with_choices("\n\n".join(paragraphs), buttons, image)
            paragraphs = []
        elif image:
            bodies += _with_picture(text, image)
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
    return str(body[body["type"]].get("caption", ""))


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


def _with_picture(text: str, image: str) -> list[Body]:
    """The picture with the text as its caption, when it fits."""
    if len(text) > CAPTION_LIMIT:
        return [{"type": "image", "image": {"link": image}}, *_texts(text)]
    return [{"type": "image", "image": {"link": image, **({"caption": text} if text else {})}}]


def _with_choices(text: str, buttons: Sequence[dict[str, str]], image: str | None) -> list[Body]:
    alone: list[Body] = [{"type": "image", "image": {"link": image}}] if image else []
    if len(buttons) > ROWS_LIMIT:
        numbered = "\n".join(f"{number}. {button['title']}" for number, button in enumerate(buttons, 1))
        return [*alone, *_texts(_sendable(f"{text}\n\n{numbered}"))]
    last = (split(text, INTERACTIVE_BODY_LIMIT) or ["¿Qué prefiere?"])[-1]
    before = _texts(text.removesuffix(last).rstrip())  # in long messages, not in pieces of the last one's size
    if len(buttons) <= BUTTONS_LIMIT:
        interactive = _buttons(buttons)
        if image and not before:
            interactive["header"], alone = {"type": "image", "image": {"link": image}}, []
    else:
        interactive = _rows(buttons)  # a list has no room for a picture
    interactive["body"] = {"text": last}
    return [*alone, *before, {"type": "interactive", "interactive": interactive}]


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
        whole = shorten(button["title"], ROW_DESCRIPTION_LIMIT)
        if whole and whole != title:  # it is still readable below the cut one
            row["description"] = whole
        rows.append(row)
    return {"type": "list", "action": {"button": LIST_BUTTON, "sections": [{"title": "Opciones", "rows": rows}]}}


def _titles(buttons: Sequence[dict[str, str]], limit: int) -> list[str]:
    """WhatsApp refuses long, empty and equal titles: they are put on one line, cut, named and numbered."""
    result: list[str] = []
    for button in buttons:
        title = shorten(" ".join(button["title"].split()), limit) or NAMELESS
        shown, number = title, 1
        while shown in result:
            number += 1
            suffix = f" ({number})"
            shown = shorten(title, limit - len(suffix)) + suffix
        result.append(shown)
    return result
