"""A found entity, and which of two overlapping ones to believe."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Iterable


@dataclass(frozen=True)
class Span:
    """Part of a message that means something, and how sure we are."""

    entity: str
    start: int
    end: int
    confidence: float
    source: str

    def overlaps(self, other: Span) -> bool:
        """Do both cover some letter?"""
        return self.start < other.end and other.start < self.end


def merge(spans: Iterable[Span]) -> list[Span]:
    """Keep the surest of overlapping spans; among equally sure ones the longest; in order of the text."""
    kept: list[Span] = []
    for span in sorted(spans, key=lambda s: (-s.confidence, s.start - s.end, s.start)):
        if not any(span.overlaps(other) for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda s: s.start)
