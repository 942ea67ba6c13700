"""Amounts and rates in Stripe's minor units, exactly or not at all. Source: docs.stripe.com/currencies."""

from decimal import ROUND_HALF_UP, Decimal

from canonical.money import Money, Rate, minor_unit_digits
from servicekit.failures import Failure, FieldError, Kind

# Stripe's minor units differ from ISO 4217 in a few currencies. Source: docs.stripe.com/currencies.
_NO_DECIMALS = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "JPY", "KMF", "KRW", "MGA", "PYG", "RWF", "VND", "VUV", "XAF", "XOF", "XPF")
)
_THREE_DECIMALS = frozenset(("BHD", "JOD", "KWD", "OMR", "TND"))
_HUNDREDTHS_OF_WHOLE_UNITS = frozenset(("ISK", "UGX"))


def normal(money: Money) -> Money:
    """The same amount with all the decimals of its currency."""
    return Money.of(money.value, money.currency)


def vendor_digits(currency: str) -> int:
    """How many decimals Stripe's minor unit has."""
    if currency in _NO_DECIMALS:
        return 0
    return 3 if currency in _THREE_DECIMALS else 2


def amount_units(money: Money) -> int:
    """The amount in Stripe's minor units. Raises INVALID for one that Stripe cannot hold exactly."""
    if money.value < 0:
        raise _not_held(money)
    return signed_units(money)


def signed_units(money: Money, pointer: str = "/items") -> int:
    """The same for an amount that may be below nothing: a line that deducts an advance."""
    units = money.value.scaleb(vendor_digits(money.currency))
    step = 10 if money.currency in _THREE_DECIMALS else 100 if money.currency in _HUNDREDTHS_OF_WHOLE_UNITS else 1
    if units % step:
        raise _not_held(money, pointer)
    return int(units)


def from_units(units: int, currency: str) -> Money:
    """An amount that Stripe tells, by the ISO code in whatever case."""
    code = currency.upper()
    return Money.of(Decimal(units).scaleb(-vendor_digits(code)), code)


def rate_units(rate: Rate) -> Decimal:
    """The rate in Stripe's minor units, which may have fractions."""
    return rate.value.scaleb(vendor_digits(rate.currency))


def rate_text(value: Decimal, currency: str) -> str:
    """At least the currency's decimals, at most the five of a canonical rate."""
    exponent = value.normalize().as_tuple().exponent
    digits = max(minor_unit_digits(currency), -exponent if isinstance(exponent, int) else 0)
    unit = Decimal(1).scaleb(-min(digits, 5))
    return f"{value.quantize(unit, rounding=ROUND_HALF_UP):f}"


def _not_held(money: Money, pointer: str = "/items") -> Failure:
    return not_billable(f"the billing platform cannot hold an amount of {money.amount} {money.currency}", pointer)


def not_billable(message: str, pointer: str = "/items") -> Failure:
    return wrong(pointer, message, "not_billable")


def wrong(pointer: str, message: str, code: str) -> Failure:
    return Failure(Kind.INVALID, message, code, (FieldError(pointer=pointer, code=code, message=f"{message}."),))
