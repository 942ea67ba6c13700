"""Sees time and expenses become approved and milestones accepted: polls, each record read afresh, and emits the events.

A version of a time entry is announced once while its approval stands. When the approval is withdrawn, the entry changes
under it or is deleted, that is told, too; what is approved after that is announced again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

import msgspec
from litestar.datastructures import State

from canonical.delivery import Milestone
from canonical.entries import Expense, TimeEntry
from canonical.events import ExpenseApproved, MilestoneAccepted, TimeApprovalWithdrawn, TimeApproved
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from servicekit.leases import Lease
from servicekit.telemetry import continue_from
from system_apis.directory import Directory
from system_apis.listing import Listing
from system_apis.observing import Fields, Observer, Transition
from system_apis.polling import Poller, Watermarks
from system_apis.psa.port import Deletion, EntryQuery, Psa

T = TypeVar("T")

TIME_ENTRY, EXPENSE, MILESTONE = "time_entry", "expense", "milestone"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
APPROVED = "approved"
PAGE = 200
REMEMBERED = 20_000


class Sight(msgspec.Struct, frozen=True, kw_only=True):
    """What every watch needs: one connection's PSA, where ids and sightings are kept, and since when it is watched."""

    connection: str
    psa: Psa
    directory: Directory
    observer: Observer
    watermarks: Watermarks
    watched_since: datetime
    clock: Clock

    async def met(self, kind: str) -> bool:
        """Whether everything of the kind that was there before has been looked at."""
        return await self.watermarks.at(self.connection, f"{kind} first look", NEVER) != NEVER

    async def meet(self, kind: str) -> None:
        await self.watermarks.move(self.connection, f"{kind} first look", NEVER, self.clock.now())


class Shown(Generic[T]):
    """Polls overlap: a record that is still what it was is not shown to the observer again."""

    def __init__(self) -> None:
        self._records: dict[str, T] = {}

    def holds(self, native_id: str, record: T) -> bool:
        return self._records.get(native_id) == record

    def keep(self, native_id: str, record: T) -> None:
        if len(self._records) >= REMEMBERED:
            self._records.clear()
        self._records[native_id] = record


class Entities:
    """The legal entity of each project, read once; one that is not set yet is asked for again."""

    def __init__(self, psa: Psa) -> None:
        self._psa = psa
        self._codes: dict[str, str] = {}

    async def of(self, native_project: str) -> str | None:
        if native_project not in self._codes:
            try:
                code = (await self._psa.project(native_project)).legal_entity_code
            except Failure as failure:
                if failure.kind is not Kind.MISSING:
                    raise
                return None
            if code is None:
                return None
            self._codes[native_project] = code
        return self._codes[native_project]


class TimeEntryWatch:
    """Shows one connection's time entries to the observer.

    What was approved before the connection was watched is history: it raises no event until its approval is withdrawn.
    So the first look reads all approved time that is not billed yet, and remembers it.
    """

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._shown: Shown[TimeEntry] = Shown()
        self._entities = Entities(sight.psa)

    async def changed_since(self, moment: datetime) -> AsyncIterator[TimeEntry | Deletion]:
        """Every entry that changed since then, or whose timesheet did, some twice; and those that were deleted."""
        psa = self._sight.psa
        if not await self._sight.met(TIME_ENTRY):
            approved = EntryQuery(status=APPROVED, billing_state="unbilled")
            async for entry in _every(lambda cursor: psa.time_entries(approved, cursor, PAGE)):
                yield entry
            await self._sight.meet(TIME_ENTRY)
        changed = EntryQuery(updated_after=moment)
        async for entry in _every(lambda cursor: psa.time_entries(changed, cursor, PAGE)):
            yield entry
        for deletion in await psa.deleted_time_entries(moment):
            yield deletion

    async def observe(self, native: TimeEntry | Deletion) -> int:
        """An entry as just read, or that it is gone; returns how many events that made."""
        if isinstance(native, Deletion):
            return await self._observe_deletion(native)
        if self._shown.holds(native.id, native):
            return 0
        entity = await self._entities.of(native.project_id)
        with continue_from("", name=f"observe {TIME_ENTRY}"):
            entry = await self._sight.directory.adopt(native, self._sight.connection)
            made = await self._sight.observer.observe(
                connection=self._sight.connection,
                canonical_id=entry.id,
                version=entry.updated_at,
                fields=_fields(entry, entity),
                transitions=lambda former: self._transitions(entry, former, entity),
            )
        self._shown.keep(native.id, native)
        return made

    async def _observe_deletion(self, deletion: Deletion) -> int:
        """A record that nobody was ever told of is nobody's loss."""
        entry_id = await self._sight.directory.known(TIME_ENTRY, deletion.native_id, self._sight.connection)
        if entry_id is None:
            return 0

        def transitions(former: Fields | None) -> list[Transition]:
            if former is None or former.get("status") != APPROVED:
                return []
            return [_withdrawn(entry_id, former, deletion.deleted_at, former.get("legal_entity_code"))]

        with continue_from("", name=f"observe {TIME_ENTRY}"):
            return await self._sight.observer.observe(
                connection=self._sight.connection,
                canonical_id=entry_id,
                version=deletion.deleted_at,
                fields={"status": "deleted"},
                transitions=transitions,
            )

    def _transitions(self, entry: TimeEntry, former: Fields | None, entity: str | None) -> list[Transition]:
        is_approved = entry.status == APPROVED
        approved_at = entry.approved_at or entry.updated_at
        if former is None and approved_at < self._sight.watched_since:
            return []
        was_approved = former is not None and former.get("status") == APPROVED
        same = former is not None and former.get("version") == entry.version
        if was_approved and is_approved and same:
            return []
        found: list[Transition] = []
        if was_approved and former is not None:
            found.append(_withdrawn(entry.id, former, entry.updated_at, entity))
        if is_approved:
            found.append(_approved(entry, approved_at, entity))
        return found


class ExpenseWatch:
    """Shows one connection's expenses to the observer. What was approved before it was watched is history."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._shown: Shown[Expense] = Shown()
        self._entities = Entities(sight.psa)

    async def changed_since(self, moment: datetime) -> AsyncIterator[Expense]:
        changed = EntryQuery(updated_after=moment)
        async for expense in _every(lambda cursor: self._sight.psa.expenses(changed, cursor, PAGE)):
            yield expense

    async def observe(self, native: Expense) -> int:
        if self._shown.holds(native.id, native):
            return 0
        entity = await self._entities.of(native.project_id)
        with continue_from("", name=f"observe {EXPENSE}"):
            expense = await self._sight.directory.adopt(native, self._sight.connection)
            made = await self._sight.observer.observe(
                connection=self._sight.connection,
                canonical_id=expense.id,
                version=expense.updated_at,
                fields={"status": expense.status, "version": expense.version},
                transitions=lambda former: self._transitions(expense, former, entity),
            )
        self._shown.keep(native.id, native)
        return made

    def _transitions(self, expense: Expense, former: Fields | None, entity: str | None) -> list[Transition]:
        approved_at = expense.approved_at or expense.updated_at
        if expense.status != APPROVED or (former is None and approved_at < self._sight.watched_since):
            return []
        if former is not None and former == {"status": APPROVED, "version": expense.version}:
            return []
        data = ExpenseApproved(
            expense_id=expense.id,
            version=expense.version,
            project_id=expense.project_id,
            spend_date=expense.spend_date,
            amount=expense.amount,
            billable=expense.billable,
            approved_at=approved_at,
        )
        return [Transition(event="expense-approved", data=data, legal_entity_code=entity)]


class MilestoneWatch:
    """Shows one connection's milestones to the observer.

    An acceptance is a day, so it cannot tell whether it is older than the watch: the first look reads all milestones
    and raises no event.
    """

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._entities = Entities(sight.psa)
        self._is_first_look = False

    async def changed_since(self, moment: datetime) -> AsyncIterator[Milestone]:
        psa = self._sight.psa
        self._is_first_look = not await self._sight.met(MILESTONE)
        if self._is_first_look:
            async for milestone in _every(lambda cursor: psa.changed_milestones(None, cursor, PAGE)):
                yield milestone
            await self._sight.meet(MILESTONE)
            self._is_first_look = False
        async for milestone in _every(lambda cursor: psa.changed_milestones(moment, cursor, PAGE)):
            yield milestone

    async def observe(self, native: Milestone) -> int:
        entity = await self._entities.of(native.project_id) if native.accepted else None
        with continue_from("", name=f"observe {MILESTONE}"):
            milestone = await self._sight.directory.adopt(native, self._sight.connection)
            return await self._sight.observer.observe(
                connection=self._sight.connection,
                canonical_id=milestone.id,
                version=self._sight.clock.now(),  # it has no moment of its own; one watch reads one after the other
                fields={"accepted": "yes" if milestone.accepted else "no"},
                transitions=lambda former: self._transitions(milestone, former, entity),
            )

    def _transitions(self, milestone: Milestone, former: Fields | None, entity: str | None) -> list[Transition]:
        if milestone.accepted_at is None or (former is None and self._is_first_look):
            return []
        data = MilestoneAccepted(
            milestone_id=milestone.id,
            project_id=milestone.project_id,
            amount=milestone.amount,
            accepted_at=milestone.accepted_at,
        )
        return [Transition(event="milestone-accepted", data=data, legal_entity_code=entity)]


async def _every(read: Callable[[str | None], Awaitable[Listing[T]]]) -> AsyncIterator[T]:
    """Everything of a list, page by page."""
    cursor: str | None = None
    while True:
        page = await read(cursor)
        for record in page.items:
            yield record
        cursor = page.cursor
        if cursor is None:
            return


def _fields(entry: TimeEntry, entity: str | None) -> Fields:
    """What a withdrawal must be able to tell later is kept with it."""
    return {
        "status": APPROVED if entry.status == APPROVED else "other",
        "version": entry.version,
        "project_id": entry.project_id,
        "work_date": entry.work_date.isoformat(),
        "legal_entity_code": entity,
    }


def _approved(entry: TimeEntry, approved_at: datetime, entity: str | None) -> Transition:
    data = TimeApproved(
        time_entry_id=entry.id,
        version=entry.version,
        project_id=entry.project_id,
        kind=entry.kind,
        work_date=entry.work_date,
        hours=entry.hours,
        billable_hours=entry.billable_hours,
        approved_at=approved_at,
    )
    return Transition(event="time-approved", data=data, legal_entity_code=entity)


def _withdrawn(entry_id: str, former: Fields, at: datetime, entity: str | None) -> Transition:
    """Of the version that had been approved, on the project and day that it had then."""
    told = {"version": former["version"], "project_id": former["project_id"], "work_date": former["work_date"]}
    data = msgspec.convert({"time_entry_id": entry_id, "withdrawn_at": at, **told}, TimeApprovalWithdrawn)
    return Transition(event="time-approval-withdrawn", data=data, legal_entity_code=entity)


class Roles:
    """The background roles of the PSA service, one of each per connection and under a lease of its own."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def poll_time_entries(self, state: State) -> None:
        """Poll every connection, until cancelled."""

        def poller(connection: str, sight: Sight) -> Poller[TimeEntry | Deletion]:
            watch = TimeEntryWatch(sight)
            return self._poller(state, connection, TIME_ENTRY, watch.changed_since, watch.observe, _changed_at)

        await self._poll(state, TIME_ENTRY, poller)

    async def poll_expenses(self, state: State) -> None:
        def poller(connection: str, sight: Sight) -> Poller[Expense]:
            watch = ExpenseWatch(sight)
            return self._poller(state, connection, EXPENSE, watch.changed_since, watch.observe, lambda e: e.updated_at)

        await self._poll(state, EXPENSE, poller)

    async def poll_milestones(self, state: State) -> None:
        def poller(connection: str, sight: Sight) -> Poller[Milestone]:
            watch = MilestoneWatch(sight)
            return self._poller(state, connection, MILESTONE, watch.changed_since, watch.observe, None)

        await self._poll(state, MILESTONE, poller)

    async def _poll(self, state: State, kind: str, poller: Callable[[str, Sight], Poller[T]]) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(_until_cancelled())
            for connection, psa in state["connections"]:
                sight = await self._sight(state, connection, psa, kind)
                group.create_task(poller(connection, sight).run(asyncio.Event()))

    async def _sight(self, state: State, connection: str, psa: Psa, kind: str) -> Sight:
        """`watched_since` never moves; what is committed late may carry an earlier stamp."""
        watermarks = Watermarks(state["database"])
        since = await watermarks.at(connection, f"{kind} watch", self._clock.now())
        return Sight(
            connection=connection,
            psa=psa,
            directory=state["directory"],
            observer=state["observer"],
            watermarks=watermarks,
            watched_since=since - timedelta(seconds=state["settings"].poll_overlap_s),
            clock=self._clock,
        )

    def _poller(
        self,
        state: State,
        connection: str,
        kind: str,
        fetch: Callable[[datetime], AsyncIterator[T]],
        observe: Callable[[T], Awaitable[object]],
        changed_at: Callable[[T], datetime] | None,
    ) -> Poller[T]:
        settings, database = state["settings"], state["database"]
        return Poller(
            connection,
            kind,
            fetch_changed_since=fetch,
            observe=observe,
            watermarks=Watermarks(database),
            lease=Lease(database.url, f"{database.schema}:poll:{connection}:{kind}"),
            clock=self._clock,
            interval_s=settings.poll_interval_s,
            overlap=timedelta(seconds=settings.poll_overlap_s),
            changed_at=changed_at,
        )


def _changed_at(seen: TimeEntry | Deletion) -> datetime:
    return seen.deleted_at if isinstance(seen, Deletion) else seen.updated_at


async def _until_cancelled() -> None:
    """A role without connections must not end: it would be started again at once."""
    await asyncio.Event().wait()
