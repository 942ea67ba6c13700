"""Salesforce's records as canonical ones: dates, decimals, words, incomplete records, and the moment of a win."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from canonical.money import Money
from canonical.sales import ExpensePolicy
from servicekit.failures import Failure, Kind
from servicekit.settings import Secret
from system_apis.crm.salesforce import Settings
from system_apis.crm.salesforce.mapping import (
    asked,
    opportunity_columns,
    to_contract,
    to_customer,
    to_opportunity,
    won_since,
)

SETTINGS = Settings(login_url="https://firm.my.salesforce.com", consumer_key="k", consumer_secret=Secret("s"))
WON_STAGES = frozenset({"Closed Won", "Booked"})
DEAL: dict[str, Any] = {
    "Id": "006SL0000000001AAA",
    "Name": "Grid",
    "AccountId": "001SL0000000001AAA",
    "ContractId": None,
    "StageName": "Closed Won",
    "IsWon": True,
    "IsClosed": True,
    "Amount": Decimal("120000.5"),
    "CurrencyIsoCode": "EUR",
    "CloseDate": "2026-10-31",
    "Syncline_Kind__c": "Change Order",
    "Legal_Entity__c": "DE01",
    "Owner": {"attributes": {"type": "User"}, "Email": "s@firm.example"},
    "LastStageChangeDate": "2026-10-31T09:15:02.000+0000",
    "CreatedDate": "2026-09-01T08:00:00.000+0000",
    "SystemModstamp": "2026-10-31T09:15:02.000+0000",
}
CONTRACT: dict[str, Any] = {
    "Id": "800SL0000000001AAA",
    "ContractNumber": "00000100",
    "AccountId": "001SL0000000001AAA",
    "StatusCode": "Activated",
    "CustomerSignedDate": "2026-10-30",
    "Legal_Entity__c": "DE01",
    "Cost_Centre__c": "CC-D10",
    "StartDate": "2026-12-01",
    "EndDate": "2027-05-31",
    "CurrencyIsoCode": "EUR",
    "Total_Value__c": Decimal("1000.0"),
    "Billing_Method__c": "Capped Time and Materials",
    "Tax_Treatment__c": "Out of Scope",
    "Payment_Terms__c": "30 DAYS",
    "SystemModstamp": "2026-10-31T09:15:02.000+0000",
}


def contract(*lines: dict[str, Any], **changes: Any) -> Any:
    return to_contract(CONTRACT | changes, lines, (), (), SETTINGS)


def history(*steps: tuple[str, str]) -> list[dict[str, str]]:
    return [{"StageName": stage, "CreatedDate": f"2026-10-{day}T08:00:00.000+0000"} for stage, day in steps]


def test_a_deal_keeps_its_decimals_and_its_moment() -> None:
    """Offsets without a colon are read, amounts are exact, picklists become our words."""
    won_at = datetime(2026, 10, 31, 9, 15, 2, tzinfo=UTC)
    deal = to_opportunity(DEAL, SETTINGS, won_at)
    assert deal.value == Money(amount="120000.50", currency="EUR")
    assert (deal.status, deal.kind, deal.won_at, deal.updated_at) == ("won", "change_order", won_at, won_at)
    assert (deal.close_date, deal.owner_email) == (date(2026, 10, 31), "s@firm.example")


@pytest.mark.parametrize(
    ("changes", "field", "expected"),
    [
        ({"Amount": None}, "value", Money(amount="0.00", currency="EUR")),
        ({"Syncline_Kind__c": None}, "kind", "unclassified"),
        ({"Owner": None}, "owner_email", None),
        ({"IsWon": False}, "status", "lost"),
        ({"IsWon": False, "IsClosed": False}, "status", "open"),
        ({"IsWon": False, "IsClosed": False}, "won_at", None),
        ({"Amount": Decimal("1200.0"), "CurrencyIsoCode": "JPY"}, "value", Money(amount="1200", currency="JPY")),
    ],
)
def test_a_deals_empty_fields_mean_something(changes: dict[str, Any], field: str, expected: object) -> None:
    """An empty amount is zero, an empty kind is for a person, only a won deal has a moment of winning."""
    found = to_opportunity(DEAL | changes, SETTINGS, datetime(2026, 10, 31, tzinfo=UTC))
    assert getattr(found, field) == expected


def test_an_incomplete_record_says_all_that_is_missing() -> None:
    """A record that cannot be told of is INVALID with a pointer for each field, not an empty value."""
    with pytest.raises(Failure) as caught:
        contract(Legal_Entity__c="de one", Cost_Centre__c=None, StartDate=None)
    assert (caught.value.kind, caught.value.code) == (Kind.INVALID, "record_incomplete")
    assert [(error.pointer, error.code) for error in caught.value.errors] == [
        ("/legal_entity_code", "invalid"),
        ("/cost_centre_code", "required"),
        ("/start_date", "required"),
    ]


def test_an_organisation_with_one_currency_is_not_asked_for_it() -> None:
    """CurrencyIsoCode does not exist there; the settings say which currency it is."""
    settings = Settings(login_url="x", consumer_key="k", consumer_secret=Secret("s"), currency="CHF")
    assert "CurrencyIsoCode" in asked(opportunity_columns(SETTINGS), SETTINGS)
    assert "CurrencyIsoCode" not in asked(opportunity_columns(settings), settings)
    assert to_opportunity(DEAL, settings, None).value.currency == "CHF"


def test_another_organisations_picklist_words_are_translated() -> None:
    """The settings say what a local value means."""
    settings = Settings(
        login_url="x", consumer_key="k", consumer_secret=Secret("s"), words={"Erweiterung": "extension"}
    )
    assert to_opportunity(DEAL | {"Syncline_Kind__c": "Erweiterung"}, settings, None).kind == "extension"


@pytest.mark.parametrize(
    ("steps", "changed", "expected"),
    [
        ((("Proposal", "01"), ("Closed Won", "05")), "2026-10-05", 5),
        ((("Proposal", "01"), ("Closed Won", "05"), ("Booked", "09")), "2026-10-09", 5),
        ((("Closed Won", "02"), ("Proposal", "04"), ("Closed Won", "08")), "2026-10-08", 8),
        ((("Proposal", "01"), ("Closed Won", "05"), ("Closed Won", "20")), "2026-10-05", 5),
        ((("Closed Won", "20"),), "2026-10-03", 3),
        ((), "2026-10-03", 3),
    ],
)
def test_a_deal_is_won_since_it_entered_a_won_stage(
    steps: tuple[tuple[str, str], ...], changed: str, expected: int
) -> None:
    """A step from one won stage to the next, or a new amount, is no new win; a win after a reopening is one."""
    record = DEAL | {"LastStageChangeDate": f"{changed}T08:00:00.000+0000"}
    assert won_since(record, history(*steps), WON_STAGES) == datetime(2026, 10, expected, 8, tzinfo=UTC)


def test_a_deal_that_was_born_won_is_won_since_its_creation() -> None:
    """Its stage has never changed."""
    record = DEAL | {"LastStageChangeDate": None}
    assert won_since(record, (), WON_STAGES) == datetime(2026, 9, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        (None, None),
        (Decimal("0.0"), ExpensePolicy(markup_percent="0")),
        (Decimal("10.0"), ExpensePolicy(markup_percent="10")),
        (Decimal("7.25"), ExpensePolicy(markup_percent="7.25")),
    ],
)
def test_a_mark_up_on_expenses_is_a_policy(markup: Decimal | None, expected: ExpensePolicy | None) -> None:
    """Nothing agreed is no policy, zero is one: at cost."""
    assert expected == contract(Expense_Markup__c=markup).expense_policy


def test_a_contract_ends_the_day_after_its_last_day() -> None:
    """Salesforce tells the last day, our ranges are half-open; words and terms come over."""
    found = contract()
    assert (found.start_date, found.end_date) == (date(2026, 12, 1), date(2027, 6, 1))
    assert (found.tax_treatment, found.payment_terms) == ("out_of_scope", "30 DAYS")
    assert [(line.key, line.method, line.amount.amount) for line in found.lines] == [
        ("1", "capped_time_and_materials", "1000.00")
    ]


def test_a_contract_has_the_lines_of_its_deal() -> None:
    """A line without a method of its own is billed as the contract is."""
    lines = (
        {
            "Id": "00kA",
            "Name": "n",
            "Description": "Licences",
            "Billing_Method__c": None,
            "TotalPrice": Decimal("400.0"),
        },
        {"Id": "00kB", "Name": "Work", "Description": None, "Billing_Method__c": "Fixed Fee", "TotalPrice": 600},
    )
    assert [(line.key, line.description, line.method, line.amount.amount) for line in contract(*lines).lines] == [
        ("00kA", "Licences", "capped_time_and_materials", "400.00"),
        ("00kB", "Work", "fixed_fee", "600.00"),
    ]


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({}, "signed"),
        ({"CustomerSignedDate": None}, "in_approval"),
        ({"StatusCode": "Draft"}, "draft"),
        ({"StatusCode": "InApproval"}, "in_approval"),
        ({"StatusCode": "Terminated"}, "ended"),
    ],
)
def test_a_contract_is_signed_when_the_customer_has_signed(changes: dict[str, Any], status: str) -> None:
    """Activated alone is our own word; with the customer's date it is signed."""
    assert contract(**changes).status == status


def test_a_customers_tax_id_is_of_its_own_country_unless_said() -> None:
    """The billing country is the tax id's, where the record names no other."""
    account = {
        "Id": "001SL0000000001AAA",
        "Name": "Polder",
        "BillingCountryCode": "NL",
        "Tax_Id__c": "NL1",
        "SystemModstamp": "2026-10-31T09:15:02.000+0000",
    }
    plain, abroad = (to_customer(account | more, SETTINGS) for more in ({}, {"Tax_Country__c": "DE"}))
    assert (plain.tax_registrations[0].country, abroad.tax_registrations[0].country) == ("NL", "DE")
    assert (plain.number, plain.address.city) == (None, "")
