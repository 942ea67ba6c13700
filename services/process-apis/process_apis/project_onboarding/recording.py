"""What an onboarding writes down about itself: its state, its plan, what it made, and the events that tell of it."""

from datetime import datetime, timedelta

import msgspec

from canonical.events import ContractAmended, ProjectActivated, ProjectApproved
from canonical.sales import Contract
from process_apis.operations.approvals import Wanted
from process_apis.operations.runs import RunChange
from process_apis.project_onboarding.facts import Deal
from process_apis.project_onboarding.planning import Plan
from process_apis.project_onboarding.reading import Standing
from process_apis.rules.reading import Rules
from process_apis.running import Run
from servicekit.failures import Failure, FieldError, Kind


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """The ids of what a run has made."""

    project_id: str
    customer_account_id: str
    billing_account_id: str
    billing_schedule_id: str
    project_shell_id: str


class Recording:
    """The record-keeping steps of one run."""

    def __init__(self, run: Run, rules: Rules) -> None:
        self._run = run
        self._rules = rules

    async def classified(self, deal: Deal, kind: str) -> None:
        contract = deal.contract
        refs = {"customer_id": deal.customer.id} | ({} if contract is None else {"contract_id": contract.id})
        code = deal.opportunity.legal_entity_code if contract is None else contract.legal_entity_code
        name = deal.opportunity.name
        await self._run.change(RunChange(state="running", name=name, kind=kind, legal_entity_code=code, refs=refs))

    async def planned(self, plan: Plan, mode: str) -> None:
        """In modes that write nothing the run ends here, with what it would have written."""
        state = {"read": "validated", "shadow": "shadowed"}.get(mode, "running")
        raw = msgspec.Raw(msgspec.json.encode(plan))
        await self._run.change(RunChange(state=state, mode=mode, plan=raw))

    async def ended(self, state: str, mode: str | None = None) -> None:
        await self._run.change(RunChange(state=state, mode=mode))

    def approvals_wanted(self, deal: Deal, contract: Contract) -> tuple[Wanted, ...]:
        """Whom the approval matrix asks; possibly nobody."""
        matrix = self._rules.approvals
        return tuple(
            Wanted(
                process=self._run.tools.process,
                run_id=self._run.launch.run_id,
                subject=role,
                required_role=role,
                because=because,
                legal_entity_code=contract.legal_entity_code,
                value=contract.total_value,
                requested_by=deal.opportunity.owner_email or self._run.launch.actor,
                within=timedelta(hours=matrix.answer_within_hours),
            )
            for role, because in matrix.asked_by(contract).items()
        )

    async def approved(self, deal: Deal, contract: Contract, approvers: tuple[str, ...]) -> None:
        tools, launch = self._run.tools, self._run.launch
        data = ProjectApproved(
            opportunity_id=deal.opportunity.id,
            contract_id=contract.id,
            customer_id=deal.customer.id,
            value=contract.total_value,
            approved_by=approvers,
            approved_at=tools.clock.now(),
        )
        async with tools.database.begin() as session:
            await tools.runs.change(session, launch.run_id, RunChange(state="running", mode="automatic"))
            await tools.announcer.announce(
                session,
                "project-approved",
                deal.opportunity.id,
                data,
                contract.legal_entity_code,
                identity=launch.run_id,
            )

    async def made(self, refs: dict[str, str]) -> None:
        await self._run.change(RunChange(state="running", refs=refs))

    async def short_of_skills(self, roles: tuple[str, ...]) -> None:
        """An exception with resource management that holds nothing up: the request stays open."""
        errors = tuple(
            FieldError(pointer=f"/roles/{role}", code="skill_not_available", message=f"nobody eligible for {role}")
            for role in roles
        )
        detail = "; ".join(error.message for error in errors)
        failure = Failure(Kind.INVALID, detail, "skill_not_available", errors)
        async with self._run.tools.database.begin() as session:
            problem = self._run.problem("staff", failure, blocking=False)
            await self._run.tools.cases.raise_case(session, problem)

    async def activated(self, deal: Deal, contract: Contract, made: Made, opened_at: datetime) -> None:
        """The set-up is complete: the latest of project open, schedule active and shell confirmed is its moment."""
        tools, launch = self._run.tools, self._run.launch
        activated_at = max(opened_at, tools.clock.now())
        data = ProjectActivated(
            project_id=made.project_id,
            opportunity_id=deal.opportunity.id,
            contract_id=contract.id,
            customer_id=deal.customer.id,
            billing_schedule_id=made.billing_schedule_id,
            project_shell_id=made.project_shell_id,
            legal_entity_code=contract.legal_entity_code,
            value=contract.total_value,
            won_at=deal.opportunity.won_at or activated_at,
            activated_at=activated_at,
        )
        change = RunChange(state="activated", activated_at=activated_at, refs=msgspec.structs.asdict(made))
        async with tools.database.begin() as session:
            await tools.runs.change(session, launch.run_id, change)
            await tools.announcer.announce(
                session,
                "project-activated",
                made.project_id,
                data,
                contract.legal_entity_code,
                identity=launch.run_id,
            )

    async def amended(self, deal: Deal, contract: Contract, standing: Standing) -> None:
        tools, launch = self._run.tools, self._run.launch
        former = deal.amended_contract
        data = ContractAmended(
            contract_id=contract.id,
            amended_contract_id=contract.id if former is None else former.id,
            project_id=standing.project.id,
            value=contract.total_value,
            amended_at=tools.clock.now(),
        )
        refs = {
            "project_id": standing.project.id,
            "billing_schedule_id": standing.schedule_id,
            "project_shell_id": standing.shell.id,
        }
        async with tools.database.begin() as session:
            await tools.runs.change(session, launch.run_id, RunChange(state="amended", mode="automatic", refs=refs))
            await tools.announcer.announce(
                session, "contract-amended", contract.id, data, contract.legal_entity_code, identity=launch.run_id
            )

    async def discarded(self) -> None:
        """After the undo list: what was open is closed, with the run."""
        async with self._run.tools.database.begin() as session:
            await self._run.tools.cases.resolve(session, self._run.launch.run_id, None, "discarded")
            await self._run.tools.runs.change(session, self._run.launch.run_id, RunChange(state="discarded"))
