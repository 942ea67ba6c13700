"""When a deal counts as won: once per win, by whatever road it was learnt, and never for history."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pytest

from canonical.events import OpportunityWon
from canonical.money import Money
from canonical.sales import Opportunity
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.eventlog import EventLog
from servicekit.failures import Failure, Kind
from servicekit.migrate import migrate
from system_apis.crm.observing import OpportunityWatch
from system_apis.crm.port import Crm
from system_apis.directory import Directory
from system_apis.listing import Hint, Listing
from system_apis.observing import Observer
from system_apis.service import MIGRATIONS

SCHEMA = "system_crm"
WATCHED = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
OPEN = Opportunity(
    id="006A",
    name="Grid",
    customer_id="001A",
    contract_id="800A",
    status="open",
    kind="new",
    value=Money(amount="100.00", currency="EUR"),
    close_date=date(2026, 12, 31),
    won_at=None,
    legal_entity_code="DE01",
    owner_email=None,
    updated_at=WATCHED,
)


def at(minutes: int) -> datetime:
    return WATCHED + timedelta(minutes=minutes)


def opened(minutes: int) -> Opportunity:
    return msgspec.structs.replace(OPEN, updated_at=at(minutes))


def won(minutes: int, *, seen: int | None = None) -> Opportunity:
    """Won at that minute, and touched last at `seen`."""
    updated_at = at(minutes if seen is None else seen)
    return msgspec.structs.replace(OPEN, status="won", won_at=at(minutes), updated_at=updated_at)


class FakeCrm:
    """A `Crm` with one deal, or with none."""

    def __init__(self) -> None:
        self.deal: Opportunity | Failure = Failure(Kind.MISSING, "none")

    async def opportunity(self, native_id: str) -> Opportunity:
        if isinstance(self.deal, Failure):
            raise self.deal
        return msgspec.structs.replace(self.deal, id=native_id)

    async def opportunities(
        self, changed_since: datetime | None, cursor: str | None, limit: int
    ) -> Listing[Opportunity]:
        """Two pages of one deal each."""
        deal = await self.opportunity("006A" if cursor is None else "006B")
        return Listing(items=(deal,), cursor="more" if cursor is None else None)

    async def customer(self, native_id: str) -> Any:
        raise Failure(Kind.MISSING, native_id)

    async def contract(self, native_id: str) -> Any:
        raise Failure(Kind.MISSING, native_id)

    async def changes(self) -> AsyncIterator[Hint]:
        for native_id in ("006A", "006A"):
            yield Hint(kind="opportunity", native_id=native_id)

    async def check(self) -> None: ...

    async def close(self) -> None: ...


class Watched:
    """A watch over the fake, and the events that it made."""

    def __init__(self, database: Database) -> None:
        clock = SettableClock(at(0))
        self.crm = FakeCrm()
        self.log = EventLog(database, clock)
        directory = Directory(database, frozenset({"customer", "opportunity", "contract"}), clock)
        observer = Observer(database, self.log, "/system/crm", clock)
        self.watch = OpportunityWatch("crm-main", self.crm, directory, observer, WATCHED)
        # Another process: it does not know what the first one has shown already.
        self.other = OpportunityWatch("crm-main", self.crm, directory, observer, WATCHED)

    async def wins(self) -> list[datetime]:
        found = await self.log.read(0, 100)
        return [msgspec.json.decode(entry.event.data, type=OpportunityWon).won_at for entry in found]


@pytest.fixture
async def watched(database_url: str) -> AsyncIterator[Watched]:
    migrate(database_url, SCHEMA, MIGRATIONS)
    database = Database(database_url, SCHEMA)
    yield Watched(database)
    await database.close()


def test_the_fake_is_a_crm() -> None:
    """It has every method of the port."""
    assert isinstance(FakeCrm(), Crm)


@pytest.mark.parametrize(
    ("sightings", "expected"),
    [
        ([opened(1), won(2)], [2]),
        ([won(2)], [2]),
        ([opened(1), won(2), won(2, seen=5)], [2]),
        ([won(2), opened(3), won(4)], [2, 4]),
        ([won(2), won(4)], [2, 4]),
        ([won(2), opened(3)], [2]),
        ([won(4), opened(3)], [4]),
        ([won(4), opened(4), won(4)], [4]),
        ([won(-500, seen=5)], []),
        ([won(-500, seen=5), opened(6), won(7)], [7]),
        ([won(-500, seen=5), won(7)], [7]),
        ([opened(1)], []),
    ],
    ids=[
        "open, then won",
        "first seen as won",
        "touched after the win",
        "reopened and won again",
        "reopened and won again unseen",
        "reopened",
        "an older reading comes late",
        "a reading of the same second comes late",
        "history that is touched",
        "history that is reopened and won again",
        "history that is won again unseen",
        "open",
    ],
)
async def test_each_win_is_one_event(watched: Watched, sightings: list[Opportunity], expected: list[int]) -> None:
    """Every sighting may come several times; a win is an event once."""
    for sighting in sightings:
        for watch in (watched.watch, watched.watch, watched.other):
            await watch.observe(sighting)
    assert await watched.wins() == [at(minutes) for minutes in expected]


async def test_poll_and_feed_make_one_event(watched: Watched) -> None:
    """The same win by the feed, by a repeated delivery, and by the poll is the same event, with canonical ids."""
    watched.crm.deal = won(2)
    await watched.watch.follow()
    async for deal in watched.other.changed_since(at(0)):
        await watched.other.observe(deal)
    found = await watched.log.read(0, 100)
    first = msgspec.json.decode(found[0].event.data, type=OpportunityWon)
    assert [entry.event.type for entry in found] == ["syncline.opportunity-won.v1"] * 2  # the poll knows a second deal
    assert (found[0].event.subject, found[0].event.legalentity) == (first.opportunity_id, "DE01")
    assert (first.customer_id[:4], (first.contract_id or "")[:4], first.kind) == ("cus_", "ctr_", "new")
    assert (found[0].event.correlationid or "").startswith("cor_")


@pytest.mark.parametrize("kind", [Kind.MISSING, Kind.UNAVAILABLE, Kind.INVALID])
async def test_a_hint_that_leads_nowhere_does_not_end_the_feed(watched: Watched, kind: Kind) -> None:
    """A deleted deal, an outage, an incomplete record: the poll comes by later."""
    watched.crm.deal = Failure(kind, "no")
    await watched.watch.follow()
    watched.crm.deal = won(2)
    await watched.watch.follow()
    assert await watched.wins() == [at(2)]


async def test_other_kinds_of_hints_are_not_ours(watched: Watched) -> None:
    """A hint names its kind."""
    watched.crm.deal = won(2)
    assert await watched.watch.look_into(Hint(kind="customer", native_id="001A")) == 0
