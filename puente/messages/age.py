"""How long ago something was, as people say it."""

from datetime import timedelta


def spanish_span(span: timedelta) -> str:
    """«40 minutos», «1 hora», «5 horas», «2 días»."""
    minutes = max(1, round(span.total_seconds() / 60))
    if minutes < 60:
        return _count(minutes, "minuto")
    hours = round(minutes / 60)
    return _count(hours, "hora") if hours < 36 else _count(round(hours / 24), "día")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
