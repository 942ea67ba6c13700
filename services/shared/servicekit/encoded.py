"""An answer whose bytes are there already, with the tag that was made of them."""

from __future__ import annotations

from typing import Any

from litestar import Response
from litestar.types import Receive, Scope, Send


class Encoded(Response[Any]):
    """200 with JSON. Litestar renders, merges and encodes on its way to the same two messages: as much work again."""

    def __init__(self, content: bytes, tag: str) -> None:
        self.content = content
        self.tag = tag

    def to_asgi_response(self, *_: Any, **__: Any) -> Any:
        """What Litestar sends: this very answer."""
        return self

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(self.content)),
            (b"etag", self.tag.encode("latin-1")),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": self.content, "more_body": False})
