"""Relay and consumers: every event reaches every group, in order, whatever is flushed, stopped or cut off meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractContextManager, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from canonical.envelope import Event
from servicekit.clock import SettableClock
from servicekit.consumer import Consumer, Handler
from servicekit.database import Database, driver_url
from servicekit.eventlog import EventLog
from servicekit.relay import STREAM, Relay, stream_keys

NOW = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
CLOCK = SettableClock(NOW)
FROM = stream_keys(STREAM)[1]
TYPE = "syncline.project-approved.v1"
PATIENCE_S = 20.0


class Inbox:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.seen = asyncio.Event()

    async def __call__(self, event: Event) -> None:
        self.ids.append(event.id)
        self.seen.set()

    async def has(self, *ids: str) -> None:
        """Waits until exactly these have arrived, in this order."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.ids) < len(ids):
                self.seen.clear()
                await self.seen.wait()
        assert list(ids) == self.ids


class Backbone:
    """One log, one Redis."""

    def __init__(self, database: Database, redis: Redis) -> None:
        self.database = database
        self.redis = redis
        self.log = EventLog(database, CLOCK)

    async def append(self, *ids: str) -> None:
        for event_id in ids:
            async with self.database.begin() as connection:
                await self.log.append(connection, event(event_id))

    def relay(self) -> Relay:
        return Relay(self.database, self.redis, CLOCK, batch=3, trim_s=0.05, poll_s=0.1, back_off_s=0.1)

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[Relay]:
        relay = self.relay()
        async with running(relay.run()):
            yield relay

    @asynccontextmanager
    async def consuming(self, handler: Handler, group: str = "views") -> AsyncIterator[Consumer]:
        consumer = Consumer(
            group,
            self.redis,
            self.database,
            {TYPE: handler},
            CLOCK,
            block_s=0.2,
            poll_s=0.02,
            back_off_s=(0.01, 0.05),
        )
        async with running(consumer.run()):
            yield consumer

    async def acknowledged(self, position: int, group: str = "views") -> None:
        async def reached() -> bool:
            return (await self.log.group_positions()).get(group) == position

        await until(reached)

    async def streamed(self, position: int) -> None:
        """Waits until the stream ends at *position*."""

        async def reached() -> bool:
            newest: list[Any] = await self.redis.xrevrange(STREAM, count=1) or []
            return bool(newest and newest[0][0] == f"{position}-1".encode())

        await until(reached)


@pytest.fixture
async def backbone(database_url: str, redis_url: str) -> AsyncIterator[Backbone]:
    database = Database(database_url, "events")
    redis = Redis.from_url(redis_url)
    await redis.flushall()
    yield Backbone(database, redis)
    await redis.aclose()
    await database.close()


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    """Waits until something outside of this process has come true."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if await reached():
                return
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Runs *work* beside the test; it must not end by itself."""
    task = asyncio.create_task(work)
    try:
        yield
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait({task})


def event(event_id: str) -> Event:
    return Event(
        id=event_id,
        source="/system/psa/kantata",
        type=TYPE,
        subject="prj_1",
        time=NOW,
        data=msgspec.Raw(b"{}"),
    )


def end_sessions(url: str) -> None:
    """What a restart of the server does to those who are connected."""
    with psycopg.connect(driver_url(url), autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name ~ '^syncline'"
        )


async def entries(redis: Redis) -> list[str]:
    """The ids of the events in the stream."""
    found: list[Any] = await redis.xrange(STREAM) or []
    return [msgspec.json.decode(fields[b"event"])["id"] for _, fields in found if b"event" in fields]


async def test_every_group_is_handed_every_event_in_order(backbone: Backbone) -> None:
    """Events before and after the start of relay and consumers alike."""
    await backbone.append("1", "2")
    views, search = Inbox(), Inbox()
    async with backbone.relaying(), backbone.consuming(views), backbone.consuming(search, "search"):
        await backbone.append("3", "4", "5")
        await views.has("1", "2", "3", "4", "5")
        await search.has("1", "2", "3", "4", "5")
        await backbone.acknowledged(5)


async def test_the_stream_holds_the_log_by_position(backbone: Backbone) -> None:
    """Whole batches and a rest; the entry's id is the position, its field the event in CloudEvents JSON."""
    await backbone.log.join_group("views")
    await backbone.append(*map(str, range(1, 9)))
    async with backbone.relaying():
        await backbone.streamed(8)
    assert [str(number) for number in range(1, 9)] == await entries(backbone.redis)
    newest: list[Any] = await backbone.redis.xrevrange(STREAM, count=1) or []
    [(entry_id, fields)] = newest
    [recorded] = await backbone.log.read(7, 1)
    assert (b"8-1", recorded.event) == (entry_id, msgspec.json.decode(fields[b"event"], type=Event))


async def test_a_commit_wakes_the_relay(backbone: Backbone) -> None:
    """The relay is told of a commit; it does not have to poll."""
    await backbone.log.join_group("views")
    relay = Relay(backbone.database, backbone.redis, CLOCK, poll_s=600.0)
    async with running(relay.run()):
        for number in range(1, 6):
            await backbone.append(str(number))
            await backbone.streamed(number)


async def test_a_late_commit_is_relayed_in_its_place(backbone: Backbone) -> None:
    """A lower position that commits after a higher one comes first."""
    inbox = Inbox()
    async with backbone.relaying(), backbone.consuming(inbox):
        async with backbone.database.begin() as slow:
            await backbone.log.append(slow, msgspec.structs.replace(event("slow"), subject="other"))
            await backbone.append("quick")
        await inbox.has("slow", "quick")


async def test_a_restarted_relay_goes_on_where_the_stream_ends(backbone: Backbone) -> None:
    """Nothing is added twice."""
    await backbone.log.join_group("views")
    await backbone.append("1", "2")
    async with backbone.relaying():
        await backbone.streamed(2)
    await backbone.append("3")
    async with backbone.relaying():
        await backbone.streamed(3)
    assert ["1", "2", "3"] == await entries(backbone.redis)


async def test_one_relay_copies_and_the_next_takes_over(backbone: Backbone) -> None:
    """Two relays add each event once; when the active one ends, the other goes on."""
    await backbone.log.join_group("views")
    async with backbone.relaying():
        async with backbone.relaying():
            await backbone.append("1", "2")
            await backbone.streamed(2)
        await backbone.append("3")
        await backbone.streamed(3)
    assert ["1", "2", "3"] == await entries(backbone.redis)


async def test_a_flush_loses_nothing(backbone: Backbone) -> None:
    """After a flush, groups that are behind get what they lack, the others nothing twice."""
    ahead, behind = Inbox(), Inbox()
    await backbone.log.join_group("behind")
    async with backbone.relaying():
        async with backbone.consuming(ahead, "ahead"):
            await backbone.append("1", "2", "3")
            await ahead.has("1", "2", "3")
            await backbone.redis.flushall()
            await backbone.append("4")
            await ahead.has("1", "2", "3", "4")
            await backbone.streamed(4)
            async with backbone.consuming(behind, "behind"):
                await behind.has("1", "2", "3", "4")
        assert ["1", "2", "3", "4"] == ahead.ids


@pytest.mark.parametrize("key", [STREAM, FROM])
async def test_losing_one_key_loses_nothing(backbone: Backbone, key: str) -> None:
    """Redis may evict either of the relay's keys by itself."""
    inbox = Inbox()
    await backbone.append("1", "2", "3")
    async with backbone.relaying():
        async with backbone.consuming(inbox):
            await inbox.has("1", "2", "3")
        await backbone.append("4", "5")
        await backbone.streamed(5)
        await backbone.redis.delete(key)
        await backbone.append("6")
        async with backbone.consuming(inbox):
            await inbox.has("1", "2", "3", "4", "5", "6")


async def test_a_silent_flush_is_noticed(backbone: Backbone) -> None:
    """The stream is there again without any new event."""
    await backbone.log.join_group("views")
    await backbone.append("1", "2")
    async with backbone.relaying():
        await backbone.streamed(2)
        await backbone.redis.flushall()
        await backbone.streamed(2)
    assert ["1", "2"] == await entries(backbone.redis)


async def test_a_stream_of_another_history_is_begun_again(backbone: Backbone) -> None:
    """A database restored to an earlier state is behind the stream; the stream gives way."""
    await backbone.redis.xadd(STREAM, {"event": "{}"}, id="900-1")
    await backbone.redis.set(FROM, 0)
    await backbone.log.join_group("views")
    await backbone.append("1")
    async with backbone.relaying():
        await backbone.streamed(1)
    assert ["1"] == await entries(backbone.redis)


async def test_what_every_group_has_is_trimmed_and_nothing_else(backbone: Backbone) -> None:
    """The stream is complete from the slowest group on; a new group reads what is gone from the log."""
    await backbone.log.join_group("views")
    numbers = [str(number) for number in range(1, 301)]
    await backbone.append(*numbers)

    async def trimmed() -> bool:
        return bool(await backbone.redis.get(FROM) == b"250")

    async with backbone.relaying():
        await backbone.streamed(300)
        await backbone.log.acknowledge("views", 250)
        await until(trimmed)
        left = await entries(backbone.redis)
        assert numbers[250:] == left[-50:]
        assert len(left) < 300
        inbox = Inbox()
        async with backbone.consuming(inbox, "newcomer"):
            await inbox.has(*numbers)


async def test_consumers_do_without_relay_and_redis(backbone: Backbone) -> None:
    """With neither, events still come from the log."""
    inbox = Inbox()
    async with backbone.consuming(inbox):
        await backbone.append("1", "2")
        await inbox.has("1", "2")


async def test_redis_may_stop_and_come_back(
    database_url: str, short_folder: Path, start_redis: Callable[[Path], AbstractContextManager[str]]
) -> None:
    """While it is down consumers read the log; when it is back, the relay goes on; nothing is lost or repeated."""
    database = Database(database_url, "events")
    redis = Redis.from_url(f"unix://{short_folder}/valkey.sock", retry=Retry(NoBackoff(), 0))
    backbone, inbox = Backbone(database, redis), Inbox()
    async with backbone.relaying(), backbone.consuming(inbox):
        await backbone.append("1")
        await inbox.has("1")
        with start_redis(short_folder):
            await backbone.append("2")
            await inbox.has("1", "2")
            await backbone.streamed(2)
        await backbone.append("3")
        await inbox.has("1", "2", "3")
        with start_redis(short_folder):
            await backbone.append("4")
            await backbone.streamed(4)
            await inbox.has("1", "2", "3", "4")
    await redis.aclose()
    await database.close()


async def test_the_database_may_cut_everybody_off(backbone: Backbone, database_url: str) -> None:
    """After every session was ended, relay and consumers come back by themselves."""
    inbox = Inbox()
    async with backbone.relaying(), backbone.consuming(inbox):
        await backbone.append("1")
        await inbox.has("1")
        await backbone.acknowledged(1)
        await asyncio.to_thread(end_sessions, database_url)
        await backbone.append("2")
        await inbox.has("1", "2")
        await backbone.streamed(2)


async def test_a_group_goes_on_where_it_was(backbone: Backbone) -> None:
    """A consumer that starts again is handed only what its group has not acknowledged."""
    first, second = Inbox(), Inbox()
    async with backbone.relaying():
        await backbone.append("1", "2")
        async with backbone.consuming(first):
            await first.has("1", "2")
            await backbone.acknowledged(2)
        await backbone.append("3")
        async with backbone.consuming(second):
            await second.has("3")


async def test_one_consumer_of_a_group_is_active(backbone: Backbone) -> None:
    """The second waits for the first to end, then goes on."""
    first, second = Inbox(), Inbox()
    async with backbone.relaying():
        async with backbone.consuming(first) as active:
            await backbone.append("1")
            await first.has("1")
            waiting = Consumer("views", backbone.redis, backbone.database, {TYPE: second}, CLOCK, block_s=0.2)
            async with running(waiting.run()):
                await backbone.append("2")
                await first.has("1", "2")
                assert (2, -1) == (active.position, waiting.position)
        async with backbone.consuming(second):
            await backbone.append("3")
            await second.has("3")
