"""Custom actions, a module a topic: tracker → service → reply. Run by the rasa-sdk action server."""

from actions.casos import (
    ActionAnotarEnCaso,
    ActionConsultarCaso,
    ActionIniciarCaso,
    ActionTerminarCaso,
    ValidateFormularioCaso,
)
from actions.conversacion import (
    ActionNoEntendi,
    ActionPasarAPersona,
    ActionPresentarse,
    ActionSessionStart,
    ActionSinPregunta,
)
from actions.informacion import ActionDonacion, ActionMinutas, ActionPrivacidad, ActionReunion
from actions.licencia import ActionLicencia
from actions.pedidos import ActionContestarOferta, ActionOfrecerPedido, ActionRecordarPedido
from actions.unidades import ActionUnidad
from actions.urgencias import ActionUrgencia

__all__ = [
    "ActionAnotarEnCaso",
    "ActionConsultarCaso",
    "ActionContestarOferta",
    "ActionDonacion",
    "ActionIniciarCaso",
    "ActionLicencia",
    "ActionMinutas",
    "ActionNoEntendi",
    "ActionOfrecerPedido",
    "ActionPasarAPersona",
    "ActionPresentarse",
    "ActionPrivacidad",
    "ActionRecordarPedido",
    "ActionReunion",
    "ActionSessionStart",
    "ActionSinPregunta",
    "ActionTerminarCaso",
    "ActionUnidad",
    "ActionUrgencia",
    "ValidateFormularioCaso",
]
