"""The data of each canonical event. Names of changed fields travel, never pay, cost rates or reasons of absence.

One struct per `syncline.<name>.v<major>`; JSON Schemas and golden samples: contracts/events/.
"""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.ids import (
    BillingScheduleId,
    ContractId,
    CustomerId,
    ExceptionId,
    ExpenseId,
    InvoiceId,
    MilestoneId,
    OpportunityId,
    PersonId,
    ProjectId,
    ProjectShellId,
    ReceivableId,
    RecognitionId,
    ReleaseId,
    TimeEntryId,
    WorkerId,
)
from canonical.moments import Moment
from canonical.money import Money
from canonical.references import LegalEntityCode

ExceptionClass = Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["business", "technical", "in_doubt"]})]
Resolution = Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["retried", "edited", "auto", "discarded"]})]


class OpportunityWon(msgspec.Struct, frozen=True, kw_only=True):
    """A sale is won. Produced by crm; `won_at` is the moment the CRM recorded it."""

    opportunity_id: OpportunityId
    customer_id: CustomerId
    contract_id: ContractId | None
    kind: str
    value: Money
    won_at: Moment


class EmployeeCreated(msgspec.Struct, frozen=True, kw_only=True):
    """A worker is known to HR for the first time. Produced by hr; two clocks: effective and recorded."""

    worker_id: WorkerId
    person_id: PersonId
    worker_number: str
    employment_kind: str
    effective_date: date
    recorded_at: Moment


class ProjectApproved(msgspec.Struct, frozen=True, kw_only=True):
    """Everyone the approval matrix asks for has agreed (possibly nobody). Produced by project-onboarding."""

    opportunity_id: OpportunityId
    contract_id: ContractId
    customer_id: CustomerId
    value: Money
    approved_by: tuple[str, ...]
    approved_at: Moment


class ProjectActivated(msgspec.Struct, frozen=True, kw_only=True):
    """The project is open for time, its schedule active, its shell confirmed. Produced by project-onboarding."""

    project_id: ProjectId
    opportunity_id: OpportunityId
    contract_id: ContractId
    customer_id: CustomerId
    billing_schedule_id: BillingScheduleId
    project_shell_id: ProjectShellId
    legal_entity_code: LegalEntityCode
    value: Money
    won_at: Moment
    activated_at: Moment


class ContractAmended(msgspec.Struct, frozen=True, kw_only=True):
    """An extension or change order has reached project, schedule and shell. Produced by project-onboarding."""

    contract_id: ContractId
    amended_contract_id: ContractId
    project_id: ProjectId
    value: Money
    amended_at: Moment


class ExceptionRaised(msgspec.Struct, frozen=True, kw_only=True):
    """A person is needed. Produced by operations."""

    exception_id: ExceptionId
    code: str
    exception_class: ExceptionClass
    process: str
    run_id: str
    step: str
    owner_team: str
    value_at_stake: Money | None
    raised_at: Moment


class ExceptionResolved(msgspec.Struct, frozen=True, kw_only=True):
    """What was needed has been done, or the matter was discarded. Produced by operations."""

    exception_id: ExceptionId
    code: str
    run_id: str
    resolution: Resolution
    resolved_at: Moment


class TimeApproved(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a time entry is approved: billable, non-billable or internal. Produced by psa."""

    time_entry_id: TimeEntryId
    version: str
    project_id: ProjectId
    kind: str
    work_date: date
    hours: str
    billable_hours: str
    approved_at: Moment


class TimeApprovalWithdrawn(msgspec.Struct, frozen=True, kw_only=True):
    """The approval of a version is no longer good: it was withdrawn, or the entry changed. Produced by psa."""

    time_entry_id: TimeEntryId
    version: str
    project_id: ProjectId
    work_date: date
    withdrawn_at: Moment


class ExpenseApproved(msgspec.Struct, frozen=True, kw_only=True):
    """A version of an expense is approved. Produced by psa."""

    expense_id: ExpenseId
    version: str
    project_id: ProjectId
    spend_date: date
    amount: Money
    billable: bool
    approved_at: Moment


class MilestoneAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The customer has accepted a result. Produced by psa."""

    milestone_id: MilestoneId
    project_id: ProjectId
    amount: Money | None
    accepted_at: Moment


class InvoiceApproved(msgspec.Struct, frozen=True, kw_only=True):
    """Persons with the authority have agreed to issue a draft. Produced by invoice-release."""

    release_id: ReleaseId
    reference: str
    contract_id: ContractId
    legal_entity_code: LegalEntityCode
    document_date: date
    net: Money
    tax: Money
    gross: Money
    approved_by: tuple[str, ...]
    approved_at: Moment


class InvoiceIssued(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice has a number: it is a legal document now. Produced by billing."""

    invoice_id: InvoiceId
    number: str
    reference: str | None
    legal_entity_code: LegalEntityCode
    document_date: date
    net: Money
    tax: Money
    gross: Money
    issued_at: Moment


class InvoicePosted(msgspec.Struct, frozen=True, kw_only=True):
    """The receivable of an issued invoice stands in the ledger. Produced by invoice-release."""

    release_id: ReleaseId
    invoice_id: InvoiceId
    number: str
    receivable_id: ReceivableId
    document_number: str
    contract_id: ContractId
    legal_entity_code: LegalEntityCode
    document_date: date
    posting_date: date
    net: Money
    tax: Money
    gross: Money
    posted_at: Moment


class RevenuePosted(msgspec.Struct, frozen=True, kw_only=True):
    """Recognised revenue of a contract and period stands in the ledger. Produced by revenue-recognition."""

    recognition_id: RecognitionId
    contract_id: ContractId
    legal_entity_code: LegalEntityCode
    period_end: date
    posting_date: date
    revenue: Money
    cumulative_revenue: Money
    document_number: str
    posted_at: Moment


# The producer of each event; one producer per event (docs/events.md).
EVENTS: dict[str, type[msgspec.Struct]] = {
    "syncline.opportunity-won.v1": OpportunityWon,
    "syncline.employee-created.v1": EmployeeCreated,
    "syncline.project-approved.v1": ProjectApproved,
    "syncline.project-activated.v1": ProjectActivated,
    "syncline.contract-amended.v1": ContractAmended,
    "syncline.time-approved.v1": TimeApproved,
    "syncline.time-approval-withdrawn.v1": TimeApprovalWithdrawn,
    "syncline.expense-approved.v1": ExpenseApproved,
    "syncline.milestone-accepted.v1": MilestoneAccepted,
    "syncline.invoice-approved.v1": InvoiceApproved,
    "syncline.invoice-issued.v1": InvoiceIssued,
    "syncline.invoice-posted.v1": InvoicePosted,
    "syncline.revenue-posted.v1": RevenuePosted,
    "syncline.exception-raised.v1": ExceptionRaised,
    "syncline.exception-resolved.v1": ExceptionResolved,
}
