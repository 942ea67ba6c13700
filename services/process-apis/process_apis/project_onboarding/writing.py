"""The writing steps of an onboarding. Each passes the key under which it happens once, whoever asks how often."""

import msgspec

from canonical.billing import BillingAccount, BillingSchedule, NewBillingAccount, NewBillingSchedule, ScheduleAmendment
from canonical.delivery import (
    Assignment,
    Milestone,
    NewAssignment,
    NewMilestone,
    NewProject,
    NewResourceRequest,
    NewTask,
    Project,
    ProjectAmendment,
    ResourceRequest,
    Task,
)
from canonical.ledger import CustomerAccount, NewCustomerAccount, NewProjectShell, ProjectShell, ShellAmendment
from canonical.sales import Contract
from process_apis.project_onboarding.planning import Plan, schedule_items
from process_apis.project_onboarding.reading import Standing
from process_apis.systems.connecting import Systems


class Writings:
    """What an onboarding writes, each method a step. `key` is the run's id and the step's name."""

    def __init__(self, systems: Systems) -> None:
        self._systems = systems

    async def ensure_customer_account(self, connection: str, new: NewCustomerAccount, key: str) -> CustomerAccount:
        return await self._systems.erp.ensure_customer_account(connection, new, key)

    async def create_project(self, connection: str, new: NewProject, key: str) -> Project:
        return await self._systems.psa.create_project(connection, new, key)

    async def close_project(self, project: Project, key: str) -> Project:
        return await self._systems.psa.close_project(project.id, f"{key}:close")

    async def create_task(self, project_id: str, new: NewTask, key: str) -> Task:
        return await self._systems.psa.create_task(project_id, new, key)

    async def create_milestone(self, project_id: str, new: NewMilestone, key: str) -> Milestone:
        return await self._systems.psa.create_milestone(project_id, new, key)

    async def request_resource(self, project_id: str, new: NewResourceRequest, key: str) -> ResourceRequest:
        return await self._systems.psa.create_resource_request(project_id, new, key)

    async def assign(self, project_id: str, new: NewAssignment, key: str) -> Assignment:
        return await self._systems.psa.create_assignment(project_id, new, key)

    async def ensure_billing_account(self, connection: str, new: NewBillingAccount, key: str) -> BillingAccount:
        return await self._systems.billing.ensure_account(connection, new, key)

    async def draft_schedule(
        self, connection: str, plan: Plan, project_id: str, account_id: str, key: str
    ) -> BillingSchedule:
        new = NewBillingSchedule(
            project_id=project_id,
            project_number=plan.project.number,
            contract_id=plan.project.contract_id,
            billing_account_id=account_id,
            legal_entity_code=plan.project.legal_entity_code,
            currency=plan.project.currency,
            method=plan.method,
            total=plan.total,
            items=plan.items,
        )
        return await self._systems.billing.create_schedule(connection, new, key)

    async def cancel_schedule(self, schedule: BillingSchedule, key: str) -> BillingSchedule:
        return await self._systems.billing.cancel_schedule(schedule.id, f"{key}:cancel")

    async def approve_shell(
        self, connection: str, plan: Plan, project_id: str, account_id: str, key: str
    ) -> ProjectShell:
        new = NewProjectShell(
            project_id=project_id,
            contract_id=plan.project.contract_id,
            number=plan.project.number,
            name=plan.project.name,
            legal_entity_code=plan.project.legal_entity_code,
            cost_centre_code=plan.shell.cost_centre_code,
            currency=plan.project.currency,
            customer_account_id=account_id,
            start_date=plan.project.start_date,
            end_date=plan.project.end_date,
        )
        return await self._systems.erp.create_shell(connection, new, key)

    async def close_shell(self, shell: ProjectShell, key: str) -> ProjectShell:
        return await self._systems.erp.close_shell(shell.id, f"{key}:close")

    async def activate_schedule(self, schedule_id: str, key: str) -> BillingSchedule:
        return await self._systems.billing.activate_schedule(schedule_id, key)

    async def open_project(self, project_id: str, key: str) -> Project:
        return await self._systems.psa.open_project(project_id, key)

    async def amend_project(self, standing: Standing, contract: Contract, key: str) -> Project:
        """The running project gets the new end, and the contract's value on top of its budget."""
        former = standing.project.budget
        budget = contract.total_value if former is None else former + contract.total_value
        amendment = ProjectAmendment(contract_id=contract.id, end_date=contract.end_date, budget=budget)
        return await self._systems.psa.amend_project(standing.project.id, amendment, key)

    async def amend_schedule(self, standing: Standing, contract: Contract, key: str) -> BillingSchedule:
        schedule = await self._systems.billing.schedule(standing.schedule_id)
        items = tuple(
            msgspec.structs.replace(item, key=f"{contract.number}-{item.key}") for item in schedule_items(contract)
        )
        known = {item.key for item in schedule.items}
        done = all(item.key in known for item in items)
        total = schedule.total if done else schedule.total + contract.total_value
        amendment = ScheduleAmendment(contract_id=contract.id, total=total, items=items)
        return await self._systems.billing.amend_schedule(standing.schedule_id, amendment, key)

    async def amend_shell(self, standing: Standing, contract: Contract, key: str) -> ProjectShell:
        amendment = ShellAmendment(end_date=contract.end_date)
        return await self._systems.erp.amend_shell(standing.shell.id, amendment, key)
