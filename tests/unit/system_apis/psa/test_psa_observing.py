"""When time counts as approved, and when no longer: each version once while its approval stands, never for history."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import msgspec
import pytest

from canonical.delivery import Milestone, Project
from canonical.entries import Expense, TimeEntry
from canonical.money import Money
from servicekit.clock import SettableClock
from servicekit.database import Database
from servicekit.eventlog import EventLog
from servicekit.failures import Failure, Kind
from servicekit.migrate import migrate
from system_apis.directory import Directory
from system_apis.listing import Listing
from system_apis.observing import Observer
from system_apis.polling import Watermarks
from system_apis.psa.observing import ExpenseWatch, MilestoneWatch, Sight, TimeEntryWatch
from system_apis.psa.port import Deletion, EntryQuery, Psa
from system_apis.service import MIGRATIONS

SCHEMA = "system_psa"
WATCHED = datetime(2026, 12, 7, 9, 0, tzinfo=UTC)
OWNED = frozenset({"project", "task", "resource", "time_entry", "expense", "milestone"})
ENTRY = TimeEntry(
    id="1",
    version="v1",
    project_id="10",
    task_id=None,
    resource_id="41",
    role="Engineer",
    work_date=date(2026, 12, 3),
    hours="7.5",
    billable_hours="7.5",
    kind="billable",
    bill_rate=None,
    narrative="",
    status="draft",
    approved_by=None,
    approved_at=None,
    billing_state="unbilled",
    updated_at=WATCHED,
)
EXPENSE = Expense(
    id="2",
    version="v1",
    project_id="10",
    resource_id="41",
    category="Travel",
    spend_date=date(2026, 12, 3),
    amount=Money(amount="12.50", currency="EUR"),
    spent=Money(amount="12.50", currency="EUR"),
    billable=True,
    reimbursable=False,
    narrative="",
    status="draft",
    approved_by=None,
    approved_at=None,
    billing_state="unbilled",
    updated_at=WATCHED,
)
MILESTONE = Milestone(
    id="3", project_id="10", title="Pilot", due_date=None, amount=None, completed=False, accepted=False
)


def at(minutes: int) -> datetime:
    return WATCHED + timedelta(minutes=minutes)


def drafted(minutes: int, version: str = "v1") -> TimeEntry:
    return msgspec.structs.replace(ENTRY, version=version, updated_at=at(minutes))


def approved(minutes: int, version: str = "v1", *, seen: int | None = None) -> TimeEntry:
    """Approved at that minute, and touched last at `seen`."""
    updated_at = at(minutes if seen is None else seen)
    return msgspec.structs.replace(
        ENTRY, status="approved", version=version, approved_at=at(minutes), updated_at=updated_at
    )


def gone(minutes: int) -> Deletion:
    return Deletion(native_id="1", deleted_at=at(minutes))


class FakePsa:
    """What a watch asks of a PSA: lists of two pages, and whose a project is."""

    def __init__(self) -> None:
        self.entries: dict[EntryQuery, list[TimeEntry]] = {}
        self.expenses_changed: list[Expense] = []
        self.milestones: list[Milestone] = []
        self.deletions: tuple[Deletion, ...] = ()
        self.entity: str | None = "DE01"
        self.asked: list[datetime | None] = []

    async def project(self, native_id: str) -> Project:
        if native_id == "hidden":
            raise Failure(Kind.MISSING, "no")
        whole = {"id": native_id, "number": "P-1", "name": "Grid", "currency": "EUR", "status": "open_for_time"}
        absent = dict.fromkeys(Project.__struct_fields__)
        known = {**absent, **whole, "external_ids": (), "legal_entity_code": self.entity, "updated_at": WATCHED}
        return Project(**cast("Any", known))

    async def time_entries(self, query: EntryQuery, cursor: str | None, limit: int) -> Listing[TimeEntry]:
        found = self.entries.get(query, [])
        return Listing(items=tuple(found[1:] if cursor else found[:1]), cursor=None if cursor else "more")

    async def deleted_time_entries(self, since: datetime) -> tuple[Deletion, ...]:
        return self.deletions

    async def expenses(self, query: EntryQuery, cursor: str | None, limit: int) -> Listing[Expense]:
        return Listing(items=tuple(self.expenses_changed))

    async def changed_milestones(
        self, updated_after: datetime | None, cursor: str | None, limit: int
    ) -> Listing[Milestone]:
        self.asked.append(updated_after)
        return Listing(items=tuple(self.milestones))


class Watched:
    """Watches over the fake, and the events that they made."""

    def __init__(self, database: Database) -> None:
        self.clock = SettableClock(at(0))
        self.psa = FakePsa()
        self.log = EventLog(database, self.clock)
        sight = Sight(
            connection="psa-main",
            psa=cast("Psa", self.psa),
            directory=Directory(database, OWNED, self.clock),
            observer=Observer(database, self.log, "/system/psa", self.clock),
            watermarks=Watermarks(database),
            watched_since=WATCHED,
            clock=self.clock,
        )
        self.time, self.other = TimeEntryWatch(sight), TimeEntryWatch(sight)  # the other is another process
        self.expenses = ExpenseWatch(sight)
        self.milestones = MilestoneWatch(sight)

    async def told(self) -> list[str]:
        """Each event as its name and version or moment."""
        found = await self.log.read(0, 100)
        return [
            f"{entry.event.type.removeprefix('syncline.').removesuffix('.v1')} {body.get('version', '')}".strip()
            for entry in found
            if (body := msgspec.json.decode(entry.event.data)) is not None
        ]


@pytest.fixture
async def watched(database_url: str) -> AsyncIterator[Watched]:
    migrate(database_url, SCHEMA, MIGRATIONS)
    database = Database(database_url, SCHEMA)
    yield Watched(database)
    await database.close()


YES, NO = "time-approved", "time-approval-withdrawn"


@pytest.mark.parametrize(
    ("sightings", "expected"),
    [
        ([drafted(1), approved(2)], [f"{YES} v1"]),
        ([approved(2)], [f"{YES} v1"]),
        ([approved(2), approved(2, seen=5)], [f"{YES} v1"]),
        ([approved(2), drafted(3)], [f"{YES} v1", f"{NO} v1"]),
        ([approved(2), drafted(3), approved(4)], [f"{YES} v1", f"{NO} v1", f"{YES} v1"]),
        ([approved(2), drafted(3, "v2"), approved(4, "v2")], [f"{YES} v1", f"{NO} v1", f"{YES} v2"]),
        ([approved(2), approved(4, "v2")], [f"{YES} v1", f"{NO} v1", f"{YES} v2"]),
        ([approved(2), approved(4)], [f"{YES} v1"]),
        ([approved(4), drafted(3)], [f"{YES} v1"]),
        ([approved(2), gone(3)], [f"{YES} v1", f"{NO} v1"]),
        ([approved(2), gone(3), gone(3)], [f"{YES} v1", f"{NO} v1"]),
        ([drafted(2), gone(3)], []),
        ([approved(2), drafted(3), gone(4)], [f"{YES} v1", f"{NO} v1"]),
        ([gone(3)], []),
        ([approved(-500, seen=5)], []),
        ([approved(-500), drafted(5)], [f"{NO} v1"]),
        ([approved(-500), approved(5, "v2")], [f"{NO} v1", f"{YES} v2"]),
        ([approved(-500), gone(5)], [f"{NO} v1"]),
        ([drafted(1)], []),
    ],
    ids=[
        "approved",
        "first seen as approved",
        "touched after the approval",
        "withdrawn",
        "withdrawn and approved again",
        "withdrawn, changed and approved",
        "changed under its approval",
        "approved again unseen, as it was",
        "an older reading comes late",
        "deleted",
        "deleted, told twice",
        "deleted as a draft",
        "deleted after its withdrawal",
        "deleted before anybody met it",
        "history that is touched",
        "history that is withdrawn",
        "history that changes under its approval",
        "history that is deleted",
        "a draft",
    ],
)
async def test_an_approval_is_told_once_while_it_stands(
    watched: Watched, sightings: list[TimeEntry | Deletion], expected: list[str]
) -> None:
    """Every sighting may come several times, by several processes."""
    for sighting in sightings:
        for watch in (watched.time, watched.time, watched.other):
            await watch.observe(sighting)
    assert expected == await watched.told()


async def test_an_event_tells_whose_time_it_was(watched: Watched) -> None:
    """Canonical ids, the quantity that is billed, and the project's legal entity; the withdrawal names the same."""
    for sighting in (approved(2), drafted(3, "v2")):
        await watched.time.observe(sighting)
    first, second = [entry.event for entry in await watched.log.read(0, 10)]
    said, unsaid = msgspec.json.decode(first.data), msgspec.json.decode(second.data)
    assert ("DE01", "DE01", said["time_entry_id"]) == (first.legalentity, second.legalentity, first.subject)
    assert ["ten", "prj"] == [said[name].partition("_")[0] for name in ("time_entry_id", "project_id")]
    shared = ("time_entry_id", "project_id", "version", "work_date")
    assert [said[name] for name in shared] == [unsaid[name] for name in shared]
    assert ("7.5", "7.5", "billable", "2026-12-07T09:02:00Z") == (
        said["hours"],
        said["billable_hours"],
        said["kind"],
        said["approved_at"],
    )


async def test_unbillable_and_internal_time_is_told_as_well(watched: Watched) -> None:
    """Utilisation and cost need it (domain.md, B21)."""
    for native_id, kind in (("7", "non_billable"), ("8", "internal")):
        await watched.time.observe(msgspec.structs.replace(approved(2), id=native_id, kind=kind, billable_hours="0"))
    found = [msgspec.json.decode(entry.event.data)["kind"] for entry in await watched.log.read(0, 10)]
    assert ["non_billable", "internal"] == found


async def test_a_project_without_entity_holds_nothing_up(watched: Watched) -> None:
    """The event then names none; one that is set later is named from then on. A project that is hidden has none."""
    watched.psa.entity = None
    await watched.time.observe(approved(2))
    watched.psa.entity = "GB01"
    await watched.time.observe(approved(3, "v2"))
    await watched.time.observe(msgspec.structs.replace(approved(2), id="9", project_id="hidden"))
    entities = [entry.event.legalentity for entry in await watched.log.read(0, 10)]
    assert [None, "GB01", "GB01", None] == entities


async def test_the_first_look_remembers_what_is_approved(watched: Watched) -> None:
    """All approved time that is not billed, once; then what changed, and what was deleted."""
    history, news = approved(-500), msgspec.structs.replace(approved(5), id="6")
    watched.psa.entries[EntryQuery(status="approved", billing_state="unbilled")] = [history]
    watched.psa.entries[EntryQuery(updated_after=at(0))] = [news, news]
    watched.psa.deletions = (gone(6),)
    seen = [[record async for record in watched.time.changed_since(at(0))] for _ in range(2)]
    assert [[history, news, news, gone(6)], [news, news, gone(6)]] == seen


@pytest.mark.parametrize(
    ("sightings", "expected"),
    [
        ([("draft", "v1", 1), ("approved", "v1", 2), ("approved", "v1", 2)], ["expense-approved v1"]),
        (
            [("approved", "v1", 2), ("draft", "v1", 3), ("approved", "v2", 4)],
            ["expense-approved v1", "expense-approved v2"],
        ),
        ([("approved", "v1", -500)], []),
    ],
    ids=["approved", "withdrawn, changed and approved", "history"],
)
async def test_each_version_of_an_expense_is_approved_once(
    watched: Watched, sightings: list[tuple[str, str, int]], expected: list[str]
) -> None:
    """As for time; what was approved before the watch is history."""
    for status, version, minutes in sightings:
        whole = {"status": status, "version": version, "updated_at": at(max(minutes, 1)), "approved_at": at(minutes)}
        watched.psa.expenses_changed = [msgspec.structs.replace(EXPENSE, **cast("Any", whole))]
        async for expense in watched.expenses.changed_since(at(0)):
            await watched.expenses.observe(expense)
    assert expected == await watched.told()


async def test_an_acceptance_is_told_once_and_never_for_history(watched: Watched) -> None:
    """The first look reads every milestone and says nothing of what is accepted already."""
    accepted = msgspec.structs.replace(MILESTONE, accepted=True, accepted_at=at(-600))
    old = msgspec.structs.replace(accepted, id="4")
    for found in ([MILESTONE, old], [accepted, old], [accepted, msgspec.structs.replace(accepted, id="5")]):
        watched.psa.milestones = found
        async for milestone in watched.milestones.changed_since(at(0)):
            await watched.milestones.observe(milestone)
    assert [None, at(0), at(0), at(0)] == watched.psa.asked
    events = [entry.event for entry in await watched.log.read(0, 10)]
    assert ["syncline.milestone-accepted.v1"] * 2 == [event.type for event in events]
    assert 2 == len({event.subject for event in events})
    assert "2026-12-06T23:00:00Z" == msgspec.json.decode(events[0].data)["accepted_at"]
