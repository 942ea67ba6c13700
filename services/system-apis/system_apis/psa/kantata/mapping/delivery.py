"""Projects, plan and staffing: pure functions both ways. Native ids stay in the id fields."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from canonical.delivery import (
    Assignment,
    Milestone,
    NewAssignment,
    NewMilestone,
    NewProject,
    NewResourceRequest,
    NewTask,
    Project,
    Resource,
    ResourceRequest,
    Task,
)
from canonical.money import Money
from servicekit.failures import Failure, Kind
from system_apis.psa.kantata.api import reference
from system_apis.psa.kantata.records import (
    BillingMilestoneRecord,
    Envelope,
    Id,
    ReferenceRecord,
    StoryRecord,
    UserRecord,
    WorkspaceAllocationRecord,
    WorkspaceRecord,
    WorkspaceResourceRecord,
)

MARKER = "syncline"  # the service name of the reference that a write of ours leaves on its record
DEMAND_MARKER = "syncline-demand"
CUSTOMER = "syncline-customer"
# A number that people set in front of a project's title, such as "P-2041 Rollout".
_NUMBERED = re.compile(r"(?P<number>(?=\S*[0-9])[A-Z0-9][A-Z0-9-]{2,19}) (?P<name>.+)", re.DOTALL)
_COMPLETED = "completed"


def marker(model: str, key: str, service_name: str = MARKER) -> dict[str, str]:
    """What a record created under an operation key is found again by."""
    return reference(service_name, model, key)


def contract_reference(contract_number: str) -> dict[str, str]:
    """Also set by hand on projects that were there before Syncline."""
    return reference("contract-number", "Contract", contract_number)


def project_references(new: NewProject) -> tuple[dict[str, str], ...]:
    """The references of a project besides its marker."""
    return (
        reference("syncline-number", "Project", new.number),
        reference("syncline-opportunity", "Opportunity", new.opportunity_id),
        reference("syncline-contract", "Contract", new.contract_id),
        reference(CUSTOMER, "Customer", new.customer_id),
        contract_reference(new.contract_number),
    )


def from_new_project(new: NewProject, group_id: str, legal_entity_field_id: str) -> dict[str, Any]:
    """An estimate: Kantata's stage in which no time is entered."""
    return {
        "title": f"{new.number} {new.name}",
        "creator_role": "maven",
        "stage": "estimate",
        "budgeted": True,
        "price": _number(new.budget.value),
        "currency": new.currency,
        "start_date": new.start_date,
        "due_date": new.end_date,
        "workspace_group_ids": [group_id],
        "primary_workspace_group_id": group_id,
        "custom_fields": [{"custom_field_id": legal_entity_field_id, "value": new.legal_entity_code}],
    }


def amended(end_date: date, budget: Money) -> dict[str, Any]:
    return {"due_date": end_date, "price": _number(budget.value)}


def to_project(envelope: Envelope, record: WorkspaceRecord, legal_entity_field: str) -> Project:
    """The number and the links are our references; a project of others shows its number in its title, if at all.

    Custom fields are read by their names.
    """
    refs = _by_service(envelope.referenced(record))
    numbered = _NUMBERED.fullmatch(record.title)
    entity = envelope.field_value(record, legal_entity_field)
    return Project(
        id=record.id,
        number=refs.get("syncline-number") or (numbered["number"] if numbered else record.id),
        name=numbered["name"] if numbered else record.title,
        opportunity_id=refs.get("syncline-opportunity"),
        contract_id=refs.get("syncline-contract"),
        contract_number=refs.get("contract-number"),
        customer_id=refs.get(CUSTOMER),
        legal_entity_code=str(entity) if entity else None,
        currency=record.currency,
        status=_status(record),
        start_date=record.start_date,
        end_date=record.due_date,
        budget=_money(record.price_in_cents, record.currency, record.currency_base_unit),
        updated_at=record.updated_at,
    )


def from_new_task(new: NewTask, workspace_id: str) -> dict[str, Any]:
    return {
        "workspace_id": workspace_id,
        "title": new.title,
        "story_type": "task",
        "billable": new.billable,
        "start_date": new.start_date,
        "due_date": new.end_date,
    }


def to_task(record: StoryRecord) -> Task:
    return Task(id=record.id, project_id=known(record.workspace_id), title=record.title, billable=record.billable)


def from_new_milestone(new: NewMilestone, workspace_id: str) -> dict[str, Any]:
    return {"workspace_id": workspace_id, "title": new.title, "story_type": "milestone", "due_date": new.due_date}


def from_milestone_amount(new: NewMilestone, workspace: WorkspaceRecord, story_id: str) -> dict[str, Any]:
    """Billed upon completion of the task. Raises INVALID for an amount in another currency than the project's."""
    return {
        "workspace_id": workspace.id,
        "title": new.title,
        "amount_in_cents": in_cents(new.amount, workspace),
        "billing_type": "upon_completion",
        "story_id": story_id,
    }


def in_cents(amount: Money, workspace: WorkspaceRecord) -> int:
    """In the smallest units of the project's currency: 100 of them in one euro, 1 in one yen."""
    if amount.currency != workspace.currency:
        raise Failure(Kind.INVALID, f"the project is kept in {workspace.currency}", code="currency_mismatch")
    return int(amount.value * workspace.currency_base_unit)


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """Where the customer's acceptance is kept: the names of custom fields on the task, "" for none.

    The day is a date; as a moment it is noon in the account's zone, so that it is that day for everyone concerned.
    """

    day_field: str = ""
    person_field: str = ""
    time_zone: str = "UTC"


def to_milestone(
    envelope: Envelope, record: StoryRecord, billed: BillingMilestoneRecord | None, unit: int, kept: Acceptance
) -> Milestone:
    """`unit` is the base unit of the project's currency."""
    day = _day(envelope.field_value(record, kept.day_field)) if kept.day_field else None
    person = envelope.field_value(record, kept.person_field) if kept.person_field else None
    noon = None if day is None else datetime.combine(day, time(12), ZoneInfo(kept.time_zone)).astimezone(UTC)
    return Milestone(
        id=record.id,
        project_id=known(record.workspace_id),
        title=record.title,
        due_date=record.due_date,
        amount=None if billed is None else _money(billed.amount_in_cents, billed.currency, unit),
        completed=record.state == _COMPLETED,
        completed_at=_completed_at(envelope, record),
        accepted=noon is not None,
        accepted_at=noon,
        accepted_by=str(person) if person and noon is not None else None,
        billing_state="invoiced" if billed is not None and billed.invoice_id is not None else "unbilled",
    )


def _completed_at(envelope: Envelope, record: StoryRecord) -> datetime | None:
    """When the task last came into the state completed, if it still is in it."""
    found = (envelope.story_state_changes.get(str(key)) for key in record.story_state_change_ids)
    moments = [change.created_at for change in found if change is not None and change.state == _COMPLETED]
    return max(moments, default=None) if record.state == _COMPLETED else None


def _day(value: Any) -> date | None:
    """A custom field of the form date. Raises BAD_UPSTREAM for anything else: the field is of another form."""
    if not value:
        return None
    try:
        return date.fromisoformat(str(value))
    except ValueError as error:
        detail = "the PSA keeps the acceptance in a field that is no date"
        raise Failure(Kind.BAD_UPSTREAM, detail, vendor_detail=str(value)) from error


def from_demand(new: NewResourceRequest, resource_id: str) -> dict[str, Any]:
    """A demand for hours is a soft allocation of a resource that has no name yet."""
    wanted = [f"Skills: {', '.join(new.skills)}."] if new.skills else []
    if new.bill_rate is not None:
        wanted.append(f"Agreed rate: {new.bill_rate.amount} {new.bill_rate.currency} per {new.bill_rate.unit}.")
    return {
        "resource_id": resource_id,
        "start_date": new.start_date,
        "end_date": new.end_date,
        "minutes": new.hours * 60,
        "hard": False,
        "notes": " ".join(wanted),
    }


def to_resource_request(record: WorkspaceResourceRecord) -> ResourceRequest:
    """Filled as soon as the resource has a name."""
    return ResourceRequest(
        id=record.id,
        project_id=known(record.workspace_id),
        role=record.role_name or "",
        status="open" if record.user_id is None else "filled",
    )


def from_new_assignment(new: NewAssignment) -> dict[str, Any]:
    return {
        "start_date": new.start_date,
        "end_date": new.end_date,
        "minutes": new.hours * 60,
        "hard": not new.tentative,
    }


def to_assignment(record: WorkspaceAllocationRecord, user_id: str) -> Assignment:
    """Hours are whole in the canonical model; a part of an hour counts as one."""
    return Assignment(
        id=record.id,
        project_id=known(record.workspace_id),
        resource_id=user_id,
        start_date=record.start_date,
        end_date=record.end_date,
        hours=-(-record.minutes // 60),
        tentative=not record.hard,
    )


def to_resource(record: UserRecord) -> Resource:
    """`worker_id` holds the user's own id: which worker that is, only the directory knows."""
    return Resource(
        id=record.id,
        worker_id=record.id,
        name=record.full_name,
        email=record.email_address,
        active=not record.disabled,
    )


def _status(record: WorkspaceRecord) -> str:
    if record.archived:
        return "closed"
    return "set_up" if record.stage == "estimate" else "open_for_time"


def _by_service(references: Iterable[ReferenceRecord]) -> dict[str, str]:
    return {row.service_name: row.service_model_ref for row in references}


def known(foreign_key: Id | None) -> str:
    """A foreign key that was asked for by `include`."""
    if foreign_key is None:
        raise Failure(Kind.BAD_UPSTREAM, "the PSA left out what was asked for", vendor_detail="foreign key absent")
    return str(foreign_key)


def _money(cents: int | None, currency: str, unit: int) -> Money | None:
    return None if cents is None else Money.of(Decimal(cents) / unit, currency)


def _number(value: Decimal) -> msgspec.Raw:
    """A JSON number with every digit, which a float would not keep."""
    return msgspec.Raw(f"{value:f}".encode())
