"""Projects, their plan and their staffing. Master: PSA."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.entries import BillingState
from canonical.ids import (
    AssignmentId,
    ContractId,
    CustomerId,
    MilestoneId,
    OpportunityId,
    ProjectId,
    ResourceId,
    ResourceRequestId,
    TaskId,
    WorkerId,
)
from canonical.moments import Moment
from canonical.money import Currency, Money, Rate
from canonical.references import Code, ExternalId, LegalEntityCode, ShortText

ProjectStatus = Annotated[
    str, Meta(extra_json_schema={"x-extensible-enum": ["set_up", "open_for_time", "closed_for_time", "closed"]})
]
Hours = Annotated[int, Meta(ge=1, le=100_000)]


class NewProject(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A project to be created closed for time, under the number agreed with the ERP."""

    number: Annotated[str, Meta(pattern=r"^[A-Z0-9][A-Z0-9-]{2,19}$(?!\n)")]
    name: ShortText
    opportunity_id: OpportunityId
    contract_id: ContractId
    contract_number: Code
    customer_id: CustomerId
    customer_name: ShortText
    legal_entity_code: LegalEntityCode
    currency: Currency
    start_date: date
    end_date: date
    budget: Money


class Project(msgspec.Struct, frozen=True, kw_only=True):
    """A unit of client work. Time is accepted only while `status` is open_for_time."""

    id: ProjectId
    external_ids: tuple[ExternalId, ...] = ()
    number: str
    name: str
    opportunity_id: str | None
    contract_id: str | None
    contract_number: str | None
    customer_id: str | None
    legal_entity_code: LegalEntityCode | None
    currency: Currency
    status: ProjectStatus
    start_date: date | None
    end_date: date | None
    budget: Money | None
    updated_at: Moment


class ProjectAmendment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An extension or change order: the new end and the new total budget of a running project."""

    contract_id: ContractId
    end_date: date
    budget: Money


class NewTask(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A piece of work that time is booked on."""

    title: ShortText
    billable: bool
    start_date: date
    end_date: date


class Task(msgspec.Struct, frozen=True, kw_only=True):
    id: TaskId
    external_ids: tuple[ExternalId, ...] = ()
    project_id: ProjectId
    title: str
    billable: bool


class NewMilestone(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A result with an amount that becomes due by it."""

    title: ShortText
    due_date: date
    amount: Money


class Milestone(msgspec.Struct, frozen=True, kw_only=True):
    """`completed` is the team's word, `accepted` the customer's; billing follows the contract's rule."""

    id: MilestoneId
    external_ids: tuple[ExternalId, ...] = ()
    project_id: ProjectId
    title: str
    due_date: date | None
    amount: Money | None
    completed: bool
    completed_at: Moment | None = None
    accepted: bool
    accepted_at: Moment | None = None
    accepted_by: str | None = None
    billing_state: BillingState = "unbilled"


class NewResourceRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A role to be staffed."""

    role: ShortText
    skills: tuple[Code, ...]
    hours: Hours
    start_date: date
    end_date: date
    bill_rate: Rate | None = None


class ResourceRequest(msgspec.Struct, frozen=True, kw_only=True):
    id: ResourceRequestId
    external_ids: tuple[ExternalId, ...] = ()
    project_id: ProjectId
    role: str
    status: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["open", "filled", "cancelled"]})]


class NewAssignment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person on a request; `tentative` may still be moved by resource management."""

    resource_request_id: ResourceRequestId
    resource_id: ResourceId
    start_date: date
    end_date: date
    hours: Hours
    tentative: bool = True


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    id: AssignmentId
    external_ids: tuple[ExternalId, ...] = ()
    project_id: ProjectId
    resource_id: ResourceId
    start_date: date
    end_date: date
    hours: int
    tentative: bool


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """A person as the PSA knows them. `worker_id` is absent until the record is matched to a worker."""

    id: ResourceId
    external_ids: tuple[ExternalId, ...] = ()
    worker_id: WorkerId | None
    name: str
    email: str | None
    active: bool


class NewMatch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A worker to be found again among the records of another platform: by number, else by two strong facts."""

    worker_id: WorkerId
    worker_number: Code
    name: ShortText
    email: ShortText | None


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """`result` is linked (one record), unmatched (none) or ambiguous (several, or too weak: a person decides)."""

    worker_id: WorkerId
    result: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["linked", "unmatched", "ambiguous"]})]
    matched_id: str | None
    matched_by: Annotated[
        str | None, Meta(extra_json_schema={"x-extensible-enum": ["worker_number", "email_and_name"]})
    ]
