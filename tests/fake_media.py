"""The media half of Meta's Graph API, in memory: files with addresses that expire, and faults on demand."""

import base64
import hashlib
from collections import deque
from typing import Any

import httpx

JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"foto de prueba" * 20
OGG = b"OggS\x00\x02" + b"voz de prueba" * 20
PDF = b"%PDF-1.7\n" + b"documento de prueba" * 20


class FakeMedia:
    """`script` says what happens to the next requests for bytes; then all are served.

    A step is "expired", "wrong bytes", "unreachable", "slow", "redirect", or an HTTP status.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.described = 0
        self.script: deque[Any] = deque()
        self.refuses: httpx.Response | None = None  # what asking for the address gives
        self.sizes: dict[str, int] = {}  # what it says that a file weighs
        self.host = ""
        self.tokens: list[str | None] = []

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def add(self, media_id: str, data: bytes = JPEG, mime: str = "image/jpeg", **more: Any) -> dict[str, Any]:
        """A file; returns the content of a message that carries it."""
        self.files[media_id] = data
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        return {"id": media_id, "mime_type": mime, "sha256": digest, **more}

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        media_id = request.url.path.rpartition("/")[2]
        if request.url.path.startswith("/bytes/"):
            return self._bytes(request, media_id)
        self.described += 1
        if self.refuses is not None:
            return self.refuses
        if media_id not in self.files:
            return httpx.Response(400, json={"error": {"code": 100, "error_subcode": 33, "message": "not there"}})
        data = self.files[media_id]
        host = self.host or f"{request.url.scheme}://{request.url.host}:{request.url.port}"
        return httpx.Response(
            200,
            json={
                "url": f"{host}/bytes/{self.described}/{media_id}",
                "mime_type": "image/jpeg",
                "sha256": hashlib.sha256(data).hexdigest(),
                "file_size": self.sizes.get(media_id, len(data)),
            },
        )

    def _bytes(self, request: httpx.Request, media_id: str) -> httpx.Response:
        self.tokens.append(request.headers.get("Authorization"))
        step = self.script.popleft() if self.script else None
        if step == "unreachable":
            raise httpx.ReadError("cut", request=request)
        if step == "expired":
            return httpx.Response(404)
        if step == "redirect":
            return httpx.Response(302, headers={"Location": "http://otro.example/robo"})
        if isinstance(step, int):
            return httpx.Response(step)
        data = self.files[media_id]
        return httpx.Response(200, content=data[:-1] + b"?" if step == "wrong bytes" else data)
