"""Sections of a screen: fresh, stale from the last good copy, or unavailable; nothing that is down breaks them."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from sqlalchemy import text

from experience_api.sections import Freshness, Sections
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.failures import Failure, Kind

NINE = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


class Count(msgspec.Struct, frozen=True, kw_only=True):
    """What the source says."""

    number: int
    at: datetime | None = None


class Source:
    """Says a number, or fails."""

    def __init__(self) -> None:
        self.says: Count | Failure | None = Count(number=1, at=NINE)

    async def ask(self) -> Count | None:
        if isinstance(self.says, Failure):
            raise self.says
        return self.says


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def sections(views: Database, still_clock: SettableClock) -> Sections:
    return Sections(views, still_clock)


def freshness(status: str, as_of: datetime | None) -> Freshness:
    return Freshness(status=status, source="counting", as_of=as_of)


async def read(sections: Sections, source: Source, name: str = "one") -> tuple[Freshness, Count | None]:
    return await sections.read(name, "counting", source.ask, Count)


async def test_what_the_source_says_now_is_fresh(sections: Sections, source: Source) -> None:
    """As of the moment it was asked."""
    assert (freshness("fresh", NINE), Count(number=1, at=NINE)) == await read(sections, source)


@pytest.mark.parametrize("kind", [Kind.UNAVAILABLE, Kind.TIMED_OUT, Kind.MISSING, Kind.DENIED, Kind.BAD_UPSTREAM])
async def test_what_fails_is_stale_from_its_last_copy(
    sections: Sections, source: Source, still_clock: SettableClock, kind: Kind
) -> None:
    """Whatever the failure: the last good answer is shown, with the moment at which it was good."""
    await read(sections, source)
    still_clock.advance(timedelta(minutes=5))
    source.says = Failure(kind, "no")
    assert (freshness("stale", NINE), Count(number=1, at=NINE)) == await read(sections, source)


async def test_the_copy_is_the_last_good_answer(sections: Sections, source: Source, still_clock: SettableClock) -> None:
    """Each good answer replaces the one before."""
    await read(sections, source)
    still_clock.advance(timedelta(minutes=5))
    source.says = Count(number=2)
    await read(sections, source)
    still_clock.advance(timedelta(minutes=5))
    source.says = Failure(Kind.UNAVAILABLE, "away")
    assert (freshness("stale", NINE + timedelta(minutes=5)), Count(number=2)) == await read(sections, source)


async def test_a_source_that_is_back_is_fresh_again(
    sections: Sections, source: Source, still_clock: SettableClock
) -> None:
    """A copy is a way through an outage, not a cache."""
    good, source.says = source.says, Failure(Kind.UNAVAILABLE, "away")
    await read(sections, source)
    still_clock.advance(timedelta(minutes=5))
    source.says = good
    assert (freshness("fresh", NINE + timedelta(minutes=5)), Count(number=1, at=NINE)) == await read(sections, source)


async def test_without_a_copy_a_section_is_unavailable(sections: Sections, source: Source) -> None:
    """Nothing is made up, and nothing of another section is shown."""
    await read(sections, source, "another")
    source.says = Failure(Kind.UNAVAILABLE, "away")
    assert (freshness("unavailable", None), None) == await read(sections, source)


async def test_nothing_said_is_fresh_and_not_kept(sections: Sections, source: Source) -> None:
    """A source may say that there is nothing; that is an answer, and no copy of anything."""
    source.says = None
    assert (freshness("fresh", NINE), None) == await read(sections, source)
    source.says = Failure(Kind.UNAVAILABLE, "away")
    assert (freshness("unavailable", None), None) == await read(sections, source)


async def test_a_copy_of_an_older_release_is_no_copy(sections: Sections, source: Source, views: Database) -> None:
    """What can no longer be read is not shown, and breaks nothing."""
    async with views.begin() as session:
        keep = text("insert into section_copy (name, as_of, body) values ('one', :at, :body)")
        await session.execute(keep, {"at": NINE, "body": b'{"amount":1}'})
    source.says = Failure(Kind.UNAVAILABLE, "away")
    assert (freshness("unavailable", None), None) == await read(sections, source)


async def test_a_database_that_is_down_takes_no_section_with_it(
    no_database: Database, source: Source, still_clock: SettableClock
) -> None:
    """What the source says is fresh all the same; only the way through its next outage is missing."""
    sections = Sections(no_database, still_clock)
    assert (freshness("fresh", NINE), Count(number=1, at=NINE)) == await read(sections, source)
    source.says = Failure(Kind.UNAVAILABLE, "away")
    assert (freshness("unavailable", None), None) == await read(sections, source)


async def test_a_bug_is_not_hidden(sections: Sections) -> None:
    """Only failures are survived: a mistake of ours is a 500, and is mended."""

    async def broken() -> Count | None:
        raise KeyError("number")

    with pytest.raises(KeyError):
        await sections.read("one", "counting", broken, Count)
