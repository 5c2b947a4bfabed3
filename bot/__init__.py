"""The Rasa side: its channel, its memory of a conversation, its locks, and the components that understand."""
