"""The reading steps of a release: they have no effects. Reference data is kept for seconds, all else is read afresh."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date, datetime, timedelta
from typing import Any

import msgspec

from canonical.delivery import Project
from canonical.entries import Expense, TimeEntry
from canonical.ledger import LegalEntity, TaxCode
from canonical.postings import LedgerEntry, Receivable
from canonical.sales import Contract
from process_apis.invoice_release.facts import Agreement, Books, Matter, Work
from process_apis.invoice_release.periods import today_of
from process_apis.operations.bindings import Bindings, Bound
from process_apis.systems.connecting import Systems
from servicekit.clock import Clock
from servicekit.failures import Failure, Kind

CAPABILITIES = ("psa", "billing", "erp")
_KEPT = timedelta(seconds=30)  # entities and tax codes change by the month; a batch asks for them by the hundred


class Swept(msgspec.Struct, frozen=True, kw_only=True):
    """The unbilled entries and expenses of a project, as a batch has read them for all projects at once."""

    entries: tuple[TimeEntry, ...]
    unapproved: tuple[TimeEntry, ...]
    expenses: tuple[Expense, ...]


class Readings:
    """What a release reads, each method a step."""

    def __init__(self, systems: Systems, bindings: Bindings, clock: Clock) -> None:
        self._systems = systems
        self._bindings = bindings
        self._clock = clock
        self._kept: dict[tuple[str, ...], tuple[datetime, Any]] = {}

    async def read_agreement(self, contract_id: str) -> Agreement:
        contract = await self._systems.crm.contract(contract_id)
        return Agreement(contract=contract, customer=await self._systems.crm.customer(contract.customer_id))

    async def read_bindings(self, legal_entity_code: str) -> Bound:
        """Raises INVALID `not_bound`, and `flow_stopped` while a binding is off."""
        bound = await self._bindings.on(legal_entity_code, self._clock.now().date(), CAPABILITIES)
        if bound.mode == "off":
            detail = f"invoice-release is switched off for {legal_entity_code}"
            raise Failure(Kind.INVALID, detail, code="flow_stopped")
        return bound

    async def read_matter(
        self, agreement: Agreement, bound: Bound, cut_off: date, document_date: date | None, swept: Swept | None
    ) -> Matter:
        """Everything that the draft goes by, as of now. Raises INVALID `project_missing`, `unknown_legal_entity`."""
        contract = agreement.contract
        work, entity = await asyncio.gather(
            self.read_work(contract, bound, cut_off, swept), self.entity(contract.legal_entity_code, bound)
        )
        today = today_of(entity, self._clock.now())
        books = await self._read_books(agreement, bound, entity, document_date or today)
        return Matter(
            agreement=agreement, work=work, books=books, cut_off=cut_off, today=today, document_date=document_date
        )

    async def read_work(self, contract: Contract, bound: Bound, cut_off: date, swept: Swept | None) -> Work:
        psa, connection = self._systems.psa, bound.connections["psa"]
        project = await self._project(contract, bound)
        query = {"project_id": project.id, "status": "approved", "billing_state": "unbilled"}
        submitted = {"project_id": project.id, "status": "submitted"}
        day = cut_off.isoformat()
        entries, unapproved, expenses, milestones, cards, schedule = await asyncio.gather(
            _already(swept.entries) if swept else psa.time_entries(connection, **query, work_date_before=day),
            _already(swept.unapproved) if swept else psa.time_entries(connection, **submitted, work_date_before=day),
            _already(swept.expenses) if swept else psa.expenses(connection, **query, spend_date_before=day),
            psa.milestones(project.id) if contract.milestones else _already(()),
            psa.rate_cards(project.id),
            self._systems.billing.schedule_of_project(bound.connections["billing"], project.number),
        )
        return Work(
            project=project,
            entries=entries,
            unapproved=tuple(entry for entry in unapproved if entry.kind == "billable"),
            expenses=expenses,
            milestones=milestones,
            rate_cards=cards,
            schedule=schedule,
        )

    async def read_unbilled(
        self, project_id: str, bound: Bound, cut_off: date, kinds: frozenset[str]
    ) -> tuple[TimeEntry | Expense, ...]:
        """What of these kinds (time, expense) is approved and not billed as of now; other kinds are not asked for."""
        psa, connection, day = self._systems.psa, bound.connections["psa"], cut_off.isoformat()
        query = {"project_id": project_id, "status": "approved", "billing_state": "unbilled"}
        entries, expenses = await asyncio.gather(
            psa.time_entries(connection, **query, work_date_before=day) if "time" in kinds else _already(()),
            psa.expenses(connection, **query, spend_date_before=day) if "expense" in kinds else _already(()),
        )
        return (*entries, *expenses)

    async def entity(self, code: str, bound: Bound) -> LegalEntity:
        """Raises INVALID `unknown_legal_entity`."""
        connection = bound.connections["erp"]

        async def asked() -> tuple[LegalEntity, ...]:
            return await self._systems.erp.legal_entities(connection)

        found: tuple[LegalEntity, ...] = await self._for_seconds(("entities", connection), asked)
        entity = next((one for one in found if one.code == code), None)
        if entity is None:
            raise Failure(Kind.INVALID, f"the ERP has no entity {code}", code="unknown_legal_entity")
        return entity

    async def tomorrow(self, code: str, bound: Bound) -> date:
        """The entity's next day: what was done until now lies before it."""
        return today_of(await self.entity(code, bound), self._clock.now()) + timedelta(days=1)

    async def _project(self, contract: Contract, bound: Bound) -> Project:
        project = await self._systems.psa.project_of_contract(bound.connections["psa"], contract.number)
        if project is None:
            raise Failure(Kind.INVALID, f"contract {contract.number} has no project", code="project_missing")
        return project

    async def _read_books(self, agreement: Agreement, bound: Bound, entity: LegalEntity, day: date) -> Books:
        erp, connection, contract = self._systems.erp, bound.connections["erp"], agreement.contract
        number = agreement.customer.number

        async def codes() -> tuple[TaxCode, ...]:
            return await erp.tax_codes(connection, entity.code)

        tax_codes, periods, account, rate = await asyncio.gather(
            self._for_seconds(("tax codes", connection, entity.code), codes),
            erp.accounting_periods(connection, entity.code),
            erp.customer_account_of(connection, entity.code, number, contract.currency) if number else _already(None),
            self.rate(bound, entity, contract.currency, day, "invoice"),
        )
        of_kind = [code for code in tax_codes if code.kind == contract.tax_treatment]
        return Books(
            entity=entity, tax_code=of_kind[0] if of_kind else None, periods=periods, account=account, rate=rate
        )

    async def rate(self, bound: Bound, entity: LegalEntity, currency: str, day: date, purpose: str) -> str | None:
        """Units of the entity's currency for one of *currency*; none where it is the entity's own, or no rate holds."""
        if currency == entity.base_currency:
            return None
        erp, connection = self._systems.erp, bound.connections["erp"]
        found = await erp.exchange_rate(connection, entity.code, currency, day, purpose)
        return None if found is None else found.rate

    def forget(self) -> None:
        """Read reference data anew: something in it is missing, and will be mended."""
        self._kept.clear()

    async def entries(self, bound: Bound, entity: str, receivable: Receivable) -> tuple[LedgerEntry, ...]:
        """What the document made in the ledger. UNAVAILABLE while it shows nothing: some ledgers account later."""
        number = receivable.document_number or ""
        found = await self._systems.erp.ledger_entries(bound.connections["erp"], entity, number)
        if not found:
            raise Failure(Kind.UNAVAILABLE, f"the ledger shows no entries of {number} yet")
        return found

    async def _for_seconds(self, key: tuple[str, ...], ask: Callable[[], Awaitable[Any]]) -> Any:
        kept = self._kept.get(key)
        if kept is None or kept[0] + _KEPT < self._clock.now():
            kept = (self._clock.now(), await ask())
            self._kept[key] = kept
        return kept[1]


async def _already(value: Any) -> Any:
    return value
