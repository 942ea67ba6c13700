"""Over a real socket: head and body of an answer come in one piece, and neither waits for the other."""

from __future__ import annotations

import asyncio
import functools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
import uvloop

from servicekit.segments import WholeAnswers

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


class Application:
    """Answers `ok`; the body comes when it may."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()

    async def __call__(self, _scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        if not self.may_end.is_set():
            await self.may_end.wait()
        await send({"type": "http.response.body", "body": b"ok"})


@asynccontextmanager
async def connected(application: Application) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection to a server of the application."""
    listening = socket.create_server(("127.0.0.1", 0))
    options: dict[str, Any] = {"http": WholeAnswers, "lifespan": "off", "log_config": None}
    config = uvicorn.Config(application, server_header=False, date_header=False, **options)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    reader, writer = await asyncio.open_connection(*listening.getsockname())
    try:
        yield reader, writer
    finally:
        writer.close()
        server.should_exit = True
        await serving


async def test_an_answer_comes_in_one_piece() -> None:
    """One read gives all of it, and so do the next on the same connection."""
    application = Application()
    application.may_end.set()
    async with asyncio.timeout(10), connected(application) as (reader, writer):
        for _ in range(20):
            writer.write(GET)
            assert HEAD + b"ok" == await reader.read(1000)


async def test_a_head_does_not_wait_for_a_body_that_comes_later() -> None:
    """Who listens to a stream hears at once that it has begun."""
    application = Application()
    async with asyncio.timeout(10), connected(application) as (reader, writer):
        writer.write(GET)
        assert HEAD == await reader.readexactly(len(HEAD))
        application.may_end.set()
        assert b"ok" == await reader.readexactly(2)


async def test_requests_that_come_together_are_answered_in_order_and_to_the_end() -> None:
    """Also the last one, after which the connection is closed."""
    application = Application()
    application.may_end.set()
    async with asyncio.timeout(10), connected(application) as (reader, writer):
        writer.write(GET + GET + LAST)
        closed = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
        assert (HEAD + b"ok") * 2 + closed == await reader.read()


async def test_a_head_for_a_caller_who_has_hung_up_troubles_nobody() -> None:
    """The loop of the services refuses to write to what is closed; nobody would be there to catch that."""

    async def hung_up() -> list[dict[str, Any]]:
        loop, troubles = asyncio.get_running_loop(), list[dict[str, Any]]()
        loop.set_exception_handler(lambda _, trouble: troubles.append(trouble))
        closed, turned = loop.create_future(), loop.create_future()

        class Caller(WholeAnswers):
            def connection_lost(self, exc: Exception | None) -> None:
                super().connection_lost(exc)
                closed.set_result(None)

        config = uvicorn.Config(Application(), lifespan="off", log_config=None, loop="uvloop")
        config.load()
        ours, theirs = socket.socketpair()
        state = uvicorn.Server(config).server_state
        made = functools.partial(Caller, config=config, server_state=state, app_state={})
        _, protocol = await loop.create_connection(made, sock=ours)
        theirs.close()
        await closed
        protocol.transport.write(b"HTTP/1.1 200 OK\r\n\r\n")
        loop.call_soon(turned.set_result, None)
        await turned
        return troubles

    assert [] == await asyncio.to_thread(uvloop.run, hung_up())
