"""How documents, journals and ledger entries of Business Central become canonical ones, and back."""

from datetime import UTC, date, datetime
from decimal import Decimal

import msgspec
import pytest
from erp_postings import booked, journal, line, posting

from canonical.money import Money
from servicekit.failures import Failure, Kind
from system_apis.erp.business_central import mapping, postings
from system_apis.erp.business_central.postings import PAGES, Booked
from system_apis.erp.business_central.records import (
    AmountRecord,
    Company,
    DocumentRecord,
    LedgerEntryRecord,
    PeriodRecord,
    WindowRecord,
)
from system_apis.erp.business_central.settings import CompanySettings

ROLES = {"receivable": ("1200", "1210"), "unbilled_receivable": ("1250",), "revenue": ("4000",)}
COMPANY = Company(
    connection="erp-main",
    code="DE01",
    id="c1",
    settings=CompanySettings(company="GmbH", country="DE", time_zone="Europe/Berlin", accounts=ROLES),
)
DOCUMENT = {
    "@odata.etag": 'W/"x"',
    "id": "i1",
    "number": "PS-INV1",
    "externalDocumentNumber": "INV-1",
    "invoiceDate": "2026-11-23",
    "postingDate": "2026-11-24",
    "dueDate": "0001-01-01",
    "customerId": "k1",
    "currencyCode": "EUR",
    "status": "Open",
    "totalAmountExcludingTax": 1746,
    "totalTaxAmount": 331.74,
    "totalAmountIncludingTax": 2077.74,
    "remainingAmount": 1077.74,
    "lastModifiedDateTime": "2026-11-23T10:00:00.1234567Z",
    "somethingNew": [1],
}


def document(**changes: object) -> DocumentRecord:
    return msgspec.json.decode(msgspec.json.encode(DOCUMENT | changes), type=DocumentRecord)


def entry(account: str, amount: str, **changes: object) -> LedgerEntryRecord:
    value = Decimal(amount)
    made = LedgerEntryRecord(
        entry_number=7,
        posting_date=date(2026, 11, 23),
        document_number="RR-1",
        account_number=account,
        debit_amount=max(value, Decimal(0)),
        credit_amount=max(-value, Decimal(0)),
    )
    return msgspec.structs.replace(made, **changes)


def test_an_invoice_is_told_with_its_own_totals() -> None:
    """Decimals are exact, an empty date is none, ids lead back to page and record."""
    found = postings.to_receivable(COMPANY, PAGES["invoice"], document())
    assert ("c1/salesInvoices/i1", "c1/k1", "PS-INV1") == (found.id, found.customer_account_id, found.document_number)
    assert ("331.74", "1077.74", None) == (found.tax.amount, found.remaining.amount, found.due_date)
    assert (date(2026, 11, 23), date(2026, 11, 24)) == (found.document_date, found.posting_date)
    assert datetime(2026, 11, 23, 10, 0, 0, 123457, UTC) == found.updated_at
    assert (PAGES["invoice"], "i1") == postings.page_of(mapping.unpack(found.id)[1])


@pytest.mark.parametrize(
    ("status", "ours", "number"),
    [
        ("Draft", "draft", None),
        ("In Review", "draft", None),
        ("Open", "posted", "PS-INV1"),
        ("Paid", "paid", "PS-INV1"),
        ("Canceled", "reversed", "PS-INV1"),
        ("Corrective", "posted", "PS-INV1"),
        ("Archived", "archived", "PS-INV1"),
    ],
)
def test_states_of_a_document_are_told_in_our_words(status: str, ours: str, number: str | None) -> None:
    """A draft has no number yet; a value that a later release adds is passed on as it is, in lower case."""
    found = postings.to_receivable(COMPANY, PAGES["invoice"], document(status=status))
    assert (ours, number) == (found.status, found.document_number)


@pytest.mark.parametrize(("status", "open_still"), [("Draft", "2077.74"), ("Open", "2077.74"), ("Paid", "0.00")])
def test_a_credit_memo_is_open_until_it_is_settled(status: str, open_still: str) -> None:
    """Its page does not tell what is left."""
    memo = document(status=status, remainingAmount=None, invoiceDate=None, creditMemoDate="2026-11-22")
    found = postings.to_receivable(COMPANY, PAGES["credit_note"], memo)
    assert (open_still, date(2026, 11, 22)) == (found.remaining.amount, found.document_date)


@pytest.mark.parametrize("native", ["salesOrders/i1", "salesInvoices/", "i1"])
def test_an_id_of_no_document_is_missing(native: str) -> None:
    """Only the two pages of documents are led to."""
    with pytest.raises(Failure) as caught:
        postings.page_of(native)
    assert Kind.MISSING is caught.value.kind


def test_numbers_are_written_digit_by_digit() -> None:
    """Business Central takes numbers, not texts; five decimals of a price arrive."""
    made = line(quantity="7.75", unit_price="145.33333", amount=Money(amount="1126.33", currency="EUR"))
    body = postings.from_new_line(COMPANY, made, "1250")
    sent = msgspec.json.encode(body)
    assert b'"quantity":7.75,"unitPrice":145.33333' in sent


@pytest.mark.parametrize(("amount", "quantity"), [("1746.00", b"12"), ("-1746.00", b"-12")])
def test_what_is_taken_off_has_a_negative_quantity(amount: str, quantity: bytes) -> None:
    """Quantity and price have no sign of their own: the amount has it."""
    made = line(amount=Money(amount=amount, currency="EUR"))
    body = postings.from_new_line(COMPANY, made, "1250")
    assert quantity == msgspec.json.encode(body["quantity"])


def test_a_line_whose_amount_is_not_its_product_is_refused() -> None:
    """Business Central would reckon another amount, and the totals would differ."""
    with pytest.raises(Failure) as caught:
        postings.from_new_line(COMPANY, line(amount=Money(amount="1746.01", currency="EUR")), "1250")
    assert (Kind.INVALID, "line_amount_differs") == (caught.value.kind, caught.value.code)


def test_a_document_that_stands_as_ordered_is_not_written_again() -> None:
    """Number in any case, document, posting and due date."""
    page = PAGES["invoice"]
    changes = postings.from_posting(page, posting(external_number="inv-1", posting_date=date(2026, 11, 24)))
    assert postings.stands(page, document(dueDate="2026-12-23"), changes)
    assert not postings.stands(page, document(dueDate="2026-12-22"), changes)
    assert {"externalDocumentNumber", "creditMemoDate", "postingDate", "dueDate"} == postings.from_posting(
        PAGES["credit_note"], posting()
    ).keys()


def test_lines_are_compared_in_their_order() -> None:
    """An account's default cost centre may stand where none was ordered, and nowhere else."""
    ordered = [Booked("1250", Decimal(1), ""), Booked("1260", Decimal(2), "CC-1")]
    written = [Booked("1250", Decimal(1), "CC-9"), Booked("1260", Decimal(2), "CC-1")]
    assert postings.same_lines(ordered, written)
    assert not postings.same_lines(ordered, written[:1])
    assert not postings.same_lines(ordered, [written[0], Booked("1260", Decimal(2), "CC-9")])
    assert not postings.same_lines(ordered, written[::-1])


def test_entries_are_a_journals_by_account_amount_and_day() -> None:
    """In any order; lines of nothing leave no entry."""
    new = journal(booked("unbilled_receivable", "2.00"), booked("revenue", "-2.00"), booked("revenue", "0.00"))
    accounts = ["1250", "4000", "4000"]
    entries = [entry("4000", "-2.00"), entry("1250", "2.00")]
    assert postings.same_entries(new, accounts, entries)
    assert not postings.same_entries(new, accounts, entries[:1])
    assert not postings.same_entries(new, accounts, [entries[0], entry("1250", "2.00", posting_date=date(2026, 11, 1))])


def test_entries_of_documents_are_no_journals() -> None:
    """A journal's entries have no document type, in whichever spelling."""
    plain = [entry("1250", "1.00", document_type=kind) for kind in ("", " ", "_x0020_")]
    assert tuple(plain) == postings.of_journals([*plain, entry("1250", "1.00", document_type="Invoice")])


def test_an_account_without_a_role_has_none() -> None:
    """Debit is positive, and what nobody named is still told."""
    found = postings.to_ledger_entry(COMPANY, "EUR", entry("6900", "-3.50"))
    assert (None, "-3.50", "7") == (found.account_role, found.amount.amount, found.entry_number)
    assert "receivable" == postings.to_ledger_entry(COMPANY, "EUR", entry("1210", "1.00")).account_role


def test_a_balance_adds_up_the_accounts_of_a_role() -> None:
    """Each role that the settings name has one, also where nothing was posted."""
    records = [
        AmountRecord(account_number=number, debit_amount=Decimal(debit), credit_amount=Decimal(credit))
        for number, debit, credit in (("1200", "10.10", "0"), ("1210", "5.00", "0"), ("1200", "0", "4.00"))
    ]
    found = postings.to_balances(COMPANY, "EUR", date(2026, 11, 23), records)
    assert [("receivable", "11.10"), ("unbilled_receivable", "0.00"), ("revenue", "0.00")] == [
        (one.account_role, one.balance.amount) for one in found
    ]
    assert ("1200", "1210") == found[0].account_numbers


@pytest.mark.parametrize(
    ("rate", "told"), [("1", "1"), ("0.0059085", "0.0059085"), ("150", "150"), ("0.3333333333333333", "0.333333333333")]
)
def test_a_rate_has_twelve_decimals_at_most(rate: str, told: str) -> None:
    """Written without an exponent and without zeros at its end."""
    found = postings.to_exchange_rate(COMPANY, ("USD", "EUR"), Decimal(rate), "spot", date(2026, 11, 1))
    assert told == found.rate


@pytest.mark.parametrize(
    ("first", "last", "states"),
    [
        ("0001-01-01", "0001-01-01", ["open", "open"]),
        ("2026-11-15", "0001-01-01", ["open", "open"]),
        ("2026-12-01", "2026-12-31", ["closed", "open"]),
        ("0001-01-01", "2026-11-30", ["open", "future"]),
        ("0001-01-01", "2026-10-31", ["future", "future"]),
    ],
)
def test_a_period_is_open_where_the_window_touches_it(first: str, last: str, states: list[str]) -> None:
    """The window's last day counts; without bounds everything is open; a closed fiscal year alone shuts nothing."""
    starts = [date(2026, 11, 1), date(2026, 12, 1), date(2027, 1, 1)]
    records = [PeriodRecord(starting_date=day, name="x", new_fiscal_year=False, closed=True) for day in starts]
    window = WindowRecord(allow_posting_from=date.fromisoformat(first), allow_posting_to=date.fromisoformat(last))
    periods = mapping.to_accounting_periods("DE01", records, window)
    assert states == [period.subledgers[0].state for period in periods]
    assert [state == "open" for state in states] == [period.posting is not None for period in periods]
