"""Validation: each check finds its own mistake, all mistakes are told at once, and the first one names the owner."""

from datetime import date, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sold import CONTRACT, END, LEDGER, LINE, ROLE, START, deal, line, milestone

from canonical.effective import DateRange
from canonical.ledger import AccountingPeriod, CustomerAccount
from canonical.money import Money, Rate
from canonical.sales import Address, Cap, Retainer, TaxRegistration
from process_apis.project_onboarding.facts import Deal, Ledger
from process_apis.project_onboarding.validation import validate
from servicekit.failures import Failure, Kind


def found(sold: Deal, ledger: Ledger = LEDGER) -> list[tuple[str, str]]:
    """Code and pointer of every finding, in the order in which they are told; empty when nothing speaks against it."""
    try:
        validate(sold, ledger)
    except Failure as failure:
        told = failure
    else:
        return []
    assert (Kind.INVALID, told.errors[0].code) == (told.kind, told.code)
    return [(error.code, error.pointer) for error in told.errors]


def periods(*spans: tuple[str, str | None], closed: bool = False) -> Ledger:
    """The ledger with other accounting periods."""
    made = (
        DateRange(from_date=date.fromisoformat(first), to_date=None if last is None else date.fromisoformat(last))
        for first, last in spans
    )
    return replace(
        LEDGER,
        periods=tuple(
            AccountingPeriod(legal_entity_code="DE01", name=str(span.from_date), effective=span, closed=closed)
            for span in made
        ),
    )


def account(*, blocked: bool) -> CustomerAccount:
    return CustomerAccount(
        id="cac_01933b5e8f7a7c3e9d2b4f6a8c0e1d2f",
        customer_id=None,
        number="D10020",
        legal_entity_code="DE01",
        currency="EUR",
        name="Alpenstrom AG",
        blocked=blocked,
        tax_registration_id=None,
    )


def test_a_sound_contract_passes() -> None:
    """When nothing speaks against it, the contract comes back as it is."""
    assert CONTRACT == validate(deal(), LEDGER)


def test_a_deal_without_a_contract_is_refused_at_once() -> None:
    """There is nothing else to check."""
    with pytest.raises(Failure) as caught:
        validate(replace(deal(), contract=None), LEDGER)
    assert (Kind.INVALID, "contract_missing", ()) == (caught.value.kind, caught.value.code, caught.value.errors)


@pytest.mark.parametrize("lacking", ["customer_number", "customer_billing_email"])
def test_a_customer_has_a_number_and_a_billing_address(lacking: str) -> None:
    """Nobody can be billed without them."""
    assert [("customer_missing_details", "/customer")] == found(deal(**{lacking: None}))


def test_a_blocked_customer_is_refused() -> None:
    """Credit control has the say; an account that is not blocked is no obstacle."""
    assert [("customer_blocked", "/customer")] == found(deal(), replace(LEDGER, account=account(blocked=True)))
    assert [] == found(deal(), replace(LEDGER, account=account(blocked=False)))


@pytest.mark.parametrize("changes", [{"signed_date": None}, {"status": "in_approval"}, {"status": "ended"}])
def test_a_contract_is_signed(changes: dict[str, Any]) -> None:
    """It needs both: the status and the day."""
    assert [("contract_unsigned", "/contract/status")] == found(deal(**changes))


def test_an_unknown_legal_entity_is_one_finding() -> None:
    """What hangs on the entity cannot be checked and is not complained about."""
    assert [("unknown_legal_entity", "/contract/legal_entity_code")] == found(deal(), Ledger(entity=None))


def test_an_entity_contracts_in_its_currencies() -> None:
    """In its base currency and those set up for it; in no other."""
    francs = {
        "currency": "CHF",
        "total_value": Money.of(87000, "CHF"),
        "lines": (replace(LINE, amount=Money.of(87000, "CHF")),),
        "roles": (replace(ROLE, bill_rate=Rate(amount="145", currency="CHF")),),
        "opportunity_value": Money.of(87000, "CHF"),
    }
    assert [] == found(deal(**francs))
    only_euros = replace(LEDGER, entity=replace(LEDGER.entity, currencies=()))
    assert [("currency_not_allowed", "/contract/currency")] == found(deal(**francs), only_euros)


def test_a_cost_centre_exists() -> None:
    """In this entity; an open one elsewhere does not help."""
    assert [("unknown_cost_centre", "/contract/cost_centre_code")] == found(deal(cost_centre_code="CC-X99"))


def test_a_tax_treatment_has_a_code() -> None:
    """The entity has a tax code of that kind."""
    assert [("tax_treatment_unresolved", "/contract/tax_treatment")] == found(deal(tax_treatment="exempt"))


def test_reverse_charge_with_a_valid_tax_id_passes() -> None:
    """A business in another member state, with an id whose check digits are right."""
    assert [] == found(deal(tax_treatment="reverse_charge"))


@pytest.mark.parametrize(
    ("country", "registrations"),
    [
        ("AT", ()),
        ("AT", (("AT", "ATU13585626"),)),  # a wrong check digit
        ("AT", (("IT", "IT00743110157"),)),  # valid, but of another country than the customer's
        ("DE", (("DE", "DE136695976"),)),  # the seller's own country: no reverse charge
        ("US", (("US", "12-3456789"),)),  # outside the union
    ],
)
def test_reverse_charge_without_a_valid_tax_id_is_unresolved(
    country: str, registrations: tuple[tuple[str, str], ...]
) -> None:
    """The id is of the customer's own country, which is another member state, and passes its check."""
    told = tuple(TaxRegistration(country=of, id=number) for of, number in registrations)
    sold = deal(
        tax_treatment="reverse_charge", customer_address=Address(country=country), customer_tax_registrations=told
    )
    assert [("tax_treatment_unresolved", "/contract/tax_treatment")] == found(sold)


@pytest.mark.parametrize(("country", "number"), [("GR", "EL094259216"), ("GB", "GB980780684"), ("IT", "IT00743110157")])
def test_reverse_charge_knows_the_countries_of_the_customers(country: str, number: str) -> None:
    """Greece writes EL before its numbers; the United Kingdom has left and still has ids."""
    told = (TaxRegistration(country="AT", id="ATU1"), TaxRegistration(country=country, id=number))
    sold = deal(
        tax_treatment="reverse_charge", customer_address=Address(country=country), customer_tax_registrations=told
    )
    assert [] == found(sold)


@pytest.mark.parametrize("value", [Money.of(86999, "EUR"), Money.of(87000, "USD")])
def test_deal_and_contract_agree_on_the_value(value: Money) -> None:
    """Sales and the signed paper say the same amount in the same currency."""
    assert [("contract_inconsistent", "/contract/total_value")] == found(deal(opportunity_value=value))


def test_equal_values_agree_however_they_are_written() -> None:
    """87000 and 87000.00 are the same money."""
    assert [] == found(deal(opportunity_value=Money(amount="87000", currency="EUR")))


def test_the_lines_add_up() -> None:
    """The sum of the lines is the contract's total."""
    lines = (line("time_and_materials", 50000), line("time_and_materials", 36000, "L2"))
    assert [("contract_inconsistent", "/contract/lines")] == found(deal(lines=lines))


@pytest.mark.parametrize(
    "changes",
    [
        {
            "lines": (
                line("time_and_materials", 50000),
                replace(line("time_and_materials", 37000, "L2"), amount=Money.of(37000, "USD")),
            )
        },
        {
            "lines": (line("milestone", 87000),),
            "milestones": (replace(milestone("M1", 87000), amount=Money.of(87000, "USD")),),
        },
        {"cap": Cap(amount=Money.of(90000, "USD"))},
        {"roles": (replace(ROLE, bill_rate=Rate(amount="145", currency="USD")),)},
    ],
)
def test_a_contract_has_one_currency(changes: dict[str, Any]) -> None:
    """Amounts in another one are a finding, told alone: they add up to nothing."""
    assert [("contract_inconsistent", "/contract/currency")] == found(deal(**changes))


@pytest.mark.parametrize("days", [0, 1, 30])
def test_a_contract_ends_after_it_starts(days: int) -> None:
    """Dates that were mixed up are a finding, not a broken check."""
    sold = deal(end_date=START - timedelta(days=days), roles=())
    assert [("contract_inconsistent", "/contract/end_date")] == found(sold)


@pytest.mark.parametrize(
    "changes",
    [
        {"start_date": START - timedelta(days=1)},
        {"end_date": END + timedelta(days=1)},
        {"start_date": date(2027, 3, 1), "end_date": date(2027, 2, 1)},  # within, but backwards
    ],
)
def test_roles_lie_within_the_contract(changes: dict[str, Any]) -> None:
    """Nobody works before, after, or backwards."""
    roles = (ROLE, replace(ROLE, key="R2", **changes))
    with pytest.raises(Failure, match="R2") as caught:
        validate(deal(roles=roles), LEDGER)
    assert [("contract_inconsistent", "/contract/roles")] == found(deal(roles=roles))
    assert "R1" not in caught.value.detail


@pytest.mark.parametrize("method", ["milestone", "fixed_fee"])
def test_milestones_add_up_to_what_is_billed_by_result(method: str) -> None:
    """Nothing of a fixed price is left unbilled, and nothing is billed twice."""
    lines = (line(method, 60000), line("time_and_materials", 27000, "L2"))
    parts = (milestone("M1", 20000), milestone("M2", 40000))
    assert [] == found(deal(lines=lines, milestones=parts))
    wanted = [("schedule_not_equal_to_contract", "/contract/milestones")]
    assert wanted == found(deal(lines=lines, milestones=parts[:1]))
    assert wanted == found(deal(lines=lines, milestones=(*parts, milestone("M3", 27000))))


@pytest.mark.parametrize("method", ["time_and_materials", "capped_time_and_materials"])
def test_work_by_the_hour_has_a_rate(method: str) -> None:
    """Every planned role has its price; work that is not billed by the hour needs none."""
    roles = (ROLE, replace(ROLE, key="R2", bill_rate=None))
    assert [("rate_missing", "/contract/roles")] == found(deal(lines=(line(method, 87000),), roles=roles))
    fixed = deal(lines=(line("milestone", 87000),), milestones=(milestone("M1", 87000),), roles=roles)
    assert [] == found(fixed)


@pytest.mark.parametrize("method", ["prepaid_retainer", "fixed_availability"])
def test_a_recurring_agreement_has_period_and_amount(method: str) -> None:
    """What is billed each period says how much and how often."""
    lines = (line(method, 87000),)
    assert [("contract_inconsistent", "/contract/retainer")] == found(deal(lines=lines))
    retainer = Retainer(kind="fixed_availability", period="P1M", amount=Money.of(14500, "EUR"))
    assert [] == found(deal(lines=lines, retainer=retainer))


def test_a_retainer_is_billed_by_one_line() -> None:
    """A contract has one retainer: two lines would bill it twice."""
    lines = (line("fixed_availability", 43500), line("fixed_availability", 43500, "L2"))
    retainer = Retainer(kind="fixed_availability", period="P1M", amount=Money.of(14500, "EUR"))
    assert [("contract_inconsistent", "/contract/retainer")] == found(deal(lines=lines, retainer=retainer))


def test_planned_work_fits_under_the_cap() -> None:
    """600 hours at 145 are 87,000: a cap of that much holds, a lower one does not."""
    assert [] == found(deal(cap=Cap(amount=Money.of(87000, "EUR"))))
    assert [("contract_inconsistent", "/contract/cap")] == found(deal(cap=Cap(amount=Money.of("86999.99", "EUR"))))
    dearer = (replace(ROLE, bill_rate=Rate(amount="145.00001", currency="EUR")),)
    assert [("contract_inconsistent", "/contract/cap")] == found(
        deal(cap=Cap(amount=Money.of(87000, "EUR")), roles=dearer)
    )


@pytest.mark.parametrize(
    "ledger",
    [
        periods(),
        periods(("2026-01-01", "2027-01-01")),
        periods(("2027-01-01", "2028-01-01")),
        periods(("2026-12-02", None)),
        periods(("2026-01-01", "2027-05-31")),
    ],
)
def test_the_calendar_covers_the_project(ledger: Ledger) -> None:
    """From the first day to the last there is a period to book into one day."""
    assert [("calendar_not_covered", "/contract/end_date")] == found(deal(), ledger)


@pytest.mark.parametrize(
    "ledger", [periods(("2026-12-01", "2027-06-01")), periods(("2026-01-01", "2027-01-01"), ("2027-01-01", None))]
)
def test_a_calendar_that_just_covers_is_enough(ledger: Ledger) -> None:
    """The contract's end is the first day that need not be covered; no end covers everything."""
    assert [] == found(deal(), ledger)


def test_a_closed_period_is_no_obstacle() -> None:
    """It is a condition of posting, not of onboarding."""
    assert [] == found(deal(), periods(("2026-01-01", "2028-01-01"), closed=True))


def test_payment_terms_exist() -> None:
    """In this entity, by their code."""
    assert [("unknown_payment_terms", "/contract/payment_terms")] == found(deal(payment_terms="90 DAYS"))


def test_every_finding_is_told_at_once_in_the_order_of_the_checks() -> None:
    """People mend everything in one go; the first finding decides who owns the exception."""
    sold = deal(customer_number=None, signed_date=None, cost_centre_code="CC-X99", payment_terms="90 DAYS")
    wanted = [
        ("customer_missing_details", "/customer"),
        ("contract_unsigned", "/contract/status"),
        ("unknown_cost_centre", "/contract/cost_centre_code"),
        ("unknown_payment_terms", "/contract/payment_terms"),
    ]
    assert wanted == found(sold)
    with pytest.raises(Failure) as caught:
        validate(sold, LEDGER)
    assert "; ".join(error.message for error in caught.value.errors) == caught.value.detail
