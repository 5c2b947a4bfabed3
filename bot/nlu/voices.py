"""Who wrote a training message."""

from __future__ import annotations

from rasa.shared.nlu.training_data.message import Message


def voice_of(message: Message) -> str:
    """The ``metadata: {voice: …}`` of the intent block a training message stands in, or the one nameless voice."""
    metadata = message.get("metadata") or {}
    block = metadata.get("intent") if isinstance(metadata, dict) else None
    return str(block.get("voice", "")) if isinstance(block, dict) else ""
