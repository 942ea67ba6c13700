"""The reading steps of a recognition. They have no effects, and every read is fresh."""

import asyncio
from datetime import date
from decimal import Decimal

import msgspec
from sqlalchemy import text

from canonical.delivery import Project
from canonical.entries import RecognisedRevenue, TimeEntry
from canonical.ledger import LegalEntity
from canonical.people import CostRate
from canonical.postings import LedgerEntry
from canonical.sales import Contract
from process_apis.invoice_release.periods import PostingDay, posting_day
from process_apis.operations.bindings import Bindings, Bound
from process_apis.revenue_recognition.facts import Delivered
from process_apis.revenue_recognition.ledger_documents import of_project
from process_apis.systems.connecting import Systems
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, Kind

CAPABILITIES = ("psa", "hr", "erp")
_WRITTEN_DOWN = text(
    "select coalesce(sum(c.amount), 0) from claim c join billable b using (item_id)"
    " where b.contract_id = :contract_id and c.disposition = 'written_down' and c.state = 'live'"
)


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """What a journal stands on: the entity, the day it is posted on, and the rate of that day."""

    entity: LegalEntity
    posting: PostingDay
    rate: str


class Readings:
    """What a recognition reads, each method a step."""

    def __init__(self, systems: Systems, bindings: Bindings, database: Database, clock: Clock) -> None:
        self._systems = systems
        self._bindings = bindings
        self._database = database
        self._clock = clock

    async def read_contract(self, contract_id: str) -> Contract:
        return await self._systems.crm.contract(contract_id)

    async def read_bindings(self, legal_entity_code: str) -> Bound:
        """Raises INVALID `not_bound`, and `flow_stopped` while a binding is off."""
        bound = await self._bindings.on(legal_entity_code, self._clock.now().date(), CAPABILITIES)
        if bound.mode == "off":
            detail = f"revenue-recognition is switched off for {legal_entity_code}"
            raise Failure(Kind.INVALID, detail, code="flow_stopped")
        return bound

    async def read_delivered(self, contract: Contract, bound: Bound, period_end: date, *, by_cost: bool) -> Delivered:
        """Everything that was approved before the period's end, billed or not. Raises INVALID `project_missing`."""
        psa, connection = self._systems.psa, bound.connections["psa"]
        project = await self._project(contract, bound)
        query = {"project_id": project.id, "status": "approved"}
        day = period_end.isoformat()
        entries, expenses, milestones, cards, written_down = await asyncio.gather(
            psa.time_entries(connection, **query, work_date_before=day),
            psa.expenses(connection, **query, spend_date_before=day),
            psa.milestones(project.id),
            psa.rate_cards(project.id),
            self._written_down(contract.id),
        )
        return Delivered(
            contract=contract,
            period_end=period_end,
            entries=entries,
            expenses=expenses,
            milestones=milestones,
            rate_cards=cards,
            cost_rates=await self._cost_rates(entries) if by_cost else {},
            written_down=written_down,
        )

    async def read_recognised(self, contract: Contract, bound: Bound) -> tuple[RecognisedRevenue, ...]:
        """What finance holds in the PSA as revenue of the contract's project. Raises INVALID `project_missing`."""
        project = await self._project(contract, bound)
        return await self._systems.psa.recognised_revenue(project.id)

    async def read_recognised_in_ledger(
        self, contract: Contract, bound: Bound, period_end: date
    ) -> tuple[LedgerEntry, ...]:
        """All entries of the documents that moved revenue of the contract's project before the period's end.

        Raises INVALID `project_missing`, `revenue_not_separable`, and `project_dimension_not_set` of the ERP.
        """
        project = await self._project(contract, bound)
        erp, connection, entity = self._systems.erp, bound.connections["erp"], contract.legal_entity_code
        before = {"posted_before": period_end.isoformat()}
        revenue = await erp.ledger_entries(
            connection, entity, account_role="revenue", project_number=project.number, **before
        )
        numbers = sorted({entry.document_number for entry in revenue})
        wholes = await asyncio.gather(*(erp.ledger_entries(connection, entity, one, **before) for one in numbers))
        days = {(entry.document_number, entry.posting_date) for entry in revenue}
        found = [entry for whole in wholes for entry in whole if (entry.document_number, entry.posting_date) in days]
        return of_project(found, project.number)

    async def read_rate(self, contract: Contract, bound: Bound, base_currency: str, day: date) -> str:
        """What the ledger makes of one unit of the contract's currency. Raises INVALID `exchange_rate_missing`."""
        if contract.currency == base_currency:
            return "1"
        erp, connection, entity = self._systems.erp, bound.connections["erp"], contract.legal_entity_code
        found = await erp.exchange_rate(connection, entity, contract.currency, day, "revenue")
        if found is None:
            message = f"no rate from {contract.currency} to {base_currency} holds on {day}"
            raise Failure(Kind.INVALID, message, code="exchange_rate_missing")
        return found.rate

    async def read_period_start(self, contract: Contract, bound: Bound, period_end: date) -> date:
        """The first day of the accounting period that ends; of the month, where the ledger knows no such period."""
        last = date.fromordinal(period_end.toordinal() - 1)
        periods = await self._systems.erp.accounting_periods(bound.connections["erp"], contract.legal_entity_code)
        begun = (one.effective.from_date for one in periods if one.effective.holds(last))
        return next(begun, last.replace(day=1))

    async def read_ground(self, contract: Contract, bound: Bound, period_end: date) -> Ground:
        """Posted on the period's last day, or on the next that takes postings: nothing is reopened."""
        erp, connection, code = self._systems.erp, bound.connections["erp"], contract.legal_entity_code
        entities, periods = await asyncio.gather(
            erp.legal_entities(connection), erp.accounting_periods(connection, code)
        )
        entity = next((one for one in entities if one.code == code), None)
        if entity is None:
            raise Failure(Kind.INVALID, f"the ERP has no entity {code}", code="unknown_legal_entity")
        day = posting_day(periods, date.fromordinal(period_end.toordinal() - 1))
        rate = await self.read_rate(contract, bound, entity.base_currency, day.day)
        return Ground(entity=entity, posting=day, rate=rate)

    async def projects(self, bound: Bound, legal_entity_code: str) -> tuple[Project, ...]:
        """Those of a legal entity that have a contract."""
        found = await self._systems.psa.projects(bound.connections["psa"])
        return tuple(
            one
            for one in found
            if one.legal_entity_code == legal_entity_code and one.contract_id and one.status != "set_up"
        )

    async def _project(self, contract: Contract, bound: Bound) -> Project:
        project = await self._systems.psa.project_of_contract(bound.connections["psa"], contract.number)
        if project is None:
            raise Failure(Kind.INVALID, f"contract {contract.number} has no project", code="project_missing")
        return project

    async def _cost_rates(self, entries: tuple[TimeEntry, ...]) -> dict[str, tuple[CostRate, ...]]:
        """The dated cost rates of everybody who worked, by resource; none for one who is no worker of HR's."""
        resources = sorted({entry.resource_id for entry in entries})
        found = await asyncio.gather(*(self._costs_of(resource_id) for resource_id in resources))
        return dict(zip(resources, found, strict=True))

    async def _costs_of(self, resource_id: str) -> tuple[CostRate, ...]:
        resource = await self._systems.psa.resource(resource_id)
        return () if resource.worker_id is None else await self._systems.hr.cost_rates(resource.worker_id)

    async def _written_down(self, contract_id: str) -> Decimal:
        async with self._database.begin() as session:
            found = (await session.execute(_WRITTEN_DOWN, {"contract_id": contract_id})).scalar_one()
        return Decimal(found)
