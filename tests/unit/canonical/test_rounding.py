"""Rounding: once, half up, by line or by document; shares of a total that add up to it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canonical.money import Money, total
from canonical.rounding import allocate, line_amount, tax_of, with_percent

UNITS = st.integers(min_value=-(10**12), max_value=10**12)
CURRENCIES = st.sampled_from(["EUR", "JPY", "KWD", "CLF"])
WEIGHTS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3),
    st.decimals(min_value=0, max_value=10**6, places=2),
    min_size=1,
    max_size=12,
).filter(lambda weights: sum(weights.values()) > 0)


def euros(*amounts: str) -> list[Money]:
    return [Money.of(amount, "EUR") for amount in amounts]


@pytest.mark.parametrize(
    ("quantity", "price", "currency", "amount"),
    [
        ("7.75", "145.333", "EUR", "1126.33"),
        ("1", "2.345", "EUR", "2.35"),  # helpster.de, "Kaufmännisch runden", an example of DIN 1333
        ("1", "2.343", "EUR", "2.34"),  # the same page
        ("0.5", "0.01", "EUR", "0.01"),
        ("0.25", "18.50", "EUR", "4.63"),  # 4.625: banker's rounding would give 4.62
        ("1.5", "12345", "JPY", "18518"),  # 18517.5
        ("0.3333", "15000", "JPY", "5000"),  # 4999.5
        ("7.5", "12.3457", "KWD", "92.593"),  # 92.59275
        ("0.0001", "1", "CLF", "0.0001"),
        ("3", "33.33333", "EUR", "100.00"),
        ("0", "145", "EUR", "0.00"),
    ],
)
def test_a_line_is_rounded_once_to_the_minor_unit(quantity: str, price: str, currency: str, amount: str) -> None:
    """Quantity times a price of up to five decimals, half up, to what the currency can pay (B33)."""
    assert Money(amount=amount, currency=currency) == line_amount(Decimal(quantity), Decimal(price), currency)


@pytest.mark.parametrize(
    ("amount", "percent", "currency", "marked_up"),
    [
        ("250.00", "10", "EUR", "275.00"),
        ("33.33", "7.5", "EUR", "35.83"),
        ("99", "0.5", "JPY", "99"),
        ("10", "0", "EUR", "10.00"),
    ],
)
def test_a_mark_up_is_rounded_once(amount: str, percent: str, currency: str, marked_up: str) -> None:
    """33.33 with 7.5 % on top is 35.82975, so 35.83."""
    assert Money.of(marked_up, currency) == with_percent(Money.of(amount, currency), Decimal(percent))


def test_tax_by_line_and_by_document_differ() -> None:
    """At 19 %: each line rounded and added up, or the sum rounded once; which of them is more depends on the lines."""
    assert ("0.27", "0.27") == _both("0.47", "0.47", "0.47")  # 0.0893 each; 0.2679 of the sum
    assert ("0.27", "0.26") == _both("0.45", "0.45", "0.45")  # 0.0855 each; 0.2565 of the sum
    assert ("0.00", "0.02") == _both("0.02", "0.02", "0.02", "0.02")  # 0.0038 each; 0.0152 of the sum


@pytest.mark.parametrize(
    ("amounts", "percent", "currency", "by_line", "by_document"),
    [
        (("105", "105"), "10", "JPY", "22", "21"),  # 10.5 each
        (("1.005", "1.005"), "5", "KWD", "0.100", "0.101"),  # 0.05025 each; 0.1005 of the sum
        ((), "19", "EUR", "0.00", "0.00"),
        (("100.00",), "0", "EUR", "0.00", "0.00"),
        (("100.00", "-40.00"), "19", "EUR", "11.40", "11.40"),
    ],
)
def test_tax_is_rounded_to_what_the_currency_can_pay(
    amounts: tuple[str, ...], percent: str, currency: str, by_line: str, by_document: str
) -> None:
    """A yen has no parts, a dinar has a thousand; nothing is taxed at nothing."""
    lines = [Money.of(amount, currency) for amount in amounts]
    assert Money.of(by_line, currency) == tax_of(lines, Decimal(percent), currency, "line")
    assert Money.of(by_document, currency) == tax_of(lines, Decimal(percent), currency, "document")


@pytest.mark.parametrize(
    ("whole", "weights", "shares"),
    [
        ("0.10", {"a": "1", "b": "1", "c": "1"}, {"a": "0.04", "b": "0.03", "c": "0.03"}),
        ("0.20", {"a": "1", "b": "1", "c": "1"}, {"a": "0.06", "b": "0.07", "c": "0.07"}),
        ("19.00", {"a": "50", "b": "30", "c": "20"}, {"a": "9.50", "b": "5.70", "c": "3.80"}),
        ("1.00", {"a": "1", "b": "2", "c": "4"}, {"a": "0.14", "b": "0.29", "c": "0.57"}),
        ("1.01", {"a": "1", "b": "1", "c": "7"}, {"a": "0.11", "b": "0.11", "c": "0.79"}),
        ("-0.10", {"a": "1", "b": "1", "c": "1"}, {"a": "-0.04", "b": "-0.03", "c": "-0.03"}),
        ("0.00", {"a": "1", "b": "2"}, {"a": "0.00", "b": "0.00"}),
        ("5.00", {"a": "0", "b": "3"}, {"a": "0.00", "b": "5.00"}),
    ],
)
def test_what_rounding_leaves_over_goes_to_the_largest(
    whole: str, weights: dict[str, str], shares: dict[str, str]
) -> None:
    """The first of equally large ones, plus or minus (B33)."""
    shared = allocate(Money.of(whole, "EUR"), {key: Decimal(weight) for key, weight in weights.items()})
    assert shares == {key: share.amount for key, share in shared.items()}


def test_a_yen_is_not_divided() -> None:
    """What has no minor unit is shared out in whole ones."""
    shared = allocate(Money.of(100, "JPY"), {"a": Decimal(1), "b": Decimal(1), "c": Decimal(1)})
    assert {"a": Money.of(34, "JPY"), "b": Money.of(33, "JPY"), "c": Money.of(33, "JPY")} == shared


@pytest.mark.parametrize("weights", [{}, {"a": Decimal(0)}, {"a": Decimal(1), "b": Decimal(-1)}])
def test_nothing_is_shared_out_by_no_weight(weights: dict[str, Decimal]) -> None:
    """Somebody has to get it."""
    with pytest.raises(ValueError, match="weights add up to more than nothing"):
        allocate(Money.of(1, "EUR"), weights)


@given(units=UNITS, currency=CURRENCIES, weights=WEIGHTS)
def test_shares_add_up_to_the_whole(units: int, currency: str, weights: dict[str, Decimal]) -> None:
    """To the minor unit, for everybody who has a weight, whatever it is."""
    whole = Money.of_minor_units(units, currency)
    shares = allocate(whole, weights)
    assert weights.keys() == shares.keys()
    assert whole == total(list(shares.values()), currency)


@given(units=st.lists(st.integers(0, 10**9), max_size=20), currency=CURRENCIES, percent=st.integers(0, 30))
def test_tax_by_line_is_within_half_a_unit_of_each_line(units: list[int], currency: str, percent: int) -> None:
    """The two ways differ by rounding alone."""
    amounts = [Money.of_minor_units(one, currency) for one in units]
    by_line = tax_of(amounts, Decimal(percent), currency, "line").minor_units
    by_document = tax_of(amounts, Decimal(percent), currency, "document").minor_units
    assert abs(by_line - by_document) * 2 <= len(units) + 1


def _both(*amounts: str) -> tuple[str, str]:
    lines, percent = euros(*amounts), Decimal(19)
    return tax_of(lines, percent, "EUR", "line").amount, tax_of(lines, percent, "EUR", "document").amount
