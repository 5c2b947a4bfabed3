"""Imports every table, so that the metadata is complete wherever this module is imported (migrations, tests)."""

from puente.api.models import ApiToken
from puente.cases.models import Case, CaseEvent
from puente.contacts.consent import Consent
from puente.contacts.models import Contact, ContactChange, Handoff
from puente.contacts.notice import PrivacyNotice
from puente.media.models import Media
from puente.messages.costs import Cost
from puente.messages.models import ButtonPayload, Message, Quarantine, QueueEntry, Status, Webhook
from puente.messages.number import NumberState
from puente.safety.models import Alarm, DutyPerson

__all__ = [
    "Alarm",
    "ApiToken",
    "ButtonPayload",
    "Case",
    "CaseEvent",
    "Consent",
    "Contact",
    "ContactChange",
    "Cost",
    "DutyPerson",
    "Handoff",
    "Media",
    "Message",
    "NumberState",
    "PrivacyNotice",
    "Quarantine",
    "QueueEntry",
    "Status",
    "Webhook",
]
