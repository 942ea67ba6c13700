"""Won opportunity -> project that is open for time. The business rule, top to bottom."""

from collections.abc import Mapping
from typing import Any

import msgspec

from canonical.delivery import NewAssignment, NewResourceRequest, Project
from process_apis.operations.bindings import Bound
from process_apis.operations.runs import Launch
from process_apis.project_onboarding.facts import Deal, classify
from process_apis.project_onboarding.planning import Plan, plan
from process_apis.project_onboarding.reading import Checked, Readings
from process_apis.project_onboarding.recording import Made, Recording
from process_apis.project_onboarding.staffing import Candidate, choose
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
            await _Onboarding(run, recording, self._readings, self._writings).go()
        except Discarded:
            await run.undo_all()
            await run.note("discarded", recording.discarded)


class _Onboarding:
    """One run of the process."""

    def __init__(self, run: Run, recording: Recording, readings: Readings, writings: Writings) -> None:
        self._run = run
        self._recording = recording
        self._read = readings
        self._write = writings

    async def go(self) -> None:
        """Classify, validate without effects, then set up, amend, or stop where the mode says so."""
        run, recording = self._run, self._recording
        deal = await run.attempt(self._read.read_deal, run.launch.business_key, system="crm")
        self._tell_about(deal)
        kind = classify(deal)
        await run.note("classified", recording.classified, deal, kind)
        if kind == "no_services":
            await run.note("ended", recording.ended, "closed_without_project")
            return
        bound = await run.attempt(self._read.read_bindings, _entity_of(deal))
        checked = await self._checked(bound)
        if classify(checked.deal) in AMENDING:
            await self._amend(checked, bound)
            return
        prepared = plan(checked.deal, checked.contract)
        await run.note("planned", recording.planned, prepared, bound.mode)
        if bound.mode == "automatic":
            wanted = recording.approvals_wanted(checked.deal, checked.contract)
            approvers = await run.approved(wanted) if wanted else ()
            await run.note("approved", recording.approved, checked.deal, checked.contract, approvers)
            await self._set_up(checked, prepared, bound)

    async def _checked(self, bound: Bound) -> Checked:
        """Validation without effects. Tried again, it sees what was mended in the CRM and what a person edited."""
        run = self._run

        async def check_contract() -> Checked:
            return await self._read.check_contract(run.launch.business_key, bound, run.edits)

        return await run.attempt(check_contract, system="erp")

    async def _set_up(self, checked: Checked, prepared: Plan, bound: Bound) -> None:
        """Account, project closed for time, plan, staff, schedule as draft, shell; then active, open, told."""
        run, write, at = self._run, self._write, bound.connections
        account = await run.write(write.ensure_customer_account, at["erp"], prepared.customer_account, system="erp")
        project = await run.write(
            write.create_project, at["psa"], prepared.project, system="psa", undo=write.close_project
        )
        await run.note("made", self._recording.made, {"project_id": project.id})
        await self._plan_work(project, prepared)
        await self._staff(project, checked, prepared, bound)
        payer = await run.write(write.ensure_billing_account, at["billing"], prepared.billing_account, system="billing")
        draft = (at["billing"], prepared, project.id, payer.id)
        schedule = await run.write(write.draft_schedule, *draft, system="billing", undo=write.cancel_schedule)
        shelled = (at["erp"], prepared, project.id, account.id)
        shell = await run.write(write.approve_shell, *shelled, system="erp", undo=write.close_shell)
        await run.write(write.activate_schedule, schedule.id, system="billing")
        opened = await run.write(write.open_project, project.id, system="psa")
        made = Made(
            project_id=project.id,
            customer_account_id=account.id,
            billing_account_id=payer.id,
            billing_schedule_id=schedule.id,
            project_shell_id=shell.id,
        )
        told = (checked.deal, checked.contract, made, opened.updated_at)
        await run.note("activated", self._recording.activated, *told)

    async def _plan_work(self, project: Project, prepared: Plan) -> None:
        """Tasks and milestones; a closed project takes them with it when the run is discarded."""
        run, write = self._run, self._write
        for place, task in enumerate(prepared.tasks, 1):
            await run.write(write.create_task, project.id, task, name=f"create_task:{place}", system="psa")
        for place, milestone in enumerate(prepared.milestones, 1):
            name = f"create_milestone:{place}"
            await run.write(write.create_milestone, project.id, milestone, name=name, system="psa")

    async def _staff(self, project: Project, checked: Checked, prepared: Plan, bound: Bound) -> None:
        """A request per role, a tentative assignment where somebody is eligible; a shortage holds nothing up."""
        run, write = self._run, self._write
        candidates = await run.attempt(self._read.find_candidates, checked.contract, bound, system="hr")
        taken: set[str] = set()
        short: list[str] = []
        for place, wanted in enumerate(prepared.requests, 1):
            name = f"request_resource:{place}"
            request = await run.write(write.request_resource, project.id, wanted, name=name, system="psa")
            person = choose(candidates, wanted, checked.contract.legal_entity_code, project.number, taken)
            if person is None:
                short.append(f"{wanted.role} ({', '.join(wanted.skills)})")
                continue
            taken.add(person.worker.id)
            new = _assignment(request.id, wanted, person)
            await run.write(write.assign, project.id, new, name=f"assign:{place}", system="psa")
        if short:
            await run.note("short_of_skills", self._recording.short_of_skills, tuple(short))

    async def _amend(self, checked: Checked, bound: Bound) -> None:
        """An extension or change order: the running project, schedule and shell follow the new contract."""
        run, write = self._run, self._write
        standing = await run.attempt(self._read.read_standing_project, run.launch.business_key, bound)
        if bound.mode != "automatic":
            state = "shadowed" if bound.mode == "shadow" else "validated"
            await run.note("ended", self._recording.ended, state, bound.mode)
            return
        await run.write(write.amend_project, standing, checked.contract, system="psa")
        await run.write(write.amend_schedule, standing, checked.contract, system="billing")
        await run.write(write.amend_shell, standing, checked.contract, system="erp")
        await run.note("amended", self._recording.amended, checked.deal, checked.contract, standing)

    def _tell_about(self, deal: Deal) -> None:
        """What an exception of this run will carry."""
        about = self._run.about
        about.legal_entity_code = _entity_of(deal) or None
        about.value = deal.opportunity.value
        about.refs = {"customer_id": deal.customer.id, "customer": deal.customer.name}
        if deal.contract is not None:
            about.refs |= {"contract_id": deal.contract.id, "contract_number": deal.contract.number}


def _assignment(request_id: str, wanted: NewResourceRequest, person: Candidate) -> NewAssignment:
    return NewAssignment(
        resource_request_id=request_id,
        resource_id=person.resource.id,
        start_date=wanted.start_date,
        end_date=wanted.end_date,
        hours=wanted.hours,
    )


def _entity_of(deal: Deal) -> str:
    contract = deal.contract
    return (deal.opportunity.legal_entity_code or "") if contract is None else contract.legal_entity_code
