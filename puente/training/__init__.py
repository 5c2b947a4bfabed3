"""Training: understanding messages in bulk, and measuring how well it is done."""
