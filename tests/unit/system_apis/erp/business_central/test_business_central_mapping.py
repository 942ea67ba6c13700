"""How Business Central's records become canonical ones, and back."""

from datetime import UTC, date, datetime

import msgspec
import pytest

from canonical.effective import DateRange
from canonical.ledger import NewCustomerAccount, NewProjectShell
from system_apis.erp.business_central import mapping
from system_apis.erp.business_central.records import (
    Company,
    CurrencyRecord,
    CustomerRecord,
    InformationRecord,
    LedgerRecord,
    PaymentTermsRecord,
    PeriodRecord,
    ProjectCardRecord,
    TaxGroupRecord,
    WindowRecord,
)
from system_apis.erp.business_central.settings import CompanySettings

COMPANY = Company(
    connection="erp-main",
    code="GB01",
    id="c1",
    settings=CompanySettings(company="Ltd", country="GB", time_zone="Europe/London"),
)
CARD = {
    "@odata.etag": 'W/"x"',
    "id": "p1",
    "number": "P-GB01-1",
    "displayName": "Rail",
    "billToCustomerNumber": "C2009",
    "status": "Open",
    "globalDimension1Code": "CC-G20",
    "currencyCode": "GBP",
    "startingDate": "2026-12-01",
    "endingDate": "0001-01-01",
    "externalReference": "",
    "lastModifiedDateTime": "2026-03-01T10:00:00.1234567Z",
    "somethingNew": [1],
}


def card(**changes: object) -> ProjectCardRecord:
    return msgspec.convert(CARD | changes, ProjectCardRecord, strict=True)


def test_empty_dates_and_references_are_none() -> None:
    """The year 1 and empty text are how Business Central writes "none"; seven digits of a second are read."""
    shell = mapping.to_project_shell(COMPANY, card(), {"C2009": "k1"})
    assert (date(2026, 12, 1), None, None) == (shell.start_date, shell.end_date, shell.project_id)
    assert ("c1/p1", "c1/k1") == (shell.id, shell.customer_account_id)
    assert datetime(2026, 3, 1, 10, 0, 0, 123457, UTC) == shell.updated_at


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("Planning", "planned"),
        ("Quote", "planned"),
        ("Open", "approved"),
        ("Completed", "closed"),
        ("Paused", "paused"),
    ],
)
def test_states_of_a_project_are_told_in_our_words(status: str, ours: str) -> None:
    """A value that a later release adds is passed on as it is, in lower case."""
    assert ours == mapping.to_project_shell(COMPANY, card(status=status), {}).status


def test_a_customer_nobody_knows_is_none() -> None:
    """A bill-to number without a customer, and no number at all, leave the account out."""
    assert mapping.to_project_shell(COMPANY, card(), {}).customer_account_id is None


@pytest.mark.parametrize(
    ("blocked", "ours"), [(" ", False), ("_x0020_", False), ("", False), ("Ship", True), ("All", True), ("New", True)]
)
def test_any_block_but_a_blank_blocks(blocked: str, ours: bool) -> None:
    """The blank comes in three spellings; whatever else stands there, nothing is set up."""
    record = CustomerRecord(id="k1", number="C1", display_name="X", currency_code="GBP", blocked=blocked)
    assert ours is mapping.to_customer_account(COMPANY, record).blocked


def test_the_last_period_only_ends_the_one_before() -> None:
    """Periods end where the next begins, in the order of time, whatever order they come in."""
    records = [
        PeriodRecord(starting_date=date(2027, month, 1), name=name, new_fiscal_year=False, closed=month == 1)
        for month, name in ((3, "March"), (1, "January"), (2, "February"))
    ]
    january, february = mapping.to_accounting_periods("GB01", records, WindowRecord())
    assert ("January 2027", True) == (january.name, january.closed)
    assert DateRange(from_date=date(2027, 2, 1), to_date=date(2027, 3, 1)) == february.effective
    assert () == mapping.to_accounting_periods("GB01", [], WindowRecord())


def test_a_tax_code_without_a_kind_is_not_offered() -> None:
    """Business Central does not say what kind of tax a group is; what the firm has not said is left out."""
    records = [TaxGroupRecord(code="VAT20", display_name="VAT"), TaxGroupRecord(code="ODD", display_name="?")]
    assert ["VAT20"] == [code.code for code in mapping.to_tax_codes("GB01", {"VAT20": "standard"}, {}, records)]


def test_payment_terms_carry_the_firms_codes() -> None:
    """Two of the firm's codes may mean one record; unlisted records keep their own code."""
    records = [PaymentTermsRecord(id="1", code="30D", display_name="Net 30"), PaymentTermsRecord("2", "CM", "Month")]
    found = mapping.to_payment_terms("GB01", {"30 DAYS": "30D", "NET30": "30D"}, records)
    assert [("30 DAYS", "Net 30"), ("NET30", "Net 30"), ("CM", "Month")] == [(one.code, one.name) for one in found]


def test_the_base_currency_comes_first_and_once() -> None:
    """The currency table may hold the local currency as well; an empty registration is none."""
    entity = mapping.to_legal_entity(
        COMPANY,
        InformationRecord(display_name="Ltd"),
        LedgerRecord(local_currency_code="GBP"),
        [CurrencyRecord(code="EUR"), CurrencyRecord(code="GBP")],
    )
    assert (("GBP", "EUR"), ()) == (entity.currencies, entity.tax_registrations)


@pytest.mark.parametrize(("currency", "number"), [("GBP", "C2001"), ("EUR", "C2001-EUR")])
def test_accounts_in_other_currencies_say_so_in_their_number(currency: str, number: str) -> None:
    """The base currency has the plain number."""
    assert number == mapping.account_number("C2001", currency, "GBP")


def test_only_what_is_known_of_a_customer_is_sent() -> None:
    """Absent facts are absent, not empty."""
    new = NewCustomerAccount(
        customer_id=f"cus_{1:032x}",
        customer_number="C1",
        legal_entity_code="GB01",
        currency="GBP",
        name="n" * 120,
        country="GB",
    )
    body = mapping.from_new_customer_account(new, "C1", None)
    assert {"number", "displayName", "type", "country", "currencyCode"} == body.keys()
    assert "n" * 100 == body["displayName"]


def test_a_shell_is_ordered_open_with_our_reference() -> None:
    """The external reference is the project's id."""
    new = NewProjectShell(
        project_id=f"prj_{1:032x}",
        contract_id=f"ctr_{1:032x}",
        number="P-1",
        name="Rail",
        legal_entity_code="GB01",
        cost_centre_code="CC-G20",
        currency="GBP",
        customer_account_id=f"cac_{1:032x}",
        start_date=date(2026, 12, 1),
        end_date=date(2027, 12, 1),
    )
    body = mapping.from_new_project_shell(new, "C2009")
    assert ("Open", new.project_id, "2027-12-01") == (body["status"], body["externalReference"], body["endingDate"])
