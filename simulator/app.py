"""The simulator's web application."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from puente import log
from puente.settings import Settings
from simulator import control, graph, page
from simulator.errors import GraphError
from simulator.phones import Phones

logger = log.get("simulator")
GRAPH_HANDLERS: list[Any] = [
    graph.send_message,
    graph.upload_media,
    graph.describe_media,
    graph.fetch_media,
    graph.list_templates,
    graph.create_template,
    graph.edit_template,
    graph.list_subscribed_apps,
]


def create_app(settings: Settings, seed: int | None = None) -> ASGIApp:
    """The application; `seed` makes the faults repeatable."""

    @asynccontextmanager
    async def running(app: Litestar) -> AsyncIterator[None]:
        phones = Phones(settings, seed)
        app.state.phones = phones
        logger.info("simulator ready", page=f"http://127.0.0.1:{settings.simulator_port}/", seed=phones.chaos.seed)
        try:
            yield
        finally:
            await phones.deliverer.close()

    app = Litestar(
        route_handlers=[*GRAPH_HANDLERS, control.Control, page.show_page, page.show_media, page.static_files],
        lifespan=[running],
        state=State({"settings": settings}),
        openapi_config=None,
        logging_config=None,  # ours stands; Litestar would replace it
        exception_handlers={GraphError: graph.graph_error},
    )
    return _cutting_connections(app)


def _cutting_connections(app: ASGIApp) -> ASGIApp:
    """`app`, with the connection cut wherever an answer carries the header that asks for it."""

    async def outer(scope: Scope, receive: Receive, send: Send) -> None:
        cut = False

        async def watch(message: Message) -> None:
            nonlocal cut
            if message["type"] == "http.response.start":
                cut = any(name == graph.CUT_CONNECTION.encode() for name, _ in message["headers"])
                if cut:
                    _abort(receive)
                    await asyncio.sleep(0)  # lets uvicorn learn of it, or it would complain of no answer
            if not cut:
                await send(message)

        await app(scope, receive, watch)

    return outer


def _abort(receive: Receive) -> None:
    # uvicorn's request cycle owns `receive` and holds the connection; ASGI itself has no way to cut it.
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
