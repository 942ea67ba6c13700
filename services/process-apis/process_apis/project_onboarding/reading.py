"""The reading steps of an onboarding: they have no effects, and every read is fresh."""

import asyncio

import msgspec

from canonical.delivery import NewMatch, Project
from canonical.ledger import ProjectShell
from canonical.people import Worker
from canonical.sales import Contract
from canonical.work import OnboardingEdits
from process_apis.operations.bindings import Bindings, Bound
from process_apis.project_onboarding.facts import Deal, Ledger
from process_apis.project_onboarding.planning import project_number
from process_apis.project_onboarding.staffing import Candidate
from process_apis.project_onboarding.validation import validate
from process_apis.systems.connecting import Systems
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind

CAPABILITIES = ("psa", "hr", "billing", "erp", "identity")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The running project that an extension amends, as each platform has it."""

    project: Project
    schedule_id: str
    shell: ProjectShell


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """A deal that may be set up, and its contract as the run goes by it."""

    deal: Deal
    contract: Contract


class Readings:
    """What an onboarding reads, each method a step."""

    def __init__(self, systems: Systems, bindings: Bindings, clock: Clock) -> None:
        self._systems = systems
        self._bindings = bindings
        self._clock = clock

    async def read_deal(self, opportunity_id: str) -> Deal:
        crm = self._systems.crm
        opportunity = await crm.opportunity(opportunity_id)
        if opportunity.status != "won":
            detail = f"the opportunity is {opportunity.status}"
            raise Failure(Kind.INVALID, detail, code="contract_inconsistent")
        customer = await crm.customer(opportunity.customer_id)
        contract = None if opportunity.contract_id is None else await crm.contract(opportunity.contract_id)
        amended = None
        if contract is not None and contract.amends_contract_id is not None:
            amended = await crm.contract(contract.amends_contract_id)
        return Deal(opportunity=opportunity, customer=customer, contract=contract, amended_contract=amended)

    async def read_bindings(self, legal_entity_code: str) -> Bound:
        """Raises INVALID `not_bound`, and `flow_stopped` while a binding is off."""
        bound = await self._bindings.on(legal_entity_code, self._clock.now().date(), CAPABILITIES)
        if bound.mode == "off":
            detail = f"project-onboarding is switched off for {legal_entity_code}"
            raise Failure(Kind.INVALID, detail, code="flow_stopped")
        return bound

    async def check_contract(self, opportunity_id: str, bound: Bound, edits: OnboardingEdits) -> Checked:
        """The deal as it is now, with a person's edits, once nothing speaks against it.

        Reads the CRM again each time, so that what was mended there is seen. Raises INVALID with all findings.
        """
        deal = edited_deal(await self.read_deal(opportunity_id), edits)
        if deal.contract is None:
            return Checked(deal=deal, contract=validate(deal, Ledger(entity=None)))
        ledger = await self.read_ledger(deal, deal.contract, bound)
        contract = validate(deal, ledger)
        standing = await self._systems.psa.project_of_contract(bound.connections["psa"], contract.number)
        if standing is not None and standing.opportunity_id != deal.opportunity.id:
            detail = f"contract {contract.number} has project {standing.number} already"
            raise Failure(Kind.INVALID, detail, code="already_onboarded")
        return Checked(deal=deal, contract=contract)

    async def read_ledger(self, deal: Deal, contract: Contract, bound: Bound) -> Ledger:
        erp, connection, code = self._systems.erp, bound.connections["erp"], contract.legal_entity_code
        entity = next((one for one in await erp.legal_entities(connection) if one.code == code), None)
        if entity is None:
            return Ledger(entity=None)
        number = deal.customer.number
        centres, taxes, periods, terms = await asyncio.gather(
            erp.cost_centres(connection, code),
            erp.tax_codes(connection, code),
            erp.accounting_periods(connection, code),
            erp.payment_terms(connection, code),
        )
        account = None
        if number is not None:
            account = await erp.customer_account_of(connection, code, number, contract.currency)
        return Ledger(
            entity=entity, cost_centres=centres, tax_codes=taxes, periods=periods, payment_terms=terms, account=account
        )

    async def read_standing_project(self, opportunity_id: str, bound: Bound) -> Standing:
        """Raises INVALID `amended_project_missing` where a platform does not know the former contract's project."""
        former = (await self.read_deal(opportunity_id)).amended_contract
        if former is None:
            raise Failure(Kind.INVALID, "the contract does not say which one it amends", code="amended_project_missing")
        number, entity, at = project_number(former), former.legal_entity_code, bound.connections
        project, schedule, shell = await asyncio.gather(
            self._systems.psa.project_of_contract(at["psa"], former.number),
            self._systems.billing.schedule_of_project(at["billing"], number),
            self._systems.erp.shell_of_project(at["erp"], entity, number),
        )
        if project is None or schedule is None or shell is None:
            missing = [name for name, one in (("psa", project), ("billing", schedule), ("erp", shell)) if one is None]
            detail = f"contract {former.number} has no project in {', '.join(missing)}"
            raise Failure(Kind.INVALID, detail, code="amended_project_missing")
        return Standing(project=project, schedule_id=schedule.id, shell=shell)

    async def find_candidates(self, contract: Contract, bound: Bound) -> tuple[Candidate, ...]:
        """The workers with any of the skills asked for who are resources of the PSA, each matched, never made."""
        wanted = {skill for role in contract.roles for skill in role.skills}
        workers = [one for one in await self._systems.hr.workers(bound.connections["hr"]) if wanted & set(one.skills)]
        found = await asyncio.gather(*(self._candidate(worker, contract, bound) for worker in workers))
        return tuple(one for one in found if one is not None)

    async def _candidate(self, worker: Worker, contract: Contract, bound: Bound) -> Candidate | None:
        match = await self._systems.psa.match(bound.connections["psa"], new_match(worker))
        if match.matched_id is None:
            return None
        resource, absences = await asyncio.gather(
            self._systems.psa.resource(match.matched_id),
            self._systems.hr.absences(worker.id, contract.start_date, contract.end_date),
        )
        return Candidate(worker=worker, resource=resource, absences=absences) if resource.active else None


def new_match(worker: Worker) -> NewMatch:
    """What another platform is told of a worker so as to find its record."""
    return NewMatch(worker_id=worker.id, worker_number=worker.employment.number, name=worker.name, email=worker.email)


def edited_deal(deal: Deal, edits: OnboardingEdits) -> Deal:
    """The deal as a person corrected it; the CRM's own record stays as it is."""
    if deal.contract is None:
        return deal
    said = {
        "cost_centre_code": edits.cost_centre_code,
        "tax_treatment": edits.tax_treatment,
        "payment_terms": edits.payment_terms_code,
    }
    changes = {name: value for name, value in said.items() if value is not None}
    return msgspec.structs.replace(deal, contract=msgspec.structs.replace(deal.contract, **changes))
