"""The one place that reads the clock, so that tests and `now` fields can replace it."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

MEXICO_CITY = ZoneInfo("America/Mexico_City")


def utcnow() -> datetime:
    """The current moment, aware, in UTC."""
    return datetime.now(UTC)
