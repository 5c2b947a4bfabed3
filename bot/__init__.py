"""Rasa side of Puente: it understands a message and decides what to say next."""
