"""The real edge application, called in process: without network or client a hundred thousand webhooks take minutes."""

from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Any, Self

from litestar import Litestar

from puente.api.app import create_app
from puente.settings import Settings
from puente.whatsapp.signature import sign


class Edge:
    """Posts signed webhooks and counts the answers. Use it in an `async with` block."""

    def __init__(self, settings: Settings) -> None:
        self._secret = settings.whatsapp_app_secret
        self.app: Litestar = create_app(settings)
        self._lifespan = self.app.lifespan()

    async def __aenter__(self) -> Self:
        await self._lifespan.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._lifespan.__aexit__(kind, problem, trace)

    async def post(self, body: bytes) -> int:
        """The HTTP status that the edge gives `body`."""
        status = 0
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"x-hub-signature-256", sign(body, self._secret).encode()),
        ]
        scope: Any = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http",
            "path": "/webhooks/whatsapp", "raw_path": b"/webhooks/whatsapp", "root_path": "", "query_string": b"",
            "headers": headers, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80), "extensions": {}, "state": {},
        }  # fmt: skip

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            nonlocal status
            status = message.get("status", status)

        await self.app(scope, receive, send)
        return status

    async def post_all(self, bodies: Iterable[bytes]) -> tuple[Counter[int], list[bytes]]:
        """How often each status was given, and the first bodies that got anything but 200."""
        answers: Counter[int] = Counter()
        refused: list[bytes] = []
        for body in bodies:
            status = await self.post(body)
            answers[status] += 1
            if status != 200 and len(refused) < 10:
                refused.append(body)
        return answers, refused
