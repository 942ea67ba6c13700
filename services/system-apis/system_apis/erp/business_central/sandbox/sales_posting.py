"""What Microsoft.NAV.post does with a draft: checks, a number of the posted series, entries in the ledger.

Source: codeunits Sales-Post and Gen. Jnl.-Post Line in outline. Lines on one account under one tax code and one
dimension set make one entry; receivables go to the account of the customer's posting group; every amount is converted
at the rate of the posting date, so that the entries add up to nothing.
"""

from decimal import ROUND_HALF_UP, Decimal

from system_apis.erp.business_central.sandbox.books import Books
from system_apis.erp.business_central.sandbox.documents import WORD_OF, Documents, require_unblocked
from system_apis.erp.business_central.sandbox.entities import CUSTOMERS
from system_apis.erp.business_central.sandbox.filters import Row
from system_apis.erp.business_central.sandbox.ledger import Ledger, Posting, Voucher
from system_apis.erp.business_central.sandbox.posting_entities import (
    DIMENSION_LINES,
    LINES_OF,
    SALES_CREDIT_MEMOS,
    SALES_INVOICES,
)
from system_apis.erp.business_central.sandbox.reckoning import CENT, Conversion, exact, number
from system_apis.erp.business_central.sandbox.refusals import Refusal, dialog
from system_apis.erp.business_central.sandbox.shapes import Entity

_TYPES = {"salesInvoices": "Invoice", "salesCreditMemos": "Credit Memo"}
_POSTED = {"salesInvoices": "PS-INV10", "salesCreditMemos": "PS-CR10"}


class SalesPosting:
    """Posts documents and settles invoices. Raises Refusal 400, and then nothing has happened."""

    def __init__(self, books: Books, ledger: Ledger, documents: Documents) -> None:
        self._books = books
        self._ledger = ledger
        self._documents = documents

    def post(self, entity: Entity, row: Row) -> Row:
        self._documents.require_draft(entity, row)
        company, lines = row["companyId"], self._books.parts(LINES_OF[entity.set_name], row)
        place = f"Sales Header: Document Type={_TYPES[entity.set_name]}, No.={row['number']}"
        if not lines:
            raise dialog(f"Please add at least one line item to the {WORD_OF[entity.set_name]}.")
        if self._books.setup(company).get("externalNumberMandatory") and not row["externalDocumentNumber"]:
            text = f"External Document No. must have a value in {place}. It cannot be zero or empty."
            raise Refusal(400, "Application_FieldValidationException", text)
        self._ledger.require_open(company, row["postingDate"], place)
        customer = self._customer(row)
        require_unblocked(customer, row, "post")
        invoice = self._applied_invoice(row)
        postings = self._postings(entity, row, lines, customer)
        posted = f"{_POSTED[entity.set_name]}{self._books.next_number(f'posted {entity.set_name}', company):04}"
        self._ledger.write(company, Voucher(row["postingDate"], posted, _TYPES[entity.set_name]), postings)
        left = {"receivableAccount": postings[0].account, "localOpen": number(abs(postings[0].amount))}
        done = self._books.keep(entity, row | left | {"number": posted, "status": "Open"})
        return done if invoice is None else self._applied(entity, done, invoice)

    def cancel(self, row: Row) -> Row:
        """A corrective credit memo, made and posted; the invoice is Canceled. Only what nobody paid yet."""
        if row["status"] == "Canceled":
            raise dialog("The invoice cannot be canceled because it has already been canceled.")
        if row["status"] not in {"Open", "Paid"}:
            raise dialog("The action can be applied to a posted invoice only.")
        if row["remainingAmount"] != row["totalAmountIncludingTax"]:
            text = "You cannot cancel this posted sales invoice because it is fully or partially paid."
            raise dialog(f"{text} To reverse a paid sales invoice, you must manually create a sales credit memo.")
        lines = self._books.parts(LINES_OF[SALES_INVOICES.set_name], row)
        memo = self._documents.create(row["companyId"], SALES_CREDIT_MEMOS, _corrective(row, lines))
        posted = self.post(SALES_CREDIT_MEMOS, memo)
        self._books.keep(SALES_CREDIT_MEMOS, posted | {"status": "Corrective"})
        settled = self._books.row(SALES_INVOICES, row["companyId"], row["id"]) or row
        return self._books.keep(SALES_INVOICES, settled | {"status": "Canceled"})

    def pay(self, invoice: Row, amount: Decimal, day: str) -> Row:
        """Money on the bank for an invoice; what the rate changed since it was posted is a gain or a loss."""
        company, setup = invoice["companyId"], self._books.setup(invoice["companyId"])
        place = f"Gen. Journal Line: Document No.={invoice['number']}"
        self._ledger.require_open(company, day, place)
        received = (amount * self._ledger.rate(company, invoice["currencyCode"], day)).quantize(CENT, ROUND_HALF_UP)
        cleared = self._share(invoice, amount)
        difference = cleared - received
        account = self._difference_account(company, difference)
        text = f"Payment of {invoice['number']}"
        voucher = Voucher(day, f"PAY{self._books.next_number('payments', company):05}", "Payment")
        entries = ((setup["bankAccount"], received), (account, difference), (invoice["receivableAccount"], -cleared))
        self._ledger.write(company, voucher, [Posting(number_of, value, text) for number_of, value in entries])
        return self.settle(invoice, amount, cleared)

    def settle(self, invoice: Row, amount: Decimal, local: Decimal) -> Row:
        """The invoice with *amount* of it paid or credited, *local* of it in the ledger's currency."""
        left = exact(invoice["remainingAmount"]) - amount
        still = exact(invoice["localOpen"]) - local
        status = "Paid" if left == 0 else invoice["status"]
        changes = {"remainingAmount": number(left), "localOpen": number(still), "status": status}
        return self._books.keep(SALES_INVOICES, invoice | changes)

    def _customer(self, row: Row) -> Row:
        customer = self._books.row(CUSTOMERS, row["companyId"], row["customerId"])
        if customer is None:
            raise dialog("The sell-to customer cannot be found.")
        return customer

    def _postings(self, entity: Entity, row: Row, lines: list[Row], customer: Row) -> list[Posting]:
        """The receivable first; it is what the others add up to."""
        company = row["companyId"]
        sign = -1 if entity is SALES_INVOICES else 1
        conversion = Conversion(self._ledger.rate(company, row["currencyCode"], row["postingDate"]))
        text = f"{_TYPES[entity.set_name]} {row['number']}"
        opposite = [
            Posting(account, sign * conversion.local(amount), text, dimensions, place)
            for account, amount, dimensions, place in self._amounts(entity, row, lines)
        ]
        account = self._receivables_account(company, customer)
        total = -sum((one.amount for one in opposite), Decimal(0))
        return [Posting(account, total, text, row[DIMENSION_LINES]), *opposite]

    def _amounts(self, entity: Entity, row: Row, lines: list[Row]) -> list[tuple[str, Decimal, list[Row], str]]:
        """Per account, tax code and dimensions the net; per tax code the tax."""
        nets: dict[tuple[str, str, tuple[str, ...]], tuple[str, Decimal, list[Row], str]] = {}
        taxes: dict[str, Decimal] = {}
        for line in lines:
            if line["lineType"] != "Account":
                continue
            place = f"{_TYPES[entity.set_name]} {row['number']}, line no. {line['sequence']}"
            valued = tuple(sorted(f"{one['code']} {one['valueCode']}" for one in line[DIMENSION_LINES]))
            key = (line["lineObjectNumber"], line["taxCode"], valued)
            before = nets.get(key, (key[0], Decimal(0), line[DIMENSION_LINES], ""))
            told = before[3] or f"The dimensions used in {place} are invalid. "
            nets[key] = (key[0], before[1] + exact(line["netAmount"]), before[2], told)
            account = self._documents.tax_setup(row["companyId"], line)["account"]
            taxes[account] = taxes.get(account, Decimal(0)) + exact(line["netTaxAmount"])
        return [*nets.values(), *((account, amount, row[DIMENSION_LINES], "") for account, amount in taxes.items())]

    def _receivables_account(self, company: str, customer: Row) -> str:
        group = customer.get("customerPostingGroup", "")
        account = self._books.setup(company).get("customerPostingGroups", {}).get(group)
        if not account:
            text = (
                f"Customer Posting Group must have a value in Customer: No.={customer['number']}."
                " It cannot be zero or empty."
            )
            raise Refusal(400, "Application_FieldValidationException", text)
        return str(account)

    def _applied_invoice(self, row: Row) -> Row | None:
        """The open invoice that a credit memo says it is applied to."""
        wanted = row.get("invoiceNumber", "")
        if not wanted:
            return None
        invoice = self._books.keyed(SALES_INVOICES, row["companyId"], wanted)
        if invoice is None or invoice["status"] != "Open" or invoice["customerId"] != row["customerId"]:
            text = f"There is no Cust. Ledger Entry within the filter. Filters: Document No.: {wanted}, Open: Yes"
            raise Refusal(400, "Internal_RecordNotFound", text)
        return invoice

    def _applied(self, entity: Entity, memo: Row, invoice: Row) -> Row:
        """The invoice settled as far as the memo goes; between two rates there is a gain or a loss."""
        amount = min(exact(memo["totalAmountIncludingTax"]), exact(invoice["remainingAmount"]))
        cleared, credited = self._share(invoice, amount), self._share(memo | _all_open(memo), amount)
        difference = cleared - credited
        text = f"Application of {memo['number']} to {invoice['number']}"
        voucher = Voucher(memo["postingDate"], memo["number"], "Credit Memo")
        account = self._difference_account(memo["companyId"], difference)
        entries = ((account, difference), (invoice["receivableAccount"], -difference))
        self._ledger.write(
            memo["companyId"], voucher, [Posting(number_of, value, text) for number_of, value in entries]
        )
        self.settle(invoice, amount, cleared)
        settled = amount == exact(memo["totalAmountIncludingTax"])
        return self._books.keep(entity, memo | {"status": "Paid" if settled else "Open"})

    def _difference_account(self, company: str, difference: Decimal) -> str:
        """A loss is a debit."""
        setup = self._books.setup(company)
        return str(setup["exchangeLosses"] if difference > 0 else setup["exchangeGains"])

    def _share(self, invoice: Row, amount: Decimal) -> Decimal:
        """What *amount* of the invoice stands for in the ledger, at the rate it was posted at."""
        whole = exact(invoice["remainingAmount"])
        return (exact(invoice["localOpen"]) * amount / whole).quantize(CENT, ROUND_HALF_UP)


def _all_open(memo: Row) -> Row:
    return {"remainingAmount": memo["totalAmountIncludingTax"]}


def _corrective(invoice: Row, lines: list[Row]) -> Row:
    """The body of a credit memo that takes everything back."""
    kept = ("lineType", "lineObjectNumber", "description", "quantity", "unitPrice", "taxCode")
    copies = [
        {name: line[name] for name in kept}
        | {DIMENSION_LINES: [{"code": one["code"], "valueCode": one["valueCode"]} for one in line[DIMENSION_LINES]]}
        for line in lines
    ]
    head = {"customerId": invoice["customerId"], "currencyCode": invoice["currencyCode"], "invoiceId": invoice["id"]}
    dates = {"creditMemoDate": invoice["invoiceDate"], "postingDate": invoice["postingDate"]}
    return head | dates | {"salesCreditMemoLines": copies}
