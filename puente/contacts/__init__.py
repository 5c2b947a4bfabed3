"""Contacts: who writes, under our own id, and who (bot or person) owns the conversation."""
