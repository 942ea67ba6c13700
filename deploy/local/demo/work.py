"""The fortnight's work and what must come of it, in no vendor's words: who worked on what, what is billed and earned.

Everything lies in the first month of the day's contracts. Amounts are reckoned by hand here, not by the flows' rules.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

from demo.firm import Colleague, Firm, months_later

UNPRICED_ROLE = "Data Analyst"  # a role that nobody has agreed a price for


@dataclass(frozen=True, kw_only=True)
class Shift:
    """The same hours on each of the fortnight's first working days. `person` counts the entity's consultants."""

    deal: str
    person: int
    role: str
    hours: int
    days: int = 10
    billable: bool = True


@dataclass(frozen=True, kw_only=True)
class Spending:
    """A billable expense, in the project's currency."""

    deal: str
    person: int
    category: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a contract comes to: invoiced by the end of the rehearsal, earned by the end of the month.

    `approved` is the work at its prices, expenses with their mark-up; what of it no invoice holds says `beyond` (above
    the cap), `covered` (prepaid), and `fixed` (paid by an agreed amount). `agreed` is what is invoiced by amount.
    """

    net: Decimal = Decimal(0)
    tax: Decimal = Decimal(0)
    earned: Decimal = Decimal(0)
    approved: Decimal = Decimal(0)
    agreed: Decimal = Decimal(0)
    beyond: Decimal = Decimal(0)
    covered: Decimal = Decimal(0)
    fixed: Decimal = Decimal(0)


SHIFTS = (
    Shift(deal="D01", person=0, role="Engineer", hours=8),
    Shift(deal="D01", person=1, role="Consultant", hours=6),
    Shift(deal="D01", person=1, role="Consultant", hours=2, days=1, billable=False),
    Shift(deal="D02", person=2, role="Consultant", hours=8, days=5),
    Shift(deal="D03", person=3, role="Senior Consultant", hours=8),
    Shift(deal="D05", person=4, role="Engineer", hours=8, days=5),
    Shift(deal="D06", person=0, role="Engineer", hours=5),
    Shift(deal="D07", person=1, role="Senior Consultant", hours=7, days=5),
    Shift(deal="D08", person=2, role="Senior Engineer", hours=8),
    Shift(deal="D08", person=3, role=UNPRICED_ROLE, hours=4, days=1),
    Shift(deal="D10", person=4, role="Consultant", hours=4, days=2),
    Shift(deal="D11", person=0, role="Engineer", hours=8),
    Shift(deal="D11", person=1, role="Manager", hours=4, days=5),
    Shift(deal="D13", person=2, role="Consultant", hours=8, days=5),
    Shift(deal="D14", person=3, role="Senior Consultant", hours=6, days=5),
)
SPENDINGS = (Spending(deal="D01", person=0, category="Travel", amount=Decimal("412.40")),)
LATE_PRICE = Decimal(180)  # what the hour without a rate is agreed at, afterwards
ACCEPTED, ONLY_COMPLETED = ("D02", "Design accepted"), ("D13", "Blueprint")
CAPPED, RETAINED, ADVANCED, UNPRICED, WAITING, REBILLED, DELEGATED = "D06", "D07", "D03", "D08", "D11", "D05", "D10"
PAID = ("D01", "D02", "D07")


def _of(net: str, tax: str, earned: str, **more: str) -> Outcome:
    amounts = {name: Decimal(amount) for name, amount in more.items()}
    return Outcome(net=Decimal(net), tax=Decimal(tax), earned=Decimal(earned), **amounts)


OUTCOMES = {
    "D01": _of("20753.64", "3943.19", "20753.64", approved="20753.64"),  # 80 h and 60 h at 145; 412.40 with 10 %
    "D02": _of("30000", "5700", "12000", approved="5800", fixed="5800", agreed="30000"),  # 40 of 400 h of 120,000
    "D03": _of("30000", "0", "40000", approved="12800", fixed="12800", agreed="30000"),  # 80 of 200 h of 100,000
    "D05": _of("5800", "1102", "5800", approved="5800"),
    "D06": _of("9000", "0", "9000", approved="11250", beyond="2250"),  # 50 h at 225 under a cap of 9,000
    "D07": _of("12000", "0", "4200", approved="4200", covered="4200", agreed="12000"),  # 35 of 100 h at 120
    "D08": _of("19920", "0", "19920", approved="19920"),  # 80 h at 240, 4 h at 180
    "D10": _of("6000", "0", "6000", approved="1200", fixed="1200", agreed="6000"),  # a month of availability
    "D11": _of("12000", "2400", "12000", approved="12000"),
    "D13": _of("0", "0", "6400", approved="5200", fixed="5200"),  # 40 of 400 h of 64,000; nothing accepted
    "D14": _of("0", "0", "4500", approved="4800", fixed="4800"),  # 30 of 300 h of 45,000, in euros of the British
}


def month_begins(firm: Firm) -> date:
    """The first day of the day's contracts."""
    return months_later(firm.today, 1)


def month_ends(firm: Firm) -> date:
    """The day after the month's last: the cut-off of its invoices and of its revenue."""
    return months_later(firm.today, 2)


def last_noon(firm: Firm) -> datetime:
    """Noon in UTC of the month's last day: the same date in Berlin, London and New York."""
    return datetime.combine(month_ends(firm) - timedelta(days=1), time(12), UTC)


def working_days(firm: Firm) -> list[date]:
    """Those of the first fortnight."""
    days = (month_begins(firm) + timedelta(days=n) for n in range(14))
    return [day for day in days if day.weekday() < 5]


def consultants(firm: Firm, entity: str) -> list[Colleague]:
    """The entity's people in the PSA who have a manager and have begun, in the order in which they are counted."""
    return [
        one
        for one in firm.colleagues
        if one.entity == entity and one.in_psa and one.manager_number is not None and one.hire_date < firm.today
    ]
