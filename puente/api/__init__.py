"""The web process: the webhook, health, metrics and the REST API."""
