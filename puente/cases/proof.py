"""Before a contact that may be somebody else sees a case: two facts of one of its cases have to be told.

A folio or a first name alone is on papers and on lips; two that belong together are known to the family.
"""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from puente import clock
from puente.cases import folio as folios
from puente.cases.models import Case, CaseEvent
from puente.contacts.identity import note_change
from puente.contacts.models import Contact
from puente.knowledge import dates, resolve
from puente.knowledge.spelling import sound, words

ENOUGH = 2
MAX_ATTEMPTS = 3  # then a person takes over
ASKED_FOR = timedelta(hours=1)  # so long a message may be the answer to our question
MOST_WORDS = 20  # a name among hundreds proves nothing
LONGEST_CHAIN = 5


async def is_needed(session: AsyncSession, contact_id: str) -> bool:
    """Whether this contact must prove who it is before a case is shown: it is marked, and there is a case to hide."""
    contact = await session.get(Contact, contact_id)
    if contact is None or contact.verify_since is None:
        return False
    count = select(func.count()).select_from(Case).where(Case.contact_id.in_(await _chain(session, contact)))
    return bool((await session.execute(count)).scalar_one())


def is_asked(contact: Contact, now: datetime) -> bool:
    """Whether we asked for the facts a moment ago, so that any message may be the answer."""
    return contact.verify_since is not None and (
        contact.verify_asked_at is not None and now - contact.verify_asked_at < ASKED_FOR
    )


async def verify_again(session: AsyncSession, contact: Contact, facts: dict[str, str], now: datetime) -> bool:
    """Whether `facts` (folio, paciente, unidad, medicamento, fecha: as the family says them) prove who it is.

    Two of them must belong to one case. Then the mark is taken off; else the attempt is counted.
    """
    query = select(Case).where(Case.contact_id.in_(await _chain(session, contact)))
    for case in (await session.execute(query)).scalars():
        if sum(_holds(case, name, said, now) for name, said in facts.items()) >= ENOUGH:
            await verified(session, contact, by="familia", now=now)
            return True
    contact.verify_attempts += 1
    return False


async def verified(session: AsyncSession, contact: Contact, *, by: str, now: datetime) -> None:
    """It is the same person, says `by`: cases of the contact before become this one's, and may be shown."""
    chain = await _chain(session, contact)
    query = select(Case).where(Case.contact_id.in_(chain[1:]))
    for case in (await session.execute(query)).scalars():
        note = "La familia cambió de número y comprobó que es la misma."
        session.add(CaseEvent(case_id=case.id, event="nota", actor=by, status=case.status, note=note, created_at=now))
    await session.execute(update(Case).where(Case.contact_id.in_(chain[1:])).values(contact_id=contact.id))
    note_change(session, contact, "verificacion", "pendiente", "comprobada", by, now)
    contact.verify_since = contact.verify_reason = contact.verify_asked_at = contact.previous_id = None
    contact.verify_attempts = 0


def facts_in(text: str, entities: tuple[dict[str, Any], ...] = ()) -> dict[str, str]:
    """The facts that a message may tell. Any of its words may be the patient's name."""
    facts = {"folio": folios.find(text) or ""}
    for entity in entities:
        if entity["entity"] in ("paciente", "unidad", "medicamento", "fecha"):
            facts.setdefault(entity["entity"], str(entity["value"]))
    for name, find in (("unidad", resolve.find_units), ("medicamento", resolve.find_medicines)):
        if spans := find(text):
            facts.setdefault(name, spans[0][2])
    if len(words(text)) <= MOST_WORDS:
        facts["paciente"] = text
    return {name: said for name, said in facts.items() if said}


def _holds(case: Case, name: str, said: str, now: datetime) -> bool:
    if name == "folio":
        return folios.read(said) == case.folio
    if name == "paciente":
        return _same_first_name(case.patient, said)
    if name == "fecha":
        return (
            dates.read_date(said, now.astimezone(clock.MEXICO_CITY))
            == case.created_at.astimezone(clock.MEXICO_CITY).date()
        )
    known = {"unidad": case.unit, "medicamento": case.medicine}.get(name)
    found = resolve.resolve(name, said, now=now).resolved if known else None
    return found is not None and found in (known or "").split(", " if name == "medicamento" else "\0")


def _same_first_name(patient: str | None, said: str) -> bool:
    name = words(patient or "")
    if not name or len(name[0].plain) < 2:
        return False
    return sound(name[0].plain) in {word.key for word in words(said)[:MOST_WORDS]}


async def _chain(session: AsyncSession, contact: Contact) -> list[str]:
    """The contact and those that had its number before and may be the same person, newest first."""
    chain, before = [contact.id], contact.previous_id
    while before and before not in chain and len(chain) < LONGEST_CHAIN:
        chain.append(before)
        earlier = await session.get(Contact, before)
        before = earlier.previous_id if earlier else None
    return chain
