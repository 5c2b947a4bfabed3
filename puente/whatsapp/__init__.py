"""WhatsApp: the webhook edge, the message formats and the client of Meta's Cloud API."""
