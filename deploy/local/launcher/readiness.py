"""Whether a component is ready: asked over HTTP or at its socket, with the standard library alone."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

from launcher.ports import LOOPBACK

Probe = Callable[[int], Awaitable[bool]]  # process id -> whether it is ready now

ANSWER_S = 5.0  # a probe that hangs longer than this has failed


def answers(url: str) -> Probe:
    """Ready when GET `url` is answered with a status below 400."""
    parts = urlsplit(url)
    host, port, path = parts.hostname or LOOPBACK, parts.port or 80, parts.path or "/"
    request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()

    async def ask(_pid: int) -> bool:
        try:
            async with asyncio.timeout(ANSWER_S):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    writer.write(request)
                    status = (await reader.readline()).split()
                finally:
                    writer.close()
        except (OSError, TimeoutError, ValueError):
            return False
        return len(status) > 1 and status[0].startswith(b"HTTP/") and status[1] < b"400"

    return ask


def accepts(path: Path) -> Probe:
    """Ready when the unix socket takes a connection."""

    async def ask(_pid: int) -> bool:
        try:
            async with asyncio.timeout(ANSWER_S):
                _, writer = await asyncio.open_unix_connection(str(path))
                writer.close()
        except (OSError, TimeoutError):
            return False
        return True

    return ask


def listens(*ports: int) -> Probe:
    """Ready when each of the ports takes a connection."""

    async def ask(_pid: int) -> bool:
        try:
            async with asyncio.timeout(ANSWER_S):
                for port in ports:
                    _, writer = await asyncio.open_connection(LOOPBACK, port)
                    writer.close()
        except (OSError, TimeoutError):
            return False
        return True

    return ask


def says(check: Callable[[int], bool]) -> Probe:
    """Ready when `check` says so of the process."""

    async def ask(pid: int) -> bool:
        return check(pid)

    return ask
