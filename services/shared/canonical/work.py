"""What people see of the processes: runs with their steps, exceptions, approvals, bindings. Master: Syncline itself."""

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from canonical.events import ExceptionClass
from canonical.ids import ApprovalId, ExceptionId, OnboardingId, OpportunityId
from canonical.moments import Moment
from canonical.money import Money
from canonical.references import Code, ConnectionName, ExternalId, LegalEntityCode, Source
from canonical.sales import TaxTreatment

OnboardingState = Annotated[
    str,
    Meta(
        extra_json_schema={
            "x-extensible-enum": [
                "running",
                "waiting_for_approval",
                "in_exception",
                "activated",
                "amended",
                "closed_without_project",
                "validated",
                "shadowed",
                "discarded",
            ]
        }
    ),
]
StepState = Annotated[
    str, Meta(extra_json_schema={"x-extensible-enum": ["running", "retrying", "done", "failed", "undone"]})
]
Mode = Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["off", "read", "shadow", "automatic"]})]
Reason = Annotated[str, Meta(min_length=3, max_length=500, pattern=r"\S")]


class StepRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a run. `system` is the capability it called, absent for Syncline's own work."""

    name: str
    state: StepState
    system: str | None
    attempts: int
    started_at: Moment
    ended_at: Moment | None
    detail: str | None
    trace_id: str | None


class OnboardingRefs(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has found or made so far, by canonical id."""

    contract_id: str | None = None
    customer_id: str | None = None
    project_id: str | None = None
    customer_account_id: str | None = None
    billing_account_id: str | None = None
    billing_schedule_id: str | None = None
    project_shell_id: str | None = None


class Onboarding(msgspec.Struct, frozen=True, kw_only=True):
    """One run of project-onboarding, from the win to the activated project."""

    id: OnboardingId
    run_id: str
    opportunity_id: OpportunityId
    name: str
    state: OnboardingState
    kind: str | None
    mode: Mode | None
    legal_entity_code: LegalEntityCode | None
    value: Money | None
    refs: OnboardingRefs
    won_at: Moment
    started_at: Moment
    activated_at: Moment | None
    ended_at: Moment | None
    updated_at: Moment
    waiting_s: Annotated[float, Meta(description="seconds spent waiting for people so far")]
    trace_id: str | None
    steps: tuple[StepRecord, ...] = ()


class NewOnboarding(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Ask for the onboarding of a won opportunity. Asking again gives the same run."""

    opportunity_id: OpportunityId


class OnboardingEdits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a person may correct in a run that waits; what is absent stays as it was."""

    cost_centre_code: Code | None = None
    tax_treatment: TaxTreatment | None = None
    payment_terms_code: Code | None = None


class RetryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Reason


class EditRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Reason
    edits: OnboardingEdits


class DiscardRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    reason: Reason


class SystemSection(msgspec.Struct, frozen=True, kw_only=True):
    """What one platform says about a project right now, or that it cannot say."""

    system: str
    status: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["fresh", "unavailable", "absent"]})]
    record_id: str | None
    state: str | None
    external_ids: tuple[ExternalId, ...] = ()
    source: Source | None = None


class OnboardingSystems(msgspec.Struct, frozen=True, kw_only=True):
    """Each platform's view of the run's project, read now, side by side."""

    onboarding_id: OnboardingId
    sections: tuple[SystemSection, ...]


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is missing or wrong, and how to mend it."""

    code: str
    field: str
    message: str
    fix: str


class Comment(msgspec.Struct, frozen=True, kw_only=True):
    by: str
    at: Moment
    text: str


class ExceptionCase(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person must see to: what, why, whose, how much it holds up, and how to mend it."""

    id: ExceptionId
    exception_class: ExceptionClass
    code: str
    title: str
    detail: str
    process: str
    run_id: str
    step: str
    blocking: bool
    legal_entity_code: str | None
    owner_team: str
    assignee: str | None
    priority: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["low", "normal", "high"]})]
    value_at_stake: Money | None
    raised_at: Moment
    due_at: Moment
    resolved_at: Moment | None
    status: Annotated[
        str,
        Meta(
            extra_json_schema={
                "x-extensible-enum": ["open", "assigned", "waiting", "retrying", "resolved", "discarded"]
            }
        ),
    ]
    findings: tuple[Finding, ...]
    suggested_fix: str
    refs: dict[str, str]
    comments: tuple[Comment, ...]
    updated_at: Moment


class ExceptionChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Assign an exception to a person, or say something about it."""

    reason: Reason
    assignee: Code | None = None
    comment: Annotated[str, Meta(min_length=1, max_length=2000)] | None = None


class ExceptionDecision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to do: try again, with edits or without; discard the run; or call done what holds nothing up."""

    decision: Literal["retry", "edit", "discard", "resolve"]
    reason: Reason
    edits: OnboardingEdits | None = None


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that somebody with the authority must take before a run goes on.

    `barred` have worked on what is decided, and may not decide it. One that nobody took in time is `expired`; one
    whose question has changed is `withdrawn`, and asked anew.
    """

    id: ApprovalId
    process: str
    run_id: str
    subject: str
    required_role: str
    because: tuple[str, ...]
    barred: tuple[str, ...] = ()
    legal_entity_code: LegalEntityCode
    value: Money
    requested_by: str
    requested_at: Moment
    due_at: Moment
    reminded_at: Moment | None = None
    status: Annotated[
        str,
        Meta(extra_json_schema={"x-extensible-enum": ["pending", "approved", "rejected", "expired", "withdrawn"]}),
    ]
    decided_by: str | None
    decided_at: Moment | None
    reason: str | None


class ApprovalDecision(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    decision: Literal["approve", "reject"]
    reason: Reason


class Binding(msgspec.Struct, frozen=True, kw_only=True):
    """Which connection serves a capability for a legal entity from a date on, and how far Syncline may go with it."""

    legal_entity_code: LegalEntityCode
    capability: str
    connection: ConnectionName
    from_date: date
    mode: Mode
    updated_at: Moment


class BindingChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    connection: ConnectionName
    from_date: date
    mode: Literal["off", "read", "shadow", "automatic"]
    reason: Reason


class AuditRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to which thing, when and why."""

    at: Moment
    actor: str
    client_id: str
    action: str
    subject: str
    reason: str
    detail: dict[str, str]


class StateCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many runs are in a state, and their value by currency: sums are never made across currencies."""

    state: OnboardingState
    count: int
    value: tuple[Money, ...]


class CycleTime(msgspec.Struct, frozen=True, kw_only=True):
    """Project set-up cycle time: activated_at - won_at of the runs activated in the period, in seconds.

    Split into waiting for people (approvals and exceptions) and the rest, which is integration. First-time-right: no
    business exception and no human edit. Open runs are told by age, so that a stuck one cannot better the number.
    """

    activated: int
    p50_s: float | None
    p90_s: float | None
    waiting_p50_s: float | None
    waiting_p90_s: float | None
    first_time_right: int
    oldest_open_s: float | None


class OnboardingStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """All runs by state, and the cycle time of those activated in a period (half-open)."""

    states: tuple[StateCount, ...]
    period_from: Moment
    period_to: Moment
    cycle_time: CycleTime
    as_of: Moment


class OwnerCount(msgspec.Struct, frozen=True, kw_only=True):
    """The open exceptions of one owner: how many, how old the oldest is in seconds, what they hold up by currency."""

    owner_team: str
    count: int
    overdue: int
    oldest_s: float
    value_at_stake: tuple[Money, ...]


class ExceptionStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """The open exceptions by owner."""

    owners: tuple[OwnerCount, ...]
    as_of: Moment
