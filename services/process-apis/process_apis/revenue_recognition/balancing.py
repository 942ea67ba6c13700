"""The journal that brings a contract's balances to where they belong: pure (domain rules B1 and C).

The position is cumulative revenue minus net invoices. Positive, it is an asset (an unbilled receivable, where only time
has to pass until it is billed); negative, a liability. What is posted is the difference to what is posted already, so
that a repeat posts nothing, and a correction lands in the open period.
"""

from collections.abc import Iterable
from decimal import Decimal

from canonical.money import Money
from canonical.postings import NewJournalLine
from process_apis.ledger.comparing import converted
from process_apis.ledger.postings import Posting, balance
from process_apis.revenue_recognition.facts import Balances

_BY_THE_HOUR = frozenset({"time_and_materials", "capped_time_and_materials"})


def balances_of(postings: Iterable[Posting]) -> Balances:
    """What our postings of a contract have left, each on its natural side."""
    posted = tuple(postings)
    documents = [one for one in posted if one.kind in {"invoice", "credit_note"}]
    net = balance(documents, "receivable") + balance(documents, "tax_payable")
    return Balances(
        revenue=-balance(posted, "revenue"),
        invoiced=net,
        unbilled_receivable=balance(posted, "unbilled_receivable"),
        contract_asset=balance(posted, "contract_asset"),
        contract_liability=-balance(posted, "contract_liability"),
    )


def moves(required: Decimal, posted: Balances, methods: set[str]) -> dict[str, Decimal]:
    """What each account has to move by, debit positive, in the contract's currency; empty when nothing has to."""
    position = required - posted.invoiced
    asset_role = "unbilled_receivable" if methods <= _BY_THE_HOUR else "contract_asset"
    target = {"unbilled_receivable": Decimal(0), "contract_asset": Decimal(0), "contract_liability": Decimal(0)}
    target["contract_liability" if position < 0 else asset_role] = abs(position)
    moved = {
        "revenue": posted.revenue - required,
        "unbilled_receivable": target["unbilled_receivable"] - posted.unbilled_receivable,
        "contract_asset": target["contract_asset"] - posted.contract_asset,
        "contract_liability": posted.contract_liability - target["contract_liability"],
    }
    return {role: amount for role, amount in moved.items() if amount}


def journal_lines(
    moved: dict[str, Decimal], currency: str, base_currency: str, rate: Decimal, description: str, cost_centre: str
) -> tuple[NewJournalLine, ...]:
    """The lines in the entity's own currency; what converting leaves over stands on the largest."""
    return tuple(
        NewJournalLine(
            account_role=role,
            amount=amount,
            entered=Money.of(moved[role], currency) if currency != base_currency else None,
            description=description,
            cost_centre_code=cost_centre,
        )
        for role, amount in converted(moved, base_currency, rate).items()
    )
