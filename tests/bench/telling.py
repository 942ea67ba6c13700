"""The event path, append to relay to consumer, beside raw XADD read by XREAD, both in this one process.

Ours is on disk in PostgreSQL (fsync on) before anyone hears of it, a transaction per event; the reference keeps nothing
but a stream in Valkey.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import msgspec
from figures import Length, Result, compared
from redis.asyncio import Redis
from stand import OWNER, Stand
from targets import ANSWER

from canonical.envelope import Event
from servicekit.clock import SystemClock
from servicekit.consumer import Consumer
from servicekit.database import Database
from servicekit.eventlog import EventLog
from servicekit.relay import Relay

WRITERS = 8  # transactions at a time
PIPELINE = 100  # XADDs in one round trip
RATE = 100.0  # events per second, for the latency
PATIENCE_S = 30.0
RAW_STREAM = "bench:raw"
PIPELINED, ALONE = f"XADD in pipelines of {PIPELINE}, read by XREAD", "XADD one by one, read by XREAD"
CLOCK = SystemClock()

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


async def measured(stand: Stand, length: Length) -> list[Result]:
    """Events per second as fast as they can be written, and p50 from write to handler at a fixed rate."""
    rate: dict[str, list[float]] = {"ours": [], "raw": []}
    p50: dict[str, list[float]] = {"ours": [], "raw": []}
    async with Redis.from_url(stand.site.redis_url) as redis, _ours(stand, redis) as ours, _raw(redis) as raw:
        paths = {"ours": (*ours, 1, WRITERS), "raw": (*raw, PIPELINE, 1)}
        for number in range(length.rounds):
            for name in ("raw", "ours") if number % 2 else ("ours", "raw"):
                write, inbox, batch, writers = paths[name]
                rate[name].append(await _per_second(write, inbox, batch, writers, length.seconds))
                p50[name].append(await _p50_us(write, inbox, length.seconds))
    return [
        compared("event path, events per second", "1/s", rate["ours"], rate["raw"], PIPELINED, "higher"),
        compared("event path, p50 from write to handler", "us", p50["ours"], p50["raw"], ALONE, "lower"),
    ]


async def _per_second(write: Write, inbox: Inbox, batch: int, writers: int, seconds: float) -> float:
    """All that is written in the time, by the time until the last of it is handled."""
    ids: list[str] = []
    began = time.perf_counter()

    async def keep_writing() -> None:
        while time.perf_counter() - began < seconds:
            events = [_event() for _ in range(batch)]
            await write(events)
            ids.extend(event.id for event in events)

    await asyncio.gather(*(keep_writing() for _ in range(writers)))
    return len(ids) / (max(await inbox.arrivals(ids)) - began)


async def _p50_us(write: Write, inbox: Inbox, seconds: float) -> float:
    """From before the write to the handler."""
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), dict[str, float]()
    for number in range(max(1, int(seconds * RATE))):
        await asyncio.sleep(began + number / RATE - loop.time())
        event = _event()
        sent[event.id] = time.perf_counter()
        await write([event])
    arrived = await inbox.arrivals(list(sent))
    return statistics.median(there - then for there, then in zip(arrived, sent.values(), strict=True)) * 1e6


@asynccontextmanager
async def _ours(stand: Stand, redis: Redis) -> AsyncIterator[tuple[Write, Inbox]]:
    """Log, relay and one consumer group, as services run them."""
    database, inbox = Database(stand.database_url, OWNER, pool_size=WRITERS), Inbox()
    log = EventLog(database, CLOCK)
    kind = _event().type
    consumer = Consumer("bench", redis, database, {kind: inbox}, CLOCK)

    async def write(events: list[Event]) -> None:
        async with database.begin() as connection:
            for event in events:
                await log.append(connection, event)

    async with _beside(Relay(database, redis, CLOCK).run(), consumer.run()):
        await _first_arrival(write, inbox)
        yield write, inbox
    await database.close()


@asynccontextmanager
async def _raw(redis: Redis) -> AsyncIterator[tuple[Write, Inbox]]:
    """A stream and its one reader."""
    inbox, decoder = Inbox(), msgspec.json.Decoder(Event)

    async def write(events: list[Event]) -> None:
        pipeline = redis.pipeline(transaction=False)
        for event in events:
            pipeline.xadd(RAW_STREAM, {"event": msgspec.json.encode(event)})
        await pipeline.execute()

    async def read() -> None:
        after: Any = "0"
        while True:
            found: Any = await redis.xread({RAW_STREAM: after}, count=PIPELINE, block=1000)
            for after, fields in (entry for _, entries in found or () for entry in entries):  # noqa: B007  read on
                inbox.took(decoder.decode(fields[b"event"]).id)

    async with _beside(read()):
        await _first_arrival(write, inbox)
        yield write, inbox


async def _first_arrival(write: Write, inbox: Inbox) -> None:
    """The path is open from end to end."""
    event = _event()
    await write([event])
    await inbox.arrivals([event.id])


@asynccontextmanager
async def _beside(*works: Any) -> AsyncIterator[None]:
    """The works run while the context is open."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        yield
        assert not any(task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _event() -> Event:
    """A project was approved; each event has a subject of its own."""
    mark = uuid4().hex
    return Event(
        id=f"evt_{mark}",
        source="/system/psa",
        type="syncline.project-approved.v1",
        subject=f"prj_{mark}",
        time=CLOCK.now(),
        data=msgspec.Raw(msgspec.json.encode(ANSWER)),
    )
