"""Won opportunity -> project that is open for time. The business rule, top to bottom (DESIGN: processes)."""

from collections.abc import Mapping
from typing import Any

import msgspec

from canonical.delivery import NewAssignment, Project
from canonical.sales import Contract
from process_apis.operations.bindings import Bound
from process_apis.operations.runs import Launch
from process_apis.project_onboarding.facts import Deal, classify
from process_apis.project_onboarding.planning import Plan, plan
from process_apis.project_onboarding.reading import Readings
from process_apis.project_onboarding.recording import Made, Recording
from process_apis.project_onboarding.staffing import choose
from process_apis.project_onboarding.writing import Writings
from process_apis.rules.reading import Rules
from process_apis.running import Discarded, Run, Tools

AMENDING = frozenset({"extension", "change_order"})


class ProjectOnboarding:
    """The process, with what it reads and writes through."""

    def __init__(self, tools: Tools, readings: Readings, writings: Writings, rules: Rules) -> None:
        self._tools = tools
        self._readings = readings
        self._writings = writings
        self._rules = rules

    async def workflow(self, request: Mapping[str, Any]) -> None:
        """The whole run. A refused step parks it; only a discard undoes what was done."""
        run = Run(msgspec.convert(request, Launch), self._tools)
        recording = Recording(run, self._rules)
        try:
            await self._onboard(run, recording)
        except Discarded:
            await run.undo_all()
            await run.note("discarded", recording.discarded)

    async def _onboard(self, run: Run, recording: Recording) -> None:
        deal = await run.attempt(self._readings.read_deal, run.launch.business_key, system="crm")
        kind = classify(deal)
        _tell_about(run, deal)
        await run.note("classified", recording.classified, deal, kind)
        if kind == "no_services":
            await run.note("ended", recording.ended, "closed_without_project")
            return
        bound = await run.attempt(self._readings.read_bindings, _entity_of(deal))
        contract = await self._checked(run, deal, bound)
        if kind in AMENDING:
            await self._amend(run, recording, deal, contract, bound)
            return
        prepared = plan(msgspec.structs.replace(deal, contract=contract), contract)
        await run.note("planned", recording.planned, prepared, bound.mode)
        if bound.mode == "automatic":
            wanted = recording.approvals_wanted(deal, contract)
            approvers = await run.approved(wanted) if wanted else ()
            await run.note("approved", recording.approved, deal, contract, approvers)
            await self._set_up(run, recording, deal, contract, prepared, bound)

    async def _checked(self, run: Run, deal: Deal, bound: Bound) -> Contract:
        """Validation without effects; a person's edits are taken in when it is tried again."""

        async def check_contract() -> Contract:
            return await self._readings.check_contract(deal, bound, run.edits)

        return await run.attempt(check_contract, system="erp")

    async def _set_up(
        self, run: Run, recording: Recording, deal: Deal, contract: Contract, prepared: Plan, bound: Bound
    ) -> None:
        """Customer account, project closed for time, plan, staff, schedule as draft, shell; then active, open, told."""
        at, write = bound.connections, self._writings
        key = run.launch.run_id
        account = await run.attempt(
            write.ensure_customer_account, at["erp"], prepared.customer_account, f"{key}:customer-account", system="erp"
        )
        project = await run.attempt(
            write.create_project,
            at["psa"],
            prepared.project,
            f"{key}:project",
            system="psa",
            undo=(write.close_project, (key,)),
        )
        await run.note("made:project", recording.made, {"project_id": project.id})
        await self._plan_work(run, project, prepared)
        await self._staff(run, recording, project, contract, prepared, bound)
        payer = await run.attempt(
            write.ensure_billing_account, at["billing"], prepared.billing_account, f"{key}:payer", system="billing"
        )
        schedule = await run.attempt(
            write.draft_schedule,
            at["billing"],
            prepared,
            project.id,
            payer.id,
            f"{key}:schedule",
            system="billing",
            undo=(write.cancel_schedule, (key,)),
        )
        shell = await run.attempt(
            write.approve_shell,
            at["erp"],
            prepared,
            project.id,
            account.id,
            f"{key}:shell",
            system="erp",
            undo=(write.close_shell, (key,)),
        )
        await run.attempt(write.activate_schedule, schedule.id, f"{key}:activate", system="billing")
        opened = await run.attempt(write.open_project, project.id, f"{key}:open", system="psa")
        made = Made(
            project_id=project.id,
            customer_account_id=account.id,
            billing_account_id=payer.id,
            billing_schedule_id=schedule.id,
            project_shell_id=shell.id,
        )
        await run.note("activated", recording.activated, deal, contract, made, opened.updated_at)

    async def _plan_work(self, run: Run, project: Project, prepared: Plan) -> None:
        """Tasks and milestones; a closed project takes them with it when the run is discarded."""
        for place, task in enumerate(prepared.tasks, 1):
            name, key = f"create_task:{place}", f"{run.launch.run_id}:task:{place}"
            await run.attempt(self._writings.create_task, project.id, task, key, name=name, system="psa")
        for place, milestone in enumerate(prepared.milestones, 1):
            name, key = f"create_milestone:{place}", f"{run.launch.run_id}:milestone:{place}"
            await run.attempt(self._writings.create_milestone, project.id, milestone, key, name=name, system="psa")

    async def _staff(
        self, run: Run, recording: Recording, project: Project, contract: Contract, prepared: Plan, bound: Bound
    ) -> None:
        """A request per role, a tentative assignment where somebody is eligible; a shortage holds nothing up."""
        candidates = await run.attempt(self._readings.find_candidates, contract, bound, system="hr")
        taken: set[str] = set()
        short: list[str] = []
        for place, wanted in enumerate(prepared.requests, 1):
            name, key = f"request_resource:{place}", f"{run.launch.run_id}:request:{place}"
            request = await run.attempt(
                self._writings.request_resource, project.id, wanted, key, name=name, system="psa"
            )
            person = choose(candidates, wanted, contract.legal_entity_code, project.number, taken)
            if person is None:
                short.append(f"{wanted.role} ({', '.join(wanted.skills)})")
                continue
            taken.add(person.worker.id)
            new = NewAssignment(
                resource_request_id=request.id,
                resource_id=person.resource.id,
                start_date=wanted.start_date,
                end_date=wanted.end_date,
                hours=wanted.hours,
            )
            name, key = f"assign:{place}", f"{run.launch.run_id}:assignment:{place}"
            await run.attempt(self._writings.assign, project.id, new, key, name=name, system="psa")
        if short:
            await run.note("short_of_skills", recording.short_of_skills, tuple(short))

    async def _amend(self, run: Run, recording: Recording, deal: Deal, contract: Contract, bound: Bound) -> None:
        """An extension or change order: the running project, schedule and shell follow the new contract."""
        standing = await run.attempt(self._readings.read_standing_project, deal, bound)
        if bound.mode != "automatic":
            await run.note("ended", recording.ended, "shadowed" if bound.mode == "shadow" else "validated", bound.mode)
            return
        key, write = run.launch.run_id, self._writings
        await run.attempt(write.amend_project, standing, contract, f"{key}:amend-project", system="psa")
        await run.attempt(write.amend_schedule, standing, contract, f"{key}:amend-schedule", system="billing")
        await run.attempt(write.amend_shell, standing, contract, f"{key}:amend-shell", system="erp")
        await run.note("amended", recording.amended, deal, contract, standing)


def _entity_of(deal: Deal) -> str:
    contract = deal.contract
    return (deal.opportunity.legal_entity_code or "") if contract is None else contract.legal_entity_code


def _tell_about(run: Run, deal: Deal) -> None:
    """What an exception of this run will carry."""
    run.about.legal_entity_code = _entity_of(deal) or None
    run.about.value = deal.opportunity.value
    run.about.refs = {"customer_id": deal.customer.id, "customer": deal.customer.name}
    if deal.contract is not None:
        run.about.refs["contract_id"] = deal.contract.id
        run.about.refs["contract_number"] = deal.contract.number
