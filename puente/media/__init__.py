"""Pictures, voice notes and documents that families send: fetched at once, checked, kept outside any web root."""
