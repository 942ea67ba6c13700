"""The general ledger of a company: what may be posted when, at which rate, and the entries themselves.

Texts are labels of the base application (tables Gen. Journal Line, G/L Account, codeunits User Setup Management and
DimensionManagement); how FieldError ends a text is the platform's usual form.
"""

from dataclasses import dataclass, field
from decimal import Decimal

from system_apis.erp.business_central.sandbox.books import Books
from system_apis.erp.business_central.sandbox.entities import BY_API
from system_apis.erp.business_central.sandbox.filters import Row
from system_apis.erp.business_central.sandbox.posting_entities import (
    ACCOUNTS,
    CURRENCY_EXCHANGE_RATES,
    DIMENSION_SET_LINES,
    GENERAL_LEDGER_ENTRIES,
)
from system_apis.erp.business_central.sandbox.reckoning import exact, number
from system_apis.erp.business_central.sandbox.refusals import Refusal, dialog
from system_apis.erp.business_central.sandbox.shapes import EMPTY_DATE, STANDARD


@dataclass(frozen=True)
class Posting:
    """One entry to be: local currency, debit positive. `place` is how an error names where it comes from."""

    account: str
    amount: Decimal
    description: str
    dimensions: list[Row] = field(default_factory=list)
    place: str = ""


@dataclass(frozen=True)
class Voucher:
    """What the entries of one document share."""

    day: str
    number: str
    type: str


class Ledger:
    """Checks and writes general ledger entries."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def require_open(self, company: str, day: str, place: str) -> None:
        """Raises Refusal 400 for a day outside Allow Posting From/To. Empty bounds are none."""
        setup = self.setup(company)
        first = setup.get("allowPostingFrom", EMPTY_DATE)
        last = setup.get("allowPostingTo", EMPTY_DATE)
        if day < first or (last != EMPTY_DATE and day > last):
            raise dialog(f"Posting Date is not within your range of allowed posting dates in {place}.")

    def account(self, company: str, account_number: str) -> Row | None:
        return self._books.keyed(ACCOUNTS, company, account_number)

    def require_direct(self, account: Row) -> None:
        """Raises Refusal 400 for an account that people and documents may not post to."""
        number_of = account["number"]
        if account["blocked"]:
            text = f"Blocked must be equal to 'No'  in G/L Account: No.={number_of}. Current value is 'Yes'."
            raise dialog(text)
        if not account["directPosting"]:
            text = f"Direct Posting must be equal to 'Yes'  in G/L Account: No.={number_of}. Current value is 'No'."
            raise dialog(text)

    def rate(self, company: str, currency: str, day: str) -> Decimal:
        """Local currency for one of *currency*, by the newest rate of that day or before it. Raises Refusal 400."""
        if currency in {"", self.local_currency(company)}:
            return Decimal(1)
        rows = self._books.rows(CURRENCY_EXCHANGE_RATES, company)
        fitting = [row for row in rows if row["currencyCode"] == currency and row["startingDate"] <= day]
        if not fitting:
            text = (
                "There is no Currency Exchange Rate within the filter."
                f" Filters: Currency Code: {currency}, Starting Date: ..{day}"
            )
            raise Refusal(400, "Internal_RecordNotFound", text)
        newest = max(fitting, key=lambda row: str(row["startingDate"]))
        return exact(newest["relationalExchangeRateAmount"]) / exact(newest["exchangeRateAmount"])

    def write(self, company: str, voucher: Voucher, postings: list[Posting]) -> None:
        """All of them or, with a Refusal 400, none. Entries of nothing are not written."""
        self.require_dimensions(company, postings)
        for posting in postings:
            if posting.amount:
                self._insert(company, voucher, posting)

    def require_dimensions(self, company: str, postings: list[Posting]) -> None:
        """Default dimensions "Code Mandatory" of the accounts. Raises Refusal 400."""
        mandatory = self._books.setup(company).get("mandatoryAccountDimensions", {})
        for posting in postings:
            given = {row["code"] for row in posting.dimensions}
            missing = next((code for code in mandatory.get(posting.account, []) if code not in given), None)
            if missing is not None:
                text = f"Select a Dimension Value Code for the Dimension Code {missing} for G/L Account"
                raise dialog(f"{posting.place}{text} {posting.account}.")

    def setup(self, company: str) -> Row:
        return next(iter(self._books.rows(BY_API[STANDARD]["generalLedgerSetup"], company)), {})

    def local_currency(self, company: str) -> str:
        return str(self.setup(company).get("localCurrencyCode", ""))

    def _insert(self, company: str, voucher: Voucher, posting: Posting) -> None:
        account = self.account(company, posting.account) or {}
        entry = {
            "entryNumber": self._books.next_number("G/L entries", company),
            "postingDate": voucher.day,
            "documentNumber": voucher.number,
            "documentType": voucher.type,
            "accountId": account.get("id", ""),
            "accountNumber": posting.account,
            "description": posting.description[:100],
            "debitAmount": number(max(posting.amount, Decimal(0))),
            "creditAmount": number(max(-posting.amount, Decimal(0))),
            DIMENSION_SET_LINES.set_name: posting.dimensions,
        }
        self._books.insert(GENERAL_LEDGER_ENTRIES, company, entry)
