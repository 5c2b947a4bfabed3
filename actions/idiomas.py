"""Who writes in another language gets a sentence in it and a person; nothing else is asked of them."""

from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy.ext.asyncio import AsyncSession

from puente import clock
from puente.contacts import service as contacts
from puente.knowledge import languages, texts

AREA = "atencion_derechohabiente"


async def hand_over(
    session: AsyncSession, dispatcher: CollectingDispatcher, contact_id: str, language: str, text: str
) -> None:
    """Ask for a person with an interpreter, and say so in the family's language where we can."""
    name = languages.name(language)
    reason = f"{languages.INTERPRETER}: {name}. La familia escribió: “{text[:300]}”"
    await contacts.request_handoff(session, contact_id, area=AREA, reason=reason, now=clock.utcnow())
    dispatcher.utter_message(text=texts.get(languages.answer(language)).format(idioma=name))
