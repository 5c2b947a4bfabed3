"""The safety gate: is something dangerous happening now? Decided on every message, before any dialogue."""
