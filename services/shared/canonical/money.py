"""Money and rates: exact decimals with a currency, never floats. Minor units: ISO 4217, list one (2026)."""

from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Self

import msgspec
from msgspec import Meta

Currency = Annotated[
    str, Meta(pattern=r"^[A-Z]{3}$", max_length=3, description="ISO 4217 alphabetic code", examples=["EUR"])
]
AmountText = Annotated[
    str,
    Meta(pattern=r"^-?[0-9]{1,15}(\.[0-9]{1,4})?$(?!\n)", description="decimal in major units", examples=["1250.00"]),
]
RateText = Annotated[
    str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,5})?$(?!\n)", description="decimal in major units", examples=["145.50"])
]
QuantityText = Annotated[
    str, Meta(pattern=r"^[0-9]{1,9}(\.[0-9]{1,4})?$(?!\n)", description="decimal, up to four places", examples=["7.5"])
]
PercentText = Annotated[
    str, Meta(pattern=r"^[0-9]{1,3}(\.[0-9]{1,4})?$(?!\n)", description="decimal, in percent", examples=["19"])
]

# ISO 4217 currencies whose minor unit is not two decimals.
_NO_DECIMALS = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
_THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])
_FOUR_DECIMALS = frozenset(["CLF", "UYW"])


def minor_unit_digits(currency: str) -> int:
    """How many decimals the currency's minor unit has: 2 for EUR, 0 for JPY, 3 for KWD."""
    if currency in _NO_DECIMALS:
        return 0
    if currency in _THREE_DECIMALS:
        return 3
    return 4 if currency in _FOUR_DECIMALS else 2


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An exact amount. `amount` is the wire's decimal text in major units; `value` is the Decimal to reckon with.

    Raises ValueError where the amount has more decimals than the currency's minor unit.
    """

    amount: AmountText
    currency: Currency

    def __post_init__(self) -> None:
        if self.amount != self.amount.strip():
            raise ValueError("an amount has no space around it")
        if self.amount.startswith("-") and not Decimal(self.amount):
            raise ValueError("nought has no sign")
        exponent = Decimal(self.amount).as_tuple().exponent
        if not isinstance(exponent, int) or -exponent > minor_unit_digits(self.currency):
            raise ValueError(f"{self.currency} has {minor_unit_digits(self.currency)} decimals")

    @property
    def value(self) -> Decimal:
        return Decimal(self.amount)

    @property
    def minor_units(self) -> int:
        """The amount in the currency's smallest unit: 1250 for 12.50 EUR, 12 for 12 JPY."""
        return int(self.value.scaleb(minor_unit_digits(self.currency)))

    @classmethod
    def of(cls, value: Decimal | int | str, currency: str) -> Self:
        """The value rounded half up, once, to the currency's minor unit. Refuses NaN and infinities with ValueError."""
        exact = Decimal(value)
        if not exact.is_finite():
            raise ValueError("an amount is a finite number")
        unit = Decimal(1).scaleb(-minor_unit_digits(currency))
        rounded = exact.quantize(unit, rounding=ROUND_HALF_UP)
        return cls(amount=f"{rounded or abs(rounded):f}", currency=currency)

    @classmethod
    def of_minor_units(cls, units: int, currency: str) -> Self:
        return cls.of(Decimal(units).scaleb(-minor_unit_digits(currency)), currency)

    def __add__(self, other: "Money") -> "Money":
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} are never added")
        return Money.of(self.value + other.value, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return self + -other

    def __neg__(self) -> "Money":
        return Money.of(-self.value, self.currency)


class Rate(msgspec.Struct, frozen=True, kw_only=True):
    """A price per unit (an hour unless `unit` says otherwise), up to five decimals."""

    amount: RateText
    currency: Currency
    unit: Annotated[str, Meta(extra_json_schema={"x-extensible-enum": ["hour", "day", "month"]})] = "hour"

    @property
    def value(self) -> Decimal:
        return Decimal(self.amount)


def total(amounts: list[Money], currency: str) -> Money:
    """The sum of amounts that all have `currency`; zero for none. Raises ValueError for a mixture."""
    result = Money.of(0, currency)
    for amount in amounts:
        result += amount
    return result
