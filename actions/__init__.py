"""Custom actions, a module a topic: tracker → service → reply. Run by the rasa-sdk action server."""

from actions.casos import (
    ActionAnotarEnCaso,
    ActionConsultarCaso,
    ActionIniciarCaso,
    ActionTerminarCaso,
    ValidateFormularioCaso,
)
from actions.conversacion import ActionNoEntendi, ActionPasarAPersona, ActionSessionStart, ActionSinPregunta
from actions.pedidos import ActionContestarOferta, ActionOfrecerPedido, ActionRecordarPedido
from actions.urgencias import ActionUrgencia

__all__ = [
    "ActionAnotarEnCaso",
    "ActionConsultarCaso",
    "ActionContestarOferta",
    "ActionIniciarCaso",
    "ActionNoEntendi",
    "ActionOfrecerPedido",
    "ActionPasarAPersona",
    "ActionRecordarPedido",
    "ActionSessionStart",
    "ActionSinPregunta",
    "ActionTerminarCaso",
    "ActionUrgencia",
    "ValidateFormularioCaso",
]
