"""How Business Central reckons: line amounts, tax per tax code and document, conversion without a remainder.

Source: table Sales Line, UpdateVATAmounts: the tax of a line is what the rounded tax of all lines so far at its rate
grows by, so that the lines' tax adds up to the tax on the sum (per VAT identifier and document). The direction is the
ledger's "VAT Rounding Type". Sales tax of US companies is reckoned alike here (per jurisdiction there: simplified).
"""

from collections.abc import Callable, Iterable
from decimal import ROUND_DOWN, ROUND_HALF_UP, ROUND_UP, Decimal
from typing import Any

from system_apis.erp.business_central.sandbox.filters import Row

DIRECTIONS = {"Nearest": ROUND_HALF_UP, "Up": ROUND_UP, "Down": ROUND_DOWN}
CENT = Decimal("0.01")


def exact(value: Any) -> Decimal:
    """A JSON number as the decimal that was written."""
    return Decimal(str(value))


def number(value: Decimal) -> int | float:
    """A decimal as a JSON number; fifteen digits survive."""
    return int(value) if value == value.to_integral_value() else float(value)


def reckoned(lines: list[Row], percent_of: Callable[[Row], Decimal], unit: Decimal, direction: str) -> list[Row]:
    """The lines with their amounts. *unit* is the currency's amount rounding precision."""
    sums: dict[str, tuple[Decimal, Decimal]] = {}
    found: list[Row] = []
    for line in lines:
        net = (exact(line["quantity"]) * exact(line["unitPrice"])).quantize(unit, ROUND_HALF_UP)
        before_net, before_tax = sums.get(line["taxCode"], (Decimal(0), Decimal(0)))
        percent = percent_of(line)
        tax_so_far = ((before_net + net) * percent / 100).quantize(unit, DIRECTIONS[direction])
        sums[line["taxCode"]] = (before_net + net, tax_so_far)
        found.append(line | _amounts(net, tax_so_far - before_tax, percent))
    return found


def totals(lines: Iterable[Row]) -> dict[str, int | float]:
    held = list(lines)
    net = sum((exact(line["netAmount"]) for line in held), Decimal(0))
    tax = sum((exact(line["netTaxAmount"]) for line in held), Decimal(0))
    return {
        "totalAmountExcludingTax": number(net),
        "totalTaxAmount": number(tax),
        "totalAmountIncludingTax": number(net + tax),
    }


class Conversion:
    """Amounts of one document in the local currency: each is what the converted sum so far grows by."""

    def __init__(self, rate: Decimal) -> None:
        self._rate = rate
        self._foreign = Decimal(0)
        self._local = Decimal(0)

    def local(self, amount: Decimal) -> Decimal:
        before = self._local
        self._foreign += amount
        self._local = (self._foreign * self._rate).quantize(CENT, ROUND_HALF_UP)
        return self._local - before


def _amounts(net: Decimal, tax: Decimal, percent: Decimal) -> Row:
    return {
        "amountExcludingTax": number(net),
        "netAmount": number(net),
        "taxPercent": number(percent),
        "totalTaxAmount": number(tax),
        "netTaxAmount": number(tax),
        "amountIncludingTax": number(net + tax),
        "netAmountIncludingTax": number(net + tax),
    }
