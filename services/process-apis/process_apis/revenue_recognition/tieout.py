"""The page on which everything ties out: an entity at the end of a period, against the ledger's own accounts."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import text

from canonical.invoicing import Invoice
from canonical.money import Money
from canonical.postings import AccountBalance
from canonical.recognition import ContractBalance, TieOut, TieOutLine
from process_apis.ledger.postings import Posting, Postings, balance_in_base
from process_apis.operations.bindings import Bindings
from process_apis.revenue_recognition.balancing import balances_of
from process_apis.systems.connecting import Systems
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, Kind
from servicekit.spans import day_within

CAPABILITIES = ("billing", "erp")
_APPROVED = text(
    "select currency, sum(amount) as amount from billable where legal_entity_code = :entity and work_date < :before"
    " and not withdrawn group by 1 order by 1"
)
_BILLED = text(
    "select coalesce(sum(case when kind = 'credit' then -1 else 1 end"
    " * cast(draft->'net_in_entity_currency'->>'amount' as numeric)), 0) from release"
    " where legal_entity_code = :entity and document_date < :before and document_state in ('issued', 'credited')"
    " and invoice_number is not null"
)
_NUMBERS = text("select distinct contract_id, contract_number from release where legal_entity_code = :entity")


class TyingOut:
    """Reads our postings, billing and the ledger, and holds them side by side."""

    def __init__(
        self, database: Database, postings: Postings, systems: Systems, bindings: Bindings, clock: Clock
    ) -> None:
        self._database = database
        self._postings = postings
        self._systems = systems
        self._bindings = bindings
        self._clock = clock

    async def tie_out(self, entity: str, period_end: date) -> TieOut:
        """As of what the ERP says now. Raises INVALID `not_bound`, `unknown_legal_entity`."""
        bound = await self._bindings.on(entity, self._clock.now().date(), CAPABILITIES)
        erp = self._systems.erp
        last_day = day_within(period_end) - timedelta(days=1)
        entities, balances, invoices, postings = await asyncio.gather(
            erp.legal_entities(bound.connections["erp"]),
            erp.account_balances(bound.connections["erp"], entity, last_day),
            self._systems.billing.invoices(bound.connections["billing"]),
            self._postings.of_entity(entity, period_end),
        )
        base = next((one.base_currency for one in entities if one.code == entity), None)
        if base is None:
            raise Failure(Kind.INVALID, f"the ERP has no entity {entity}", code="unknown_legal_entity")
        approved, billed, numbers = await self._own(entity, period_end)
        collected = _collected(invoices, postings, base)
        accounts = tuple(_lines(balances, postings, collected))
        contracts = tuple(_contracts(postings, numbers))
        documents = [one for one in postings if one.kind != "revenue"]
        net = balance_in_base(documents, "receivable") + balance_in_base(documents, "tax_payable")
        return TieOut(
            legal_entity_code=entity,
            period_end=period_end,
            base_currency=base,
            approved=approved,
            billed=Money.of(billed, base),
            posted=Money.of(net, base),
            recognised=Money.of(-balance_in_base(postings, "revenue"), base),
            collected=collected,
            accounts=accounts,
            contracts=contracts,
            ties_out=all(one.difference.value == 0 for one in accounts)
            and all(Decimal(one.difference) == 0 for one in contracts),
            as_of=self._clock.now(),
        )

    async def contract_balances(self, contract_id: str | None, entity: str | None) -> tuple[ContractBalance, ...]:
        """Of one contract, or of all of an entity, as of now."""
        if contract_id is not None:
            postings = await self._postings.of_contract(contract_id)
            entity = postings[0].legal_entity_code if postings else ""
        else:
            postings = await self._postings.of_entity(entity or "", date.max)
        _, _, numbers = await self._own(entity or "", date.max)
        return tuple(_contracts(postings, numbers))

    async def _own(self, entity: str, before: date) -> tuple[tuple[Money, ...], Decimal, dict[str, str]]:
        values: dict[str, Any] = {"entity": entity, "before": before}
        async with self._database.begin() as session:
            approved = (await session.execute(_APPROVED, values)).all()
            billed = (await session.execute(_BILLED, values)).scalar_one()
            numbers = (await session.execute(_NUMBERS, {"entity": entity})).all()
        return (
            tuple(Money.of(row.amount, row.currency) for row in approved),
            Decimal(billed),
            {row.contract_id: row.contract_number for row in numbers},
        )


def _collected(invoices: tuple[Invoice, ...], postings: Iterable[Posting], base: str) -> Money:
    """What customers paid of what was posted, as billing says, at the rate at which each invoice was posted."""
    rates = {one.reference: Decimal(one.rate) for one in postings if one.kind == "invoice"}
    paid = sum((one.paid.value * rates[one.reference] for one in invoices if one.reference in rates), Decimal(0))
    return Money.of(paid, base)


def _lines(
    balances: tuple[AccountBalance, ...], postings: tuple[Posting, ...], collected: Money
) -> Iterable[TieOutLine]:
    for account in balances:
        expected = Money.of(balance_in_base(postings, account.account_role), account.balance.currency)
        explained = None
        if account.account_role == "receivable":
            expected, explained = expected - collected, "less what was collected"
        yield TieOutLine(
            account_role=account.account_role,
            syncline=expected,
            ledger=account.balance,
            difference=account.balance - expected,
            explained=explained,
        )


def _contracts(postings: tuple[Posting, ...], numbers: dict[str, str]) -> Iterable[ContractBalance]:
    """The identity of each contract (B1), in its own currency."""
    groups: dict[str, list[Posting]] = defaultdict(list)
    for posting in postings:
        groups[posting.contract_id].append(posting)
    for contract_id, found in groups.items():
        first, held = found[0], balances_of(found)
        left = held.contract_asset + held.unbilled_receivable - held.contract_liability

        def shown(value: Decimal, currency: str = first.currency) -> str:
            return Money.of(value, currency).amount

        yield ContractBalance(
            contract_id=contract_id,
            contract_number=numbers.get(contract_id, ""),
            legal_entity_code=first.legal_entity_code,
            currency=first.currency,
            cumulative_revenue=shown(held.revenue),
            cumulative_net_invoices=shown(held.invoiced),
            contract_asset=shown(held.contract_asset),
            unbilled_receivable=shown(held.unbilled_receivable),
            contract_liability=shown(held.contract_liability),
            difference=shown(held.revenue - held.invoiced - left),
        )
