"""The REST face of conversations: read one, take it, answer in it, give it back."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Controller, Request, get, post
from litestar.exceptions import ClientException, NotFoundException
from sqlalchemy.ext.asyncio import AsyncSession

from puente import clock
from puente.cases import proof
from puente.contacts import service
from puente.contacts.models import PERSON, Contact, Handoff
from puente.db import Database
from puente.knowledge import texts
from puente.media.routes import MediaView
from puente.media.routes import view as media_view
from puente.messages import outbox, transcript
from puente.messages.changes import Acts
from puente.messages.models import SYSTEM
from puente.messages.transcript import Line
from puente.safety import alarms


class EditView(msgspec.Struct):
    """A later wording of a message."""

    text: str | None
    sent_at: datetime


class MessageView(msgspec.Struct):
    """One line of the transcript. `parse` and `safety` only stand beside what a family wrote.

    `text` is the first wording; `edits` are the later ones. What the family deleted stays, marked by `deleted_at`.
    `turn_id` names the message with which this one was understood, or which this one answers.
    """

    id: int
    direction: str
    type: str
    text: str | None
    author: str
    status: str
    sent_at: datetime
    parse: dict[str, Any] | None
    safety: dict[str, Any] | None
    buttons: list[str]
    error_text: str | None
    turn_id: int | None
    edits: list[EditView]
    deleted_at: datetime | None
    reaction: str
    media: MediaView | None


class HandoffView(msgspec.Struct):
    """A stretch of the conversation that belongs to a person."""

    area: str
    reason: str
    requested_at: datetime
    taken_at: datetime | None
    taken_by: str | None


class ConversationView(msgspec.Struct):
    """A conversation: whose turn it is (`owner`: bot or persona), the open handoff, the transcript.

    `to_verify` says why whoever writes may be somebody else: tell no case data before that is settled.
    """

    contact_id: str
    phone: str | None
    profile_name: str | None
    owner: str
    to_verify: str | None
    handoff: HandoffView | None
    messages: list[MessageView]


class WaitingView(msgspec.Struct):
    """A conversation that waits for a person."""

    contact_id: str
    phone: str | None
    profile_name: str | None
    area: str
    reason: str
    requested_at: datetime
    taken_by: str | None


class Answer(msgspec.Struct):
    """What a member of staff writes to the family."""

    text: str


class ConversationsController(Controller):
    """`/api/v1/conversations`."""

    path = "/conversations"
    tags = ["conversations"]

    @get("/", summary="Conversations that belong to a person now, longest waiting first")
    async def waiting(self, database: Database) -> list[WaitingView]:
        """The open handoffs."""
        async with database.reading() as session:
            return [_waiting_view(handoff, contact) for handoff, contact in await service.open_handoffs(session)]

    @get("/{contact:str}", summary="The transcript of a contact")
    async def conversation(self, database: Database, contact: str, limit: int = 500) -> ConversationView:
        """`contact` is a phone in any spelling or our contact id; the last `limit` messages, oldest first."""
        async with database.reading() as session:
            return await _conversation(session, await _found(session, contact), min(max(limit, 1), 2000))

    @post("/{contact:str}/take", summary="A person takes the conversation", status_code=200)
    async def take(self, request: Request, database: Database, contact: str) -> ConversationView:
        """From here on the bot is silent."""
        async with database.transaction() as session:
            found = await _found(session, contact)
            name, now = request.state.caller.name, clock.utcnow()
            await service.take(session, found.id, by=name, now=now)
            await alarms.take(session, found.id, by=name, now=now)
            return await _conversation(session, found, 50)

    @post("/{contact:str}/messages", summary="A person answers the family", status_code=201)
    async def answer(self, request: Request, database: Database, contact: str, data: Answer) -> list[MessageView]:
        """Sent through the same outbox as the bot's messages; taking the conversation if nobody has."""
        if not data.text.strip():
            raise ClientException(detail="the text is empty")
        async with database.transaction() as session:
            found = await _found(session, contact)
            name, now = request.state.caller.name, clock.utcnow()
            if found.owner != PERSON:
                await service.take(session, found.id, by=name, now=now)
            await alarms.take(session, found.id, by=name, now=now)
            rows = await outbox.write_turn(session, found.id, [{"text": data.text}], now=now, author=f"persona:{name}")
            return [_message_view(Line(row, Acts(), None)) for row in rows]

    @post("/{contact:str}/give-back", summary="The conversation returns to the bot", status_code=200)
    async def give_back(self, request: Request, database: Database, contact: str) -> ConversationView:
        """Ends the handoff and tells the family who answers from now on."""
        async with database.transaction() as session:
            found = await _found(session, contact)
            name, now = request.state.caller.name, clock.utcnow()
            if found.owner == PERSON:
                await service.give_back(session, found.id, by=name, now=now)
                reply = {"text": texts.get("de_vuelta_con_el_asistente")}
                await outbox.write_turn(session, found.id, [reply], now=now, author=SYSTEM)
            return await _conversation(session, found, 50)

    @post("/{contact:str}/verified", summary="A person has made sure who writes", status_code=200)
    async def verified(self, request: Request, database: Database, contact: str) -> ConversationView:
        """After a change of number: from here on the assistant may show the family its cases."""
        async with database.transaction() as session:
            found = await _found(session, contact)
            if found.verify_since is not None:
                await proof.verified(session, found, by=f"persona:{request.state.caller.name}", now=clock.utcnow())
            return await _conversation(session, found, 50)


async def _found(session: AsyncSession, contact: str) -> Contact:
    found = await session.get(Contact, contact) or await service.find_by_phone(session, contact)
    if found is None:
        raise NotFoundException("no conversation with this contact")
    return found


async def _conversation(session: AsyncSession, contact: Contact, limit: int) -> ConversationView:
    handoff = await service.open_handoff(session, contact.id)
    lines = await transcript.last(session, contact.id, limit)
    return ConversationView(
        contact.id,
        contact.phone,
        contact.profile_name,
        contact.owner,
        contact.verify_reason,
        _handoff_view(handoff) if handoff else None,
        [_message_view(line) for line in lines],
    )


def _handoff_view(handoff: Handoff) -> HandoffView:
    return HandoffView(handoff.area, handoff.reason, handoff.requested_at, handoff.taken_at, handoff.taken_by)


def _waiting_view(handoff: Handoff, contact: Contact) -> WaitingView:
    return WaitingView(
        contact.id,
        contact.phone,
        contact.profile_name,
        handoff.area,
        handoff.reason,
        handoff.requested_at,
        handoff.taken_by,
    )


def _message_view(line: Line) -> MessageView:
    row, acts = line.message, line.acts
    return MessageView(
        id=row.id,
        direction=row.direction,
        type=row.type,
        text=transcript.shown(row),
        author=row.author,
        status=row.status,
        sent_at=row.sent_at,
        parse=row.parse,
        safety=row.safety,
        buttons=transcript.button_titles(row),
        error_text=row.error_text,
        turn_id=row.turn_id,
        edits=[EditView(edit.text, edit.sent_at) for edit in acts.edits],
        deleted_at=acts.deletions[0].sent_at if acts.deletions else None,
        reaction=line.reaction,
        media=media_view(line.media) if line.media else None,
    )
