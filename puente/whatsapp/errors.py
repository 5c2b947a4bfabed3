"""WhatsApp's error codes as data: what to do about each, and the reason that staff read (facts/whatsapp.md §1)."""

from dataclasses import dataclass
from enum import Enum


class Action(Enum):
    """What the sender does about an error."""

    RETRY = "retry"  # the same message again, later
    HOLD_CONTACT = "hold_contact"  # this addressee only, for longer each time
    PAUSE_NUMBER = "pause_number"  # everybody: the number is over its rate
    STOP = "stop"  # everybody, until an operator acts
    FAIL = "fail"  # this message will never go through


@dataclass(frozen=True)
class ErrorRule:
    """What one code means for us."""

    action: Action
    reason: str


_RULES: dict[tuple[int, ...], ErrorRule] = {
    (1, 2, 131000, 131016, 133004): ErrorRule(Action.RETRY, "WhatsApp tuvo una falla momentánea"),
    (4, 80007, 130429, 131057): ErrorRule(Action.PAUSE_NUMBER, "Se alcanzó el límite de envíos por segundo del número"),
    (131056,): ErrorRule(Action.HOLD_CONTACT, "Demasiados mensajes seguidos a esta familia; se espera un momento"),
    (131047,): ErrorRule(Action.FAIL, "Pasaron más de 24 horas desde el último mensaje de la familia"),
    (131026, 131021, 131062): ErrorRule(Action.FAIL, "El número no puede recibir mensajes de WhatsApp"),
    (131050,): ErrorRule(Action.FAIL, "La familia pidió no recibir estos mensajes"),
    (131049, 130472): ErrorRule(Action.FAIL, "WhatsApp decidió no entregar este mensaje por ahora"),
    (131048, 368, 131031, 130497): ErrorRule(Action.STOP, "WhatsApp limitó o bloqueó la cuenta"),
    (131042,): ErrorRule(Action.STOP, "Hay un problema de pago en la cuenta de WhatsApp"),
    (0, 3, 10, 190, 131005): ErrorRule(Action.STOP, "El acceso (token o permiso) a WhatsApp no es válido"),
    (100, 131008, 131009, 131051, 131053): ErrorRule(Action.FAIL, "WhatsApp rechazó el formato del mensaje"),
    (137000,): ErrorRule(Action.FAIL, "Cambió la identidad del número; hay que verificar a la persona"),
}
_BY_CODE = {code: rule for codes, rule in _RULES.items() for code in codes}
_PERMISSION = ErrorRule(Action.STOP, "El acceso (token o permiso) a WhatsApp no es válido")
_TEMPLATE = ErrorRule(Action.FAIL, "La plantilla no existe, no coincide o está en pausa")


def rule_for(code: int | None, http_status: int) -> ErrorRule:
    """The rule of an error code. Without one it was not WhatsApp that refused: the message is not to blame."""
    if code in _BY_CODE:
        return _BY_CODE[code]
    if code is not None and 200 <= code <= 299:
        return _PERMISSION
    if code is not None and 132000 <= code <= 132999:
        return _TEMPLATE
    if code is None or http_status >= 500 or http_status == 429:
        return ErrorRule(Action.RETRY, "WhatsApp no respondió bien")
    return ErrorRule(Action.FAIL, f"WhatsApp rechazó el mensaje (código {code})")
