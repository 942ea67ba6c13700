"""Applications behind real sockets for as long as a test needs them: a vendor's sandbox, or what it speaks to."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, closing
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from sandboxkit.app import Context
from sandboxkit.server import DroppableConnection
from sandboxkit.store import Store

CONTROL = {"Sandbox-Control-Key": "control"}  # opens the control door of every sandbox that a test runs
EMPTY: Mapping[str, Iterable[Mapping[str, Any]]] = {}


@asynccontextmanager
async def running_sandbox(
    create: Callable[[Context], ASGIApp],
    config: Mapping[str, Any],
    records: Mapping[str, Iterable[Mapping[str, Any]]] = EMPTY,
) -> AsyncIterator[Context]:
    """A vendor's sandbox with these records by their kinds; `base_url` of its context is where it is."""
    with closing(Store(":memory:")) as store:
        for kind, rows in records.items():
            for row in rows:
                store.put(kind, row["id"], row["body"])
        listening = listener()
        context = Context(store=store, control_key="control", base_url=_url(listening), config=config)
        async with served(create(context), listening):
            yield context


@asynccontextmanager
async def served(app: ASGIApp, listening: socket.socket | None = None) -> AsyncIterator[str]:
    """The URL of the application, on a socket of its own unless it is given one, which listens before it does."""
    listening = listening or listener()
    config = uvicorn.Config(
        app,
        http=DroppableConnection,
        lifespan="off",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,  # some vendors hold an answer back until there is news
    )
    server = uvicorn.Server(config)
    with listening:
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield _url(listening)
        finally:
            server.should_exit = True
            await serving


def listener() -> socket.socket:
    """A socket that listens before anything is served on it."""
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    return listening


def _url(listening: socket.socket) -> str:
    return f"http://127.0.0.1:{listening.getsockname()[1]}"
