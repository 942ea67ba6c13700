"""A deal against which nothing speaks, and the ledger it meets: what tests of pure rules change one thing of."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

from msgspec.structs import replace

from canonical.effective import DateRange
from canonical.ledger import AccountingPeriod, DimensionValue, LegalEntity, PaymentTerms, TaxCode
from canonical.money import Money, Rate
from canonical.sales import (
    Address,
    Contract,
    ContractLine,
    ContractMilestone,
    Customer,
    Opportunity,
    PlannedRole,
    TaxRegistration,
)
from process_apis.project_onboarding.facts import Deal, Ledger

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
START, END = date(2026, 12, 1), date(2027, 6, 1)
HEX = "01933b5e8f7a7c3e9d2b4f6a8c0e1d2f"

CUSTOMER = Customer(
    id=f"cus_{HEX}",
    name="Alpenstrom AG",
    number="C2001",
    address=Address(country="AT"),
    billing_email="ap@alpenstrom.example",
    tax_registrations=(TaxRegistration(country="AT", id="ATU13585627"),),
    updated_at=NOW,
)
ROLE = PlannedRole(
    key="R1",
    role="Engineer",
    skills=("python",),
    hours=600,
    start_date=START,
    end_date=END,
    bill_rate=Rate(amount="145", currency="EUR"),
)
LINE = ContractLine(key="L1", description="Plant analytics", method="time_and_materials", amount=Money.of(87000, "EUR"))
CONTRACT = Contract(
    id=f"ctr_{HEX}",
    number="K-2026-17",
    customer_id=CUSTOMER.id,
    amends_contract_id=None,
    status="signed",
    signed_date=date(2026, 11, 20),
    legal_entity_code="DE01",
    cost_centre_code="CC-D10",
    currency="EUR",
    start_date=START,
    end_date=END,
    total_value=LINE.amount,
    lines=(LINE,),
    roles=(ROLE,),
    tax_treatment="standard",
    payment_terms="30 DAYS",
    planned_margin_percent=35,
    updated_at=NOW,
)
OPPORTUNITY = Opportunity(
    id=f"opp_{HEX}",
    name="Plant analytics",
    customer_id=CUSTOMER.id,
    contract_id=CONTRACT.id,
    status="won",
    kind="new",
    value=CONTRACT.total_value,
    close_date=date(2026, 11, 23),
    won_at=NOW,
    legal_entity_code="DE01",
    owner_email="sal@firm.example",
    updated_at=NOW,
)
ENTITY = LegalEntity(
    id=f"len_{HEX}",
    code="DE01",
    name="Firm GmbH",
    country="DE",
    base_currency="EUR",
    time_zone="Europe/Berlin",
    currencies=("CHF",),
)
LEDGER = Ledger(
    entity=ENTITY,
    cost_centres=(DimensionValue(legal_entity_code="DE01", dimension="cost_centre", code="CC-D10", name="Delivery"),),
    tax_codes=tuple(
        TaxCode(legal_entity_code="DE01", code=kind.upper(), name=kind, kind=kind)
        for kind in ("standard", "reverse_charge")
    ),
    periods=tuple(
        AccountingPeriod(
            legal_entity_code="DE01",
            name=str(year),
            effective=DateRange(from_date=date(year, 1, 1), to_date=date(year + 1, 1, 1)),
            closed=year == 2026,
        )
        for year in (2026, 2027)
    ),
    payment_terms=(PaymentTerms(legal_entity_code="DE01", code="30 DAYS", name="30 days net"),),
)


def deal(**changes: Any) -> Deal:
    """The deal, changed: `customer_` or `opportunity_` in front of a name changes that, any other name the contract."""
    of_customer = _chosen(changes, "customer_")
    of_opportunity = _chosen(changes, "opportunity_")
    return Deal(
        opportunity=replace(OPPORTUNITY, **of_opportunity),
        customer=replace(CUSTOMER, **of_customer),
        contract=replace(CONTRACT, **changes),
    )


def line(method: str, amount: int, key: str = "L1") -> ContractLine:
    """A line of the contract, in euros."""
    return ContractLine(key=key, description=f"Line {key}", method=method, amount=Money.of(amount, "EUR"))


def milestone(key: str, amount: int, **changes: Any) -> ContractMilestone:
    """A partial payment, in euros."""
    made = ContractMilestone(key=key, title=f"Part {key}", amount=Money.of(amount, "EUR"), due_date=date(2027, 3, 31))
    return replace(made, **changes)


def _chosen(changes: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Takes what begins with *prefix* out of the changes."""
    names = [name for name in changes if name.startswith(prefix)]
    return {name.removeprefix(prefix): changes.pop(name) for name in names}
