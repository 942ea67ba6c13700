"""What was worked and spent, of one project or of a whole platform."""

from datetime import date
from typing import Annotated, Literal

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter

from canonical.entries import Expense, TimeEntry
from canonical.paging import Page
from servicekit.auth import requires
from servicekit.contract import documented
from servicekit.failures import Kind
from servicekit.spans import day_within
from system_apis.psa.desk import Desk
from system_apis.psa.port import EntryQuery
from system_apis.psa.routes import DESK
from system_apis.routing import (
    ETAG,
    PLATFORM,
    ChangedSince,
    ConnectionParameter,
    Cursor,
    IfNoneMatch,
    Limit,
    tagged,
    zoned,
)

TimeEntryPath = Annotated[str, PathParameter(pattern=r"^ten_[0-9a-f]{32}$")]
ExpensePath = Annotated[str, PathParameter(pattern=r"^xpn_[0-9a-f]{32}$")]
OfProject = Annotated[
    str | None, QueryParameter(pattern=r"^prj_[0-9a-f]{32}$", description="Only of this project; without it, of all.")
]
InStatus = Annotated[
    Literal["draft", "submitted", "approved", "rejected"] | None, QueryParameter(description="Only in this status.")
]
Billed = Annotated[
    Literal["unbilled", "invoiced"] | None, QueryParameter(description="Only what is marked as billed, or what is not.")
]
WorkedBefore = Annotated[date | None, QueryParameter(description="Only of work dates before this day.")]
SpentBefore = Annotated[date | None, QueryParameter(description="Only of spend dates before this day.")]


class TimeEntryRoutes(Controller):
    """Time entries."""

    path = "/v1/time-entries"
    tags = ("entries",)
    dependencies = DESK

    @get(
        "/",
        operation_id="listTimeEntries",
        guards=[requires("psa.time-entries.read")],
        responses=documented(*PLATFORM, Kind.GONE),
    )
    async def many(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        project_id: OfProject = None,
        status: InStatus = None,
        billing_state: Billed = None,
        work_date_before: WorkedBefore = None,
        updated_after: ChangedSince = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[TimeEntry]:
        """Time entries in the order in which they were entered; with `updated_after` some may come twice.

        A page may hold fewer than `limit`, even none: only an absent `next` ends the list.
        """
        query = EntryQuery(
            project=await desk.native_project(connection, project_id),
            status=status,
            billing_state=billing_state,
            before=None if work_date_before is None else day_within(work_date_before),
            updated_after=zoned(updated_after),
        )
        return await desk.page(
            connection, cursor, lambda psa, place: psa.time_entries(query, place, limit), TimeEntry, query
        )

    @get(
        "/{time_entry_id:str}",
        operation_id="getTimeEntry",
        guards=[requires("psa.time-entries.read")],
        responses=documented(*PLATFORM),
        response_headers=[ETAG],
    )
    async def one(
        self, desk: NamedDependency[Desk], time_entry_id: TimeEntryPath, if_none_match: IfNoneMatch = None
    ) -> Response[TimeEntry]:
        """One time entry, read from its platform now."""
        entry = await desk.with_record("time_entry", time_entry_id, lambda psa, native_id: psa.time_entry(native_id))
        return tagged(entry, if_none_match)


class ExpenseRoutes(Controller):
    """Expenses."""

    path = "/v1/expenses"
    tags = ("entries",)
    dependencies = DESK

    @get(
        "/",
        operation_id="listExpenses",
        guards=[requires("psa.expenses.read")],
        responses=documented(*PLATFORM, Kind.GONE),
    )
    async def many(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        project_id: OfProject = None,
        status: InStatus = None,
        billing_state: Billed = None,
        spend_date_before: SpentBefore = None,
        updated_after: ChangedSince = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[Expense]:
        """Expenses in the order in which they were entered; with `updated_after` some may come twice.

        A page may hold fewer than `limit`, even none: only an absent `next` ends the list.
        """
        query = EntryQuery(
            project=await desk.native_project(connection, project_id),
            status=status,
            billing_state=billing_state,
            before=None if spend_date_before is None else day_within(spend_date_before),
            updated_after=zoned(updated_after),
        )
        return await desk.page(connection, cursor, lambda psa, place: psa.expenses(query, place, limit), Expense, query)

    @get(
        "/{expense_id:str}",
        operation_id="getExpense",
        guards=[requires("psa.expenses.read")],
        responses=documented(*PLATFORM),
        response_headers=[ETAG],
    )
    async def one(
        self, desk: NamedDependency[Desk], expense_id: ExpensePath, if_none_match: IfNoneMatch = None
    ) -> Response[Expense]:
        """One expense, read from its platform now."""
        expense = await desk.with_record("expense", expense_id, lambda psa, native_id: psa.expense(native_id))
        return tagged(expense, if_none_match)
