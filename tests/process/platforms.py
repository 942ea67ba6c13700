"""The six capabilities in memory, as the process layer's clients show them: each write happens once per key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from canonical.billing import BillingAccount, BillingSchedule, NewBillingAccount, NewBillingSchedule, ScheduleAmendment
from canonical.delivery import (
    Assignment,
    Match,
    Milestone,
    NewAssignment,
    NewMatch,
    NewMilestone,
    NewProject,
    NewResourceRequest,
    NewTask,
    Project,
    ProjectAmendment,
    Resource,
    ResourceRequest,
    Task,
)
from canonical.effective import DateRange
from canonical.ledger import (
    AccountingPeriod,
    CustomerAccount,
    DimensionValue,
    LegalEntity,
    NewCustomerAccount,
    NewProjectShell,
    PaymentTerms,
    ProjectShell,
    ShellAmendment,
    TaxCode,
)
from canonical.people import Absence, Worker
from canonical.sales import Contract, Customer, Opportunity
from servicekit.failures import Failure, Kind
from servicekit.ids import mint

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


@dataclass
class Platforms:
    """What the platforms hold, what was asked of them, and what they refuse (by the name of the write)."""

    opportunities: dict[str, Opportunity] = field(default_factory=dict)
    customers: dict[str, Customer] = field(default_factory=dict)
    contracts: dict[str, Contract] = field(default_factory=dict)
    workers: list[Worker] = field(default_factory=list)
    cost_centres: set[str] = field(default_factory=lambda: {"CC-D10"})
    projects: dict[str, Project] = field(default_factory=dict)
    schedules: dict[str, BillingSchedule] = field(default_factory=dict)
    shells: dict[str, ProjectShell] = field(default_factory=dict)
    assignments: list[Assignment] = field(default_factory=list)
    done: dict[str, Any] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    refusals: dict[str, list[Failure]] = field(default_factory=dict)

    def once(self, write: str, key: str, make: Callable[[], Any]) -> Any:
        """What the write under this key made, the first time or now; refuses as long as it is told to."""
        if self.refusals.get(write):
            raise self.refusals[write].pop(0)
        if key not in self.done:
            self.calls.append(write)
            self.done[key] = make()
        return self.done[key]


def missing(what: str) -> Failure:
    return Failure(Kind.MISSING, f"there is no {what}")


class FakeCrm:
    def __init__(self, platforms: Platforms) -> None:
        self._all = platforms

    async def opportunity(self, opportunity_id: str) -> Opportunity:
        if opportunity_id not in self._all.opportunities:
            raise missing("opportunity")
        return self._all.opportunities[opportunity_id]

    async def customer(self, customer_id: str) -> Customer:
        return self._all.customers[customer_id]

    async def contract(self, contract_id: str) -> Contract:
        return self._all.contracts[contract_id]


class FakePsa:
    def __init__(self, platforms: Platforms) -> None:
        self._all = platforms

    async def project(self, project_id: str) -> Project:
        return self._all.projects[project_id]

    async def project_of_contract(self, connection: str, contract_number: str) -> Project | None:
        found = (one for one in self._all.projects.values() if one.contract_number == contract_number)
        return next((one for one in found if one.status != "closed"), None)

    async def create_project(self, connection: str, new: NewProject, key: str) -> Project:
        def make() -> Project:
            shown = {name: getattr(new, name) for name in new.__struct_fields__ if name != "customer_name"}
            project = Project(id=mint("prj"), status="set_up", updated_at=NOW, **shown)
            self._all.projects[project.id] = project
            return project

        return self._all.once("create_project", key, make)

    async def amend_project(self, project_id: str, amendment: ProjectAmendment, key: str) -> Project:
        return self._changed("amend_project", project_id, key, end_date=amendment.end_date, budget=amendment.budget)

    async def open_project(self, project_id: str, key: str) -> Project:
        return self._changed("open_project", project_id, key, status="open_for_time")

    async def close_project(self, project_id: str, key: str) -> Project:
        return self._changed("close_project", project_id, key, status="closed")

    async def create_task(self, project_id: str, new: NewTask, key: str) -> Task:
        task = Task(id=mint("tsk"), project_id=project_id, title=new.title, billable=new.billable)
        return self._all.once("create_task", key, lambda: task)

    async def create_milestone(self, project_id: str, new: NewMilestone, key: str) -> Milestone:
        milestone = Milestone(
            id=mint("mil"),
            project_id=project_id,
            title=new.title,
            due_date=new.due_date,
            amount=new.amount,
            completed=False,
            accepted=False,
        )
        return self._all.once("create_milestone", key, lambda: milestone)

    async def create_resource_request(self, project_id: str, new: NewResourceRequest, key: str) -> ResourceRequest:
        request = ResourceRequest(id=mint("rrq"), project_id=project_id, role=new.role, status="open")
        return self._all.once("create_resource_request", key, lambda: request)

    async def create_assignment(self, project_id: str, new: NewAssignment, key: str) -> Assignment:
        def make() -> Assignment:
            assignment = Assignment(
                id=mint("asg"),
                project_id=project_id,
                resource_id=new.resource_id,
                start_date=new.start_date,
                end_date=new.end_date,
                hours=new.hours,
                tentative=new.tentative,
            )
            self._all.assignments.append(assignment)
            return assignment

        return self._all.once("create_assignment", key, make)

    async def match(self, connection: str, new: NewMatch) -> Match:
        matched = "res_" + new.worker_id.removeprefix("wrk_")
        return Match(worker_id=new.worker_id, result="linked", matched_id=matched, matched_by="worker_number")

    async def resource(self, resource_id: str) -> Resource:
        worker_id = "wrk_" + resource_id.removeprefix("res_")
        return Resource(id=resource_id, worker_id=worker_id, name="", email=None, active=True)

    def _changed(self, write: str, project_id: str, key: str, **changes: Any) -> Project:
        def make() -> Project:
            self._all.projects[project_id] = msgspec.structs.replace(self._all.projects[project_id], **changes)
            return self._all.projects[project_id]

        return self._all.once(write, key, make)


class FakeHr:
    def __init__(self, platforms: Platforms) -> None:
        self._all = platforms

    async def workers(self, connection: str) -> tuple[Worker, ...]:
        return tuple(self._all.workers)

    async def absences(self, worker_id: str, from_date: date, to_date: date) -> tuple[Absence, ...]:
        return ()


class FakeBilling:
    def __init__(self, platforms: Platforms) -> None:
        self._all = platforms

    async def ensure_account(self, connection: str, new: NewBillingAccount, key: str) -> BillingAccount:
        account = BillingAccount(
            id=mint("bac"),
            customer_id=new.customer_id,
            legal_entity_code=new.legal_entity_code,
            currency=new.currency,
            name=new.name,
            email=new.email,
        )
        return self._all.once("ensure_billing_account", key, lambda: account)

    async def schedule(self, schedule_id: str) -> BillingSchedule:
        return self._all.schedules[schedule_id]

    async def schedule_of_project(self, connection: str, project_number: str) -> BillingSchedule | None:
        return next(iter(self._all.schedules.values()), None)

    async def create_schedule(self, connection: str, new: NewBillingSchedule, key: str) -> BillingSchedule:
        def make() -> BillingSchedule:
            shown = {name: getattr(new, name) for name in new.__struct_fields__ if name != "project_number"}
            schedule = BillingSchedule(id=mint("sch"), status="draft", updated_at=NOW, **shown)
            self._all.schedules[schedule.id] = schedule
            return schedule

        return self._all.once("create_schedule", key, make)

    async def amend_schedule(self, schedule_id: str, amendment: ScheduleAmendment, key: str) -> BillingSchedule:
        items = (*self._all.schedules[schedule_id].items, *amendment.items)
        return self._changed("amend_schedule", schedule_id, key, items=items, total=amendment.total)

    async def activate_schedule(self, schedule_id: str, key: str) -> BillingSchedule:
        return self._changed("activate_schedule", schedule_id, key, status="active")

    async def cancel_schedule(self, schedule_id: str, key: str) -> BillingSchedule:
        return self._changed("cancel_schedule", schedule_id, key, status="cancelled")

    def _changed(self, write: str, schedule_id: str, key: str, **changes: Any) -> BillingSchedule:
        def make() -> BillingSchedule:
            self._all.schedules[schedule_id] = msgspec.structs.replace(self._all.schedules[schedule_id], **changes)
            return self._all.schedules[schedule_id]

        return self._all.once(write, key, make)


class FakeErp:
    def __init__(self, platforms: Platforms) -> None:
        self._all = platforms

    async def legal_entities(self, connection: str) -> tuple[LegalEntity, ...]:
        entity = LegalEntity(
            id=mint("len"), code="DE01", name="GmbH", country="DE", base_currency="EUR", time_zone="Europe/Berlin"
        )
        return (entity,)

    async def cost_centres(self, connection: str, entity: str) -> tuple[DimensionValue, ...]:
        return tuple(
            DimensionValue(legal_entity_code=entity, dimension="cost_centre", code=code, name=code)
            for code in sorted(self._all.cost_centres)
        )

    async def tax_codes(self, connection: str, entity: str) -> tuple[TaxCode, ...]:
        kinds = ("standard", "reverse_charge")
        return tuple(TaxCode(legal_entity_code=entity, code=kind, name=kind, kind=kind) for kind in kinds)

    async def accounting_periods(self, connection: str, entity: str) -> tuple[AccountingPeriod, ...]:
        years = DateRange(from_date=date(2026, 1, 1), to_date=date(2028, 1, 1))
        return (AccountingPeriod(legal_entity_code=entity, name="2026-27", effective=years, closed=False),)

    async def payment_terms(self, connection: str, entity: str) -> tuple[PaymentTerms, ...]:
        return (PaymentTerms(legal_entity_code=entity, code="30 DAYS", name="30 days"),)

    async def customer_account_of(
        self, connection: str, entity: str, customer_number: str, currency: str
    ) -> CustomerAccount | None:
        return None

    async def ensure_customer_account(self, connection: str, new: NewCustomerAccount, key: str) -> CustomerAccount:
        account = CustomerAccount(
            id=mint("cac"),
            customer_id=new.customer_id,
            number=new.customer_number,
            legal_entity_code=new.legal_entity_code,
            currency=new.currency,
            name=new.name,
            blocked=False,
            tax_registration_id=None,
        )
        return self._all.once("ensure_customer_account", key, lambda: account)

    async def shell(self, shell_id: str) -> ProjectShell:
        return self._all.shells[shell_id]

    async def shell_of_project(self, connection: str, entity: str, number: str) -> ProjectShell | None:
        return next((one for one in self._all.shells.values() if one.number == number), None)

    async def create_shell(self, connection: str, new: NewProjectShell, key: str) -> ProjectShell:
        def make() -> ProjectShell:
            shown = {name: getattr(new, name) for name in new.__struct_fields__ if name != "contract_id"}
            shell = ProjectShell(id=mint("shl"), status="approved", updated_at=NOW, **shown)
            self._all.shells[shell.id] = shell
            return shell

        return self._all.once("create_shell", key, make)

    async def amend_shell(self, shell_id: str, amendment: ShellAmendment, key: str) -> ProjectShell:
        return self._changed("amend_shell", shell_id, key, end_date=amendment.end_date)

    async def close_shell(self, shell_id: str, key: str) -> ProjectShell:
        return self._changed("close_shell", shell_id, key, status="closed")

    def _changed(self, write: str, shell_id: str, key: str, **changes: Any) -> ProjectShell:
        def make() -> ProjectShell:
            self._all.shells[shell_id] = msgspec.structs.replace(self._all.shells[shell_id], **changes)
            return self._all.shells[shell_id]

        return self._all.once(write, key, make)
