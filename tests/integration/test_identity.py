"""Numbers and names change hands: the contact stays, is separated when it must be, and proves itself again."""

from datetime import timedelta
from typing import Any

import pytest
from rasa_sdk import Tracker
from rasa_sdk.executor import CollectingDispatcher
from sqlalchemy import select

from actions import casos, conversacion
from puente.cases import proof
from puente.cases import service as cases
from puente.cases.models import Case
from puente.contacts import identity, phone
from puente.contacts import service as contacts
from puente.contacts.models import Contact
from puente.messages.models import Message, Quarantine
from puente.whatsapp import ingest
from puente.whatsapp.client import address
from tests import fake_whatsapp as wa
from tests.integration.conftest import Miniature

OLD, NEW, OTHER = "5215555550101", "5215555550102", "5215555550103"
ID, NEW_ID = "MX.persona1", "MX.persona2"


def says_who(words: str, at: Any, wa_id: str | None, bsuid: str | None, username: str = "") -> wa.Item:
    """The `value` of a message with the whole identity of its sender."""
    profile: dict[str, Any] = {"profile": {"name": "Familia", **({"username": username} if username else {})}}
    profile |= {"user_id": bsuid} if bsuid else {}
    profile |= {"wa_id": wa_id} if wa_id else {}
    more = {"from_user_id": bsuid} if bsuid else {}
    return wa.value(messages=[wa.text(words, at=at, wa_id=wa_id, **more)], contacts=[profile])


class Line:
    """Webhooks with identities, and the contacts that come of them."""

    def __init__(self, puente: Miniature) -> None:
        self.puente = puente

    async def deliver(self, *values: wa.Item) -> None:
        async with self.puente.database.transaction() as session:
            await ingest.store(session, wa.webhook(*values), self.puente.time.now, "100000000000001")

    async def says(self, words: str, wa_id: str | None, bsuid: str | None = None, **more: Any) -> Contact:
        self.puente.time.pass_(seconds=60)
        await self.deliver(says_who(words, more.pop("at", self.puente.time.now), wa_id, bsuid, **more))
        async with self.puente.database.reading() as session:
            message = (await session.execute(select(Message).where(Message.text == words))).scalar_one()
            return await session.get_one(Contact, message.contact_id)

    async def system(self, kind: str, sender: wa.Item, **system: Any) -> None:
        self.puente.time.pass_(seconds=60)
        item = wa.message("system", {"type": kind, **system}, at=self.puente.time.now, wa_id=None) | sender
        await self.deliver(wa.value(messages=[item], contacts=[]))

    async def contact(self, contact_id: str) -> Contact:
        async with self.puente.database.reading() as session:
            return await session.get_one(Contact, contact_id)

    async def case(self, contact: Contact) -> str:
        new = cases.NewCase(
            contact.id, "desabasto", wa.new_wamid(), "no hay", {}, medicines=("vincristina",), patient="Mateo Ejemplo"
        )
        async with self.puente.database.transaction() as session:
            return (await cases.open_case(session, new, self.puente.time.now)).folio

    async def ask(self, contact: Contact, text: str, action: Any = None, intent: str = "consultar_caso") -> str:
        """What the dialogue's action says to `text`."""
        message = {"text": text, "intent": {"name": intent, "confidence": 0.9}, "entities": [], "message_id": "w",
                   "metadata": {"sent_at": self.puente.time.now.isoformat()}}  # fmt: skip
        tracker = Tracker(contact.id, {}, message, [], False, None, {}, "action_listen")
        dispatcher = CollectingDispatcher()
        await (action or casos.ActionConsultarCaso()).run(dispatcher, tracker, {})
        return "\n".join(message.get("text") or "" for message in dispatcher.messages)


@pytest.fixture
def line(puente: Miniature, monkeypatch: pytest.MonkeyPatch) -> Line:
    for module in (casos, conversacion):
        monkeypatch.setattr(module, "database", lambda: puente.database)
    return Line(puente)


# --------------------------------------------------------------------------------------------- who is who


async def test_a_family_without_phone_is_answered_by_its_id(line: Line) -> None:
    contact = await line.says("hola", None, ID)
    assert address(contact) == {"recipient_type": "individual", "recipient": ID}
    await line.puente.work()
    assert line.puente.graph.accepted[0]["recipient"] == ID


async def test_a_change_of_user_name_is_kept_as_history(line: Line) -> None:
    contact = await line.says("uno", None, ID, username="antes")
    await line.says("dos", None, ID, username="ahora")
    assert (await line.contact(contact.id)).username == "ahora"
    async with line.puente.database.reading() as session:
        (change,) = await identity.history(session, contact.id)
    assert (change.what, change.old, change.new) == ("username", "antes", "ahora")


async def test_a_change_of_number_told_by_whatsapp_keeps_the_contact_and_asks_for_proof(line: Line) -> None:
    contact = await line.says("antes", OLD, ID)
    await line.system("user_changed_number", {"from": OLD}, wa_id=NEW, user_id=NEW_ID, previous_user_id=ID)
    after = await line.says("después", NEW, NEW_ID)
    assert after.id == contact.id
    assert (after.wa_id, after.phone, after.bsuid) == (NEW, phone.of_whatsapp(NEW), NEW_ID)
    assert after.verify_since is not None
    async with line.puente.database.reading() as session:
        changed = {(change.what, change.old) for change in await identity.history(session, contact.id)}
    assert {("phone", phone.of_whatsapp(OLD)), ("bsuid", ID)} <= changed


async def test_a_change_of_number_without_ids_keeps_the_contact_too(line: Line) -> None:
    contact = await line.says("antes", OLD)
    await line.system("user_changed_number", {"from": OLD}, wa_id=NEW)
    after = await line.says("después", NEW, NEW_ID)
    assert (after.id, after.bsuid) == (contact.id, NEW_ID)
    assert after.verify_since is not None


async def test_a_hidden_change_of_id_keeps_the_contact(line: Line) -> None:
    contact = await line.says("antes", None, ID)
    await line.system("user_changed_user_id", {"from_user_id": NEW_ID}, user_id=NEW_ID, previous_user_id=ID)
    after = await line.says("después", None, NEW_ID)
    assert after.id == contact.id
    assert after.verify_since is not None


async def test_a_change_of_number_delivered_twice_changes_once(line: Line) -> None:
    contact = await line.says("antes", OLD, ID)
    item = wa.message("system", {"type": "user_changed_number", "wa_id": NEW}, at=line.puente.time.now, wa_id=OLD)
    for _ in range(2):
        await line.deliver(wa.value(messages=[item], contacts=[]))
    async with line.puente.database.reading() as session:
        (only,) = (await session.execute(select(Contact))).scalars()
    assert (only.id, only.wa_id) == (contact.id, NEW)


async def test_nothing_but_a_template_goes_to_a_number_that_has_not_written_yet(line: Line) -> None:
    contact = await line.says("antes", OLD, ID)
    await line.system("user_changed_number", {"from": OLD}, wa_id=NEW)
    assert (await line.contact(contact.id)).last_inbound_at is None


async def test_a_known_number_with_another_id_is_another_person(line: Line) -> None:
    before = await line.says("soy la de antes", OLD, ID)
    after = await line.says("soy la nueva", OLD, NEW_ID)
    assert after.id != before.id
    assert (after.previous_id, after.wa_id) == (before.id, OLD)
    old = await line.contact(before.id)
    assert (old.phone, old.wa_id, old.bsuid) == (None, None, ID)  # what was still to be sent does not go to a stranger


async def test_a_known_id_with_another_number_is_the_same_person_to_be_verified(line: Line) -> None:
    before = await line.says("antes", OLD, ID)
    after = await line.says("después", NEW, ID)
    assert (after.id, after.phone) == (before.id, phone.of_whatsapp(NEW))
    assert after.verify_since is not None


async def test_a_known_id_that_takes_the_number_of_another_leaves_that_one_without(line: Line) -> None:
    first = await line.says("primera", OLD, ID)
    second = await line.says("segunda", NEW, NEW_ID)
    await line.says("me pasé al número de la segunda", NEW, ID)
    assert (await line.contact(first.id)).phone == phone.of_whatsapp(NEW)
    assert (await line.contact(second.id)).phone is None


async def test_an_old_message_delivered_late_changes_nothing_newer(line: Line) -> None:
    contact = await line.says("antes", OLD, ID)
    long_ago = line.puente.time.now
    await line.system("user_changed_number", {"from": OLD}, wa_id=NEW, user_id=NEW_ID, previous_user_id=ID)
    late = await line.says("la que se atrasó", OLD, ID, at=long_ago)
    assert (late.id, late.wa_id, late.bsuid) == (contact.id, NEW, NEW_ID)


async def test_a_number_shared_on_request_is_kept(line: Line) -> None:
    contact = await line.says("hola", None, ID)
    card = [{"name": {"formatted_name": "yo"}, "phones": [{"phone": "+" + OLD, "wa_id": OLD}]}]
    item = wa.message("contacts", card, at=line.puente.time.now, wa_id=None, origin="contact_request",
                      from_user_id=ID)  # fmt: skip
    await line.deliver(wa.value(messages=[item], contacts=[]))
    assert (await line.contact(contact.id)).wa_id == OLD


async def test_somebody_elses_card_says_nothing_about_the_sender(line: Line) -> None:
    contact = await line.says("hola", None, ID)
    card = [{"name": {"formatted_name": "mi hermana"}, "phones": [{"wa_id": OLD}]}]
    item = wa.message("contacts", card, at=line.puente.time.now, wa_id=None, from_user_id=ID, origin="other")
    await line.deliver(wa.value(messages=[item], contacts=[]))
    assert (await line.contact(contact.id)).phone is None


async def test_what_is_meant_for_another_number_is_quarantined(line: Line) -> None:
    strange = wa.value(messages=[wa.text("no es para ustedes", at=line.puente.time.now)])
    strange["metadata"]["phone_number_id"] = "999"
    await line.deliver(strange, wa.value(messages=[wa.text("esta sí", at=line.puente.time.now)]))
    async with line.puente.database.reading() as session:
        assert [row.text for row in (await session.execute(select(Message))).scalars()] == ["esta sí"]
        (kept,) = (await session.execute(select(Quarantine))).scalars()
    assert "not ours" in kept.reason


# ---------------------------------------------------------------------------------------------- proof


async def _moved(line: Line) -> tuple[Contact, str]:
    contact = await line.says("antes", OLD, ID)
    folio = await line.case(contact)
    await line.system("user_changed_number", {"from": OLD}, wa_id=NEW, user_id=NEW_ID, previous_user_id=ID)
    return contact, folio


async def test_no_case_is_shown_until_two_facts_are_told(line: Line) -> None:
    contact, folio = await _moved(line)
    answer = await line.ask(contact, "¿cómo va mi reporte?")
    assert folio not in answer
    assert "vincristina" not in answer
    assert "primer nombre de su paciente" in answer
    answer = await line.ask(contact, f"{folio}, mateo")
    assert folio in answer
    assert "vincristina" in answer
    assert (await line.contact(contact.id)).verify_since is None


@pytest.mark.parametrize("said", ["{folio}", "Mateo", "vincristina", "{folio} Lupita", "{folio} y el hospital"])
async def test_one_fact_is_not_enough(line: Line, said: str) -> None:
    contact, folio = await _moved(line)
    await line.ask(contact, "¿cómo va mi reporte?")
    answer = await line.ask(contact, said.format(folio=folio))
    assert "Estado" not in answer
    assert (await line.contact(contact.id)).verify_since is not None


async def test_facts_of_two_cases_prove_nothing(line: Line) -> None:
    contact, folio = await _moved(line)
    new = cases.NewCase(contact.id, "demora", "w9", "tarde", {}, patient="Renata Ejemplo")
    async with line.puente.database.transaction() as session:
        await cases.open_case(session, new, line.puente.time.now)
    assert "Estado" not in await line.ask(contact, f"{folio} Renata")


async def test_the_facts_are_understood_however_the_dialogue_takes_them(line: Line) -> None:
    contact, folio = await _moved(line)
    await line.ask(contact, "¿cómo va mi reporte?")
    answer = await line.ask(contact, f"{folio} Mateo", conversacion.ActionSinPregunta(), "informar")
    assert "vincristina" in answer


async def test_after_three_tries_a_person_takes_over(line: Line) -> None:
    contact, _ = await _moved(line)
    await line.ask(contact, "¿cómo va mi reporte?")
    answers = [await line.ask(contact, "no me acuerdo del folio") for _ in range(3)]
    assert "avisé a una persona" in answers[-1]
    async with line.puente.database.reading() as session:
        handoff = await contacts.open_handoff(session, contact.id)
    assert handoff and "compruébelo" in handoff.reason


async def test_nothing_is_added_to_a_case_before_the_proof(line: Line) -> None:
    contact, folio = await _moved(line)
    answer = await line.ask(contact, "agrega que ya pasaron tres días", casos.ActionAnotarEnCaso(), "agregar_a_caso")
    assert folio not in answer
    assert "primer nombre" in answer


async def test_the_new_owner_of_a_number_learns_nothing_of_the_one_before(line: Line) -> None:
    before = await line.says("soy la de antes", OLD, ID)
    folio = await line.case(before)
    stranger = await line.says("soy otra persona", OLD, NEW_ID)
    answer = await line.ask(stranger, "¿cómo va mi reporte?")
    assert folio not in answer
    assert "Estado" not in await line.ask(stranger, "Mateo")


async def test_the_same_person_under_a_new_id_gets_her_cases_back_with_proof(line: Line) -> None:
    before = await line.says("antes", OLD, ID)
    folio = await line.case(before)
    after = await line.says("después", OLD, NEW_ID)
    await line.ask(after, "¿cómo va mi reporte?")
    assert "vincristina" in await line.ask(after, f"{folio} mateo")
    async with line.puente.database.reading() as session:
        assert (await session.execute(select(Case.contact_id))).scalar_one() == after.id


async def test_who_wrote_from_the_new_number_first_is_joined_after_proof(line: Line) -> None:
    before = await line.says("antes", OLD, ID)
    folio = await line.case(before)
    after = await line.says("ya con mi número nuevo", NEW, NEW_ID)
    await line.system("user_changed_number", {"from": OLD}, wa_id=NEW, user_id=NEW_ID, previous_user_id=ID)
    await line.ask(after, "¿cómo va mi reporte?")
    assert "vincristina" in await line.ask(after, f"el folio es {folio} y se llama Mateo")


async def test_a_marked_contact_without_cases_is_not_questioned(line: Line) -> None:
    contact = await line.says("antes", OLD, ID)
    await line.system("user_changed_number", {"from": OLD}, wa_id=NEW)
    assert "primer nombre" not in await line.ask(contact, "¿cómo va mi reporte?")


async def test_a_day_and_a_medicine_prove_it_too(line: Line) -> None:
    contact, _ = await _moved(line)
    facts = {"fecha": "22 de noviembre", "medicamento": "vincristina"}
    async with line.puente.database.transaction() as session:
        marked, now = await session.get_one(Contact, contact.id), line.puente.time.now
        assert not await proof.verify_again(session, marked, {**facts, "fecha": "3 de mayo"}, now)
        assert await proof.verify_again(session, marked, facts, now + timedelta(hours=1))
