"""Judges how the Business Central sandbox posts, by restated facts: no outside client is in the project.

Restated from the AL source of Microsoft's API pages (SalesInvoices, SalesCreditMemos, their lines, Journals,
JournalLines, DimensionSetLines) and their labels, and from bookkeeping: entries of a document add up to nothing.
"""

from decimal import Decimal
from typing import Any

import httpx
import pytest
from erp.business_central.judging import FIRM, Judge, refusal
from serving import CONTROL

from demo.seeds import business_central as seeds

DAY = "2026-11-23"
DRAFT_ONLY = "The action can be applied to a draft invoice only."
NOT_ALLOWED = "Posting Date is not within your range of allowed posting dates in "
SELECT = "Select a Dimension Value Code for the Dimension Code COSTCENTRE for G/L Account 4000."


@pytest.fixture
async def books(judge: Judge) -> str:
    """The address of the German company."""
    return f"{judge.api}/{await judge.company('Northwind Advisory GmbH')}"


def line(**changes: Any) -> dict[str, Any]:
    made = {"lineType": "Account", "lineObjectNumber": "1250", "description": "Work", "quantity": 12}
    return made | {"unitPrice": 145.5, "taxCode": "VAT19"} | changes


def invoice(*lines: dict[str, Any], **changes: Any) -> dict[str, Any]:
    head = {"customerNumber": "C2001", "externalDocumentNumber": "ref-1", "invoiceDate": DAY, "postingDate": DAY}
    return head | {"salesInvoiceLines": list(lines) or [line()]} | changes


def journal(*lines: dict[str, Any], code: str = "JOURNALX") -> dict[str, Any]:
    fixed = {"accountType": "G/L Account", "postingDate": DAY, "documentNumber": "RR-1", "description": "Work"}
    plain = ({"accountNumber": "1250", "amount": 10.1}, {"accountNumber": "2700", "amount": -10.1})
    return {"code": code, "displayName": "Syncline", "journalLines": [fixed | one for one in (lines or plain)]}


async def made(judge: Judge, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = await judge.http.post(path, json=body)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def entries(judge: Judge, books: str, document: str) -> list[tuple[str, Decimal]]:
    options = {"$filter": f"documentNumber eq '{document}'", "$orderby": "entryNumber"}
    rows = (await judge.http.get(f"{books}/generalLedgerEntries", params=options)).json()["value"]
    return [
        (row["accountNumber"], Decimal(str(row["debitAmount"])) - Decimal(str(row["creditAmount"]))) for row in rows
    ]


async def post(judge: Judge, path: str) -> httpx.Response:
    return await judge.http.post(f"{path}/Microsoft.NAV.post")


async def act(judge: Judge, action: str, deed: dict[str, Any]) -> None:
    answer = await judge.http.post(f"/_sandbox/actions/{action}", json=deed, headers=CONTROL)
    assert answer.status_code == 200, answer.text


async def test_one_post_makes_header_lines_and_dimensions(judge: Judge, books: str) -> None:
    """Nested lines and their dimensions are taken; the totals are the sums of the lines; a draft is all open."""
    dimension = {"code": "COSTCENTRE", "valueCode": "CC-D20"}
    draft = await made(judge, f"{books}/salesInvoices", invoice(line(dimensionSetLines=[dimension]), line(quantity=1)))
    assert ("Draft", "REF-1", "EUR") == (draft["status"], draft["externalDocumentNumber"], draft["currencyCode"])
    sums = ("totalAmountExcludingTax", "totalTaxAmount", "totalAmountIncludingTax", "remainingAmount")
    assert [1891.5, 359.39, 2250.89, 2250.89] == [draft[name] for name in sums]
    options = {"$expand": "salesInvoiceLines($select=sequence,netAmount;$expand=dimensionSetLines($select=valueCode))"}
    read = (await judge.http.get(f"{books}/salesInvoices({draft['id']})", params=options)).json()
    shown = [
        (one["sequence"], one["netAmount"], [value["valueCode"] for value in one["dimensionSetLines"]])
        for one in read["salesInvoiceLines"]
    ]
    assert [(10000, 1746, ["CC-D20"]), (20000, 145.5, [])] == shown


async def test_tax_is_rounded_by_code_and_document(judge: Judge, books: str) -> None:
    """Three lines of 0.03 at 19 % make 0.0171 of tax: 0.02, where line by line it would be 0.03."""
    lines = [line(quantity=1, unitPrice=0.03) for _ in range(3)]
    draft = await made(judge, f"{books}/salesInvoices", invoice(*lines))
    assert (0.09, 0.02) == (draft["totalAmountExcludingTax"], draft["totalTaxAmount"])
    below = (await judge.http.get(f"{books}/salesInvoices({draft['id']})/salesInvoiceLines")).json()["value"]
    assert [0.01, 0, 0.01] == [one["netTaxAmount"] for one in below]


async def test_lines_and_dimensions_are_made_one_by_one_as_well(judge: Judge, books: str) -> None:
    """Below the document, and below the line; a dimension is given once; a line's account stays what it is."""
    draft = await made(judge, f"{books}/salesInvoices", invoice())
    added = await made(judge, f"{books}/salesInvoices({draft['id']})/salesInvoiceLines", line(quantity=2))
    path = f"{books}/salesInvoiceLines({added['id']})"
    dimension = {"code": "COSTCENTRE", "valueCode": "CC-D10"}
    await made(judge, f"{path}/dimensionSetLines", dimension)
    twice = await judge.http.post(f"{path}/dimensionSetLines", json=dimension)
    assert "The dimension set line already exists." in refusal(twice, 400)
    now = (await judge.http.get(path)).json()
    moved = await judge.http.patch(path, json={"lineObjectNumber": "2700"}, headers={"If-Match": now["@odata.etag"]})
    assert 'The value for "lineObjectNumber" cannot be modified.' == refusal(moved, 400)
    right = await judge.http.patch(path, json={"quantity": 1}, headers={"If-Match": now["@odata.etag"]})
    assert (200, 145.5) == (right.status_code, right.json()["netAmount"])
    assert (await judge.http.delete(path, headers={"If-Match": "*"})).status_code == 204
    total = (await judge.http.get(f"{books}/salesInvoices({draft['id']})")).json()["totalAmountExcludingTax"]
    assert 1746 == total


async def test_posting_changes_the_number_and_writes_entries(judge: Judge, books: str) -> None:
    """204 without a body; same id, another number, status Open; receivable, net and tax add up to nothing."""
    draft = await made(judge, f"{books}/salesInvoices", invoice())
    path = f"{books}/salesInvoices({draft['id']})"
    answer = await post(judge, path)
    assert (204, b"") == (answer.status_code, answer.content)
    posted = (await judge.http.get(path)).json()
    assert ("Open", draft["id"]) == (posted["status"], posted["id"])
    assert draft["number"] != posted["number"]
    written = await entries(judge, books, posted["number"])
    assert [("1200", Decimal("2077.74")), ("1250", Decimal(-1746)), ("2300", Decimal("-331.74"))] == written
    assert [] == await entries(judge, books, draft["number"])
    assert DRAFT_ONLY == refusal(await post(judge, path), 400)
    removed = await judge.http.delete(path, headers={"If-Match": "*"})
    assert DRAFT_ONLY == refusal(removed, 400)


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        ({"customerNumber": "C9"}, "Application_DialogException", "The sell-to customer cannot be found."),
        (
            {"customerNumber": ""},
            "Application_DialogException",
            'A "customerNumber" or a "customerId" must be provided.',
        ),
        ({"currencyCode": "XXX"}, "Application_DialogException", '"currencyCode" does not match to a Currency.'),
        ({"externalDocumentNumber": "x" * 36}, "Application_StringExceededLength", "less than or equal to 35"),
        ({"number": "1"}, "BadRequest_InvalidOperation", "Control 'No.' is read-only"),
        (
            {"salesInvoiceLines": [line(lineObjectNumber="9999")]},
            "Application_DialogException",
            "Account does not exist.",
        ),
        (
            {"salesInvoiceLines": [line(lineObjectNumber="1200")]},
            "Application_DialogException",
            "Direct Posting must be",
        ),
        ({"salesInvoiceLines": [line(taxCode="VAT99")]}, "Internal_InvalidTableRelation", "VAT Prod. Posting Group of"),
        ({"salesInvoiceLines": [line(lineType="Item")]}, "Application_DialogException", "Item does not exist."),
    ],
)
async def test_drafts_are_checked_in_business_centrals_words(
    judge: Judge, books: str, change: dict[str, Any], code: str, words: str
) -> None:
    """Customer, currency, lengths, accounts and tax codes are checked on the way in, and nothing is kept."""
    answer = await judge.http.post(f"{books}/salesInvoices", json=invoice(**change))
    assert words in refusal(answer, 400)
    assert code == answer.json()["error"]["code"]
    assert [] == (await judge.http.get(f"{books}/salesInvoices")).json()["value"]


async def test_what_may_not_be_posted_is_refused(judge: Judge, books: str) -> None:
    """The window, a dimension that an account demands, a block, a document without lines: a draft stays a draft."""
    draft = await made(judge, f"{books}/salesInvoices", invoice(line(lineObjectNumber="4000")))
    path = f"{books}/salesInvoices({draft['id']})"
    assert refusal(await post(judge, path), 400).endswith(SELECT)
    await act(judge, "open_posting_window", seeds.window_deed(FIRM, "DE01", FIRM.today.replace(day=24), None))
    place = f"Sales Header: Document Type=Invoice, No.={draft['number']}."
    assert NOT_ALLOWED + place == refusal(await post(judge, path), 400)
    await act(judge, "open_posting_window", seeds.window_deed(FIRM, "DE01", None, None))
    company = FIRM.entity("DE01").name
    await act(judge, "block_customer", {"company": company, "number": "C2001", "blocked": "Invoice"})
    blocked = "You cannot post this type of document when Customer C2001 is blocked with type Invoice"
    assert blocked == refusal(await post(judge, path), 400)
    empty = {"customerNumber": "C2002", "invoiceDate": DAY}
    bare = await made(judge, f"{books}/salesInvoices", empty)
    answer = await post(judge, f"{books}/salesInvoices({bare['id']})")
    assert "Please add at least one line item to the invoice." == refusal(answer, 400)
    assert "Draft" == (await judge.http.get(path)).json()["status"]


async def test_a_credit_memo_is_applied_to_its_invoice(judge: Judge, books: str) -> None:
    """Reversed entries; the invoice is Paid; what is not open cannot be applied to."""
    draft = await made(judge, f"{books}/salesInvoices", invoice())
    await post(judge, f"{books}/salesInvoices({draft['id']})")
    number = (await judge.http.get(f"{books}/salesInvoices({draft['id']})")).json()["number"]
    body = {"customerNumber": "C2001", "creditMemoDate": DAY, "invoiceNumber": number, "salesCreditMemoLines": [line()]}
    first = await made(judge, f"{books}/salesCreditMemos", body)
    second = await made(judge, f"{books}/salesCreditMemos", body)
    assert "remainingAmount" not in first
    assert draft["id"] == first["invoiceId"]
    assert 204 == (await post(judge, f"{books}/salesCreditMemos({first['id']})")).status_code
    memo = (await judge.http.get(f"{books}/salesCreditMemos({first['id']})")).json()
    written = await entries(judge, books, memo["number"])
    assert [("1200", Decimal("-2077.74")), ("1250", Decimal(1746)), ("2300", Decimal("331.74"))] == written
    settled = (await judge.http.get(f"{books}/salesInvoices({draft['id']})")).json()
    assert ("Paid", "Paid", 0) == (memo["status"], settled["status"], settled["remainingAmount"])
    late = refusal(await post(judge, f"{books}/salesCreditMemos({second['id']})"), 400)
    assert late.startswith("There is no Cust. Ledger Entry within the filter.")


async def test_a_payment_clears_what_was_booked(judge: Judge, books: str) -> None:
    """The bank has what came in at the day's rate, receivables lose what they had, the difference has its account."""
    german = FIRM.entity("DE01").name
    customer = await made(
        judge, f"{books}/customers", {"displayName": "Zug AG", "currencyCode": "CHF", "country": "CH"}
    )
    order = invoice(line(quantity=1, unitPrice=1000, taxCode="NOEU"), customerNumber=customer["number"])
    draft = await made(judge, f"{books}/salesInvoices", order | {"postingDate": "2026-10-30"})
    await post(judge, f"{books}/salesInvoices({draft['id']})")
    number = (await judge.http.get(f"{books}/salesInvoices({draft['id']})")).json()["number"]
    assert [("1200", Decimal("1058.5")), ("1250", Decimal("-1058.5"))] == await entries(judge, books, number)
    deed = {"company": german, "invoice": number, "amount": "", "date": DAY}
    await act(judge, "register_customer_payment", deed)
    written = await entries(judge, books, "PAY00010")
    assert [("1800", Decimal(1071)), ("4900", Decimal("-12.5")), ("1200", Decimal("-1058.5"))] == written


async def test_a_credit_memo_at_another_rate_leaves_no_rest(judge: Judge, books: str) -> None:
    """Invoice and credit memo in francs, a month apart: receivables come to nothing, the rest is a difference."""
    customer = await made(
        judge, f"{books}/customers", {"displayName": "Zug AG", "currencyCode": "CHF", "country": "CH"}
    )
    lines = [line(quantity=1, unitPrice=1000, taxCode="NOEU")]
    order = invoice(*lines, customerNumber=customer["number"], postingDate="2026-10-30")
    draft = await made(judge, f"{books}/salesInvoices", order)
    await post(judge, f"{books}/salesInvoices({draft['id']})")
    number = (await judge.http.get(f"{books}/salesInvoices({draft['id']})")).json()["number"]
    body = {"customerNumber": customer["number"], "creditMemoDate": DAY, "invoiceNumber": number}
    memo = await made(judge, f"{books}/salesCreditMemos", body | {"salesCreditMemoLines": lines})
    await post(judge, f"{books}/salesCreditMemos({memo['id']})")
    posted = (await judge.http.get(f"{books}/salesCreditMemos({memo['id']})")).json()["number"]
    written = await entries(judge, books, posted)
    assert [
        ("1200", Decimal(-1071)),
        ("1250", Decimal(1071)),
        ("4900", Decimal("-12.5")),
        ("1200", Decimal("12.5")),
    ] == (written)


async def test_a_journal_posts_its_whole_batch(judge: Judge, books: str) -> None:
    """Entries under the lines' document number, without a type; the batch stays, empty: nothing to post any more."""
    batch = await made(judge, f"{books}/journals", journal())
    path = f"{books}/journals({batch['id']})"
    lines = (await judge.http.get(f"{path}/journalLines")).json()["value"]
    assert [(10000, 10.1), (20000, -10.1)] == [(one["lineNumber"], one["amount"]) for one in lines]
    assert 204 == (await post(judge, path)).status_code
    written = await entries(judge, books, "RR-1")
    assert [("1250", Decimal("10.1")), ("2700", Decimal("-10.1"))] == written
    assert [] == (await judge.http.get(f"{path}/journalLines")).json()["value"]
    assert "There is nothing to post." == refusal(await post(judge, path), 400)
    again = await judge.http.post(f"{books}/journals", json=journal())
    assert (400, "Internal_EntityWithSameKeyExists") == (again.status_code, again.json()["error"]["code"])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            [{"accountNumber": "1250", "amount": 1}, {"accountNumber": "2700", "amount": -0.99}],
            "is out of balance by 0.01.",
        ),
        ([{"accountNumber": "1250", "amount": 1}, {"accountNumber": "4000", "amount": -1}], SELECT),
    ],
)
async def test_a_journal_is_posted_whole_or_not(judge: Judge, books: str, lines: list[Any], words: str) -> None:
    """What does not balance, or lacks a dimension, leaves no entry behind."""
    batch = await made(judge, f"{books}/journals", journal(*lines))
    assert words in refusal(await post(judge, f"{books}/journals({batch['id']})"), 400)
    assert [] == (await judge.http.get(f"{books}/generalLedgerEntries")).json()["value"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("salesInvoiceLines", "You must specify an Id or a Document Id to get the lines."),
        ("journalLines", "You must specify a journal batch ID or a journal ID to get a journal line."),
        ("dimensionSetLines", "You must get to the parent first to get to the dimension set line."),
    ],
)
async def test_parts_are_reached_through_what_they_belong_to(judge: Judge, books: str, path: str, words: str) -> None:
    """Lines and dimensions have no list of their own."""
    assert words == refusal(await judge.http.get(f"{books}/{path}"), 400)


async def test_entries_and_rates_are_read_only(judge: Judge, books: str) -> None:
    """Nobody writes into the ledger or the rates by the API; both are read like any collection."""
    for name in ("generalLedgerEntries", "currencyExchangeRates", "accounts"):
        assert 400 == (await judge.http.post(f"{books}/{name}", json={})).status_code
    options = {"$filter": "currencyCode eq 'CHF' and startingDate le 2026-11-23", "$orderby": "startingDate desc"}
    rates = (await judge.http.get(f"{books}/currencyExchangeRates", params=options | {"$top": "1"})).json()["value"]
    assert [(1, 1.071, "2026-11-01")] == [
        (one["exchangeRateAmount"], one["relationalExchangeRateAmount"], one["startingDate"]) for one in rates
    ]
