"""Entities: learnt spans, exact patterns and catalogue names, merged into one answer."""
