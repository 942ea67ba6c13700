"""What an hour costs the client: the price that the PSA froze, held against the agreed one (domain rule B4).

Precedence of the agreed rate, by work date, the first that is found: the contract's rate for the role (of several plans
of a role the one whose days hold the work), then the rate cards that apply to the project, the narrowest scope first.
Zero is a rate only where somebody set zero.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import msgspec

from canonical.effective import as_of
from canonical.entries import RateCard, TimeEntry
from canonical.money import Rate
from canonical.sales import Contract
from servicekit.failures import FieldError


class Priced(msgspec.Struct, frozen=True, kw_only=True):
    """The price of an entry and where it comes from: `psa`, `contract`, or the scope of a rate card."""

    rate: Rate
    rule: str


def price(
    entry: TimeEntry, contract: Contract, cards: Sequence[RateCard], tolerance_percent: Decimal | None
) -> Priced | FieldError:
    """The entry's price, or what people must see to: `missing_rate`, or `rate_drift` beyond the tolerance.

    Without a tolerance the frozen price is not held against the agreed one: it is valued, not billed.
    """
    agreed = agreed_rate(entry, contract, cards)
    frozen = entry.bill_rate
    if frozen is None:
        return agreed or _missing(entry)
    if frozen.currency != contract.currency:
        detail = f"the PSA priced it in {frozen.currency}, the contract is in {contract.currency}"
        return _drift(entry, detail)
    if agreed is not None and tolerance_percent is not None and _beyond(frozen, agreed.rate, tolerance_percent):
        return _drift(entry, f"the PSA says {frozen.amount}, {agreed.rule} says {agreed.rate.amount} {frozen.currency}")
    return Priced(rate=frozen, rule="psa")


def agreed_rate(entry: TimeEntry, contract: Contract, cards: Sequence[RateCard]) -> Priced | None:
    """By the precedence, or none."""
    planned = [role for role in contract.roles if role.role == entry.role and role.bill_rate is not None]
    holding = [role for role in planned if role.start_date <= entry.work_date < role.end_date]
    for role in (*holding, *planned):
        if role.bill_rate is not None:
            return Priced(rate=role.bill_rate, rule="contract")
    for scope in dict.fromkeys(card.scope for card in cards):
        of_scope = [card for card in cards if card.scope == scope and card.currency == contract.currency]
        rate = _on_card(as_of(of_scope, entry.work_date), entry.role)
        if rate is not None:
            return Priced(rate=rate, rule=scope)
    return None


def _on_card(card: RateCard | None, role: str | None) -> Rate | None:
    return None if card is None else next((one.rate for one in card.rates if one.role == role), None)


def _beyond(frozen: Rate, agreed: Rate, tolerance_percent: Decimal) -> bool:
    return abs(frozen.value - agreed.value) * 100 > agreed.value * tolerance_percent


def _missing(entry: TimeEntry) -> FieldError:
    message = f"{entry.role or 'work without a role'} on {entry.work_date} has no rate, in the PSA or by agreement"
    return FieldError(pointer=f"/time_entries/{entry.id}", code="missing_rate", message=message)


def _drift(entry: TimeEntry, detail: str) -> FieldError:
    message = f"{_named(entry.role, entry.work_date)}: {detail}"
    return FieldError(pointer=f"/time_entries/{entry.id}", code="rate_drift", message=message)


def _named(role: str | None, day: date) -> str:
    return f"{role or 'work without a role'} on {day}"
