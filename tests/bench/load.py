"""The load generator, a process of its own: asyncio on uvloop, httptools, a raw socket per connection.

Closed loop (`rate` 0): each connection sends its next request when the last is answered. Fixed rate: requests go out
on a schedule, the targets in turn, so that all of them meet the same moments of the machine.
The plan comes on standard input and the outcome goes to standard output, both as JSON.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections import deque
from typing import Any

import httptools
import msgspec
import uvloop

DRAIN_S = 10.0


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where to send which request."""

    port: int
    request: str
    host: str = "127.0.0.1"


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """`connections` are per target, `rate` is requests per second and target."""

    targets: tuple[Target, ...]
    seconds: float
    connections: int = 16
    rate: float = 0.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """Of one target. Latency is from sending a request to the end of its answer."""

    requests: int
    seconds: float
    p50_us: float
    postponed: int  # at a fixed rate: times that every connection was busy


class _Connection(asyncio.Protocol):
    """One request at a time; any answer but 200 ends the run."""

    def __init__(self, client: _Client) -> None:
        self._client = client
        self._parser: Any = httptools.HttpResponseParser(self)
        self._sent_at = 0.0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def send(self) -> None:
        self._sent_at = time.perf_counter()
        self._transport.write(self._client.request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status != 200:
            self._client.failed(f"answered {status}")
            return
        self._client.answered(self, time.perf_counter() - self._sent_at)

    def connection_lost(self, _error: Exception | None) -> None:
        self._client.failed("closed a connection")

    def close(self) -> None:
        self._transport.close()


class _Client:
    """All connections to one target."""

    def __init__(self, target: Target, *, closed_loop: bool) -> None:
        self.request = target.request.encode()
        self._target = target
        self._closed_loop = closed_loop
        self._idle: deque[_Connection] = deque()
        self._opened: list[_Connection] = []
        self._latencies: list[float] = []
        self._under_way = 0
        self._postponed = 0
        self._ending = False
        self._finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def open(self, connections: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(connections):
            _, connection = await loop.create_connection(
                lambda: _Connection(self), self._target.host, self._target.port
            )
            self._opened.append(connection)
        self._idle.extend(self._opened)

    def send(self) -> None:
        """One more request, if a connection is free."""
        if not self._idle:
            self._postponed += 1
            return
        self._under_way += 1
        self._idle.popleft().send()

    def send_on_all(self) -> None:
        while self._idle:
            self.send()

    def answered(self, connection: _Connection, latency_s: float) -> None:
        self._latencies.append(latency_s)
        if self._closed_loop and not self._ending:
            connection.send()
            return
        self._under_way -= 1
        self._idle.append(connection)
        self._finish()

    def failed(self, reason: str) -> None:
        if not self._finished.done():
            self._finished.set_exception(RuntimeError(f"port {self._target.port} {reason}"))

    async def end(self) -> None:
        """What is under way is still answered."""
        self._ending = True
        self._finish()
        async with asyncio.timeout(DRAIN_S):
            await self._finished
        for connection in self._opened:
            connection.close()

    def outcome(self, seconds: float) -> Outcome:
        return Outcome(
            requests=len(self._latencies),
            seconds=seconds,
            p50_us=statistics.median(self._latencies) * 1e6,
            postponed=self._postponed,
        )

    def _finish(self) -> None:
        if self._ending and not self._under_way and not self._finished.done():
            self._finished.set_result(None)


async def load(plan: Plan) -> list[Outcome]:
    """Send what is planned. Raises RuntimeError for an answer that is not 200."""
    clients = [_Client(target, closed_loop=not plan.rate) for target in plan.targets]
    for client in clients:
        await client.open(plan.connections)
    began = time.perf_counter()
    if plan.rate:
        await _on_schedule(clients, plan)
    else:
        for client in clients:
            client.send_on_all()
        await asyncio.sleep(plan.seconds)
    for client in clients:
        await client.end()
    seconds = time.perf_counter() - began
    return [client.outcome(seconds) for client in clients]


async def _on_schedule(clients: list[_Client], plan: Plan) -> None:
    loop = asyncio.get_running_loop()
    began, pause_s = loop.time(), 1 / (plan.rate * len(clients))
    for number in range(max(1, int(plan.seconds / pause_s))):
        await asyncio.sleep(began + number * pause_s - loop.time())
        clients[number % len(clients)].send()


def main() -> int:
    """Read the plan, send, tell the outcome."""
    plan = msgspec.json.decode(sys.stdin.buffer.read(), type=Plan)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(load(plan))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
