"""Messages: the inbox, the outbox and the transcript are one table."""
