"""The web application: routes, shared resources and errors that say what to do."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from litestar import Litestar, Request, Response, Router
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.plugins.problem_details import ProblemDetailsConfig, ProblemDetailsPlugin

from puente import log
from puente.api import auth, health
from puente.cases.routes import CasesController
from puente.contacts.routes import ConversationsController
from puente.db import Database
from puente.media import routes as media
from puente.messages.routes import MessagesController, NumberController, monthly_costs
from puente.safety.routes import AlarmsController, fixed_texts
from puente.settings import Settings
from puente.whatsapp import errors
from puente.whatsapp.client import WhatsApp
from puente.whatsapp.routes import receive_webhook, verify_webhook

logger = log.get("api")


def create_app(settings: Settings) -> Litestar:
    """The application for these settings. The database is opened at start and closed at the end."""
    errors.table()  # a mistake in our data is told now, not when a status meets it

    @asynccontextmanager
    async def resources(app: Litestar) -> AsyncIterator[None]:
        database = Database(settings.puente_database_url)
        app.state.database = database
        app.state.whatsapp = whatsapp = WhatsApp(settings)  # for read marks; messages are sent by workers
        try:
            yield
        finally:
            await whatsapp.close()
            await database.close()

    api = Router(
        path="/api/v1",
        route_handlers=[
            CasesController,
            ConversationsController,
            AlarmsController,
            MessagesController,
            NumberController,
            monthly_costs,
            fixed_texts,
            media.download,
            media.of_case,
        ],
        guards=[auth.require_token],
        security=[{"token": []}],
    )
    return Litestar(
        route_handlers=[verify_webhook, receive_webhook, health.alive, health.ready, health.metrics, api],
        lifespan=[resources],
        state=State({"settings": settings}),
        dependencies={
            "settings": Provide(_settings, sync_to_thread=False),
            "database": Provide(_database, sync_to_thread=False),
        },
        logging_config=None,  # puente.log has set up logging for the whole process
        openapi_config=OpenAPIConfig(
            title="Puente",
            version="1",
            path="/api/v1/schema",
            components=Components(security_schemes={"token": SecurityScheme(type="http", scheme="bearer")}),
        ),
        plugins=[ProblemDetailsPlugin(ProblemDetailsConfig(enable_for_all_http_exceptions=True))],
        exception_handlers={Exception: _unexpected},
    )


def _settings(state: State) -> Settings:
    settings: Settings = state.settings
    return settings


def _database(state: State) -> Database:
    database: Database = state.database
    return database


def _unexpected(request: Request, problem: Exception) -> Response:
    if isinstance(problem, HTTPException):  # pragma: no cover - the plugin answers these
        raise problem
    logger.exception("unexpected error", path=request.url.path, exc_info=problem)
    return Response({"status": 500, "detail": "Error interno; quedó registrado."}, status_code=500)
