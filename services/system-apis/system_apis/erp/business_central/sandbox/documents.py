"""Sales invoices and credit memos while they are drafts: header, lines, dimensions, totals.

Texts are labels of the AL source: pages APIV2 SalesInvoices, SalesCreditMemos and their lines; table Customer for the
block (CustBlockedErrorMessage). A header, its lines and their dimensions may come in one POST.
"""

import uuid
from decimal import Decimal
from typing import Any

from system_apis.erp.business_central.sandbox.books import Books
from system_apis.erp.business_central.sandbox.dimensions import with_dimension
from system_apis.erp.business_central.sandbox.entities import BY_API, CUSTOMERS
from system_apis.erp.business_central.sandbox.filters import Row
from system_apis.erp.business_central.sandbox.ledger import Ledger
from system_apis.erp.business_central.sandbox.posting_entities import (
    ACCOUNTS,
    DIMENSION_LINES,
    LINES_OF,
    SALES_INVOICES,
)
from system_apis.erp.business_central.sandbox.reckoning import CENT, exact, reckoned, totals
from system_apis.erp.business_central.sandbox.refusals import bad_request, dialog, no_such_relation
from system_apis.erp.business_central.sandbox.shapes import EMPTY_DATE, EMPTY_ID, STANDARD, Entity
from system_apis.erp.business_central.sandbox.values import read_values

DRAFT = "Draft"
DATE_OF = {"salesInvoices": "invoiceDate", "salesCreditMemos": "creditMemoDate"}
WORD_OF = {"salesInvoices": "invoice", "salesCreditMemos": "credit memo"}
_SERIES = {"salesInvoices": "S-INV10", "salesCreditMemos": "S-CR10"}
_PARENT_TYPE = {"salesInvoices": "Sales Invoice", "salesCreditMemos": "Sales Credit Memo"}


class Documents:
    """Drafts of one of the two kinds. Every method raises Refusal 400 for what Business Central does not take."""

    def __init__(self, books: Books, ledger: Ledger) -> None:
        self._books = books
        self._ledger = ledger

    def create(self, company: str, entity: Entity, body: Any) -> Row:
        """Header and lines together: all of it, or nothing."""
        given, lines = _divided(entity, body)
        header = self._header(company, entity, given)
        made = [self._line(company, entity, header, line, place) for place, line in enumerate(lines, 1)]
        header["number"] = f"{_SERIES[entity.set_name]}{self._books.next_number(entity.set_name, company):04}"
        return self._kept(entity, header, made)

    def change(self, entity: Entity, row: Row, body: Any) -> Row:
        given, lines = _divided(entity, body)
        if lines:
            raise bad_request("Invalid Request Body")
        self.require_draft(entity, row)
        header = self._related(row["companyId"], row | given, given)
        return self._kept(entity, header, self._books.parts(LINES_OF[entity.set_name], row))

    def remove(self, entity: Entity, row: Row) -> None:
        self.require_draft(entity, row)
        self._books.delete(entity, row)
        self._books.drop_parts(LINES_OF[entity.set_name], row)

    def add_line(self, entity: Entity, row: Row, body: Any) -> Row:
        self.require_draft(entity, row)
        held = self._books.parts(LINES_OF[entity.set_name], row)
        line = self._line(row["companyId"], entity, row, body, len(held) + 1)
        self._kept(entity, row, [*held, line])
        return next(one for one in self._books.parts(LINES_OF[entity.set_name], row) if one["id"] == line["id"])

    def change_line(self, entity: Entity, row: Row, line: Row | None, wanted: Row) -> Row:
        """*wanted* in the place of its former self; without *line* it is removed."""
        self.require_draft(entity, row)
        held = self._books.parts(LINES_OF[entity.set_name], row)
        kept = [one if one["id"] != wanted["id"] else line for one in held]
        self._kept(entity, row, [one for one in kept if one is not None])
        return wanted if line is None else self.line(entity, row, wanted["id"])

    def line(self, entity: Entity, row: Row, line_id: str) -> Row:
        return next(one for one in self._books.parts(LINES_OF[entity.set_name], row) if one["id"] == line_id)

    def with_values(self, company: str, line: Row, given: Row) -> Row:
        """A line with other values: what names its account stays."""
        if given.get("lineObjectNumber", line["lineObjectNumber"]) != line["lineObjectNumber"]:
            raise dialog('The value for "lineObjectNumber" cannot be modified.')
        if given.get("sequence", line["sequence"]) != line["sequence"]:
            raise dialog('The value for "sequence" cannot be modified. Delete and insert the line again.')
        self._require_tax_code(company, given.get("taxCode", ""))
        return line | given

    def require_draft(self, entity: Entity, row: Row) -> None:
        if row["status"] != DRAFT:
            raise dialog(f"The action can be applied to a draft {WORD_OF[entity.set_name]} only.")

    def tax_setup(self, company: str, line: Row) -> Row:
        """VAT Posting Setup of the line's posting group; there is one VAT business posting group for all customers."""
        setup = self._books.setup(company).get("vatPostingSetup", {}).get(line["taxCode"])
        if setup is None and line["lineType"] != "Comment":
            text = "The VAT Posting Setup does not exist. Identification fields and values:"
            raise dialog(f"{text} VAT Bus. Posting Group='DOMESTIC',VAT Prod. Posting Group='{line['taxCode']}'")
        return setup or {"percent": "0", "account": ""}

    def _kept(self, entity: Entity, header: Row, lines: list[Row]) -> Row:
        company = header["companyId"]
        direction = self._books.setup(company).get("vatRoundingType", "Nearest")
        unit = self._unit(company, header["currencyCode"])
        done = reckoned(lines, lambda line: exact(self.tax_setup(company, line)["percent"]), unit, direction)
        sums = totals(done)
        if entity is SALES_INVOICES:
            sums["remainingAmount"] = sums["totalAmountIncludingTax"]
        self._books.keep_parts(LINES_OF[entity.set_name], header, done)
        return self._books.keep(entity, header | sums)

    def _header(self, company: str, entity: Entity, given: Row) -> Row:
        blank = {field.name: field.empty for field in entity.fields}
        row = blank | given | {"id": str(uuid.uuid4()), "companyId": company, "status": DRAFT, DIMENSION_LINES: []}
        if not given.get("customerNumber") and given.get("customerId", EMPTY_ID) == EMPTY_ID:
            raise dialog('A "customerNumber" or a "customerId" must be provided.')
        row = self._related(company, row, given)
        dated = DATE_OF[entity.set_name]
        today = self._books.today()
        for name, otherwise in ((dated, today), ("postingDate", row[dated]), ("dueDate", row[dated])):
            if row[name] == EMPTY_DATE:
                row[name] = otherwise if otherwise != EMPTY_DATE else today
        if row.get("shortcutDimension1Code"):
            code = self._ledger.setup(company).get("shortcutDimension1Code", "")
            dimension = {"code": code, "valueCode": row["shortcutDimension1Code"]}
            row = with_dimension(self._books, company, row, _PARENT_TYPE[entity.set_name], dimension)
        return row

    def _related(self, company: str, row: Row, given: Row) -> Row:
        """Customer, currency and the invoice that a credit memo is applied to."""
        if {"customerId", "customerNumber"} & given.keys():
            row = row | self._customer(company, row, given)
        if {"currencyId", "currencyCode"} & given.keys():
            row = row | self._currency(company, given)
        if {"invoiceId", "invoiceNumber"} & given.keys():
            row = row | self._applied(company, given)
        return row

    def _customer(self, company: str, row: Row, given: Row) -> Row:
        by_number = given.get("customerNumber")
        customer = (
            self._books.keyed(CUSTOMERS, company, by_number)
            if by_number
            else self._books.row(CUSTOMERS, company, given["customerId"])
        )
        if customer is None:
            raise dialog("The sell-to customer cannot be found.")
        require_unblocked(customer, row, "create")
        named = {"customerName": customer["displayName"], "billToName": customer["displayName"]}
        terms = {"paymentTermsId": customer["paymentTermsId"]} if row["paymentTermsId"] == EMPTY_ID else {}
        money = {"currencyId": customer["currencyId"], "currencyCode": customer["currencyCode"]}
        return {"customerId": customer["id"], "customerNumber": customer["number"]} | named | terms | money

    def _currency(self, company: str, given: Row) -> Row:
        entity = BY_API[STANDARD]["currencies"]
        if given.get("currencyId", EMPTY_ID) != EMPTY_ID:
            currency = self._books.row(entity, company, given["currencyId"])
            if currency is None:
                raise dialog('The "currencyId" does not match to a Currency.')
            return {"currencyId": currency["id"], "currencyCode": currency["code"]}
        code = given.get("currencyCode") or self._ledger.local_currency(company)
        if code == self._ledger.local_currency(company):
            return {"currencyId": EMPTY_ID, "currencyCode": code}
        currency = self._books.keyed(entity, company, code)
        if currency is None:
            raise dialog('The "currencyCode" does not match to a Currency.')
        return {"currencyId": currency["id"], "currencyCode": code}

    def _applied(self, company: str, given: Row) -> Row:
        """`invoiceNumber` is taken as it is given and only matters when the credit memo is posted."""
        if given.get("invoiceId", EMPTY_ID) == EMPTY_ID:
            number_of = given.get("invoiceNumber", "")
            invoice = self._books.keyed(SALES_INVOICES, company, number_of) if number_of else None
            return {"invoiceNumber": number_of, "invoiceId": EMPTY_ID if invoice is None else invoice["id"]}
        invoice = self._books.row(SALES_INVOICES, company, given["invoiceId"])
        if invoice is None or invoice["status"] == DRAFT:
            raise dialog('The "invoiceId" does not match to an Invoice.')
        return {"invoiceNumber": invoice["number"], "invoiceId": invoice["id"]}

    def _line(self, company: str, entity: Entity, header: Row, body: Any, place: int) -> Row:
        page = LINES_OF[entity.set_name]
        given, dimensions = _divided(page, body)
        blank = {field.name: field.empty for field in page.fields}
        fixed = {"id": str(uuid.uuid4()), "companyId": company, "documentId": header["id"]}
        inherited = [one | {"parentId": fixed["id"]} for one in header[DIMENSION_LINES]]
        row = blank | {"sequence": place * 10000} | given | fixed | {DIMENSION_LINES: inherited}
        row |= self._object(company, row)
        self._require_tax_code(company, str(row["taxCode"]))
        for dimension in dimensions:
            row = with_dimension(self._books, company, row, f"{_PARENT_TYPE[entity.set_name]} Line", dimension)
        return row

    def _object(self, company: str, row: Row) -> Row:
        """Only lines on accounts and comments are played here; items do not exist."""
        if row["itemId"] != EMPTY_ID and row["accountId"] != EMPTY_ID:
            text = 'Both "itemId" and "accountId" are specified. Specify only one of them.'
            raise dialog(text)
        if row["itemId"] != EMPTY_ID or row["lineType"] in {"Item", "Resource", "Fixed Asset", "Charge"}:
            raise dialog("Item does not exist.")
        if row["accountId"] != EMPTY_ID:
            account = self._books.row(ACCOUNTS, company, row["accountId"])
        elif row["lineType"] == "Account":
            account = self._books.keyed(ACCOUNTS, company, row["lineObjectNumber"])
        else:
            return {}
        if account is None:
            raise dialog("Account does not exist.")
        self._ledger.require_direct(account)
        return {"lineType": "Account", "accountId": account["id"], "lineObjectNumber": account["number"]}

    def _require_tax_code(self, company: str, code: str) -> None:
        if not code or self._books.keyed(BY_API[STANDARD]["taxGroups"], company, code) is not None:
            return
        if self._books.setup(company).get("usesVat", True):
            raise no_such_relation("VAT Prod. Posting Group", "Sales Line", code, "VAT Product Posting Group")
        raise no_such_relation("Tax Group Code", "Sales Line", code, "Tax Group")

    def _unit(self, company: str, currency: str) -> Decimal:
        row = self._books.keyed(BY_API[STANDARD]["currencies"], company, currency)
        return exact(row["amountRoundingPrecision"]) if row else CENT


def require_unblocked(customer: Row, document: Row, verb: str) -> None:
    """Customers blocked for invoices may still have credit memos; those blocked for all have neither."""
    stopped = {"All"} if "creditMemoDate" in document else {"All", "Invoice"}
    if customer["blocked"] in stopped:
        text = f"You cannot {verb} this type of document when Customer {customer['number']} is blocked"
        raise dialog(f"{text} with type {customer['blocked']}")


def _divided(entity: Entity, body: Any) -> tuple[Row, list[Any]]:
    """The record's own values, and what came nested: its lines, or a line's dimensions."""
    if not isinstance(body, dict):
        raise bad_request("Invalid Request Body")
    nested = {name for name, way in entity.navigations.items() if way.part} & body.keys()
    parts = [one for name in sorted(nested) for one in body[name]]
    return read_values(entity, {name: value for name, value in body.items() if name not in nested}), parts
