"""The webhook's HTTP face."""

import asyncio
import hmac
import random

from litestar import Request, Response, get, post
from litestar.params import Parameter
from sqlalchemy.exc import OperationalError

from puente import clock, log
from puente.db import Database
from puente.settings import Settings
from puente.whatsapp import ingest, signature

MAX_BODY = 4 * 1024 * 1024  # Meta's bodies reach 3 MB
ATTEMPTS = 4
DEADLOCK = "40P01"  # PostgreSQL's code for it
logger = log.get("whatsapp")


@get("/webhooks/whatsapp", media_type="text/plain", include_in_schema=False, sync_to_thread=False)
def verify_webhook(
    settings: Settings,
    mode: str = Parameter(query="hub.mode", default=""),
    token: str = Parameter(query="hub.verify_token", default=""),
    challenge: str = Parameter(query="hub.challenge", default=""),
) -> Response[str]:
    """Meta's handshake: the raw challenge back, when the token is ours."""
    if mode == "subscribe" and hmac.compare_digest(token.encode(), settings.whatsapp_verify_token.encode()):
        return Response(challenge, media_type="text/plain")
    return Response("verification failed", status_code=403, media_type="text/plain")


@post("/webhooks/whatsapp", include_in_schema=False, status_code=200, request_max_body_size=MAX_BODY)
async def receive_webhook(request: Request, settings: Settings, database: Database) -> Response[str]:
    """Check the signature over the raw bytes, store everything in one transaction, answer 200."""
    body = await request.body()
    if not signature.verify(body, request.headers.get("X-Hub-Signature-256"), settings.whatsapp_app_secret):
        logger.warning("webhook refused", reason="signature", bytes=len(body))
        return Response("wrong signature", status_code=401, media_type="text/plain")
    await _store(database, body, settings.whatsapp_phone_number_id)
    return Response("ok", media_type="text/plain")


async def _store(database: Database, body: bytes, own_number: str) -> None:
    """In one transaction; again when two batches that name the same families in another order got in each other's way.

    Anything else that the database cannot do is WhatsApp's to repeat.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            async with database.transaction() as session:
                await ingest.store(session, body, clock.utcnow(), own_number)
            return
        except OperationalError as problem:
            if getattr(problem.orig, "sqlstate", None) != DEADLOCK or attempt == ATTEMPTS:
                raise
            await asyncio.sleep(random.uniform(0, 0.05))  # noqa: S311  only lets the other go first
