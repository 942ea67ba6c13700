"""What people do in Business Central itself, because no API does it: the demo day's hands on the ERP."""

from sandboxkit.app import Action, Context
from sandboxkit.store import Record
from system_apis.erp.business_central.sandbox.entities import BY_API, CUSTOMERS
from system_apis.erp.business_central.sandbox.filters import Row
from system_apis.erp.business_central.sandbox.posting_entities import SALES_INVOICES
from system_apis.erp.business_central.sandbox.reckoning import exact
from system_apis.erp.business_central.sandbox.service import BusinessCentral
from system_apis.erp.business_central.sandbox.shapes import EMPTY_DATE, STANDARD


class Administration:
    """Deeds of an administrator, by the control door."""

    def __init__(self, context: Context, vendor: BusinessCentral) -> None:
        self._context = context
        self._books = vendor.books
        self._posting = vendor.posting

    def actions(self) -> dict[str, Action]:
        return {
            "create_dimension_value": self.create_dimension_value,
            "block_customer": self.block_customer,
            "require_dimension": self.require_dimension,
            "open_posting_window": self.open_posting_window,
            "register_customer_payment": self.register_customer_payment,
        }

    async def create_dimension_value(self, deed: Record) -> Record:
        """`{company, dimension, code, name}`: the page "Dimension Values"."""
        company = self._company(deed)
        dimension = self._books.keyed(BY_API[STANDARD]["dimensions"], company, deed["dimension"])
        if dimension is None:
            return {"error": f"there is no dimension {deed['dimension']}"}
        page = BY_API[STANDARD]["dimensionValues"]
        code = str(deed["code"]).upper()
        same = [row for row in self._books.rows(page, company) if row["code"] == code]
        found = next((row for row in same if row["dimensionId"] == dimension["id"]), None)
        if found is not None:
            return found
        values = {"code": code, "displayName": deed["name"], "dimensionId": dimension["id"], "consolidationCode": ""}
        return self._books.insert(page, company, values)

    async def block_customer(self, deed: Record) -> Record:
        """`{company, number, blocked}`: blocked is " ", "Ship", "Invoice" or "All"."""
        customer = self._books.keyed(CUSTOMERS, self._company(deed), deed["number"])
        if customer is None:
            return {"error": f"there is no customer {deed['number']}"}
        return self._books.keep(CUSTOMERS, customer | {"blocked": deed["blocked"]})

    async def require_dimension(self, deed: Record) -> Record:
        """`{company, dimensions}`: what every project must have, as default dimensions "Code Mandatory" would say."""
        company = self._company(deed)
        setup = self._books.setup(company) | {"mandatoryProjectDimensions": deed["dimensions"]}
        return self._context.store.put("companySetup", company, setup)

    async def open_posting_window(self, deed: Record) -> Record:
        """`{company, from, to}`: Allow Posting From and To of the general ledger setup; an empty text is no bound."""
        entity = BY_API[STANDARD]["generalLedgerSetup"]
        setup = self._books.rows(entity, self._company(deed))[0]
        window = {"allowPostingFrom": deed["from"] or EMPTY_DATE, "allowPostingTo": deed["to"] or EMPTY_DATE}
        return self._books.keep(entity, setup | window)

    async def register_customer_payment(self, deed: Record) -> Record:
        """`{company, invoice, amount, date}`: the page "Register Customer Payments"; the invoice by its posted number.

        Without an amount all that is open is paid, without a date today.
        """
        company = self._company(deed)
        invoice = self._books.keyed(SALES_INVOICES, company, str(deed["invoice"]))
        if invoice is None or invoice["status"] != "Open":
            return {"error": f"there is no open invoice {deed['invoice']}"}
        amount = exact(deed.get("amount") or invoice["remainingAmount"])
        if not 0 < amount <= exact(invoice["remainingAmount"]):
            return {"error": f"{invoice['remainingAmount']} are open"}
        return self._posting.sales.pay(invoice, amount, str(deed.get("date") or self._books.today()))

    def _company(self, deed: Record) -> str:
        company: Row | None = self._books.company(str(deed["company"]))
        if company is None:
            raise LookupError(f"there is no company {deed['company']}")
        return str(company["id"])
