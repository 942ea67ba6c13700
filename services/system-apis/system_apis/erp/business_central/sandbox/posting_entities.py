"""The pages that postings pass through: accounts, sales documents, journals, ledger entries, exchange rates.

Source: AL source of Apps/W1/APIV2 (SalesInvoices, SalesCreditMemos, their lines, Journals, JournalLines, GLEntries,
CurrencyExchangeRates, DimensionSetLines). Fields that nobody here reads or writes are left out.
"""

from system_apis.erp.business_central.sandbox.shapes import (
    WRITABLE,
    Entity,
    Field,
    Navigation,
    code_field,
    id_field,
    modified_field,
    text_field,
)

DOCUMENT_STATUS = (" ", "Draft", "In Review", "Open", "Paid", "Canceled", "Corrective")
LINE_TYPES = ("Comment", "Account", "Item", "Resource", "Fixed Asset", "Charge")
ACCOUNT_TYPES = ("G/L Account", "Customer", "Vendor", "Bank Account", "Fixed Asset", "IC Partner", "Employee")
ENTRY_TYPES = (" ", "Payment", "Invoice", "Credit Memo")
DIMENSION_LINES = "dimensionSetLines"
_DIMENSIONS = {DIMENSION_LINES: Navigation(DIMENSION_LINES, "parentId", "id", many=True, part=True)}


def _decimal(name: str, caption: str, *, editable: bool = True) -> Field:
    return Field(name, "decimal", caption=caption, editable=editable)


def _day(name: str, caption: str, *, editable: bool = True) -> Field:
    return Field(name, "date", caption=caption, editable=editable)


_PARTY = (
    Field("customerId", "guid", caption="Customer Id"),
    code_field("customerNumber", 20, "Customer No."),
    text_field("customerName", 100, "Customer Name", editable=False),
    text_field("billToName", 100, "Bill-To Name", editable=False),
    Field("currencyId", "guid", caption="Currency Id"),
    code_field("currencyCode", 10, "Currency Code"),
    Field("paymentTermsId", "guid", caption="Payment Terms Id"),
    Field("pricesIncludeTax", "boolean", caption="Prices Include Tax", editable=False),
)
_TOTALS = (
    _decimal("totalAmountExcludingTax", "Total Amount Excluding Tax", editable=False),
    _decimal("totalTaxAmount", "Total Tax Amount", editable=False),
    _decimal("totalAmountIncludingTax", "Total Amount Including Tax", editable=False),
    Field("status", "enum", caption="Status", editable=False, options=DOCUMENT_STATUS),
    modified_field(),
)

SALES_INVOICES = Entity(
    "salesInvoices",
    "salesInvoice",
    "Sales Invoice",
    (
        id_field(),
        code_field("number", 20, "No.", editable=False),
        code_field("externalDocumentNumber", 35, "External Document No."),
        _day("invoiceDate", "Invoice Date"),
        _day("postingDate", "Posting Date"),
        _day("dueDate", "Due Date"),
        text_field("customerPurchaseOrderReference", 35, "Customer Purchase Order Reference"),
        *_PARTY,
        code_field("shortcutDimension1Code", 20, "Shortcut Dimension 1 Code"),
        code_field("shortcutDimension2Code", 20, "Shortcut Dimension 2 Code"),
        _decimal("remainingAmount", "Remaining Amount", editable=False),
        *_TOTALS,
    ),
    key="number",
    may=WRITABLE,
    webhooks=True,
    navigations={
        **_DIMENSIONS,
        "salesInvoiceLines": Navigation("salesInvoiceLines", "documentId", "id", many=True, part=True),
    },
)

SALES_CREDIT_MEMOS = Entity(
    "salesCreditMemos",
    "salesCreditMemo",
    "Sales Credit Memo",
    (
        id_field(),
        code_field("number", 20, "No.", editable=False),
        code_field("externalDocumentNumber", 35, "External Document No."),
        _day("creditMemoDate", "Credit Memo Date"),
        _day("postingDate", "Posting Date"),
        _day("dueDate", "Due Date"),
        *_PARTY,
        *_TOTALS,
        Field("invoiceId", "guid", caption="InvoiceId"),
        code_field("invoiceNumber", 20, "Invoice No."),
    ),
    key="number",
    may=WRITABLE,
    webhooks=True,
    navigations={
        **_DIMENSIONS,
        "salesCreditMemoLines": Navigation("salesCreditMemoLines", "documentId", "id", many=True, part=True),
    },
)

_LINE = (
    id_field(),
    Field("documentId", "guid", caption="Document Id", editable=False),
    Field("sequence", "integer", caption="Sequence"),
    Field("itemId", "guid", caption="Item Id"),
    Field("accountId", "guid", caption="Account Id"),
    Field("lineType", "enum", caption="Line Type", options=LINE_TYPES),
    code_field("lineObjectNumber", 20, "Line Object No."),
    text_field("description", 100, "Description"),
    _decimal("quantity", "Quantity"),
    _decimal("unitPrice", "Unit Price"),
    _decimal("amountExcludingTax", "Amount Excluding Tax", editable=False),
    code_field("taxCode", 20, "Tax Code"),
    _decimal("taxPercent", "Tax Percent", editable=False),
    _decimal("totalTaxAmount", "Total Tax Amount", editable=False),
    _decimal("amountIncludingTax", "Amount Including Tax", editable=False),
    _decimal("netAmount", "Net Amount", editable=False),
    _decimal("netTaxAmount", "Net Tax Amount", editable=False),
    _decimal("netAmountIncludingTax", "Net Amount Including Tax", editable=False),
)

SALES_INVOICE_LINES = Entity(
    "salesInvoiceLines",
    "salesInvoiceLine",
    "Sales Invoice Line",
    _LINE,
    key="sequence",
    may=WRITABLE,
    navigations=_DIMENSIONS,
)
SALES_CREDIT_MEMO_LINES = Entity(
    "salesCreditMemoLines",
    "salesCreditMemoLine",
    "Sales Credit Memo Line",
    _LINE,
    key="sequence",
    may=WRITABLE,
    navigations=_DIMENSIONS,
)

DIMENSION_SET_LINES = Entity(
    DIMENSION_LINES,
    "dimensionSetLine",
    "Dimension Set Line",
    (
        Field("id", "guid", caption="Id"),
        code_field("code", 20),
        Field("parentId", "guid", caption="Parent Id", editable=False),
        text_field("parentType", 30, "Parent Type", editable=False),
        text_field("displayName", 30, "Display Name", editable=False),
        Field("valueId", "guid", caption="Value Id"),
        code_field("valueCode", 20, "Value Code"),
        text_field("valueDisplayName", 50, "Value Display Name", editable=False),
    ),
    may=WRITABLE,
)

JOURNALS = Entity(
    "journals",
    "journal",
    "Journal",
    (
        id_field(),
        code_field("code", 10),
        text_field("displayName", 100, "Display Name"),
        code_field("templateDisplayName", 10, "Template Display Name"),
        modified_field(),
        Field("balancingAccountId", "guid", caption="Balancing Account Id"),
        code_field("balancingAccountNumber", 20, "Balancing Account No.", editable=False),
    ),
    may=WRITABLE,
    required=("code",),
    webhooks=True,
    navigations={"journalLines": Navigation("journalLines", "journalId", "id", many=True, part=True)},
)
JOURNAL_LINES = Entity(
    "journalLines",
    "journalLine",
    "Journal Line",
    (
        id_field(),
        Field("journalId", "guid", caption="Journal Id", editable=False),
        text_field("journalDisplayName", 10, "Journal Display Name", editable=False),
        Field("lineNumber", "integer", caption="Line No."),
        Field("accountType", "enum", caption="Account Type", options=ACCOUNT_TYPES),
        Field("accountId", "guid", caption="Account Id"),
        code_field("accountNumber", 20, "Account No."),
        _day("postingDate", "Posting Date"),
        code_field("documentNumber", 20, "Document No."),
        code_field("externalDocumentNumber", 35, "External Document No."),
        _decimal("amount", "Amount"),
        text_field("description", 100, "Description"),
        text_field("comment", 250, "Comment"),
        code_field("taxCode", 20, "Tax Code"),
        modified_field(),
    ),
    key="lineNumber",
    may=WRITABLE,
    navigations=_DIMENSIONS,
)

ACCOUNTS = Entity(
    "accounts",
    "account",
    "Account",
    (
        id_field(),
        code_field("number", 20, "No.", editable=False),
        text_field("displayName", 100, "Display Name", editable=False),
        text_field("category", 50, "Category", editable=False),
        text_field("subCategory", 80, "Subcategory", editable=False),
        Field("blocked", "boolean", caption="Blocked", editable=False),
        text_field("accountType", 20, "Account Type", editable=False),
        Field("directPosting", "boolean", caption="Direct Posting", editable=False),
        modified_field(),
    ),
    key="number",
    webhooks=True,
)
GENERAL_LEDGER_ENTRIES = Entity(
    "generalLedgerEntries",
    "generalLedgerEntry",
    "General Ledger Entry",
    (
        id_field(),
        Field("entryNumber", "integer", caption="Entry No.", editable=False),
        _day("postingDate", "Posting Date", editable=False),
        code_field("documentNumber", 20, "Document No.", editable=False),
        Field("documentType", "enum", caption="Document Type", editable=False, options=ENTRY_TYPES),
        Field("accountId", "guid", caption="Account Id", editable=False),
        code_field("accountNumber", 20, "Account No.", editable=False),
        text_field("description", 100, "Description", editable=False),
        _decimal("debitAmount", "Debit Amount", editable=False),
        _decimal("creditAmount", "Credit Amount", editable=False),
        modified_field(),
    ),
    key="entryNumber",
    webhooks=True,
    navigations=_DIMENSIONS,
)
CURRENCY_EXCHANGE_RATES = Entity(
    "currencyExchangeRates",
    "currencyExchangeRate",
    "Currency Exchange Rate",
    (
        id_field(),
        code_field("currencyCode", 10, "Currency Code", editable=False),
        _day("startingDate", "Starting Date", editable=False),
        _decimal("exchangeRateAmount", "Exchange Rate Amount", editable=False),
        code_field("relationalCurrencyCode", 10, "Relational Currency Code", editable=False),
        _decimal("relationalExchangeRateAmount", "Relational Exchange Rate Amount", editable=False),
        modified_field(),
    ),
    key="id",
)

POSTING_PAGES = (
    ACCOUNTS,
    SALES_INVOICES,
    SALES_INVOICE_LINES,
    SALES_CREDIT_MEMOS,
    SALES_CREDIT_MEMO_LINES,
    JOURNALS,
    JOURNAL_LINES,
    DIMENSION_SET_LINES,
    GENERAL_LEDGER_ENTRIES,
    CURRENCY_EXCHANGE_RATES,
)
LINES_OF = {
    "salesInvoices": SALES_INVOICE_LINES,
    "salesCreditMemos": SALES_CREDIT_MEMO_LINES,
    "journals": JOURNAL_LINES,
}
