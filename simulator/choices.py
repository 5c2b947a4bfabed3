"""What an outbound body shows and offers to press."""

import re
from typing import Any

from simulator.world import Choice, Family, Message, Template, World

Body = dict[str, Any]


def of_body(body: Body, kind: str, world: World) -> list[Choice]:
    """The buttons or rows of an outbound body."""
    if kind == "template":
        return _template_buttons(body["template"], world)
    if kind != "interactive":
        return []
    action = body["interactive"]["action"]
    buttons = [Choice(item["reply"]["id"], item["reply"]["title"]) for item in action.get("buttons", [])]
    rows = [row for section in action.get("sections", []) for row in section["rows"]]
    return buttons + [Choice(row["id"], row["title"], row.get("description", ""), "row") for row in rows]


def shown_text(body: Body, kind: str, world: World) -> str:
    """What the family reads in an outbound body."""
    content = body.get(kind)
    if kind == "text":
        return str(body["text"]["body"])
    if kind == "interactive":
        return str(body["interactive"]["body"]["text"])
    if kind == "template":
        return _template_text(body["template"], world)
    if kind == "reaction":
        return str(body["reaction"]["emoji"])
    if kind == "location":
        return str(body["location"].get("name") or body["location"].get("address") or "")
    if kind == "contacts":
        return ", ".join(str(item["name"]["formatted_name"]) for item in body["contacts"])
    return str(content.get("caption", "")) if isinstance(content, dict) else ""


def offered(family: Family) -> list[Choice]:
    """Everything that can still be pressed in the conversation, newest first."""
    return [choice for message in reversed(family.messages) for choice in message.buttons]


def find(family: Family, *, title: str = "", id: str = "", of: str = "") -> tuple[Message, Choice] | None:
    """The newest choice with that title or id, with the message that offers it."""
    for message in reversed(family.messages):
        if of and message.id != of:
            continue
        for choice in message.buttons:
            if (id and choice.id == id) or (title and choice.title.casefold() == title.strip().casefold()):
                return message, choice
    return None


def webhook_content(choice: Choice) -> tuple[str, Body]:
    """The message type and content that Meta sends when `choice` is pressed."""
    if choice.kind == "template":
        return "button", {"payload": choice.id, "text": choice.title}
    kind = "list_reply" if choice.kind == "row" else "button_reply"
    reply = {"id": choice.id, "title": choice.title}
    if choice.description:
        reply["description"] = choice.description
    return "interactive", {"type": kind, kind: reply}


def template_of(content: Body, world: World) -> Template | None:
    """The template that a body names."""
    return world.templates.get((content["name"], content["language"]["code"]))


def body_parameters(content: Body) -> list[Body]:
    """The parameters that a body gives to the template's text."""
    return [
        item
        for component in content.get("components") or []
        if component["type"] == "body"
        for item in component.get("parameters") or []
    ]


def _template_text(content: Body, world: World) -> str:
    template = template_of(content, world)
    if template is None:
        return f"[{content['name']}]"
    parameters = body_parameters(content)
    values = {
        item.get("parameter_name", str(number)): str(item.get("text", "")) for number, item in enumerate(parameters, 1)
    }
    return re.sub(r"{{\s*(\w+)\s*}}", lambda found: values.get(found[1], found[0]), template.text)


def _template_buttons(content: Body, world: World) -> list[Choice]:
    template = template_of(content, world)
    components = template.components if template else []
    buttons: list[Body] = next((part["buttons"] for part in components if part["type"] == "BUTTONS"), [])
    payloads = {
        str(component.get("index")): component["parameters"][0].get("payload", "")
        for component in content.get("components") or []
        if component["type"] == "button" and component.get("parameters")
    }
    return [
        Choice(payloads.get(str(number)) or button["text"], button["text"], "", "template")
        for number, button in enumerate(buttons)
        if button.get("type") == "QUICK_REPLY"
    ]
