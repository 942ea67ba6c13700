"""What a recognition knows: what was agreed, what was delivered by the end of the period, and what is posted."""

from datetime import date
from decimal import Decimal

import msgspec

from canonical.delivery import Milestone
from canonical.entries import Expense, RateCard, TimeEntry
from canonical.people import CostRate
from canonical.sales import Contract


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """The facts of delivery of one contract before `period_end`. Entries and expenses are approved, billed or not.

    `cost_rates` are by resource, only where progress is measured by cost; `written_down` are price concessions.
    """

    contract: Contract
    period_end: date
    entries: tuple[TimeEntry, ...]
    expenses: tuple[Expense, ...]
    milestones: tuple[Milestone, ...]
    rate_cards: tuple[RateCard, ...]
    cost_rates: dict[str, tuple[CostRate, ...]] = {}
    written_down: Decimal = Decimal(0)

    @property
    def hours(self) -> Decimal:
        """All approved hours on the project, billable or not: progress is made by both."""
        return sum((Decimal(entry.hours) for entry in self.entries), Decimal(0))


class Balances(msgspec.Struct, frozen=True, kw_only=True):
    """What is posted of a contract so far, in its own currency: revenue earned, net invoiced, and the three balances.

    Each is positive on its natural side: a liability of 100 is a credit.
    """

    revenue: Decimal
    invoiced: Decimal
    unbilled_receivable: Decimal
    contract_asset: Decimal
    contract_liability: Decimal
