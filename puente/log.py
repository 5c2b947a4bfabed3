"""Structured logs. Message texts and identifiers never reach them; `mask` is the last line of defence."""

import logging
import re
import sys
from typing import Any

import structlog

# A CURP, or any run of 10 to 18 digits (phone, NSS, CLABE), also when written with spaces or dashes.
_CURP = r"\b[A-Z]{4}\d{6}[A-Z]{6}[0-9A-Z]\d\b"
_DIGITS = r"(?<!\w)\+?\d(?:[ -]?\d){9,17}(?!\w)"
_IDENTIFIER = re.compile(f"{_CURP}|{_DIGITS}", re.IGNORECASE)


def mask(text: str) -> str:
    """Replace phones, NSS, CURP and CLABE in `text` by dots and their last two characters."""
    return _IDENTIFIER.sub(lambda found: "…" + found.group()[-2:], text)


def _mask_event(_logger: Any, _name: str, event: dict[str, Any]) -> dict[str, Any]:
    return {
        key: mask(value) if isinstance(value, str) and key != "timestamp" else value for key, value in event.items()
    }


def configure(*, log_format: str = "text", level: int = logging.INFO) -> None:
    """Set up structlog and the standard library's logging: `text` for people, `json` for machines."""
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if log_format == "text":
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), pad_event_to=24)
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.processors.format_exc_info,
        _mask_event,
    ]
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=renderer))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def get(name: str) -> Any:
    """A structured logger that carries the component's name."""
    return structlog.get_logger(component=name)
