"""The signature of a webhook: HMAC-SHA256 of the raw bytes under the app secret (facts/whatsapp.md §1)."""

import hashlib
import hmac


def sign(body: bytes, app_secret: str) -> str:
    """The value of the header `X-Hub-Signature-256` for `body`."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def verify(body: bytes, header: str | None, app_secret: str) -> bool:
    """Whether `header` signs exactly these bytes; compared in constant time."""
    if not header:
        return False
    return hmac.compare_digest(header.encode(), sign(body, app_secret).encode())
