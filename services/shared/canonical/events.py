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
    OpportunityId,
    PersonId,
    ProjectId,
    ProjectShellId,
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


# The producer of each event; one producer per event (docs/events.md).
EVENTS: dict[str, type[msgspec.Struct]] = {
    "syncline.opportunity-won.v1": OpportunityWon,
    "syncline.employee-created.v1": EmployeeCreated,
    "syncline.project-approved.v1": ProjectApproved,
    "syncline.project-activated.v1": ProjectActivated,
    "syncline.contract-amended.v1": ContractAmended,
    "syncline.exception-raised.v1": ExceptionRaised,
    "syncline.exception-resolved.v1": ExceptionResolved,
}
