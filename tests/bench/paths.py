"""The event paths from write to handler: our log, relay and consumer; Valkey's stream raw, by redis-py, by FastStream.

Ours is on disk in PostgreSQL (fsync on) before anyone hears of it; the others keep a stream in Valkey (appendfsync
everysec, as in production), and nothing else. All handlers do the same: they note that the event is there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from redis.asyncio import Redis
from stand import OWNER, Stand
from targets import ANSWER

from canonical.envelope import Event
from servicekit.clock import SystemClock
from servicekit.consumer import Consumer
from servicekit.database import Database
from servicekit.eventlog import EventLog
from servicekit.ids import mint
from servicekit.relay import Relay

WRITERS = 8  # writes at a time, each waited for
AT_ONCE = 100  # events in a pipeline, in a transaction, in an answer to a reader
PATIENCE_S = 60.0
CANCEL_AGAIN_S = 1.0  # redis-py may lose a cancellation that comes with an answer
CLOCK = SystemClock()
STREAMS = "bench:raw", "bench:plain", "bench:faststream"
GROUP, READER = "bench", "reader"
DATA = msgspec.to_builtins(ANSWER)

Write = Callable[[list[Event]], Awaitable[None]]


class Inbox:
    """When which event arrived."""

    def __init__(self) -> None:
        self._arrived: dict[str, float] = {}
        self._news = asyncio.Event()

    async def __call__(self, event: Event) -> None:
        self.took(event.id)

    def took(self, event_id: str) -> None:
        self._arrived[event_id] = time.perf_counter()
        self._news.set()

    async def arrivals(self, ids: list[str]) -> list[float]:
        """Once all of them are there."""
        async with asyncio.timeout(PATIENCE_S):
            while any(one not in self._arrived for one in reversed(ids)):
                self._news.clear()
                await self._news.wait()
        return [self._arrived[one] for one in ids]


class Path(msgspec.Struct, frozen=True):
    """A way from writers to a handler: what a write takes, how many events at once, how many writes at a time."""

    write: Write
    inbox: Inbox
    at_once: int
    writers: int


def event() -> Event:
    """A project was approved; each event has a subject of its own."""
    mark = mint("prj")
    return Event(
        id=mint("evt"),
        source="/system/psa",
        type="syncline.project-approved.v1",
        subject=mark,
        time=CLOCK.now(),
        data=msgspec.Raw(msgspec.json.encode(ANSWER)),
    )


@asynccontextmanager
async def ours(stand: Stand, redis: Redis) -> AsyncIterator[tuple[Path, Path]]:
    """Log, relay and one consumer group, as services run them: many events in a transaction, and one."""
    database, inbox = Database(stand.database_url, OWNER, pool_size=WRITERS), Inbox()
    log = EventLog(database, CLOCK)
    consumer = Consumer(GROUP, redis, database, {event().type: inbox}, CLOCK)

    async def write(events: list[Event]) -> None:
        async with database.begin() as connection:
            await log.append_all(connection, events)

    async with _beside(Relay(database, redis, CLOCK).run(), consumer.run()):
        await _opened(write, inbox)
        yield Path(write, inbox, AT_ONCE, WRITERS), Path(write, inbox, 1, WRITERS)
    await database.close()


@asynccontextmanager
async def raw(redis: Redis) -> AsyncIterator[tuple[Path, Path]]:
    """A stream and its one reader, which acknowledges nothing: in pipelines, and one by one."""
    inbox, decoder, stream = Inbox(), msgspec.json.Decoder(Event), STREAMS[0]

    async def write(events: list[Event]) -> None:
        pipeline = redis.pipeline(transaction=False)
        for one in events:
            pipeline.xadd(stream, {"event": msgspec.json.encode(one)})
        await pipeline.execute()

    async def read() -> None:
        after: Any = "0"
        while True:
            found: Any = await redis.xread({stream: after}, count=AT_ONCE, block=1000)
            for _, entries in found or ():
                for after, fields in entries:  # noqa: B007  where to read on
                    inbox.took(decoder.decode(fields[b"event"]).id)

    async with _beside(read()):
        await _opened(write, inbox)
        yield Path(write, inbox, AT_ONCE, 1), Path(write, inbox, 1, 1)


@asynccontextmanager
async def plain(redis: Redis) -> AsyncIterator[Path]:
    """Publish and consume as redis-py's documentation has it: XADD, XREADGROUP, XACK."""
    inbox, decoder, stream = Inbox(), msgspec.json.Decoder(Event), STREAMS[1]

    async def write(events: list[Event]) -> None:
        for one in events:
            await redis.xadd(stream, {"event": msgspec.json.encode(one)})

    async def read() -> None:
        while True:
            found: Any = await redis.xreadgroup(GROUP, READER, {stream: ">"}, count=AT_ONCE, block=1000)
            for _, entries in found or ():
                for position, fields in entries:
                    inbox.took(decoder.decode(fields[b"event"]).id)
                    await redis.xack(stream, GROUP, position)

    await redis.xgroup_create(stream, GROUP, id="0", mkstream=True)
    async with _beside(read()):
        await _opened(write, inbox)
        yield Path(write, inbox, 1, WRITERS)


@asynccontextmanager
async def faststream(url: str) -> AsyncIterator[Path]:
    """FastStream's broker and a subscriber of a group, as its documentation has it."""
    from faststream.redis import RedisBroker, StreamSub

    broker, inbox, stream = RedisBroker(url, logger=None), Inbox(), STREAMS[2]

    @broker.subscriber(stream=StreamSub(stream, group=GROUP, consumer=READER))
    async def handle(message: dict[str, Any]) -> None:
        inbox.took(message["id"])

    async def write(events: list[Event]) -> None:
        for one in events:
            await broker.publish({**msgspec.structs.asdict(one), "data": DATA}, stream=stream)

    async with broker:
        await broker.start()
        await _opened(write, inbox)
        yield Path(write, inbox, 1, WRITERS)


async def _opened(write: Write, inbox: Inbox) -> None:
    """The path is open from end to end."""
    first = event()
    await write([first])
    await inbox.arrivals([first.id])


@asynccontextmanager
async def _beside(*works: Any) -> AsyncIterator[None]:
    """The works run while the context is open."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
        assert not any(task.done() for task in tasks)
    finally:
        while pending := [task for task in tasks if not task.done()]:
            for task in pending:
                task.cancel()
            await asyncio.wait(pending, timeout=CANCEL_AGAIN_S)
