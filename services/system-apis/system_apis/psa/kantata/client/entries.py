"""Time entries and expenses, a page of many projects at a time (page sections 5.7 and 5.8).

An approval changes the timesheet, and the entry's own `updated_at` may stand still: what changed is what the entries
say, and then the entries of what the timesheets say. Expense reports are to expenses what timesheets are to time.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Generic, TypeVar

import msgspec

from canonical.entries import Expense, TimeEntry
from servicekit.failures import Failure, Kind
from system_apis.listing import Listing
from system_apis.psa.kantata.client.account import Account
from system_apis.psa.kantata.client.sweeping import Place, Row, cursor_of, place_of, since
from system_apis.psa.kantata.mapping import Around, to_expense, to_time_entry
from system_apis.psa.kantata.records import Envelope, LineRecord, SubmissionRecord, TimeEntryRecord
from system_apis.psa.port import Deletion, EntryQuery

L = TypeVar("L", TimeEntry, Expense)

_FIRST_DAY = date(2000, 1, 1)
_TIMESHEETS_AT_ONCE = 20


class _Collection(msgspec.Struct, Generic[L], frozen=True, kw_only=True):
    """One of the two collections as Kantata names its parts."""

    kind: str
    submissions: str
    include: str
    between: str  # the filter by day
    of_submissions: str  # the filter by submissions, rejected and cancelled ones too
    spent_on: Callable[[L], date]


_TIME = _Collection[TimeEntry](
    kind="time_entries",
    submissions="timesheet_submissions",
    include="active_submission,recent_submission,role,story,user,workspace",
    between="date_performed_between",
    of_submissions="with_recent_timesheet_ids",
    spent_on=lambda entry: entry.work_date,
)
_EXPENSES = _Collection[Expense](
    kind="expenses",
    submissions="expense_report_submissions",
    include="active_submission,recent_submission,user,workspace",
    between="date_expensed_between",
    of_submissions="with_recent_expense_report_ids",
    spent_on=lambda expense: expense.spend_date,
)


class Entries(Account):
    """The part of the port that is about time and expenses."""

    async def time_entries(self, query: EntryQuery, cursor: str | None, limit: int) -> Listing[TimeEntry]:
        return await self._page(_TIME, self._to_time_entries, query, cursor, limit)

    async def time_entry(self, native_id: str) -> TimeEntry:
        envelope = await self._api.one("time_entries", native_id, _TIME.include, from_archived_workspaces="true")
        return (await self._to_time_entries(envelope, [native_id]))[0]

    async def expenses(self, query: EntryQuery, cursor: str | None, limit: int) -> Listing[Expense]:
        return await self._page(_EXPENSES, self._to_expenses, query, cursor, limit)

    async def expense(self, native_id: str) -> Expense:
        envelope = await self._api.one("expenses", native_id, _EXPENSES.include, from_archived_workspaces="true")
        return (await self._to_expenses(envelope, [native_id]))[0]

    async def deleted_time_entries(self, since: datetime) -> tuple[Deletion, ...]:
        """From the subscribed events, if the account has them: deleted records show nowhere else (page section 6)."""
        if not self._settings.deletions_from_events:
            return ()
        told = await self._api.all(
            "subscribed_events", "", event_types="time_entry:deleted", created_after=since.isoformat()
        )
        events = (told.subscribed_events[row.id] for row in told.results)
        return tuple(Deletion(native_id=str(event.subject_id), deleted_at=event.subject_changed_at) for event in events)

    async def _page(
        self,
        collection: _Collection[L],
        to_lines: Callable[[Envelope, Sequence[str]], Awaitable[list[L]]],
        query: EntryQuery,
        cursor: str | None,
        limit: int,
    ) -> Listing[L]:
        place = place_of(cursor)
        groups, following = "", None
        if place.group is not None:
            groups, following = await self._changed(collection, query, place.group)
            if not groups:
                return Listing(items=())
        filters = {**_filters(collection, query, grouped=place.group is not None), **place.window()}
        if groups:
            filters[collection.of_submissions] = groups
        envelope = await self._api.window(collection.kind, collection.include, place.read, place.size(limit), **filters)
        ids, after = place.taken(_rows(envelope, collection.kind), limit, envelope.meta.count)
        if after is None:
            after = Place(group=0) if place.group is None and query.updated_after is not None else following
        lines = await to_lines(envelope, ids)
        return Listing(items=tuple(one for one in lines if _fits(collection, one, query)), cursor=cursor_of(after))

    async def _changed(self, collection: _Collection[L], query: EntryQuery, done: int) -> tuple[str, Place | None]:
        """The next few submissions that changed, comma-separated, and the place behind them."""
        filters = {"order": "date:asc", "updated_after": since(_wanted(query.updated_after))}
        if query.project is not None:
            filters["workspace_id"] = query.project
        envelope = await self._api.window(collection.submissions, "", done, _TIMESHEETS_AT_ONCE, **filters)
        end = done + len(envelope.results)
        following = Place(group=end) if end < envelope.meta.count else None
        return ",".join(row.id for row in envelope.results), following

    async def _to_time_entries(self, envelope: Envelope, ids: Sequence[str]) -> list[TimeEntry]:
        records = [envelope.time_entries[one] for one in ids]
        around = await self._around(records, envelope.timesheet_submissions, records)
        return [to_time_entry(envelope, record, around) for record in records]

    async def _to_expenses(self, envelope: Envelope, ids: Sequence[str]) -> list[Expense]:
        records = [envelope.expenses[one] for one in ids]
        around = await self._around(records, envelope.expense_report_submissions, ())
        return [to_expense(envelope, record, around) for record in records]

    async def _around(
        self,
        records: Sequence[LineRecord],
        submissions: Mapping[str, SubmissionRecord],
        timed: Sequence[TimeEntryRecord],
    ) -> Around:
        """Whoever approved, and which projects of unbillable time have no customer: a call for each that is new."""
        active = (submissions.get(str(record.active_submission_id)) for record in records)
        deciders = {
            str(one.current_resolution_creator_id)
            for one in active
            if one is not None and one.current_resolution_creator_id is not None
        }
        projects = {str(record.workspace_id) for record in timed if not record.billable}
        internal = await self._internal.of(projects, self._without_customer)
        return Around(
            people=await self._people.of(deciders, self._names) if deciders else {},
            internal=frozenset(project for project, alone in internal.items() if alone),
        )

    async def _names(self, user_ids: str) -> dict[str, str]:
        found = await self._api.all("users", "", only=user_ids, on_my_account="true")
        return {key: user.email_address or user.full_name for key, user in found.users.items()}

    async def _without_customer(self, workspace_ids: str) -> dict[str, bool]:
        """Whether a project belongs to no client group; one that cannot be seen is taken for a client's."""
        found = await self._api.all("workspaces", "workspace_groups", only=workspace_ids, include_archived="true")
        unseen = dict.fromkeys(workspace_ids.split(","), False)
        return unseen | {key: not record.workspace_group_ids for key, record in found.workspaces.items()}


def _filters(collection: _Collection[L], query: EntryQuery, *, grouped: bool) -> dict[str, str]:
    """As near as Kantata's own filters come; `_fits` does the rest.

    `approved`, `invoiced` and `uninvoiced` count by their presence: they are never sent to say no (page section 9, 2).
    """
    filters = {"from_archived_workspaces": "true"}
    if query.project is not None:
        filters["workspace_id"] = query.project
    if query.status == "approved":
        filters["approved"] = "true"
    if query.billing_state is not None:
        filters["invoiced" if query.billing_state == "invoiced" else "uninvoiced"] = "true"
    if query.before is not None:
        filters[collection.between] = f"{_FIRST_DAY}:{query.before - timedelta(days=1)}"
    if query.updated_after is not None and not grouped:
        filters["updated_after"] = since(query.updated_after)
    return filters


def _fits(collection: _Collection[L], line: L, query: EntryQuery) -> bool:
    return (
        query.status in {None, line.status}
        and query.billing_state in {None, line.billing_state}
        and (query.before is None or collection.spent_on(line) < query.before)
    )


def _rows(envelope: Envelope, kind: str) -> list[Row]:
    records: Mapping[str, LineRecord] = getattr(envelope, kind)
    return [(row.id, records[row.id].created_at) for row in envelope.results]


def _wanted(moment: datetime | None) -> datetime:
    """A cursor that leads among changed timesheets belongs to a question for changes."""
    if moment is None:
        raise Failure(Kind.INVALID, "the cursor belongs to another question", code="invalid_cursor")
    return moment
