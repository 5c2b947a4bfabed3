"""Areas of the institute: who answers a case."""
