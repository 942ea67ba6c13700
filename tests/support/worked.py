"""Work on the contract that was sold, and what the ledger says of it: what tests of money rules change one thing of."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace
from sold import CONTRACT, CUSTOMER, ENTITY, HEX, NOW, ROLE

from canonical.billing import BillingSchedule
from canonical.delivery import Milestone, Project
from canonical.effective import DateRange
from canonical.entries import Expense, RateCard, RoleRate, TimeEntry
from canonical.ledger import AccountingPeriod, CustomerAccount, SubledgerState, TaxCode
from canonical.money import Money, Rate
from canonical.people import CostRate
from canonical.sales import Contract, ContractLine
from process_apis.invoice_release.facts import Agreement, Books, Item, Matter, Work
from process_apis.revenue_recognition.facts import Delivered

CUT_OFF, TODAY = date(2027, 1, 1), date(2027, 1, 4)
PROJECT = Project(
    id=f"prj_{HEX}",
    number="P-DE01-K-2026-17",
    name="Plant analytics",
    opportunity_id=None,
    contract_id=CONTRACT.id,
    contract_number=CONTRACT.number,
    customer_id=CUSTOMER.id,
    legal_entity_code="DE01",
    currency="EUR",
    status="open_for_time",
    start_date=CONTRACT.start_date,
    end_date=CONTRACT.end_date,
    budget=None,
    updated_at=NOW,
)
SCHEDULE = BillingSchedule(
    id=f"bsc_{HEX}",
    project_id=PROJECT.id,
    contract_id=CONTRACT.id,
    billing_account_id=f"bac_{HEX}",
    legal_entity_code="DE01",
    currency="EUR",
    method="time_and_materials",
    total=CONTRACT.total_value,
    status="active",
    items=(),
    updated_at=NOW,
)
ACCOUNT = CustomerAccount(
    id=f"cac_{HEX}",
    customer_id=CUSTOMER.id,
    number="D10020",
    legal_entity_code="DE01",
    currency="EUR",
    name=CUSTOMER.name,
    blocked=False,
    tax_registration_id=None,
)
TAX = TaxCode(legal_entity_code="DE01", code="VAT19", name="Standard", kind="standard", rate_percent="19")


def money(amount: Decimal | int | str, currency: str = "EUR") -> Money:
    return Money.of(amount, currency)


def rate(amount: str, currency: str = "EUR") -> Rate:
    return Rate(amount=amount, currency=currency)


def entry(name: str = "tim_1", hours: str = "8", price: str | None = "145", **changes: Any) -> TimeEntry:
    """An approved billable entry of an engineer on the 7th of December 2026; *hours* are worked and billable."""
    made = TimeEntry(
        id=name,
        version="v1",
        project_id=PROJECT.id,
        task_id=None,
        resource_id="res_1",
        role=ROLE.role,
        work_date=date(2026, 12, 7),
        hours=hours,
        billable_hours=hours,
        kind="billable",
        bill_rate=None if price is None else rate(price, changes.pop("currency", "EUR")),
        narrative="",
        status="approved",
        approved_by="Paula Lead",
        approved_at=datetime(2026, 12, 9, 8, tzinfo=UTC),
        billing_state="unbilled",
        updated_at=NOW,
    )
    return replace(made, **changes)


def expense(name: str = "exp_1", amount: str = "100", **changes: Any) -> Expense:
    """An approved billable train ticket of the 8th of December 2026."""
    spent = money(amount, changes.pop("currency", "EUR"))
    made = Expense(
        id=name,
        version="v1",
        project_id=PROJECT.id,
        resource_id="res_1",
        category="travel",
        spend_date=date(2026, 12, 8),
        amount=spent,
        spent=spent,
        billable=True,
        reimbursable=True,
        narrative="Train to Vienna",
        status="approved",
        approved_by="Paula Lead",
        approved_at=datetime(2026, 12, 9, 8, tzinfo=UTC),
        billing_state="unbilled",
        updated_at=NOW,
    )
    return replace(made, **changes)


def result(title: str = "Part M1", amount: str | None = "30000", **changes: Any) -> Milestone:
    """A milestone as the PSA has it: accepted by the customer on the 15th of December 2026."""
    made = Milestone(
        id=f"mil_{title[-2:]}",
        project_id=PROJECT.id,
        title=title,
        due_date=date(2026, 12, 15),
        amount=None if amount is None else money(amount),
        completed=True,
        completed_at=datetime(2026, 12, 14, 12, tzinfo=UTC),
        accepted=True,
        accepted_at=datetime(2026, 12, 15, 12, tzinfo=UTC),
        accepted_by="Carl Client",
    )
    return replace(made, **changes)


def card(scope: str, price: str, begins: date = date(2026, 1, 1), ends: date | None = None, **changes: Any) -> RateCard:
    """A rate card with a price for engineers."""
    made = RateCard(
        name=f"{scope} card",
        scope=scope,
        currency="EUR",
        effective=DateRange(from_date=begins, to_date=ends),
        recorded_at=NOW,
        rates=(RoleRate(role=ROLE.role, rate=rate(price)),),
    )
    return replace(made, **changes)


def cost(amount: str, begins: date = date(2026, 1, 1), ends: date | None = None, currency: str = "EUR") -> CostRate:
    effective = DateRange(from_date=begins, to_date=ends)
    return CostRate(worker_id=f"wor_{HEX}", rate=rate(amount, currency), effective=effective, recorded_at=NOW)


def sold_by(*methods: str, amount: int = 87000, **changes: Any) -> Contract:
    """The contract with a line for each method, in the currency that `currency` says."""
    currency = changes.get("currency", "EUR")
    lines = tuple(
        ContractLine(key=f"L{place}", description=f"Line L{place}", method=method, amount=money(amount, currency))
        for place, method in enumerate(methods, 1)
    )
    return replace(CONTRACT, **{"lines": lines, "total_value": money(amount * len(methods), currency), **changes})


def period(name: str, begins: date, ends: date, posting: DateRange | None) -> AccountingPeriod:
    state = SubledgerState(subledger="receivables", state="closed" if posting is None else "open")
    effective = DateRange(from_date=begins, to_date=ends)
    return AccountingPeriod(
        legal_entity_code="DE01",
        name=name,
        effective=effective,
        closed=posting is None,
        subledgers=(state,),
        posting=posting,
    )


JANUARY = DateRange(from_date=date(2027, 1, 1), to_date=date(2027, 2, 1))
OPEN = period("2027-01", date(2027, 1, 1), date(2027, 2, 1), JANUARY)
BOOKS = Books(entity=ENTITY, tax_code=TAX, periods=(OPEN,), account=ACCOUNT, rate=None)
WORK = Work(project=PROJECT, entries=(), unapproved=(), expenses=(), milestones=(), rate_cards=(), schedule=SCHEDULE)


def matter(contract: Contract = CONTRACT, **changes: Any) -> Matter:
    """All that a release knows; `book_` in front of a name changes the books, a name of the work the work."""
    of_books = {name[5:]: changes.pop(name) for name in list(changes) if name.startswith("book_")}
    of_work = {name: changes.pop(name) for name in list(changes) if name in Work.__struct_fields__}
    made = Matter(
        agreement=Agreement(contract=contract, customer=CUSTOMER),
        work=replace(WORK, **of_work),
        books=replace(BOOKS, **of_books),
        cut_off=CUT_OFF,
        today=TODAY,
        document_date=None,
    )
    return replace(made, **changes)


def delivered(contract: Contract = CONTRACT, **changes: Any) -> Delivered:
    """What was delivered by the end of December 2026: nothing, unless said."""
    made = Delivered(
        contract=contract,
        period_end=CUT_OFF,
        entries=(),
        expenses=(),
        milestones=(),
        rate_cards=(),
    )
    return replace(made, **changes)


def item(name: str = "tim_1", quantity: str = "8", price: str = "145", currency: str = "EUR", **changes: Any) -> Item:
    """An item of time; its amount is the quantity at the price unless `amount` says otherwise."""
    day = changes.get("work_date", date(2026, 12, 7))
    made = Item(
        item_id=name,
        kind="time",
        version="v1",
        work_date=day,
        quantity=Decimal(quantity),
        unit_price=Decimal(price),
        amount=Money.of(Decimal(quantity) * Decimal(price), currency),
        description="Engineer",
        line=f"Engineer|{price}|2026-12-07",
        account_role="unbilled_receivable",
        supply_from=day,
        supply_to=date.fromordinal(day.toordinal() + 1),
        approved_by="Paula Lead",
        approved_at="2026-12-09T08:00:00+00:00",
    )
    return replace(made, **changes)
