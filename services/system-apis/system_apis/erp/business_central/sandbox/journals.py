"""General journals: batches, their lines, and the posting of a whole batch.

Texts are labels of the AL source (pages APIV2 Journals and JournalLines); that of lines which do not balance is from
the base application as people quote it (unverified), as is the beginning of one about dimensions.
"""

import uuid
from decimal import Decimal
from typing import Any

from system_apis.erp.business_central.sandbox.books import Books
from system_apis.erp.business_central.sandbox.dimensions import with_dimension
from system_apis.erp.business_central.sandbox.filters import Row
from system_apis.erp.business_central.sandbox.ledger import Ledger, Posting, Voucher
from system_apis.erp.business_central.sandbox.posting_entities import (
    ACCOUNTS,
    DIMENSION_LINES,
    JOURNAL_LINES,
    JOURNALS,
)
from system_apis.erp.business_central.sandbox.reckoning import exact, number
from system_apis.erp.business_central.sandbox.refusals import Refusal, bad_request, dialog
from system_apis.erp.business_central.sandbox.shapes import EMPTY_DATE, EMPTY_ID
from system_apis.erp.business_central.sandbox.values import read_values

TEMPLATE = "GENERAL"


class Journals:
    """Batches of the default template. Raises Refusal 400."""

    def __init__(self, books: Books, ledger: Ledger) -> None:
        self._books = books
        self._ledger = ledger

    def create(self, company: str, body: Any) -> Row:
        """The batch, with the lines that came nested."""
        if not isinstance(body, dict):
            raise bad_request("Invalid Request Body")
        given = read_values(JOURNALS, {name: value for name, value in body.items() if name != "journalLines"})
        if not given.get("code"):
            raise bad_request("Field 'code' must not be blank or empty.", "BadRequest_RequiredParamNotProvided")
        if self._books.keyed(JOURNALS, company, given["code"]) is not None:
            text = (
                "The Gen. Journal Batch already exists. Identification fields and values:"
                f" Journal Template Name='{TEMPLATE}',Name='{given['code']}'"
            )
            raise Refusal(400, "Internal_EntityWithSameKeyExists", text)
        blank = {field.name: field.empty for field in JOURNALS.fields} | {"templateDisplayName": TEMPLATE}
        row = blank | given | {"id": str(uuid.uuid4()), "companyId": company}
        lines = [self.line(row, line, place) for place, line in enumerate(body.get("journalLines", []), 1)]
        self._books.keep_parts(JOURNAL_LINES, row, lines)
        return self._books.keep(JOURNALS, row)

    def add_line(self, row: Row, body: Any) -> Row:
        held = self._books.parts(JOURNAL_LINES, row)
        line = self.line(row, body, len(held) + 1)
        self._books.keep_parts(JOURNAL_LINES, row, [*held, line])
        return line

    def keep_line(self, row: Row, line_id: str, line: Row | None) -> None:
        """The line in the place of its former self; none removes it."""
        held = self._books.parts(JOURNAL_LINES, row)
        kept = [one if one["id"] != line_id else line for one in held]
        self._books.keep_parts(JOURNAL_LINES, row, [one for one in kept if one is not None])

    def remove(self, row: Row) -> None:
        self._books.delete(JOURNALS, row)
        self._books.drop_parts(JOURNAL_LINES, row)

    def post(self, row: Row) -> None:
        """Every line of the batch, whoever wrote it. The batch stays, empty."""
        company, lines = row["companyId"], self._books.parts(JOURNAL_LINES, row)
        if not lines:
            raise dialog("There is nothing to post.")
        documents: dict[tuple[str, str], list[Row]] = {}
        for line in lines:
            self._require_postable(row, line)
            documents.setdefault((line["postingDate"], line["documentNumber"]), []).append(line)
        for (_, document), held in documents.items():
            _require_balance(document, held)
        postings = {key: [_posting(row, line) for line in held] for key, held in documents.items()}
        for held_postings in postings.values():
            self._ledger.require_dimensions(company, held_postings)
        for (day, document), held_postings in postings.items():
            self._ledger.write(company, Voucher(day, document, " "), held_postings)
        self._books.keep_parts(JOURNAL_LINES, row, [])

    def line(self, row: Row, body: Any, place: int) -> Row:
        """A new line of the batch."""
        if not isinstance(body, dict):
            raise bad_request("Invalid Request Body")
        given = read_values(JOURNAL_LINES, {name: value for name, value in body.items() if name != DIMENSION_LINES})
        blank = {field.name: field.empty for field in JOURNAL_LINES.fields}
        fixed = {"id": str(uuid.uuid4()), "companyId": row["companyId"], "journalId": row["id"]}
        named = {"journalDisplayName": row["code"], DIMENSION_LINES: []}
        line = blank | {"lineNumber": place * 10000} | given | fixed | named
        line = self.with_account(line)
        for dimension in body.get(DIMENSION_LINES, []):
            line = with_dimension(self._books, row["companyId"], line, "Journal Line", dimension)
        return line

    def with_account(self, line: Row) -> Row:
        """The line with number and id of its account; customers and vendors are not played here."""
        if line["accountId"] == EMPTY_ID and not line["accountNumber"]:
            return line
        if line["accountNumber"]:
            account, named = self._books.keyed(ACCOUNTS, line["companyId"], line["accountNumber"]), "accountNumber"
        else:
            account, named = self._books.row(ACCOUNTS, line["companyId"], line["accountId"]), "accountId"
        if account is None or line["accountType"] != "G/L Account":
            raise dialog(f'The "{named}" does not match to an Account.')
        self._ledger.require_direct(account)
        return line | {"accountNumber": account["number"], "accountId": account["id"]}

    def _require_postable(self, row: Row, line: Row) -> None:
        place = (
            f"Gen. Journal Line: Journal Template Name={TEMPLATE}, Journal Batch Name={row['code']},"
            f" Line No.={line['lineNumber']}"
        )
        for name, caption in (("accountNumber", "Account No."), ("documentNumber", "Document No.")):
            if not line[name]:
                raise dialog(f"{caption} must have a value in {place}. It cannot be zero or empty.")
        if line["postingDate"] == EMPTY_DATE:
            raise dialog(f"Posting Date must have a value in {place}. It cannot be zero or empty.")
        self._ledger.require_open(row["companyId"], line["postingDate"], place)


def _require_balance(document: str, lines: list[Row]) -> None:
    off = sum((exact(line["amount"]) for line in lines), Decimal(0))
    if off:
        text = f"Document No. {document} is out of balance by {number(off)}."
        raise dialog(f"{text} Please check that Document Type, Document No. and Amount are correct for each line.")


def _posting(row: Row, line: Row) -> Posting:
    place = (
        f"A dimension used in Gen. Journal Line {TEMPLATE}, {row['code']}, {line['lineNumber']} has caused an error. "
    )
    return Posting(line["accountNumber"], exact(line["amount"]), line["description"], line[DIMENSION_LINES], place)
