"""Moves messages: safety gate, dialogue and sending, each contact in order, any number of workers."""
