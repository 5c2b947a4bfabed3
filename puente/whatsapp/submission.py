"""How our templates differ from what the account has, and bringing the account up to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from puente.whatsapp.account import Account, Submitted
from puente.whatsapp.templates import Template

USABLE = "APPROVED"
PARTS = {"HEADER": "el encabezado", "BODY": "el texto", "FOOTER": "el pie", "BUTTONS": "el grupo de botones"}
STATES = {
    "PENDING": "está en revisión",
    "IN_APPEAL": "está en apelación",
    "REJECTED": "fue rechazada: corrija el texto y envíela otra vez",
    "PAUSED": "está en pausa por su calidad: WhatsApp la reactiva sola; revise a quién se envía",
    "DISABLED": "fue desactivada por WhatsApp: cree otra con otro nombre",
    "PENDING_DELETION": "se está borrando",
}


@dataclass(frozen=True)
class Difference:
    """One template of ours that the account has otherwise. `submittable`: sending it would change that."""

    template: Template
    submitted: Submitted | None
    said: tuple[str, ...]
    submittable: bool


@dataclass(frozen=True)
class Result:
    """What came of submitting one template."""

    name: str
    said: str


def compare(ours: Iterable[Template], theirs: Iterable[Submitted]) -> list[Difference]:
    """Every template of ours that is missing in the account, different or not usable there."""
    known = {(item.name, item.language): item for item in theirs}
    found = []
    for template in ours:
        submitted = known.get((template.name, template.language))
        if submitted is None:
            found.append(Difference(template, None, ("falta en la cuenta",), True))
            continue
        said = _differences(template, submitted)
        state = (
            () if submitted.status == USABLE else (STATES.get(submitted.status, f"su estado es {submitted.status}"),)
        )
        if said or state:
            found.append(Difference(template, submitted, (*said, *state), bool(said) or submitted.status == "REJECTED"))
    return found


def only_there(ours: Iterable[Template], theirs: Iterable[Submitted]) -> list[Submitted]:
    """Templates of the account that no file describes."""
    known = {(template.name, template.language) for template in ours}
    return [item for item in theirs if (item.name, item.language) not in known]


async def submit(account: Account, difference: Difference) -> Result:
    """Bring the account up to one template of ours. Raises AccountError."""
    template = difference.template
    if difference.submitted is None:
        status = await account.create(template)
        return Result(template.name, "aprobada" if status == USABLE else STATES.get(status, status))
    await account.edit(difference.submitted, template)
    return Result(template.name, "enviada de nuevo")


def _differences(template: Template, submitted: Submitted) -> list[str]:
    ours, theirs = _plain(template.components()), _plain(submitted.components)
    said = []
    if template.category != submitted.category:
        said.append(f"la categoría es {template.category} aquí y {submitted.category} en la cuenta")
    for part, name in PARTS.items():
        here, there = ours.get(part), theirs.get(part)
        if here != there:
            said.append(f"{name} es otro:\n      aquí        {_shown(here)}\n      en WhatsApp {_shown(there)}")
    return said


def _plain(components: Iterable[dict[str, Any]]) -> dict[str, str]:
    """What an addressee reads of each part; examples and the like are for Meta's reviewers."""
    parts = {}
    for component in components:
        kind = str(component.get("type", "")).upper()
        if kind == "BUTTONS":
            buttons = [f"[{button.get('type')}: {button.get('text')}]" for button in component.get("buttons") or []]
            parts[kind] = " ".join(buttons)
        else:
            parts[kind] = str(component.get("text") or component.get("format") or "")
    return parts


def _shown(text: str | None) -> str:
    return "—" if text is None else text.replace("\n", "⏎")
