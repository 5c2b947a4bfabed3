"""What the assistant knows: catalogues, fixed texts, and how to read dates and identifiers in families' Spanish."""
