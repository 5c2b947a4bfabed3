"""Bearer tokens: made once, shown once, kept as a digest.

A plain SHA-256 is enough here: tokens are 256 random bits, so there is nothing to guess as there is in a password.
"""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from puente.api.models import ApiToken

PREFIX = "pnt_"


@dataclass(frozen=True)
class Caller:
    """Who asks: services decide by it what may be seen and done."""

    name: str


async def create(session: AsyncSession, name: str, now: datetime) -> str:
    """Make a token called `name`, replacing an earlier one of that name. Returns it; it cannot be shown again."""
    token = PREFIX + secrets.token_urlsafe(32)
    existing = (await session.execute(select(ApiToken).where(ApiToken.name == name))).scalar_one_or_none()
    if existing is None:
        session.add(ApiToken(name=name, digest=_digest(token), created_at=now))
    else:
        existing.digest, existing.created_at, existing.revoked_at = _digest(token), now, None
    return token


async def revoke(session: AsyncSession, name: str, now: datetime) -> bool:
    """End the token called `name`. Returns whether there was one."""
    token = (await session.execute(select(ApiToken).where(ApiToken.name == name))).scalar_one_or_none()
    if token is None:
        return False
    token.revoked_at = now
    return True


async def caller(session: AsyncSession, token: str) -> Caller | None:
    """Who a token belongs to, or None when it is unknown or revoked."""
    query = select(ApiToken).where(ApiToken.digest == _digest(token), ApiToken.revoked_at.is_(None))
    row = (await session.execute(query)).scalar_one_or_none()
    return Caller(row.name) if row else None


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
