"""What a consumer does with an event its handler does not take: again, or aside, never out of order."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import msgspec
import pytest
from redis.asyncio import Redis

from canonical.envelope import Event
from servicekit.clock import SettableClock
from servicekit.consumer import Consumer, Handler
from servicekit.database import Database
from servicekit.eventlog import EventLog
from servicekit.failures import Failure, Kind
from servicekit.telemetry import correlation_id, current_trace_id

NOW = datetime(2026, 11, 23, 9, 15, tzinfo=UTC)
CLOCK = SettableClock(NOW)
TYPE = "syncline.project-approved.v1"
PATIENCE_S = 20.0


class Inbox:
    """A handler that keeps what it is given, and fails first where it is told to."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.failures: dict[str, list[Exception]] = {}
        self.seen = asyncio.Event()

    async def __call__(self, event: Event) -> None:
        if self.failures.get(event.id):
            raise self.failures[event.id].pop(0)
        self.ids.append(event.id)
        self.seen.set()

    async def has(self, *ids: str) -> None:
        """Waits until exactly these have arrived, in this order."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.ids) < len(ids):
                self.seen.clear()
                await self.seen.wait()
        assert list(ids) == self.ids


class Fed:
    """A log whose consumer reads it without a relay."""

    def __init__(self, database: Database, redis: Redis) -> None:
        self.database = database
        self.redis = redis
        self.log = EventLog(database, CLOCK)

    async def append(self, *ids: str, event_type: str = TYPE) -> None:
        for event_id in ids:
            event = Event(
                id=event_id,
                source="/system/psa/kantata",
                type=event_type,
                subject="prj_1",
                time=NOW,
                data=msgspec.Raw(b"{}"),
                traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                correlationid="cor_1",
            )
            async with self.database.begin() as connection:
                await self.log.append(connection, event)

    @asynccontextmanager
    async def consuming(self, handler: Handler, attempts: int = 5) -> AsyncIterator[Consumer]:
        consumer = Consumer(
            "views",
            self.redis,
            self.database,
            {TYPE: handler},
            CLOCK,
            poll_s=0.02,
            attempts=attempts,
            back_off_s=(0.01, 0.05),
        )
        task = asyncio.create_task(consumer.run())
        try:
            yield consumer
            assert not task.done()
        finally:
            task.cancel()
            await asyncio.wait({task})


@pytest.fixture
async def fed(database_url: str, redis_url: str) -> AsyncIterator[Fed]:
    database = Database(database_url, "events")
    redis = Redis.from_url(redis_url)
    await redis.flushall()
    yield Fed(database, redis)
    await redis.aclose()
    await database.close()


async def test_other_types_are_passed_over(fed: Fed) -> None:
    """A group acknowledges what it has no handler for."""
    inbox = Inbox()
    async with fed.consuming(inbox):
        await fed.append("1", event_type="syncline.invoice-issued.v1")
        await fed.append("2")
        await inbox.has("2")


async def test_a_failure_that_may_pass_is_tried_again_before_anything_else(fed: Fed) -> None:
    """Order is kept: the next event waits."""
    inbox = Inbox()
    inbox.failures = {"1": [Failure(Kind.UNAVAILABLE, "down"), ConnectionError("vendor text")]}
    async with fed.consuming(inbox):
        await fed.append("1", "2")
        await inbox.has("1", "2")
    assert [] == await fed.log.dead_letters()


async def test_a_refused_event_becomes_a_dead_letter_and_the_group_goes_on(fed: Fed) -> None:
    """The reason is the failure's own, safe text."""
    inbox = Inbox()
    inbox.failures = {"1": [Failure(Kind.INVALID, "no such project", code="unknown_project", vendor_detail="secret")]}
    async with fed.consuming(inbox):
        await fed.append("1", "2")
        await inbox.has("2")
    assert [("views", 1, "1", "unknown_project: no such project")] == await buried(fed.log)


async def test_an_event_that_keeps_failing_becomes_a_dead_letter(fed: Fed) -> None:
    """After the agreed number of attempts; an unexpected error shows its type only."""
    inbox = Inbox()
    inbox.failures = {"1": [ValueError("personal data")] * 3, "2": [Failure(Kind.UNAVAILABLE, "down")] * 3}
    async with fed.consuming(inbox, attempts=3):
        await fed.append("1", "2", "3")
        await inbox.has("3")
    expected = [("views", 2, "2", "unavailable: down"), ("views", 1, "1", "unexpected ValueError")]
    assert expected == await buried(fed.log)


async def test_a_handler_works_in_the_trace_of_its_event(fed: Fed) -> None:
    """Trace and correlation id are those of the work that noticed the fact."""
    seen: list[tuple[str, str]] = []
    arrived = asyncio.Event()

    async def handler(_: Event) -> None:
        seen.append((current_trace_id(), correlation_id()))
        arrived.set()

    async with fed.consuming(handler):
        await fed.append("1")
        await asyncio.wait_for(arrived.wait(), PATIENCE_S)
    assert [("0af7651916cd43dd8448eb211c80319c", "cor_1")] == seen


async def buried(log: EventLog) -> Sequence[tuple[str, int, str, str]]:
    return [(letter.group, letter.position, letter.id, letter.reason) for letter in await log.dead_letters()]
