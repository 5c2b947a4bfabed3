"""Who is calling the API."""

from litestar.connection import ASGIConnection
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler

from puente.api import tokens
from puente.db import Database


async def require_token(connection: ASGIConnection, _handler: BaseRouteHandler) -> None:
    """Refuse a request without a valid bearer token; keep the caller in the connection's state."""
    scheme, _, token = connection.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise NotAuthorizedException(
            detail="send the header 'Authorization: Bearer <token>' (make one: puente token create)"
        )
    database: Database = connection.app.state.database
    async with database.reading() as session:
        caller = await tokens.caller(session, token.strip())
    if caller is None:
        raise NotAuthorizedException(detail="this token is unknown or was revoked")
    connection.state.caller = caller
