"""An upstream that treats each request as the test says, on a real socket; pauses and ticks that are told."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress

Talk = Callable[["Conversation"], Awaitable[None]]


class Conversation:
    """One request that came in, and the ways to treat it."""

    def __init__(self, head: bytes, body: bytes, writer: asyncio.StreamWriter, number: int) -> None:
        self.head, self.body, self.writer, self.number = head, body, writer, number

    @property
    def method(self) -> str:
        return self.head.split(b" ")[0].decode()

    def header(self, name: str) -> str:
        lines = self.head.decode().split("\r\n")[1:]
        return next((line.partition(": ")[2] for line in lines if line.lower().startswith(f"{name.lower()}: ")), "")

    async def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        fields = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items())
        start = f"HTTP/1.1 {status} X\r\ncontent-length: {len(body)}\r\n{fields}\r\n"
        self.writer.write(start.encode() + body)
        await self.writer.drain()

    def hang_up(self) -> None:
        self.writer.close()


class Server:
    """A scripted HTTP server on a real socket."""

    def __init__(self, talk: Talk) -> None:
        self.talk = talk
        self.seen: list[Conversation] = []
        self.left = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                conversation = Conversation(head, b"", writer, len(self.seen) + 1)
                conversation.body = await reader.readexactly(int(conversation.header("content-length") or 0))
                self.seen.append(conversation)
                await self.talk(conversation)
        self.left.set()
        writer.close()


@asynccontextmanager
async def serving(talk: Talk, port: int = 0) -> AsyncIterator[tuple[Server, str]]:
    """A server that treats each request with *talk*, and its URL."""
    server = Server(talk)
    listening = await asyncio.start_server(server.serve, "127.0.0.1", port)
    try:
        yield server, f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    finally:
        listening.close()
        for writer in server.writers:
            writer.close()
        await listening.wait_closed()


class Pauses:
    """Stands in for asyncio.sleep: notes the pauses and takes none."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


class Ticks:
    """A monotonic clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def answers_ok(conversation: Conversation) -> None:
    await conversation.answer(200, b'{"id":"1","amount":"1.50"}', {"content-type": "application/json"})


async def hangs_up(conversation: Conversation) -> None:
    conversation.hang_up()


async def says_nothing(conversation: Conversation) -> None:
    await asyncio.Event().wait()


def nobody() -> str:
    """A URL where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
