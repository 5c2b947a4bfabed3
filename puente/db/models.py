"""Imports every table, so that the metadata is complete wherever this module is imported (migrations, tests)."""

from puente.api.models import ApiToken
from puente.cases.models import Case, CaseEvent
from puente.contacts.models import Contact, Handoff
from puente.messages.models import ButtonPayload, Message, Quarantine, QueueEntry, Status, Webhook

__all__ = [
    "ApiToken",
    "ButtonPayload",
    "Case",
    "CaseEvent",
    "Contact",
    "Handoff",
    "Message",
    "Quarantine",
    "QueueEntry",
    "Status",
    "Webhook",
]
