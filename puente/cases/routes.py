"""The REST face of cases."""

from datetime import datetime
from typing import Any

import msgspec
from litestar import Controller, Request, get, post
from litestar.exceptions import ClientException, NotFoundException

from puente import clock
from puente.cases import service
from puente.cases.models import Case, CaseEvent
from puente.contacts import service as contacts
from puente.db import Database
from puente.messages import outbox
from puente.whatsapp import templates


class CaseView(msgspec.Struct):
    """A case as the API shows it."""

    folio: str
    kind: str
    area: str
    status: str
    priority: str
    unit: str | None
    medicine: str | None
    representation: str | None
    patient: str | None
    detail: str
    facts: dict[str, Any]
    created_at: datetime
    due_at: datetime
    updated_at: datetime


class CaseEventView(msgspec.Struct):
    """One line of a case's history."""

    event: str
    actor: str
    status: str
    note: str
    created_at: datetime


class Update(msgspec.Struct):
    """What a family is told about its case."""

    text: str


class UpdateView(msgspec.Struct):
    """The message that tells it."""

    id: int
    status: str


class CasesController(Controller):
    """`/api/v1/cases`."""

    path = "/cases"
    tags = ["cases"]

    @get("/", summary="Cases of a contact, newest first")
    async def cases_of_contact(self, database: Database, contact: str) -> list[CaseView]:
        """`contact` is a phone in any spelling. An unknown phone has no cases."""
        async with database.reading() as session:
            owner = await contacts.find_by_phone(session, contact)
            found = await service.cases_of(session, owner.id) if owner else []
            return [_view(case) for case in found]

    @get("/{folio:str}", summary="One case")
    async def case(self, database: Database, folio: str) -> CaseView:
        """The folio may be typed with or without dashes, in any case."""
        async with database.reading() as session:
            return _view(await _found(session, folio))

    @get("/{folio:str}/events", summary="A case's history, oldest first")
    async def events(self, database: Database, folio: str) -> list[CaseEventView]:
        """Who did what and when; rows are never altered."""
        async with database.reading() as session:
            case = await _found(session, folio)
            return [_event_view(event) for event in await service.history(session, case.id)]

    @post("/{folio:str}/updates", summary="Tell the family about its case", status_code=201)
    async def update(self, request: Request, database: Database, folio: str, data: Update) -> UpdateView:
        """Sent as it is while the family may be written to freely; else the template names the folio and it follows."""
        async with database.transaction() as session:
            case, now = await _found(session, folio), clock.utcnow()
            author = f"persona:{request.state.caller.name}"
            try:
                row = await outbox.write_notice(
                    session,
                    case.contact_id,
                    data.text,
                    template=templates.CASE_UPDATE,
                    values=[case.folio],
                    now=now,
                    author=author,
                )
            except ValueError as problem:
                raise ClientException(detail=str(problem)) from None
            await service.add_note(session, case, actor=author, note=data.text, source_wamid=None, now=now)
            return UpdateView(row.id, row.status)


async def _found(session: Any, folio: str) -> Case:
    case = await service.find(session, folio)
    if case is None:
        raise NotFoundException(f"no case has the folio {folio!r}")
    return case


def _view(case: Case) -> CaseView:
    return CaseView(**{field: getattr(case, field) for field in CaseView.__struct_fields__})


def _event_view(event: CaseEvent) -> CaseEventView:
    return CaseEventView(**{field: getattr(event, field) for field in CaseEventView.__struct_fields__})
