"""WhatsApp's 24-hour window: free text inside it, templates at any time. Decided when sending, never when writing."""

from datetime import datetime, timedelta

WINDOW = timedelta(hours=24) - timedelta(minutes=5)  # a margin for clocks that differ


def is_open(last_inbound_at: datetime | None, now: datetime) -> bool:
    """Whether the family's last message is recent enough for free text."""
    return last_inbound_at is not None and now - last_inbound_at < WINDOW


def may_send(type_: str, last_inbound_at: datetime | None, now: datetime) -> bool:
    """Whether a message of this type may be sent now."""
    return type_ == "template" or is_open(last_inbound_at, now)
