"""Message templates, as files in `data/templates`: the only thing that may be sent outside the 24-hour window."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from puente.settings import ROOT, SettingsError
from puente.whatsapp.compose import shorten

FOLDER = ROOT / "data" / "templates"
CASE_UPDATE, APPOINTMENT, REOPENING = "avance_caso", "recordatorio_cita", "reanudar_conversacion"
READ_WAITING = "pendiente:leer"  # the button that says: send me what waits
CATEGORIES = ("UTILITY", "MARKETING", "AUTHENTICATION")
# Meta's limits (facts/whatsapp.md §1; names and texts of templates: Meta, "Template components").
NAME_LIMIT, BODY_LIMIT, FOOTER_LIMIT, BUTTON_LIMIT, BUTTONS_LIMIT = 512, 1024, 60, 25, 10
VALUE_LIMIT = 255  # ours: a template stays a short message, and three of them never pass the body's limit
_VARIABLE = re.compile(r"{{\s*(\w+)\s*}}")
_KEYS = {"name", "language", "category", "for", "body", "variables", "sample", "footer", "buttons", "says_all"}


class BadTemplate(SettingsError):
    """A template's file cannot be used; the message says which and why."""


@dataclass(frozen=True)
class Button:
    """A quick reply; pressing it sends us `payload`."""

    text: str
    payload: str


@dataclass(frozen=True)
class Template:
    """One template. `variables` says what each {{n}} of the body is, `sample` has an example of each.

    One that `says_all` takes the place of a text; the others only invite the family to answer, and the text follows.
    """

    name: str
    language: str
    category: str
    purpose: str
    body: str
    variables: tuple[str, ...] = ()
    sample: tuple[str, ...] = ()
    footer: str = ""
    buttons: tuple[Button, ...] = field(default=())
    says_all: bool = False

    def components(self) -> list[dict[str, Any]]:
        """What `POST /message_templates` takes."""
        body: dict[str, Any] = {"type": "BODY", "text": self.body}
        if self.sample:
            body["example"] = {"body_text": [list(self.sample)]}
        parts = [body]
        if self.footer:
            parts.append({"type": "FOOTER", "text": self.footer})
        if self.buttons:
            buttons = [{"type": "QUICK_REPLY", "text": button.text} for button in self.buttons]
            parts.append({"type": "BUTTONS", "buttons": buttons})
        return parts

    def message(self, *values: str) -> dict[str, Any]:
        """The body of a message that fills the template in. Raises ValueError for a wrong number of values."""
        if len(values) != len(self.variables):
            raise ValueError(f"template {self.name} takes {len(self.variables)} values, not {len(values)}")
        parts: list[dict[str, Any]] = []
        if values:
            parameters = [{"type": "text", "text": _value(value)} for value in values]
            parts.append({"type": "body", "parameters": parameters})
        for number, button in enumerate(self.buttons):
            payload = {"type": "payload", "payload": button.payload}
            parts.append({"type": "button", "sub_type": "quick_reply", "index": str(number), "parameters": [payload]})
        content: dict[str, Any] = {"name": self.name, "language": {"code": self.language}}
        return {"type": "template", "template": content | ({"components": parts} if parts else {})}

    def shown(self, *values: str) -> str:
        """What the addressee reads."""
        filled = {str(number): _value(value) for number, value in enumerate(values, 1)}
        return _VARIABLE.sub(lambda found: filled.get(found[1], found[0]), self.body)

    def problems(self) -> list[str]:
        """What Meta would refuse, in Spanish; empty when it is right."""
        return list(_problems(self))


@cache
def all_templates() -> dict[str, Template]:
    """Every template, by name. Raises BadTemplate."""
    found = {template.name: template for template in map(read, sorted(FOLDER.glob("*.yml")))}
    if missing := sorted({CASE_UPDATE, APPOINTMENT, REOPENING} - set(found)):
        raise BadTemplate(f"{FOLDER}: missing templates: {', '.join(missing)}")
    return found


def read(path: Path) -> Template:
    """The template of one file. Raises BadTemplate, with the file's name, for what cannot be read."""
    try:
        entry = yaml.safe_load(path.read_text("utf-8"))
        if unknown := sorted(set(entry) - _KEYS):
            raise BadTemplate(f"{path.name}: unknown keys: {', '.join(unknown)}")
        return Template(
            name=str(entry["name"]),
            language=str(entry["language"]),
            category=str(entry["category"]),
            purpose=str(entry["for"]),
            body=str(entry["body"]),
            variables=tuple(map(str, entry["variables"])),
            sample=tuple(map(str, entry["sample"])),
            footer=str(entry.get("footer") or ""),
            buttons=tuple(Button(str(item["text"]), str(item["payload"])) for item in entry.get("buttons") or []),
            says_all=bool(entry.get("says_all", False)),
        )
    except (KeyError, TypeError, AttributeError, ValueError, yaml.YAMLError) as problem:
        raise BadTemplate(f"{path.name} cannot be read: {type(problem).__name__}: {problem}") from problem


def _value(value: str) -> str:
    """A value as Meta takes it: on one line, without runs of spaces, not empty."""
    return shorten(" ".join(value.split()), VALUE_LIMIT) or "—"


def _problems(template: Template) -> Iterator[str]:
    if not re.fullmatch(rf"[a-z0-9_]{{1,{NAME_LIMIT}}}", template.name):
        yield "el nombre solo lleva minúsculas, números y guion bajo"
    if not re.fullmatch(r"[a-z]{2,3}(_[A-Z]{2})?", template.language):
        yield f"«{template.language}» no es un código de idioma como es_MX"
    if template.category not in CATEGORIES:
        yield f"la categoría debe ser una de: {', '.join(CATEGORIES)}"
    if not template.purpose.strip():
        yield "falta decir para qué es (for)"
    yield from _problems_of_body(template)
    yield from _problems_of_variables(template)
    yield from _problems_of_the_rest(template)


def _problems_of_body(template: Template) -> Iterator[str]:
    body = template.body
    if not body.strip():
        yield "el texto está vacío"
    if len(body) > BODY_LIMIT or len(template.shown(*template.sample)) > BODY_LIMIT:
        yield f"el texto pasa de {BODY_LIMIT} caracteres"
    if body != body.strip() or re.search(r"\n\s*\n\s*\n| {5,}|\t", body):
        yield "el texto lleva espacios a los lados, tabuladores, o más de una línea en blanco seguida"


def _problems_of_variables(template: Template) -> Iterator[str]:
    body, numbers = template.body, _VARIABLE.findall(template.body)
    if numbers != [str(number) for number in range(1, len(numbers) + 1)]:
        yield "las variables se numeran en orden, sin saltos: {{1}}, {{2}}…"
    if "{{" in _VARIABLE.sub("", body) or "}}" in _VARIABLE.sub("", body):
        yield "hay llaves sueltas: una variable se escribe {{1}}"
    if not len(numbers) == len(template.variables) == len(template.sample):
        yield f"el texto tiene {len(numbers)} variables; «variables» y «sample» deben tener las mismas"
    if not all(value.strip() for value in (*template.variables, *template.sample)):
        yield "una variable no tiene nombre o ejemplo"
    edges = body.strip(" \n.,;:!?¡¿*_~")
    if edges.startswith("{{") or edges.endswith("}}"):
        yield "una variable no puede estar al principio ni al final"
    if re.search(r"}}\s*{{", body):
        yield "dos variables no pueden ir juntas"
    if numbers and len(_VARIABLE.sub(" ", body).split()) < 2 * len(numbers) + 1:
        yield "hay demasiadas variables para tan poco texto"


def _problems_of_the_rest(template: Template) -> Iterator[str]:
    if len(template.footer) > FOOTER_LIMIT:
        yield f"el pie pasa de {FOOTER_LIMIT} caracteres"
    if "{{" in template.footer or "\n" in template.footer:
        yield "el pie no lleva variables ni saltos de línea"
    if len(template.buttons) > BUTTONS_LIMIT:
        yield f"hay más de {BUTTONS_LIMIT} botones"
    texts = [button.text for button in template.buttons]
    if len(set(texts)) < len(texts):
        yield "dos botones dicen lo mismo"
    for button in template.buttons:
        if not 0 < len(button.text) <= BUTTON_LIMIT or "{{" in button.text or "\n" in button.text:
            yield f"el botón «{button.text}» debe tener de 1 a {BUTTON_LIMIT} caracteres, sin variables"
        if not 0 < len(button.payload) <= 128:
            yield f"el botón «{button.text}» necesita un «payload» de hasta 128 caracteres"
