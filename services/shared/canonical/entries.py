"""What was worked and spent, at which price, who approved it; rate cards; what is billed, recognised. Master: PSA."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.effective import DateRange
from canonical.ids import (
    BillingMarkId,
    ExpenseId,
    MilestoneId,
    ProjectId,
    RecognisedRevenueId,
    ResourceId,
    TaskId,
    TimeEntryId,
)
from canonical.moments import Moment
from canonical.money import Currency, Money, QuantityText, Rate
from canonical.references import Code, ExternalId

EntryKind = Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["billable", "non_billable", "internal"]})]
EntryStatus = Annotated[
    str, Meta(extra_json_schema={"x-extensible-enum": ["draft", "submitted", "approved", "rejected"]})
]
BillingState = Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["unbilled", "invoiced"]})]
Version = Annotated[
    str, Meta(min_length=1, max_length=64, description="changes whenever anything changes that is billed or counted")
]


class TimeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Work of one person on one day (the worker's local date). A changed entry has another `version`.

    `bill_rate` is the price that the PSA froze, absent where it holds none; `billable_hours` is what the PSA bills of
    `hours`, by its own rounding. `internal` is work on a project without a customer.
    """

    id: TimeEntryId
    external_ids: tuple[ExternalId, ...] = ()
    version: Version
    project_id: ProjectId
    task_id: TaskId | None
    resource_id: ResourceId
    role: str | None
    work_date: date
    hours: QuantityText
    billable_hours: QuantityText
    kind: EntryKind
    bill_rate: Rate | None
    narrative: str
    status: EntryStatus
    approved_by: str | None
    approved_at: Moment | None
    billing_state: BillingState
    updated_at: Moment


class Expense(msgspec.Struct, frozen=True, kw_only=True):
    """Money spent for a project. `amount` is net of recoverable tax, in the project's currency; `spent` what was paid.

    Billable to the client and reimbursable to the worker are two things.
    """

    id: ExpenseId
    external_ids: tuple[ExternalId, ...] = ()
    version: Version
    project_id: ProjectId
    resource_id: ResourceId
    category: str
    spend_date: date
    amount: Money
    spent: Money
    billable: bool
    reimbursable: bool
    narrative: str
    status: EntryStatus
    approved_by: str | None
    approved_at: Moment | None
    billing_state: BillingState
    updated_at: Moment


class RoleRate(msgspec.Struct, frozen=True, kw_only=True):
    """What an hour of a role costs the client."""

    role: str
    rate: Rate


class RateCard(msgspec.Struct, frozen=True, kw_only=True):
    """Agreed prices by role for a range of work dates. Of several for a project the narrowest scope comes first."""

    name: str
    scope: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["project", "customer", "entity"]})]
    currency: Currency
    effective: DateRange
    recorded_at: Moment
    rates: tuple[RoleRate, ...]


class RecognisedRevenue(msgspec.Struct, frozen=True, kw_only=True):
    """What finance holds in the PSA as the revenue of a project in a period: of that period alone, not to date.

    A period may have several, of different kinds of service; a correction is negative, or takes the former's place.
    """

    id: RecognisedRevenueId
    external_ids: tuple[ExternalId, ...] = ()
    project_id: ProjectId
    period: DateRange
    amount: Money
    updated_at: Moment


class NewBillingMark(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Entries, expenses and milestones of a project that stand on an issued invoice: nobody may bill them again."""

    invoice_number: Code
    invoice_date: date
    time_entry_ids: Annotated[tuple[TimeEntryId, ...], Meta(max_length=2000)] = ()
    expense_ids: Annotated[tuple[ExpenseId, ...], Meta(max_length=500)] = ()
    milestone_ids: Annotated[tuple[MilestoneId, ...], Meta(max_length=100)] = ()


class BillingMark(msgspec.Struct, frozen=True, kw_only=True):
    """The mark, as the PSA keeps it. A cancelled one lets go of what it held."""

    id: BillingMarkId
    external_ids: tuple[ExternalId, ...] = ()
    project_id: ProjectId
    invoice_number: str
    cancelled: bool
