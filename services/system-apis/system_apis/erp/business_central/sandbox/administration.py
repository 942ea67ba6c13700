"""What people do in Business Central itself, because no API does it: the demo day's hands on the ERP."""

from sandboxkit.app import Action, Context
from sandboxkit.store import Record
from system_apis.erp.business_central.sandbox.books import Books
from system_apis.erp.business_central.sandbox.entities import BY_API, CUSTOMERS, STANDARD
from system_apis.erp.business_central.sandbox.filters import Row


class Administration:
    """Deeds of an administrator, by the control door."""

    def __init__(self, context: Context, books: Books) -> None:
        self._context = context
        self._books = books

    def actions(self) -> dict[str, Action]:
        return {
            "create_dimension_value": self.create_dimension_value,
            "block_customer": self.block_customer,
            "require_dimension": self.require_dimension,
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

    def _company(self, deed: Record) -> str:
        company: Row | None = self._books.company(str(deed["company"]))
        if company is None:
            raise LookupError(f"there is no company {deed['company']}")
        return str(company["id"])
