"""What the API publishes: entity sets, their fields, and what may be done with them.

Sources: Microsoft's API v2.0 pages (AL source of Apps/W1/APIV2); `projectCards` is the firm's own API page on the
Project table, an AL extension that a real installation needs just as the sandbox does.
"""

from dataclasses import dataclass, field

STANDARD = "v2.0"
PROJECTS = "syncline/projects/v1.0"
EMPTY_ID = "00000000-0000-0000-0000-000000000000"
EMPTY_DATE = "0001-01-01"
BLOCKED = (" ", "Ship", "Invoice", "All")
PROJECT_STATUS = ("Planning", "Quote", "Open", "Completed")


@dataclass(frozen=True)
class Field:
    """A field as the page shows it. `type`: guid, code, text, enum, date, moment, decimal, integer or boolean."""

    name: str
    type: str = "text"
    length: int = 0
    caption: str = ""
    editable: bool = True
    options: tuple[str, ...] = ()

    @property
    def empty(self) -> object:
        """What BC shows where nothing was entered."""
        blanks: dict[str, object] = {"guid": EMPTY_ID, "date": EMPTY_DATE, "decimal": 0, "integer": 0, "boolean": False}
        if self.type == "enum":
            return self.options[0]
        return blanks.get(self.type, "")


@dataclass(frozen=True)
class Navigation:
    """A way from a record to others: the records of `target` whose `theirs` equals this record's `ours`."""

    target: str
    theirs: str
    ours: str
    many: bool


@dataclass(frozen=True)
class Entity:
    """An entity set. `kind` is where the store keeps its records: two pages may show one table."""

    set_name: str
    name: str
    caption: str
    fields: tuple[Field, ...]
    kind: str = ""
    api: str = STANDARD
    key: str = "code"  # the primary key of the table: unique in a company, and the default order
    may: frozenset[str] = frozenset()
    required: tuple[str, ...] = ()
    webhooks: bool = False
    navigations: dict[str, Navigation] = field(default_factory=dict)

    @property
    def store_kind(self) -> str:
        return self.kind or self.set_name

    def field(self, name: str) -> Field | None:
        return next((known for known in self.fields if known.name == name), None)


def _id() -> Field:
    return Field("id", "guid", caption="Id", editable=False)


def _modified() -> Field:
    return Field("lastModifiedDateTime", "moment", caption="Last Modified Date", editable=False)


def _code(name: str = "code", length: int = 10, caption: str = "Code", *, editable: bool = True) -> Field:
    return Field(name, "code", length, caption, editable)


def _text(name: str, length: int, caption: str, *, editable: bool = True) -> Field:
    return Field(name, "text", length, caption, editable)


WRITABLE = frozenset({"insert", "modify", "delete"})

_ADDRESS = (
    _text("addressLine1", 100, "Address Line 1"),
    _text("addressLine2", 50, "Address Line 2"),
    _text("city", 30, "City"),
    _text("state", 30, "State"),
    _code("country", 10, "Country/Region Code"),
    _code("postalCode", 20, "Post Code"),
)

CUSTOMERS = Entity(
    "customers",
    "customer",
    "Customer",
    (
        _id(),
        _code("number", 20, "No."),
        _text("displayName", 100, "Display Name"),
        Field("type", "enum", caption="Type", options=("Company", "Person")),
        *_ADDRESS,
        _text("phoneNumber", 30, "Phone No."),
        _text("email", 80, "Email"),
        _text("website", 80, "Website"),
        Field("taxLiable", "boolean", caption="Tax Liable"),
        _text("taxRegistrationNumber", 20, "Tax Registration No."),
        Field("currencyId", "guid", caption="Currency Id"),
        _code("currencyCode", 10, "Currency Code"),
        Field("paymentTermsId", "guid", caption="Payment Terms Id"),
        Field("blocked", "enum", caption="Blocked", options=BLOCKED),
        _modified(),
    ),
    key="number",
    may=WRITABLE,
    webhooks=True,
    navigations={
        "currency": Navigation("currencies", "id", "currencyId", many=False),
        "paymentTerm": Navigation("paymentTerms", "id", "paymentTermsId", many=False),
    },
)

PROJECTS_PAGE = Entity(
    "projects",
    "project",
    "Project",
    (_id(), _code("number", 20, "No."), _text("displayName", 100, "Description"), _modified()),
    key="number",
    may=WRITABLE,
)

PROJECT_CARDS = Entity(
    "projectCards",
    "projectCard",
    "Project",
    (
        _id(),
        _code("number", 20, "No."),
        _text("displayName", 100, "Description"),
        _code("billToCustomerNumber", 20, "Bill-to Customer No."),
        Field("status", "enum", caption="Status", options=PROJECT_STATUS),
        _code("globalDimension1Code", 20, "Global Dimension 1 Code"),
        _code("currencyCode", 10, "Currency Code"),
        Field("startingDate", "date", caption="Starting Date"),
        Field("endingDate", "date", caption="Ending Date"),
        _text("externalReference", 50, "External Reference"),
        _modified(),
    ),
    kind="projects",
    api=PROJECTS,
    key="number",
    may=WRITABLE,
)

_REFERENCE_PAGES = (
    Entity(
        "companyInformation",
        "companyInformation",
        "Company Information",
        (
            _id(),
            _text("displayName", 100, "Display Name"),
            *_ADDRESS,
            _text("taxRegistrationNumber", 20, "Tax Registration No."),
            _code("currencyCode", 10, "Currency Code", editable=False),
            Field("currentFiscalYearStartDate", "date", caption="Current Fiscal Year Start Date", editable=False),
            _modified(),
        ),
        key="id",
        may=frozenset({"modify"}),
        webhooks=True,
    ),
    Entity(
        "generalLedgerSetup",
        "generalLedgerSetup",
        "General Ledger Setup",
        (
            _id(),
            Field("allowPostingFrom", "date", caption="Allow Posting From", editable=False),
            Field("allowPostingTo", "date", caption="Allow Posting To", editable=False),
            _code("localCurrencyCode", 10, "LCY Code", editable=False),
            *(_code(f"shortcutDimension{n}Code", 20, f"Shortcut Dimension {n} Code", editable=False) for n in (1, 2)),
            _modified(),
        ),
        key="id",
    ),
    Entity(
        "accountingPeriods",
        "accountingPeriod",
        "Accounting Period",
        (
            _id(),
            Field("startingDate", "date", caption="Starting Date", editable=False),
            _text("name", 10, "Name", editable=False),
            Field("newFiscalYear", "boolean", caption="New Fiscal Year", editable=False),
            Field("closed", "boolean", caption="Closed", editable=False),
            Field("dateLocked", "boolean", caption="Date Locked", editable=False),
            _modified(),
        ),
        key="startingDate",
    ),
    Entity(
        "dimensions",
        "dimension",
        "Dimension",
        (
            _id(),
            _code("code", 20, editable=False),
            _text("displayName", 30, "Display Name", editable=False),
            _text("consolidationCode", 20, "Consolidation Code", editable=False),
            _modified(),
        ),
        webhooks=True,
        navigations={"dimensionValues": Navigation("dimensionValues", "dimensionId", "id", many=True)},
    ),
    Entity(
        "dimensionValues",
        "dimensionValue",
        "Dimension Value",
        (
            _id(),
            _code("code", 20, editable=False),
            Field("dimensionId", "guid", caption="Dimension Id", editable=False),
            _text("displayName", 50, "Display Name", editable=False),
            _text("consolidationCode", 20, "Consolidation Code", editable=False),
            _modified(),
        ),
    ),
)

_SETUP_PAGES = (
    Entity(
        "paymentTerms",
        "paymentTerm",
        "Payment Terms",
        (
            _id(),
            _code(),
            _text("displayName", 100, "Display Name"),
            _text("dueDateCalculation", 32, "Due Date Calculation"),
            _text("discountDateCalculation", 32, "Discount Date Calculation"),
            Field("discountPercent", "decimal", caption="Discount %"),
            Field("calculateDiscountOnCreditMemos", "boolean", caption="Calc. Disc. On Credit Memos"),
            _modified(),
        ),
        may=WRITABLE,
        required=("code",),
        webhooks=True,
    ),
    Entity(
        "taxGroups",
        "taxGroup",
        "Tax Group",
        (
            _id(),
            _code("code", 20),
            _text("displayName", 100, "Display Name"),
            Field("taxType", "enum", caption="Tax Type", editable=False, options=("Sales Tax", "VAT")),
            _modified(),
        ),
        may=WRITABLE,
        required=("code",),
    ),
    Entity(
        "currencies",
        "currency",
        "Currency",
        (
            _id(),
            _code(),
            _text("displayName", 30, "Display Name"),
            _text("symbol", 10, "Symbol"),
            _text("amountDecimalPlaces", 5, "Amount Decimal Places"),
            Field("amountRoundingPrecision", "decimal", caption="Amount Rounding Precision"),
            _modified(),
        ),
        may=WRITABLE,
        required=("code",),
        webhooks=True,
    ),
    Entity(
        "countriesRegions",
        "countryRegion",
        "Country/Region",
        (_id(), _code(), _text("displayName", 50, "Display Name"), _text("addressFormat", 20, "Format"), _modified()),
        may=WRITABLE,
        required=("code",),
    ),
)

COMPANIES = Entity(
    "companies",
    "company",
    "Company",
    (
        _id(),
        _text("systemVersion", 250, "System Version", editable=False),
        Field("timestamp", "integer", caption="Timestamp", editable=False),
        _text("name", 30, "Name", editable=False),
        _text("displayName", 250, "Display Name", editable=False),
        _text("businessProfileId", 250, "Business Profile Id", editable=False),
        Field("systemModifiedAt", "moment", caption="System Modified At", editable=False),
    ),
    key="name",
)

BY_API: dict[str, dict[str, Entity]] = {
    STANDARD: {page.set_name: page for page in (CUSTOMERS, PROJECTS_PAGE, *_REFERENCE_PAGES, *_SETUP_PAGES)},
    PROJECTS: {PROJECT_CARDS.set_name: PROJECT_CARDS},
}
