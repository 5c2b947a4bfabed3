"""WhatsApp's error codes: what to do about each, and the reason that staff read. The table is `data/whatsapp`'s."""

from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from puente.settings import ROOT, SettingsError

FILE = ROOT / "data" / "whatsapp" / "errors.yml"
OTHERS = ("sin_codigo", "429", "401", "5xx", "4xx", "estado")
WIDEST_RANGE = 1000


class BadTable(SettingsError):
    """The table of errors cannot be used; the message says why."""


class Action(Enum):
    """What the sender does about an error."""

    RETRY = "reintentar"  # the same message again, later
    HOLD_CONTACT = "esperar_familia"  # this addressee only, for longer each time
    PAUSE_NUMBER = "pausar_numero"  # everybody: the number is over its rate
    STOP = "detener"  # everybody, until somebody has put it right
    USE_TEMPLATE = "usar_plantilla"  # the text waits, a template asks the family to write
    ANOTHER_DAY = "otro_dia"  # once more, not before 24 hours
    ASK_CONSENT = "pedir_permiso"  # this message fails, and so will every other notice
    VERIFY = "verificar"  # fails: who the person is must be made sure of
    MEND = "corregir"  # fails: our own error
    GIVE_UP = "rendirse"  # this message will never go through


WAITING = (Action.RETRY, Action.HOLD_CONTACT, Action.PAUSE_NUMBER, Action.STOP)
WHOLE_NUMBER = (Action.PAUSE_NUMBER, Action.STOP)


@dataclass(frozen=True)
class ErrorRule:
    """What one code means for us."""

    action: Action
    reason: str


@dataclass(frozen=True)
class ErrorTable:
    """Every known code, and what to do about the others."""

    known: dict[int, ErrorRule]
    others: dict[str, ErrorRule]


def rule_for(code: int | None, http_status: int) -> ErrorRule:
    """The rule of an error code in an HTTP answer. Without a code it was not WhatsApp that refused."""
    if code in table().known:
        return table().known[code]
    if code is None:
        return table().others["sin_codigo"]
    return _filled(table().others[_http_class(http_status)], code)


def rule_for_status(code: int | None) -> ErrorRule:
    """The rule of an error code in a `failed` status: what no rule knows is final, for it is not ours to repeat."""
    if code in table().known:
        return table().known[code]
    return _filled(table().others["estado"], code)


@cache
def table() -> ErrorTable:
    """The table. Raises BadTable, which says what is wrong with it; call it at the start of a program."""
    return read(FILE)


def read(path: Path) -> ErrorTable:
    """The table in a file. Raises BadTable."""
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
        known: dict[int, ErrorRule] = {}
        for entry in content["tabla"]:
            rule = _rule(entry)
            for code in _codes(entry["codigos"]):
                if code in known:
                    raise BadTable(f"{path.name}: the code {code} is there twice")
                known[code] = rule
        others = {str(name): _rule(entry) for name, entry in content["otros"].items()}
    except (KeyError, TypeError, AttributeError, ValueError, OSError, yaml.YAMLError) as problem:
        raise BadTable(f"{path.name} cannot be used: {type(problem).__name__}: {problem}") from problem
    if set(others) != set(OTHERS):
        raise BadTable(f"{path.name}: `otros` must say exactly what happens for: {', '.join(OTHERS)}")
    return ErrorTable(known, others)


def _rule(entry: dict[str, Any]) -> ErrorRule:
    reason = entry["razon"]
    if not isinstance(reason, str) or not reason.strip():
        raise BadTable(f"an error without a reason for staff: {entry}")
    return ErrorRule(Action(entry["accion"]), reason)


def _codes(entries: list[int | str]) -> list[int]:
    codes: list[int] = []
    for entry in entries:
        first, _, last = str(entry).partition("-")
        found = range(int(first), int(last or first) + 1)
        if not 0 < len(found) <= WIDEST_RANGE:
            raise BadTable(f"{entry!r} is no code and no range of codes")
        codes += found
    return codes


def _http_class(http_status: int) -> str:
    if str(http_status) in table().others:
        return str(http_status)
    return "5xx" if http_status >= 500 else "4xx"


def _filled(rule: ErrorRule, code: int | None) -> ErrorRule:
    return ErrorRule(rule.action, rule.reason.replace("{codigo}", "desconocido" if code is None else str(code)))
