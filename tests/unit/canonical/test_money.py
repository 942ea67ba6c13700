"""Exact amounts: minor units as ISO 4217 has them, rounded once, never a float, never across currencies."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.money import Money, Rate, minor_unit_digits, total

# ISO 4217, list one (current currency and funds codes), column "Minor unit"; published by SIX, its maintenance agency.
MINOR_UNITS = {
    "EUR": 2,
    "USD": 2,
    "HUF": 2,
    "MRU": 2,  # one ouguiya is five khoums, and yet the list says 2
    "JPY": 0,
    "KRW": 0,
    "ISK": 0,
    "UYI": 0,
    "XOF": 0,
    "KWD": 3,
    "BHD": 3,
    "TND": 3,
    "IQD": 3,
    "CLF": 4,
    "UYW": 4,
}
CURRENCIES = st.sampled_from(sorted(MINOR_UNITS))
UNITS = st.integers(min_value=-(10**14), max_value=10**14)


@pytest.mark.parametrize(("currency", "digits"), sorted(MINOR_UNITS.items()))
def test_a_currency_has_the_decimals_of_iso_4217(currency: str, digits: int) -> None:
    """The number of decimals is the standard's."""
    assert digits == minor_unit_digits(currency)


@pytest.mark.parametrize(
    ("amount", "currency", "units"),
    [("12.50", "EUR", 1250), ("12", "JPY", 12), ("12.345", "KWD", 12345), ("-0.01", "EUR", -1), ("7.5", "EUR", 750)],
)
def test_minor_units_are_counted_in_the_smallest_unit(amount: str, currency: str, units: int) -> None:
    """What billing platforms count in is reckoned without a float."""
    assert units == Money(amount=amount, currency=currency).minor_units


@pytest.mark.parametrize(
    ("value", "currency", "amount"),
    [
        ("0.005", "EUR", "0.01"),
        ("2.675", "EUR", "2.68"),  # the float 2.675 would give 2.67
        ("0.0049", "EUR", "0.00"),
        ("-0.005", "EUR", "-0.01"),
        ("0.5", "JPY", "1"),
        ("1.5", "JPY", "2"),
        ("2.5", "JPY", "3"),  # banker's rounding would give 2
        ("1.0005", "KWD", "1.001"),
        (87000, "EUR", "87000.00"),
        (Decimal("1E+3"), "JPY", "1000"),
    ],
)
def test_a_value_is_rounded_half_up(value: Decimal | int | str, currency: str, amount: str) -> None:
    """Half a minor unit goes away from zero, as invoices are rounded."""
    assert Money(amount=amount, currency=currency) == Money.of(value, currency)


def test_a_value_is_rounded_once() -> None:
    """0.0149... is 0.01, though 0.015 would be 0.02: no rounding on the way to the rounding."""
    assert Money(amount="0.01", currency="EUR") == Money.of("0.01499999999999999999", "EUR")


@pytest.mark.parametrize(("value", "currency", "nought"), [("-0.001", "EUR", "0.00"), ("-0", "JPY", "0")])
def test_nought_has_no_sign(value: str, currency: str, nought: str) -> None:
    """It is one amount, with one spelling; a minus before it is a mistake, and rounding makes none."""
    assert nought == Money.of(value, currency).amount == (-Money(amount=nought, currency=currency)).amount
    with pytest.raises(ValueError, match="nought has no sign"):
        Money(amount=f"-{nought}", currency=currency)


@pytest.mark.parametrize("value", ["NaN", "sNaN", "Infinity", "-Infinity"])
def test_what_is_no_finite_number_is_refused(value: str) -> None:
    """Neither NaN nor an infinity is an amount, by whatever road it comes."""
    with pytest.raises(ValueError, match="finite"):
        Money.of(value, "EUR")
    with pytest.raises(ValueError, match="EUR has 2 decimals"):
        Money(amount=value, currency="EUR")
    with pytest.raises(msgspec.ValidationError):
        _read({"amount": value, "currency": "EUR"})


@pytest.mark.parametrize(("amount", "currency"), [("0.001", "EUR"), ("1.0", "JPY"), ("1.0001", "KWD")])
def test_more_decimals_than_the_currency_has_are_refused(amount: str, currency: str) -> None:
    """An amount that nobody can pay is a mistake, not something to round in silence."""
    with pytest.raises(ValueError, match=f"{currency} has"):
        Money(amount=amount, currency=currency)
    with pytest.raises(msgspec.ValidationError):
        _read({"amount": amount, "currency": currency})


@pytest.mark.parametrize(
    "amount", [12.5, 12, None, "", " 1.00", "1.00 ", "1.00\n", "1,00", "1_000", "1e3", "+1.00", ".50", "1.", "0x1"]
)
def test_the_wire_carries_plain_decimal_text(amount: Any) -> None:
    """A JSON number has been a float somewhere; anything but digits, a point and a minus is no amount."""
    with pytest.raises(msgspec.ValidationError):
        _read({"amount": amount, "currency": "EUR"})


@pytest.mark.parametrize("amount", [" 1.00", "1.00 ", "1.00\n"])
def test_an_amount_made_by_us_has_no_space_either(amount: str) -> None:
    """A connector that forgets to strip finds out at once."""
    with pytest.raises(ValueError, match="no space"):
        Money(amount=amount, currency="EUR")


@pytest.mark.parametrize("currency", ["eur", "EURO", "EU", "", "EUR\n", "E R"])
def test_a_currency_is_three_capital_letters(currency: str) -> None:
    """The alphabetic code, nothing else."""
    with pytest.raises(msgspec.ValidationError):
        _read({"amount": "1", "currency": currency})


def test_an_amount_travels_as_it_was_written() -> None:
    """The text on the wire is the text that was read: no zero is lost."""
    wire = b'{"amount":"1250.00","currency":"EUR"}'
    assert wire == msgspec.json.encode(msgspec.json.decode(wire, type=Money))


@given(units=UNITS, currency=CURRENCIES)
def test_minor_units_go_there_and_back(units: int, currency: str) -> None:
    """No amount changes by being counted in its smallest unit."""
    made = Money.of_minor_units(units, currency)
    assert units == made.minor_units
    assert made == msgspec.json.decode(msgspec.json.encode(made), type=Money)


@given(one=UNITS, other=UNITS, currency=CURRENCIES)
def test_a_sum_is_exact(one: int, other: int, currency: str) -> None:
    """Adding amounts is adding their minor units."""
    summed = Money.of_minor_units(one, currency) + Money.of_minor_units(other, currency)
    assert Money.of_minor_units(one + other, currency) == summed


@given(
    value=st.decimals(min_value=-(10**9), max_value=10**9, places=8),
    currency=CURRENCIES,
)
def test_rounding_moves_an_amount_by_half_a_unit_at_most(value: Decimal, currency: str) -> None:
    """What is rounded stays next to what it was."""
    unit = Decimal(1).scaleb(-MINOR_UNITS[currency])
    assert abs(Money.of(value, currency).value - value) <= unit / 2


def test_currencies_are_never_added() -> None:
    """There is no sum of euros and dollars."""
    euros, dollars = Money.of(1, "EUR"), Money.of(1, "USD")
    with pytest.raises(ValueError, match="EUR and USD are never added"):
        euros + dollars
    with pytest.raises(ValueError, match="EUR and USD are never added"):
        total([euros, dollars], "EUR")
    with pytest.raises(ValueError, match="USD and EUR are never added"):
        total([euros], "USD")


def test_a_total_of_nothing_is_zero_of_its_currency() -> None:
    """An empty sum has a currency all the same."""
    assert Money(amount="0", currency="JPY") == total([], "JPY")
    assert Money(amount="3.30", currency="EUR") == total([Money.of("1.10", "EUR"), Money.of("2.20", "EUR")], "EUR")


def test_a_rate_has_up_to_five_decimals_and_no_sign() -> None:
    """A price per unit may be finer than the currency's minor unit, but is never negative."""
    assert Decimal("0.12345") == Rate(amount="0.12345", currency="EUR").value
    assert "hour" == Rate(amount="145", currency="EUR").unit
    for amount in ("-1", "0.123456", "1e2", " 1", 1.5):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"amount": amount, "currency": "EUR"}, Rate)


def _read(wire: dict[str, Any]) -> Money:
    return msgspec.json.decode(msgspec.json.encode(wire), type=Money)
