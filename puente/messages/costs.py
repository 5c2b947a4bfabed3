"""What the month's messages cost: each delivered message once, by the `pricing` that WhatsApp's statuses carry."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import yaml
from sqlalchemy import Index, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from puente import clock
from puente.db import Base, insert_new
from puente.messages.models import Status
from puente.settings import ROOT

PRICES = ROOT / "data" / "whatsapp" / "prices.yml"
DELIVERED = ("delivered", "read", "played")  # WhatsApp charges what was delivered; `sent` promises nothing
LONGEST_NAME = 40


class Cost(Base):
    """A delivered message of ours and how WhatsApp charges it."""

    __tablename__ = "costs"
    __table_args__ = (Index("ix_costs_month", "month", "category", "type", "billable"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    wamid: Mapped[str] = mapped_column(unique=True)
    month: Mapped[str]  # of Mexico City: 2026-11
    category: Mapped[str]  # utility, service, marketing…
    type: Mapped[str]  # regular, free_customer_service…
    billable: Mapped[bool]


@dataclass(frozen=True)
class MonthlyCost:
    """Messages of one kind in one month; `price` is one message's and `total` is theirs, when the price is known."""

    month: str
    category: str
    type: str
    billable: bool
    messages: int
    price: float | None
    total: float | None
    currency: str | None


async def note(session: AsyncSession, events: Sequence[Status]) -> None:
    """Count the message that these statuses are about, once, as soon as one says that it was delivered."""
    for event in events:
        pricing = event.payload.get("pricing")
        if event.status in DELIVERED and isinstance(pricing, dict):
            values = {
                "wamid": event.wamid,
                "month": _month(event.payload.get("timestamp"), event.created_at),
                "category": _name(pricing.get("category")),
                "type": _name(pricing.get("type")),
                "billable": pricing.get("billable") is not False,
            }
            await insert_new(session, Cost, values, ["wamid"])
            return


async def of_month(session: AsyncSession, month: str) -> list[MonthlyCost]:
    """What one month ("2026-11") has cost until now, by category."""
    kinds = (Cost.category, Cost.type, Cost.billable)
    query = select(*kinds, func.count()).where(Cost.month == month).group_by(*kinds).order_by(*kinds)
    return [_monthly(month, *row) for row in await session.execute(query)]


def this_month(now: datetime) -> str:
    """The month of `now` in Mexico City."""
    return now.astimezone(clock.MEXICO_CITY).strftime("%Y-%m")


def _monthly(month: str, category: str, kind: str, billable: bool, messages: int) -> MonthlyCost:
    price = 0.0 if not billable else _prices()[0].get(category)
    total = None if price is None else round(price * messages, 4)
    return MonthlyCost(month, category, kind, billable, messages, price, total, _prices()[1])


@cache
def _prices() -> tuple[dict[str, float], str | None]:
    table = yaml.safe_load(PRICES.read_text("utf-8"))
    known = {name: float(price) for name, price in table["precios"].items() if price is not None}
    return known, table.get("moneda")


def _month(timestamp: Any, fallback: datetime) -> str:
    try:
        return this_month(datetime.fromtimestamp(int(timestamp), UTC))
    except (TypeError, ValueError, OverflowError, OSError):
        return this_month(fallback)


def _name(value: Any) -> str:
    return value[:LONGEST_NAME] if isinstance(value, str) and value else "?"
