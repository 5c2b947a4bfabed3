"""The REST face of sending: dead letters, what a person has read, the number's state, the month's cost."""

import re
from datetime import datetime

import msgspec
from litestar import Controller, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import State
from litestar.exceptions import ClientException, HTTPException, NotFoundException

from puente import clock
from puente.db import Database
from puente.messages import costs, failures, number
from puente.messages.failures import Failure, NotFailed
from puente.messages.models import Message
from puente.whatsapp.client import WhatsApp

MOST = 500


class FailedView(msgspec.Struct):
    """A message that did not reach its family, and why. `replaced_by` is the one that was sent in its place."""

    id: int
    contact_id: str
    phone: str | None
    profile_name: str | None
    author: str
    type: str
    text: str | None
    error_code: int | None
    reason: str | None
    created_at: datetime
    failed_at: datetime | None
    replaced_by: int | None


class ResentView(msgspec.Struct):
    """The message that takes the failed one's place."""

    id: int
    resend_of: int
    status: str


class NumberView(msgspec.Struct):
    """Whether our number sends: `libre`, `pausa` (over its rate) or `alto` (somebody must put something right)."""

    state: str
    code: int | None
    reason: str | None
    since: datetime | None
    until: datetime | None


class CostView(msgspec.Struct):
    """Delivered messages of one kind in one month. Without a price in data/whatsapp/prices.yml `total` is null."""

    month: str
    category: str
    type: str
    billable: bool
    messages: int
    price: float | None
    total: float | None
    currency: str | None


class MessagesController(Controller):
    """`/api/v1/messages`."""

    path = "/messages"
    tags = ["messages"]

    @get("/failed", summary="Messages that did not reach their family, newest first")
    async def failed(self, database: Database, limit: int = 100, before: int | None = None) -> list[FailedView]:
        """`before` is the id to go on from."""
        async with database.reading() as session:
            found = await failures.dead_letters(session, limit=min(max(limit, 1), MOST), before=before)
            return [_failed_view(failure) for failure in found]

    @post("/{message_id:int}/resend", summary="Send a failed message again", status_code=201)
    async def resend(self, database: Database, message_id: int) -> ResentView:
        """Asking twice sends once."""
        async with database.transaction() as session:
            try:
                row = await failures.resend(session, message_id, clock.utcnow())
            except NotFailed as problem:
                raise HTTPException(status_code=409, detail=f"this message is {problem}, it has not failed") from None
            if row is None:
                raise NotFoundException(detail="no outbound message has this id")
            return ResentView(row.id, message_id, row.status)

    @post("/{message_id:int}/read", summary="A person has read a family's message", status_code=200)
    async def read(self, database: Database, state: State, message_id: int) -> Response[dict[str, bool]]:
        """The family sees blue ticks on it and all before it; while a person owns the conversation, only by this."""
        async with database.reading() as session:
            row = await session.get(Message, message_id)
        if row is None or row.direction != "in" or row.wamid is None:
            raise NotFoundException(detail="no message of a family has this id")
        whatsapp: WhatsApp = state.whatsapp
        return Response({"read": True}, background=BackgroundTask(whatsapp.mark_read, row.wamid))


class NumberController(Controller):
    """`/api/v1/number`."""

    path = "/number"
    tags = ["messages"]

    @get("/", summary="Whether our number sends, and if not, why")
    async def state(self, database: Database) -> NumberView:
        """The same for all workers."""
        async with database.reading() as session:
            return _number_view(await number.state(session))

    @post("/resume", summary="What stopped the number was put right: send again", status_code=200)
    async def resume(self, database: Database) -> NumberView:
        """Without this one message tries by itself from time to time."""
        async with database.transaction() as session:
            await number.free(session, clock.utcnow())
            return _number_view(await number.state(session))


@get("/costs", summary="What a month's messages cost, by category", tags=["messages"])
async def monthly_costs(database: Database, month: str | None = None) -> list[CostView]:
    """`month` like 2026-11; without it, this one. Each delivered message counts once."""
    month = month or costs.this_month(clock.utcnow())
    if not re.fullmatch(r"\d{4}-\d{2}", month):
        raise ClientException(detail="month is written like 2026-11")
    async with database.reading() as session:
        return [
            CostView(**{field: getattr(cost, field) for field in CostView.__struct_fields__})
            for cost in await costs.of_month(session, month)
        ]


def _failed_view(failure: Failure) -> FailedView:
    message, contact = failure.message, failure.contact
    return FailedView(
        id=message.id,
        contact_id=contact.id,
        phone=contact.phone,
        profile_name=contact.profile_name,
        author=message.author,
        type=message.type,
        text=message.text,
        error_code=message.error_code,
        reason=message.error_text,
        created_at=message.created_at,
        failed_at=message.done_at,
        replaced_by=failure.replaced_by,
    )


def _number_view(row: number.NumberState | None) -> NumberView:
    if row is None:
        return NumberView(number.FREE, None, None, None, None)
    return NumberView(row.state, row.code, row.reason, row.since, row.until)
