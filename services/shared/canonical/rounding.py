"""Rounding, once and by rule: line amounts, tax by line or by document, shares of a total that add up to it.

Half up ("kaufmaennisch") is what Directive 2006/112/EC leaves to the member states and Germany, the United Kingdom and
the United States do; a line is rounded once (EN 16931, BR-DEC and BR-CO rules: sums are of rounded amounts). Of tax by
line and tax by document the seller chooses one and keeps to it (HMRC VAT Notice 700, section 17.5; EN 16931 BR-CO-17
reckons it by document and rate).
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Literal

from canonical.money import Money, total

TaxRounding = Literal["line", "document"]


def line_amount(quantity: Decimal, unit_price: Decimal, currency: str) -> Money:
    """The price of a quantity, rounded once to the minor unit: 7.75 h at 145.333 EUR are 1126.33 EUR."""
    return Money.of(quantity * unit_price, currency)


def with_percent(amount: Money, percent: Decimal) -> Money:
    """The amount and *percent* on top of it, rounded once: a mark-up on an expense."""
    return Money.of(amount.value * (100 + percent) / 100, amount.currency)


def tax_of(amounts: Sequence[Money], percent: Decimal, currency: str, rounding: TaxRounding) -> Money:
    """The tax at one rate: each line's rounded and added up, or that of their sum rounded once."""
    if rounding == "document":
        return Money.of(total(list(amounts), currency).value * percent / 100, currency)
    return total([Money.of(amount.value * percent / 100, currency) for amount in amounts], currency)


def allocate(whole: Money, weights: Mapping[str, Decimal]) -> dict[str, Money]:
    """*whole* shared out by weight: the shares add up to it, what rounding leaves over goes to the largest.

    Of equally large shares the first gets it. Raises ValueError for no weight, or weights that add up to nothing.
    """
    sum_of_weights = sum(weights.values(), Decimal(0))
    if sum_of_weights == 0:
        raise ValueError("weights add up to more than nothing")
    shares = {key: Money.of(whole.value * weight / sum_of_weights, whole.currency) for key, weight in weights.items()}
    left_over = whole - total(list(shares.values()), whole.currency)
    largest = max(shares, key=lambda key: abs(shares[key].value))
    return {**shares, largest: shares[largest] + left_over}
