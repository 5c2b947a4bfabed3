"""A contact whose number changed hands shows that it is the same family before it sees a case."""

from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy.ext.asyncio import AsyncSession

from actions.base import TO_A_PERSON, kept
from puente import clock
from puente.cases import proof
from puente.contacts import service as contacts
from puente.contacts.models import Contact
from puente.knowledge import texts

AREA = "atencion_derechohabiente"


async def is_being_asked(session: AsyncSession, tracker: Tracker) -> bool:
    """Whether we asked this contact a moment ago to show who it is."""
    contact = await session.get(Contact, tracker.sender_id)
    return contact is not None and proof.is_asked(contact, clock.utcnow())


async def is_proved(session: AsyncSession, dispatcher: CollectingDispatcher, tracker: Tracker) -> bool:
    """Whether cases may be shown. If not, the family is asked for two facts of one, or a person takes over."""
    if not await proof.is_needed(session, tracker.sender_id):
        return True
    contact = await session.get_one(Contact, tracker.sender_id, with_for_update=contacts.LOCK)
    said, now = kept(tracker), clock.utcnow()
    asked, facts = proof.is_asked(contact, now), proof.facts_in(said.text, said.entities)
    tries = asked or "folio" in facts
    if tries and await proof.verify_again(session, contact, facts, now):
        dispatcher.utter_message(text=texts.get("comprobacion_lista"))
        return True
    contact.verify_asked_at = now
    if contact.verify_attempts >= proof.MAX_ATTEMPTS:
        contact.verify_attempts, contact.verify_asked_at = 0, None
        reason = "cambió de número y no pudo comprobar que es la misma familia; compruébelo antes de darle datos"
        await contacts.request_handoff(session, contact.id, area=AREA, reason=reason, now=now)
        dispatcher.utter_message(text=texts.get("comprobacion_con_persona"))
    else:
        text = texts.get("comprobacion_no_coincide" if tries else "comprobar_contacto")
        dispatcher.utter_message(text=text, buttons=[TO_A_PERSON])
    return False
