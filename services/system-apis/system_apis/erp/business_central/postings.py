"""Documents, journals and ledger entries as canonical records, and back: pure functions.

Native ids: `<company id>/<entity set>/<record id>` of a document, `<company id>/<document number>` of a journal, whose
batch is nothing that lasts. Business Central's numbers are decimals: they are read as Decimal and written as they are.
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date
from decimal import Decimal
from typing import NamedTuple

import msgspec

from canonical.money import Money
from canonical.postings import (
    AccountBalance,
    ExchangeRate,
    Journal,
    LedgerEntry,
    NewJournal,
    NewJournalLine,
    NewReceivable,
    NewReceivableLine,
    Receivable,
    ReceivablePosting,
)
from canonical.references import ExternalId
from canonical.rounding import line_amount
from servicekit.failures import Failure, Kind
from system_apis.erp.business_central.mapping import pack
from system_apis.erp.business_central.records import (
    AmountRecord,
    Company,
    DimensionSetLineRecord,
    DocumentRecord,
    ExchangeRateRecord,
    JournalRecord,
    LedgerEntryRecord,
)
from system_apis.erp.business_central.settings import COST_CENTRE, PROJECT

MOST_DESCRIPTION = 100
MOST_CODE = 10  # characters of a journal batch's name
MOST_DECIMALS = Decimal("1e-12")  # of an exchange rate
DRAFTS = frozenset({"Draft", "In Review"})
_STATUS = {"Draft": "draft", "In Review": "draft", "Open": "posted", "Paid": "paid", "Canceled": "reversed"}
_STATUS |= {"Corrective": "posted"}
_SETTLED = frozenset({"Paid", "Canceled", "Corrective"})
_PLAIN_ENTRIES = frozenset({"", " ", "_x0020_"})  # entries that come from a journal have no document type
SPOT = "spot"


class Page(NamedTuple):
    """Where documents of a kind are, and how this page spells what the other spells differently."""

    kind: str
    set_name: str
    lines: str
    document_date: str


PAGES = {
    "invoice": Page("invoice", "salesInvoices", "salesInvoiceLines", "invoiceDate"),
    "credit_note": Page("credit_note", "salesCreditMemos", "salesCreditMemoLines", "creditMemoDate"),
}
_BY_SET = {page.set_name: page for page in PAGES.values()}


class Booked(NamedTuple):
    """What a line comes to, for telling whether two documents say the same."""

    account: str
    amount: Decimal
    cost_centre: str
    tax_code: str = ""


def page_of(record_id: str) -> tuple[Page, str]:
    """The page and the record's id of `<entity set>/<record id>`. Raises MISSING."""
    set_name, _, inner = record_id.partition("/")
    page = _BY_SET.get(set_name)
    if page is None or not inner:
        raise Failure(Kind.MISSING, "the ERP has no such document")
    return page, inner


def exactly(value: Decimal) -> msgspec.Raw:
    """A decimal as a JSON number, digit by digit."""
    return msgspec.Raw(f"{value:f}".encode())


def to_receivable(company: Company, page: Page, record: DocumentRecord) -> Receivable:
    """A draft's number is given away when it is posted, so it has none yet.

    The page of credit memos does not tell what is open: all of it, until all is settled.
    """
    native = pack(company.id, f"{page.set_name}/{record.id}")
    external = ExternalId(connection=company.connection, kind="receivable", id=native, legal_entity_code=company.code)
    currency, gross = record.currency_code, record.total_amount_including_tax
    open_still = record.remaining_amount
    if open_still is None:
        open_still = Decimal(0) if record.status in _SETTLED else gross
    return Receivable(
        id=native,
        external_ids=(external,),
        kind=page.kind,
        reference=record.external_document_number,
        document_number=None if record.status in DRAFTS else record.number,
        customer_account_id=pack(company.id, record.customer_id),
        legal_entity_code=company.code,
        currency=currency,
        status=_STATUS.get(record.status, record.status.lower()),
        document_date=record.invoice_date or record.credit_memo_date or record.posting_date,
        posting_date=record.posting_date,
        due_date=None if record.due_date == date.min else record.due_date,
        net=Money.of(record.total_amount_excluding_tax, currency),
        tax=Money.of(record.total_tax_amount, currency),
        gross=Money.of(gross, currency),
        remaining=Money.of(open_still, currency),
        updated_at=record.last_modified_date_time.astimezone(UTC),
    )


def from_new_receivable(
    page: Page, new: NewReceivable, customer_id: str, lines: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    """Header and lines in one body. The customer comes first: setting it later would reckon the lines again."""
    body: dict[str, object] = {
        "customerId": customer_id,
        "externalDocumentNumber": new.reference,
        page.document_date: new.document_date.isoformat(),
        "postingDate": new.posting_date.isoformat(),
        "dueDate": new.due_date.isoformat(),
        "currencyCode": new.currency,
    }
    if new.customer_reference is not None and page.kind == "invoice":
        body["customerPurchaseOrderReference"] = new.customer_reference[:35]
    return body | {page.lines: list(lines)}


def from_new_line(company: Company, line: NewReceivableLine, account: str) -> dict[str, object]:
    """Business Central multiplies by itself. A line that takes something off has a negative quantity.

    Raises INVALID `line_amount_differs` where quantity and price do not make the amount.
    """
    quantity, price = Decimal(line.quantity), Decimal(line.unit_price)
    if line.amount.value < 0:
        quantity = -quantity
    if line_amount(quantity, price, line.amount.currency) != line.amount:
        detail = f"quantity and unit price of line {line.key} do not make its amount"
        raise Failure(Kind.INVALID, detail, code="line_amount_differs")
    return {
        "lineType": "Account",
        "lineObjectNumber": account,
        "description": line.description[:MOST_DESCRIPTION],
        "quantity": exactly(quantity),
        "unitPrice": exactly(price),
        "taxCode": line.tax_code,
        **dimensions_of(company, line.cost_centre_code),
    }


def from_posting(page: Page, posting: ReceivablePosting) -> dict[str, str]:
    """What a draft is given before it is posted."""
    return {
        "externalDocumentNumber": posting.external_number,
        page.document_date: posting.document_date.isoformat(),
        "postingDate": posting.posting_date.isoformat(),
        "dueDate": posting.due_date.isoformat(),
    }


def stands(page: Page, record: DocumentRecord, changes: Mapping[str, str]) -> bool:
    """Whether the document has these values already. External document numbers are upper case, as codes are."""
    document_date = record.invoice_date or record.credit_memo_date
    now = {
        "externalDocumentNumber": record.external_document_number,
        page.document_date: "" if document_date is None else document_date.isoformat(),
        "postingDate": record.posting_date.isoformat(),
        "dueDate": record.due_date.isoformat(),
    }
    return now == dict(changes) | {"externalDocumentNumber": changes["externalDocumentNumber"].upper()}


def dimensions_of(company: Company, cost_centre: str | None) -> dict[str, object]:
    if cost_centre is None:
        return {}
    line = {"code": company.settings.dimensions[COST_CENTRE], "valueCode": cost_centre}
    return {"dimensionSetLines": [line]}


def ordered_lines(new: NewReceivable, accounts: Sequence[str]) -> list[Booked]:
    return [
        Booked(account, line.amount.value, (line.cost_centre_code or "").upper(), line.tax_code.upper())
        for line, account in zip(new.lines, accounts, strict=True)
    ]


def written_lines(company: Company, record: DocumentRecord) -> list[Booked]:
    """Comments have no account and no amount."""
    lines = (*record.sales_invoice_lines, *record.sales_credit_memo_lines)
    return [
        Booked(
            account=line.line_object_number,
            amount=line.net_amount,
            cost_centre=cost_centre_in(company, line.dimension_set_lines),
            tax_code=line.tax_code,
        )
        for line in lines
        if line.line_object_number
    ]


def same_lines(ordered: Sequence[Booked], written: Sequence[Booked]) -> bool:
    """In their order. Where no cost centre was ordered, the account's own default may stand."""
    return len(ordered) == len(written) and all(
        one == (other if one.cost_centre else other._replace(cost_centre=""))
        for one, other in zip(ordered, written, strict=True)
    )


def cost_centre_in(company: Company, dimensions: Sequence[DimensionSetLineRecord]) -> str:
    wanted = company.settings.dimensions.get(COST_CENTRE)
    return next((line.value_code for line in dimensions if line.code == wanted), "")


def batch_code(reference: str) -> str:
    """A batch's name from the journal's reference, in letters: a name with digits may be counted up on posting."""
    rest = int.from_bytes(hashlib.sha256(reference.encode()).digest(), "big")
    letters = []
    for _ in range(MOST_CODE):
        rest, place = divmod(rest, 26)
        letters.append(chr(ord("A") + place))
    return "".join(letters)


def from_new_journal(company: Company, new: NewJournal, accounts: Sequence[str]) -> dict[str, object]:
    """A batch with all its lines, debit positive, in the company's own currency."""
    lines = [
        {
            "lineNumber": place * 10000,
            "accountType": "G/L Account",
            "accountNumber": account,
            "postingDate": new.posting_date.isoformat(),
            "documentNumber": new.reference,
            "amount": exactly(line.amount.value),
            "description": _description(line),
            **dimensions_of(company, line.cost_centre_code),
        }
        for place, (line, account) in enumerate(zip(new.lines, accounts, strict=True), 1)
    ]
    name = f"{new.kind} {new.description}"[:MOST_DESCRIPTION]
    return {"code": batch_code(new.reference), "displayName": name, "journalLines": lines}


def ordered_journal(new: NewJournal, accounts: Sequence[str]) -> list[Booked]:
    return [
        Booked(account, line.amount.value, (line.cost_centre_code or "").upper())
        for line, account in zip(new.lines, accounts, strict=True)
    ]


def written_journal(company: Company, new: NewJournal, record: JournalRecord) -> list[Booked]:
    """The batch's lines of this document and day; any other line makes them differ from what was ordered."""
    return [
        Booked(line.account_number, line.amount, cost_centre_in(company, line.dimension_set_lines))
        if (line.document_number, line.posting_date) == (new.reference, new.posting_date)
        else Booked("", line.amount, "")
        for line in record.journal_lines
    ]


def same_entries(new: NewJournal, accounts: Sequence[str], entries: Sequence[LedgerEntryRecord]) -> bool:
    """Whether the entries are this journal's: accounts, amounts and day. Lines of nothing leave no entry."""
    ordered = Counter(
        (account, line.amount.value) for line, account in zip(new.lines, accounts, strict=True) if line.amount.value
    )
    written = Counter((entry.account_number, entry.debit_amount - entry.credit_amount) for entry in entries)
    return ordered == written and all(entry.posting_date == new.posting_date for entry in entries)


def of_journals(entries: Sequence[LedgerEntryRecord]) -> tuple[LedgerEntryRecord, ...]:
    return tuple(entry for entry in entries if entry.document_type in _PLAIN_ENTRIES)


def to_journal(
    company: Company, reference: str, day: date, status: str, entries: Sequence[LedgerEntryRecord]
) -> Journal:
    native = pack(company.id, reference)
    external = ExternalId(connection=company.connection, kind="journal", id=native, legal_entity_code=company.code)
    return Journal(
        id=native,
        external_ids=(external,),
        reference=reference,
        legal_entity_code=company.code,
        posting_date=day,
        status=status,
        entry_numbers=tuple(str(entry.entry_number) for entry in entries),
    )


def roles_of(company: Company) -> dict[str, str]:
    """The role of each account that has one."""
    return {number: role for role, numbers in company.settings.accounts.items() for number in numbers}


def to_ledger_entry(company: Company, currency: str, record: LedgerEntryRecord) -> LedgerEntry:
    return LedgerEntry(
        entry_number=str(record.entry_number),
        legal_entity_code=company.code,
        posting_date=record.posting_date,
        document_number=record.document_number,
        account_number=record.account_number,
        account_role=roles_of(company).get(record.account_number),
        amount=Money.of(record.debit_amount - record.credit_amount, currency),
        description=record.description,
        project_number=project_of(company, record),
    )


def project_of(company: Company, record: LedgerEntryRecord) -> str | None:
    """The value of the project dimension, where the settings name one and the entry has it."""
    code = company.settings.dimensions.get(PROJECT)
    return next((line.value_code for line in record.dimension_set_lines if line.code == code), None)


def to_balances(
    company: Company, currency: str, day: date, records: Sequence[AmountRecord]
) -> tuple[AccountBalance, ...]:
    """One for each role that the settings name, in their order; nothing posted is a balance of nothing."""
    amounts: dict[str, Decimal] = dict.fromkeys(roles_of(company), Decimal(0))
    for record in records:
        amounts[record.account_number] += record.debit_amount - record.credit_amount
    return tuple(
        AccountBalance(
            legal_entity_code=company.code,
            account_role=role,
            account_numbers=numbers,
            balance=Money.of(sum((amounts[number] for number in numbers), Decimal(0)), currency),
            as_of_date=day,
        )
        for role, numbers in company.settings.accounts.items()
    )


def rate_of(record: ExchangeRateRecord) -> Decimal:
    """How much of the related currency one unit is worth."""
    return record.relational_exchange_rate_amount / record.exchange_rate_amount


def to_exchange_rate(
    company: Company, currencies: tuple[str, str], rate: Decimal, rate_type: str, day: date
) -> ExchangeRate:
    rounded = rate.quantize(MOST_DECIMALS).normalize()
    return ExchangeRate(
        legal_entity_code=company.code,
        from_currency=currencies[0],
        to_currency=currencies[1],
        rate=f"{rounded:f}",
        rate_type=rate_type,
        rate_date=day,
    )


def _description(line: NewJournalLine) -> str:
    """Lines are in local currency only: what was entered in another one is told in words."""
    if line.entered is None:
        return line.description[:MOST_DESCRIPTION]
    entered = f" ({line.entered.amount} {line.entered.currency})"
    return line.description[: MOST_DESCRIPTION - len(entered)] + entered
