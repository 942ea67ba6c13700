"""The poller: where it begins, how far it looks back, when its watermark moves, when it waits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.failures import Failure, Kind
from servicekit.leases import Lease
from servicekit.migrate import migrate
from system_apis.polling import Poller, Watermarks
from system_apis.service import MIGRATIONS

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SCHEMA = "system_test"
OVERLAP = timedelta(seconds=120)


class Thing(msgspec.Struct, frozen=True):
    """A record of a made-up platform."""

    name: str
    changed_at: datetime


class Platform:
    """What changed, as a platform tells it; notes from which moment on it was asked."""

    def __init__(self) -> None:
        self.things: list[Thing] = []
        self.asked: list[datetime] = []
        self.failures: list[Failure] = []
        self.seen: list[str] = []
        self.was_asked = asyncio.Event()

    async def changed_since(self, moment: datetime) -> AsyncIterator[Thing]:
        self.asked.append(moment)
        self.was_asked.set()
        if self.failures:
            raise self.failures.pop(0)
        for thing in self.things:
            if thing.changed_at >= moment:
                yield thing

    async def observe(self, thing: Thing) -> None:
        if thing.name == "bad":
            raise Failure(Kind.UNAVAILABLE, "the database cannot be reached")
        self.seen.append(thing.name)


class Free:
    """A lease that nobody else wants."""

    async def hold(self, work: Callable[[], Awaitable[None]]) -> None:
        await work()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    migrate(database_url, SCHEMA, MIGRATIONS)
    database = Database(database_url, SCHEMA)
    yield database
    await database.close()


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock(NOW)


def poller(
    platform: Platform, database: Database, clock: SettableClock, *, by_record: bool = True, interval_s: float = 60
) -> Poller[Thing]:
    return Poller(
        "crm-main",
        "thing",
        fetch_changed_since=platform.changed_since,
        observe=platform.observe,
        watermarks=Watermarks(database),
        lease=Free(),
        clock=clock,
        interval_s=interval_s,
        overlap=OVERLAP,
        changed_at=(lambda thing: thing.changed_at) if by_record else None,
    )


async def test_the_first_poll_begins_at_the_present(database: Database, clock: SettableClock) -> None:
    """What happened before a connection was first watched is history; the overlap is looked at."""
    platform = Platform()
    platform.things = [Thing("old", NOW - timedelta(days=400)), Thing("recent", NOW - timedelta(seconds=60))]
    assert await poller(platform, database, clock).poll() == 1
    assert (platform.seen, platform.asked) == (["recent"], [NOW - OVERLAP])


async def test_the_watermark_follows_the_newest_record(database: Database, clock: SettableClock) -> None:
    """By the platform's own clock; a restart goes on from there, overlapping."""
    platform = Platform()
    newest = NOW + timedelta(minutes=7)
    platform.things = [Thing("b", newest), Thing("a", NOW + timedelta(minutes=3))]
    await poller(platform, database, clock).poll()
    clock.advance(timedelta(hours=5))
    await poller(platform, database, clock).poll()
    assert platform.asked == [NOW - OVERLAP, newest - OVERLAP]
    assert platform.seen == ["b", "a", "b"]


async def test_without_a_records_moment_the_watermark_is_when_the_poll_began(
    database: Database, clock: SettableClock
) -> None:
    """A platform whose records do not tell when they changed is asked since our last complete look."""
    platform = Platform()
    mine = poller(platform, database, clock, by_record=False)
    await mine.poll()
    clock.advance(timedelta(minutes=1))
    await mine.poll()
    clock.advance(timedelta(minutes=1))
    await mine.poll()
    minute = timedelta(minutes=1)
    assert platform.asked == [NOW - OVERLAP, NOW - OVERLAP, NOW + minute - OVERLAP]


async def test_the_watermark_stays_where_a_record_was_not_observed(database: Database, clock: SettableClock) -> None:
    """A poll that fails half-way is done again whole."""
    platform = Platform()
    platform.things = [Thing("good", NOW), Thing("bad", NOW + timedelta(minutes=1))]
    mine = poller(platform, database, clock)
    for _ in range(2):
        with pytest.raises(Failure):
            await mine.poll()
    assert (platform.seen, platform.asked) == (["good", "good"], [NOW - OVERLAP, NOW - OVERLAP])


async def test_a_watermark_moves_only_from_where_it_was_seen(database: Database) -> None:
    """Compare and set: of two who saw the same mark, one moves it."""
    marks = Watermarks(database)
    later = NOW + timedelta(minutes=1)
    assert await marks.at("crm-main", "thing", NOW) == NOW
    assert await marks.at("crm-main", "thing", later) == NOW
    assert await marks.move("crm-main", "thing", NOW, later)
    assert not await marks.move("crm-main", "thing", NOW, NOW + timedelta(days=1))
    assert await marks.at("crm-main", "thing", NOW) == later


async def test_a_failed_poll_is_followed_by_another(database: Database, clock: SettableClock) -> None:
    """A platform that is down does not end the poller; it stops when it is told to."""
    platform = Platform()
    platform.failures = [Failure(Kind.UNAVAILABLE, "down")]
    platform.things = [Thing("a", NOW)]
    stop = asyncio.Event()
    running = asyncio.create_task(poller(platform, database, clock, interval_s=0.01).run(stop))
    async with asyncio.timeout(5):
        while not platform.seen:
            platform.was_asked.clear()
            await platform.was_asked.wait()
        stop.set()
        await running
    assert set(platform.seen) == {"a"}


async def test_a_platform_that_asks_for_patience_gets_it(database: Database, clock: SettableClock) -> None:
    """Retry-After beats a shorter interval, and stopping beats both."""
    platform = Platform()
    platform.failures = [Failure(Kind.THROTTLED, "slow down", retry_after_s=900.0)]
    stop = asyncio.Event()
    running = asyncio.create_task(poller(platform, database, clock, interval_s=0.0).run(stop))
    async with asyncio.timeout(5):
        await platform.was_asked.wait()
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(platform.asked) == 1
        stop.set()
        await running


async def test_one_of_two_pollers_polls(database: Database, clock: SettableClock) -> None:
    """The lease is a lock in PostgreSQL; a cancelled holder gives it up and the other one takes over."""
    first, second = Platform(), Platform()
    first.things = second.things = [Thing("a", NOW)]
    tasks = []
    for platform in (first, second):
        mine = poller(platform, database, clock)
        mine._lease = Lease(database.url, "poll:thing", on_lost=lambda: None)
        tasks.append(asyncio.create_task(mine.run(asyncio.Event())))
        await asyncio.wait_for(first.was_asked.wait(), 5)
    assert not second.was_asked.is_set()
    tasks[0].cancel()
    await asyncio.wait_for(second.was_asked.wait(), 5)
    tasks[1].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
