"""A worker that does the same six commands again and again: in a script, on DBOS as it comes, in a process of ours.

A command is a POST to the bare target, under a key, whose answer is read. Script, DBOS and Temporal send it by httpx on
pyreqwest's transport, ours by `servicekit.upstream.Upstream`, which stands on the same.
`python workers.py (script | dbos | ours | temporal)`; the first line of standard input says where everything is, each
further one for how many seconds to work. What was done in them is a line of standard output.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import msgspec
import uvloop
from dbos import DBOS, DBOSConfig
from pyreqwest.client import ClientBuilder
from pyreqwest.compatibility.httpx import HttpxTransport

from process_apis.engine.runtime import EngineSettings
from servicekit.database import driver_url
from servicekit.ids import mint

COMMANDS = 6
AT_ONCE = 16  # runs
BODY = msgspec.json.encode({"name": "Warehouse automation, phase two", "currency": "EUR", "amount": "184000.00"})

Carry = Callable[[str], Awaitable[None]]  # one run, by its key, from its start to its end


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything is."""

    vendor: str  # the bare target's origin
    database_url: str
    engine_schema: str
    temporal: str  # host and port


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """What was done in a while; `cpu_s` is this process's."""

    runs: int
    seconds: float
    cpu_s: float


def client(told: Told) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=told.vendor, transport=HttpxTransport(ClientBuilder().build()))


async def command(http: httpx.AsyncClient, key: str, number: int) -> dict[str, Any]:
    """One of the six."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": f"{key}:{number}"}
    reply = await http.post(f"/v1/commands/{number}", content=BODY, headers=headers)
    answer: dict[str, Any] = reply.raise_for_status().json()
    return answer


@asynccontextmanager
async def script(told: Told) -> AsyncIterator[Carry]:
    """Nothing is kept of what was done."""
    async with client(told) as http:

        async def carry(key: str) -> None:
            for number in range(COMMANDS):
                await command(http, key, number)

        yield carry


@asynccontextmanager
async def bare_dbos(told: Told) -> AsyncIterator[Carry]:
    """A workflow of six steps, as DBOS's documentation has it; its pool is as large as the one of our engine."""
    async with client(told) as http:
        ended = Ended()

        @DBOS.step()
        async def step(key: str, number: int) -> dict[str, Any]:
            return await command(http, key, number)

        @DBOS.workflow()
        async def six(key: str) -> None:
            for number in range(COMMANDS):
                await step(key, number)
            ended.tell(key)

        config = DBOSConfig(
            name="bench",
            system_database_url=driver_url(told.database_url).replace("postgresql://", "postgresql+psycopg://", 1),
            dbos_system_schema=told.engine_schema,
            application_version="1",
            executor_id="bench",
            sys_db_pool_size=EngineSettings(schema="").pool_size,
            log_level="WARNING",
        )
        DBOS(config=config)
        DBOS.launch()

        async def carry(key: str) -> None:
            async with ended.waited_for(key):
                await DBOS.start_workflow_async(six, key)

        yield carry
        await asyncio.to_thread(DBOS.destroy, workflow_completion_timeout_sec=0)


class Ended:
    """Lets who started a run wait for its last line."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[None]] = {}

    def tell(self, key: str) -> None:
        self._waiting[key].set_result(None)

    @asynccontextmanager
    async def waited_for(self, key: str) -> AsyncIterator[None]:
        """Leaves when the run has ended that is started inside."""
        self._waiting[key] = asyncio.get_running_loop().create_future()
        try:
            yield
            await self._waiting[key]
        finally:
            del self._waiting[key]


async def work(carry: Carry, seconds: float) -> Done:
    """So many runs at once for the seconds; what was begun is ended."""
    began, used, runs = time.perf_counter(), time.process_time(), 0

    async def keep_working() -> None:
        nonlocal runs
        while time.perf_counter() - began < seconds:
            await carry(mint("opp"))
            runs += 1

    await asyncio.gather(*(keep_working() for _ in range(AT_ONCE)))
    return Done(runs=runs, seconds=time.perf_counter() - began, cpu_s=time.process_time() - used)


async def main(which: str) -> int:
    """Work as told until standard input ends."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    told = msgspec.json.decode(await reader.readline(), type=Told)
    async with _opened(which, told) as carry:
        await carry(mint("opp"))  # everything is open
        _say(Done(runs=1, seconds=0.0, cpu_s=0.0))
        while line := await reader.readline():
            _say(await work(carry, float(line)))
    return 0


def _opened(which: str, told: Told) -> AbstractAsyncContextManager[Carry]:
    if which == "ours":
        from our_process import ours

        return ours(told)
    if which == "temporal":
        from temporal_worker import temporal

        return temporal(told)
    return script(told) if which == "script" else bare_dbos(told)


def _say(done: Done) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(done) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    sys.exit(uvloop.run(main(sys.argv[1])))
