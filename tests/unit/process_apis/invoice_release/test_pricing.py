"""The price of an hour: what the PSA froze, held against what was agreed, in the order of rule B4."""

from datetime import date
from decimal import Decimal

import pytest
from msgspec.structs import replace
from sold import CONTRACT, NOW, ROLE
from worked import card, entry, rate, sold_by

from canonical.money import Rate
from process_apis.invoice_release.pricing import Priced, agreed_rate, price
from servicekit.failures import FieldError

NONE = Decimal(0)
NO_ROLES = replace(CONTRACT, roles=())


def missing(of: str) -> FieldError:
    message = f"{of} on 2026-12-07 has no rate, in the PSA or by agreement"
    return FieldError(pointer="/time_entries/tim_1", code="missing_rate", message=message)


def drift(detail: str) -> FieldError:
    return FieldError(pointer="/time_entries/tim_1", code="rate_drift", message=f"Engineer on 2026-12-07: {detail}")


def test_the_price_is_the_one_that_the_psa_froze() -> None:
    """Syncline is no second rating engine: the manager approved that price."""
    assert Priced(rate=rate("145"), rule="psa") == price(entry(price="145"), CONTRACT, (), NONE)
    assert Priced(rate=rate("145.00"), rule="psa") == price(entry(price="145.00"), CONTRACT, (), NONE)
    assert Priced(rate=rate("99"), rule="psa") == price(entry(price="99"), NO_ROLES, (), NONE)


def test_a_price_that_is_not_the_agreed_one_is_drift() -> None:
    """Higher or lower: people decide which of the two is right."""
    assert drift("the PSA says 150, contract says 145 EUR") == price(entry(price="150"), CONTRACT, (), NONE)
    assert drift("the PSA says 140, contract says 145 EUR") == price(entry(price="140"), CONTRACT, (), NONE)
    cards = (card("customer", "120"),)
    assert drift("the PSA says 99, customer says 120 EUR") == price(entry(price="99"), NO_ROLES, cards, NONE)


@pytest.mark.parametrize(
    ("frozen", "tolerance", "code"),
    [
        ("102", "2", None),
        ("98", "2", None),
        ("102.00001", "2", "rate_drift"),
        ("97.99999", "2", "rate_drift"),
        ("100.5", "0.5", None),
        ("100.00001", "0", "rate_drift"),
    ],
)
def test_a_difference_within_the_tolerance_is_none(frozen: str, tolerance: str, code: str | None) -> None:
    """Up to and including the percentage of the agreed price, either way."""
    priced = price(entry(price=frozen), NO_ROLES, (card("project", "100"),), Decimal(tolerance))
    assert code == (priced.code if isinstance(priced, FieldError) else None)


def test_where_the_psa_holds_no_price_the_agreed_one_counts() -> None:
    """With the rule that gave it."""
    assert Priced(rate=rate("145"), rule="contract") == price(entry(price=None), CONTRACT, (), NONE)
    cards = (card("entity", "90"),)
    assert Priced(rate=rate("90"), rule="entity") == price(entry(price=None), NO_ROLES, cards, NONE)


def test_no_price_anywhere_is_missing() -> None:
    """Work without a price is not billed at nothing."""
    assert missing("Engineer") == price(entry(price=None), NO_ROLES, (), NONE)
    assert missing("Tester") == price(entry(price=None, role="Tester"), CONTRACT, (card("entity", "90"),), NONE)
    assert missing("work without a role") == price(entry(price=None, role=None), CONTRACT, (), NONE)


def test_zero_is_a_price_where_somebody_set_zero() -> None:
    """In the PSA or by agreement; and any other price beside an agreed zero is drift."""
    free = replace(CONTRACT, roles=(replace(ROLE, bill_rate=rate("0")),))
    assert Priced(rate=rate("0"), rule="contract") == price(entry(price=None), free, (), NONE)
    assert Priced(rate=rate("0"), rule="psa") == price(entry(price="0"), free, (), NONE)
    assert drift("the PSA says 1, contract says 0 EUR") == price(entry(price="1"), free, (), NONE)


def test_the_narrowest_agreement_comes_first() -> None:
    """Contract, then the cards in the order of their scopes: project, customer, entity."""
    cards = (card("project", "130"), card("customer", "120"), card("entity", "90"))
    unpriced = replace(CONTRACT, roles=(replace(ROLE, bill_rate=None),))
    assert Priced(rate=rate("145"), rule="contract") == agreed_rate(entry(), CONTRACT, cards)
    assert Priced(rate=rate("130"), rule="project") == agreed_rate(entry(), unpriced, cards)
    assert Priced(rate=rate("120"), rule="customer") == agreed_rate(entry(), NO_ROLES, cards[1:])
    assert Priced(rate=rate("90"), rule="entity") == agreed_rate(entry(), NO_ROLES, cards[2:])
    assert None is agreed_rate(entry(), NO_ROLES, ())


def test_a_card_without_the_role_is_passed_over() -> None:
    """The next scope may have it."""
    cards = (card("project", "130", rates=()), card("entity", "90"))
    assert Priced(rate=rate("90"), rule="entity") == agreed_rate(entry(), NO_ROLES, cards)


def test_the_work_date_decides_between_cards() -> None:
    """Not today: a card that ended before, or begins after the work, has no say."""
    new_year = date(2027, 1, 1)
    cards = (card("customer", "120", ends=new_year), card("customer", "126", begins=new_year))
    old, new = entry(work_date=date(2026, 12, 31)), entry(work_date=new_year)
    assert Priced(rate=rate("120"), rule="customer") == agreed_rate(old, NO_ROLES, cards)
    assert Priced(rate=rate("126"), rule="customer") == agreed_rate(new, NO_ROLES, cards)
    assert None is agreed_rate(entry(work_date=date(2025, 12, 31)), NO_ROLES, cards)


def test_of_two_cards_of_a_scope_the_later_recorded_holds() -> None:
    """A correction wins over what it corrects."""
    cards = (card("customer", "120"), card("customer", "118", recorded_at=NOW.replace(day=24)))
    assert Priced(rate=rate("118"), rule="customer") == agreed_rate(entry(), NO_ROLES, cards)


def test_nothing_is_converted() -> None:
    """A card in another currency is no agreement, and a price in one is for people to see (B4)."""
    cards = (card("customer", "120", currency="CHF"),)
    assert None is agreed_rate(entry(), NO_ROLES, cards)
    detail = "the PSA priced it in CHF, the contract is in EUR"
    assert drift(detail) == price(entry(price="145", currency="CHF"), CONTRACT, (), NONE)


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "15000"), ("KWD", "45.125")])
def test_currencies_of_any_minor_unit_are_priced(currency: str, amount: str) -> None:
    """Whatever their decimals."""
    contract = sold_by("time_and_materials", currency=currency, roles=())
    priced = price(entry(price=amount, currency=currency), contract, (), NONE)
    assert Priced(rate=Rate(amount=amount, currency=currency), rule="psa") == priced


def test_a_role_that_is_planned_twice_has_the_price_of_the_work_date() -> None:
    """An escalation is agreed as a second plan of the role: each price holds in its own days."""
    later = replace(ROLE, key="R2", start_date=date(2027, 3, 1), bill_rate=rate("152"))
    contract = replace(CONTRACT, roles=(replace(ROLE, end_date=date(2027, 3, 1)), later))
    assert Priced(rate=rate("145"), rule="contract") == agreed_rate(entry(work_date=date(2027, 2, 28)), contract, ())
    assert Priced(rate=rate("152"), rule="contract") == agreed_rate(entry(work_date=date(2027, 3, 1)), contract, ())


def test_work_outside_the_planned_days_has_the_role_s_price() -> None:
    """Plans slip; what was agreed for the role stays agreed."""
    assert Priced(rate=rate("145"), rule="contract") == agreed_rate(entry(work_date=date(2027, 8, 1)), CONTRACT, ())


def test_without_a_tolerance_nobody_is_asked() -> None:
    """What is only valued, not billed, is valued at the frozen price, however far it is from the agreed one."""
    assert Priced(rate=rate("999"), rule="psa") == price(entry(price="999"), CONTRACT, (), None)
    detail = "the PSA priced it in CHF, the contract is in EUR"
    assert drift(detail) == price(entry(price="145", currency="CHF"), CONTRACT, (), None)
