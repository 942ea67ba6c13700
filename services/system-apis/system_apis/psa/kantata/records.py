"""Kantata's records as the wire has them. Source: the vendor's published OpenAPI contract, API v1 (2026 copy).

A foreign key is there only when its association was included. Ids are texts, but some foreign keys are numbers.
"""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import msgspec

Id = str | int


class _Record(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    external_reference_ids: tuple[Id, ...] = ()
    custom_field_value_ids: tuple[Id, ...] = ()


class WorkspaceRecord(_Record, frozen=True, kw_only=True):
    """A project. `price_in_cents` counts units of which `currency_base_unit` make one of the currency."""

    title: str
    currency: str
    updated_at: datetime
    archived: bool = False
    stage: str = "project"
    start_date: date | None = None
    due_date: date | None = None
    price_in_cents: int | None = None
    currency_base_unit: int = 100
    rate_card_id: Id | None = None
    workspace_group_ids: tuple[Id, ...] = ()


class StoryRecord(_Record, frozen=True, kw_only=True):
    """A task or milestone."""

    title: str
    story_type: str
    created_at: datetime
    state: str = ""
    due_date: date | None = None
    billable: bool = True
    workspace_id: Id | None = None
    story_state_change_ids: tuple[Id, ...] = ()


class StateChangeRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A task came into a state."""

    id: str
    state: str
    created_at: datetime


class BillingMilestoneRecord(_Record, frozen=True, kw_only=True):
    title: str
    amount_in_cents: int
    currency: str
    billing_type: str = ""
    invoice_id: Id | None = None
    workspace_id: Id | None = None
    story_id: Id | None = None


class WorkspaceResourceRecord(_Record, frozen=True, kw_only=True):
    """A place in a project's team; without a user it is a demand for a role."""

    role_name: str | None = None
    workspace_id: Id | None = None
    user_id: Id | None = None


class WorkspaceAllocationRecord(_Record, frozen=True, kw_only=True):
    """Minutes of a resource over a range of days; soft may still be moved."""

    start_date: date
    end_date: date
    minutes: int
    hard: bool = False
    workspace_id: Id | None = None
    workspace_resource_id: Id | None = None


class UserRecord(_Record, frozen=True, kw_only=True):
    full_name: str
    email_address: str | None = None
    disabled: bool = False


class NamedRecord(_Record, frozen=True, kw_only=True):
    """A role, a workspace group or a custom field."""

    name: str


class LineRecord(_Record, frozen=True, kw_only=True):
    """What time entries and expenses have in common."""

    currency: str
    created_at: datetime
    updated_at: datetime
    approved: bool = False
    is_invoiced: bool = False
    notes: str | None = None
    currency_base_unit: int = 100
    workspace_id: Id | None = None
    user_id: Id | None = None
    active_submission_id: Id | None = None
    recent_submission_id: Id | None = None


class TimeEntryRecord(LineRecord, frozen=True, kw_only=True):
    """Minutes of a user on a day. The rate is per hour, frozen when the entry was made; absent without access to it."""

    date_performed: date
    time_in_minutes: int
    billable: bool = True
    rate_in_cents: int | None = None
    story_id: Id | None = None
    role_id: Id | None = None


class ForeignAmountRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What was paid in another currency than the project's."""

    source_value: Decimal
    source_currency: str


class ExpenseRecord(LineRecord, frozen=True, kw_only=True):
    """The amount is in the project's currency."""

    date: date
    category: str
    amount_in_cents: int
    is_billable: bool = True
    reimbursable: bool = False
    foreign_exchange_amount: ForeignAmountRecord | None = None


class SubmissionRecord(_Record, frozen=True, kw_only=True):
    """A timesheet or expense report, and what was last decided about it: when is a text, of a moment or of a day."""

    status: str
    updated_at: datetime
    current_resolution_created_at_date: str | None = None
    current_resolution_creator_id: Id | None = None


class InvoiceRecord(_Record, frozen=True, kw_only=True):
    """`user_invoice_number` takes whole numbers only: our own number stands in the title."""

    status: str
    user_invoice_title: str | None = None
    workspace_ids: tuple[Id, ...] = ()


class RateCardSetRecord(_Record, frozen=True, kw_only=True):
    title: str
    account_default: bool = False
    workspace_group_ids: tuple[Id, ...] = ()


class RateCardSetVersionRecord(_Record, frozen=True, kw_only=True):
    """Published once it is `active`."""

    effective_date: date
    active: bool = False


class RateCardRecord(_Record, frozen=True, kw_only=True):
    currency: str
    rate_card_set_title: str = ""
    rate_card_set_id: Id | None = None


class RateCardVersionRecord(_Record, frozen=True, kw_only=True):
    """`default_rate` holds for every role without a rate of its own."""

    created_at: datetime
    default_rate: int | None = None
    rate_card_set_version_id: Id | None = None


class RateCardRoleRecord(_Record, frozen=True, kw_only=True):
    """The rate of an hour, in the currency's smallest units."""

    rate: int
    role_id: Id | None = None


class AccountingRecord(_Record, frozen=True, kw_only=True):
    """What finance keeps of a project for a period, whose both days count, in main units of its currency."""

    type: str
    currency: str
    start_date: date
    end_date: date
    updated_at: datetime
    amount: Decimal | None = None
    workspace_id: Id | None = None


class EventRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An event of the account; events come in any order, some twice."""

    id: str
    subject_id: Id
    subject_changed_at: datetime


class ReferenceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What another system's record is called. One per service name and subject."""

    id: str
    service_name: str
    service_model: str
    service_model_ref: str


class FieldValueRecord(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    custom_field_name: str | None = None  # its id comes only with an include of its own
    value: Any = None
    subject_id: Id | None = None


class ResultRecord(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    id: str


class MetaRecord(msgspec.Struct, frozen=True, kw_only=True):
    count: int = 0
    page_count: int = 0
    page_number: int = 1


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """An answer: the order is in `results`, the records are in a map per kind, side-loaded ones among them."""

    results: tuple[ResultRecord, ...]
    meta: MetaRecord = MetaRecord()
    workspaces: dict[str, WorkspaceRecord] = {}
    stories: dict[str, StoryRecord] = {}
    billing_milestones: dict[str, BillingMilestoneRecord] = {}
    workspace_resources: dict[str, WorkspaceResourceRecord] = {}
    workspace_allocations: dict[str, WorkspaceAllocationRecord] = {}
    users: dict[str, UserRecord] = {}
    roles: dict[str, NamedRecord] = {}
    workspace_groups: dict[str, NamedRecord] = {}
    custom_fields: dict[str, NamedRecord] = {}
    external_references: dict[str, ReferenceRecord] = {}
    custom_field_values: dict[str, FieldValueRecord] = {}
    story_state_changes: dict[str, StateChangeRecord] = {}
    time_entries: dict[str, TimeEntryRecord] = {}
    expenses: dict[str, ExpenseRecord] = {}
    timesheet_submissions: dict[str, SubmissionRecord] = {}
    expense_report_submissions: dict[str, SubmissionRecord] = {}
    invoices: dict[str, InvoiceRecord] = {}
    rate_card_sets: dict[str, RateCardSetRecord] = {}
    rate_card_set_versions: dict[str, RateCardSetVersionRecord] = {}
    rate_cards: dict[str, RateCardRecord] = {}
    rate_card_versions: dict[str, RateCardVersionRecord] = {}
    rate_card_roles: dict[str, RateCardRoleRecord] = {}
    project_accounting_records: dict[str, AccountingRecord] = {}
    subscribed_events: dict[str, EventRecord] = {}

    def referenced(self, record: _Record) -> tuple[ReferenceRecord, ...]:
        """The external references of a record, as far as they came along."""
        found = (self.external_references.get(str(key)) for key in record.external_reference_ids)
        return tuple(reference for reference in found if reference is not None)

    def field_value(self, record: _Record, name: str) -> Any:
        """The value of the custom field of that name, or none."""
        for key in record.custom_field_value_ids:
            value = self.custom_field_values.get(str(key))
            if value is not None and value.custom_field_name == name:
                return value.value
        return None
