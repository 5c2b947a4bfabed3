"""Language understanding: Rasa graph components made for the way families write."""
