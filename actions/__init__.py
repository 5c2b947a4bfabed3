"""Custom actions, a module a topic: tracker → service → reply. Run by the rasa-sdk action server."""

from actions.casos import (
    ActionAnotarEnCaso,
    ActionConsultarCaso,
    ActionIniciarCaso,
    ActionRecordarPedido,
    ActionTerminarCaso,
    ValidateFormularioCaso,
)
from actions.conversacion import ActionNoEntendi, ActionPasarAPersona, ActionSessionStart, ActionSinPregunta
from actions.urgencias import ActionUrgencia

__all__ = [
    "ActionAnotarEnCaso",
    "ActionConsultarCaso",
    "ActionIniciarCaso",
    "ActionNoEntendi",
    "ActionPasarAPersona",
    "ActionRecordarPedido",
    "ActionSessionStart",
    "ActionSinPregunta",
    "ActionTerminarCaso",
    "ActionUrgencia",
    "ValidateFormularioCaso",
]
