"""Serves sandboxes over real sockets, a port each, in one process. Its connections can be dropped without an answer."""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class DroppableConnection(HttpToolsProtocol):
    """uvicorn's HTTP protocol that hands its transport to the application, so that an answer can be lost on purpose."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["sandboxkit.transport"] = self.transport  # type: ignore[typeddict-unknown-key]


class _QuietServer(uvicorn.Server):
    """A server whose signals are the process's business, not its own."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def serve(apps: Mapping[int, ASGIApp], host: str = "127.0.0.1") -> None:
    """Serve each application on its port until cancelled."""
    servers = [_QuietServer(_config(app, host, port)) for port, app in apps.items()]
    running = asyncio.gather(*(server.serve() for server in servers))
    try:
        await asyncio.shield(running)
    finally:
        for server in servers:
            server.should_exit = True
        await running


def _config(app: ASGIApp, host: str, port: int) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=DroppableConnection,
        loop="uvloop",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=1,
    )
