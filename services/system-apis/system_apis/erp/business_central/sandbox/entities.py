"""What the API publishes: entity sets, their fields, and what may be done with them.

Sources: Microsoft's API v2.0 pages (AL source of Apps/W1/APIV2); `projectCards` is the firm's own API page on the
Project table, an AL extension that a real installation needs just as the sandbox does.
"""

from system_apis.erp.business_central.sandbox.posting_entities import POSTING_PAGES
from system_apis.erp.business_central.sandbox.shapes import (
    BLOCKED,
    PROJECT_STATUS,
    PROJECTS,
    STANDARD,
    WRITABLE,
    Entity,
    Field,
    Navigation,
    code_field,
    id_field,
    modified_field,
    text_field,
)

_ADDRESS = (
    text_field("addressLine1", 100, "Address Line 1"),
    text_field("addressLine2", 50, "Address Line 2"),
    text_field("city", 30, "City"),
    text_field("state", 30, "State"),
    code_field("country", 10, "Country/Region Code"),
    code_field("postalCode", 20, "Post Code"),
)

CUSTOMERS = Entity(
    "customers",
    "customer",
    "Customer",
    (
        id_field(),
        code_field("number", 20, "No."),
        text_field("displayName", 100, "Display Name"),
        Field("type", "enum", caption="Type", options=("Company", "Person")),
        *_ADDRESS,
        text_field("phoneNumber", 30, "Phone No."),
        text_field("email", 80, "Email"),
        text_field("website", 80, "Website"),
        Field("taxLiable", "boolean", caption="Tax Liable"),
        text_field("taxRegistrationNumber", 20, "Tax Registration No."),
        Field("currencyId", "guid", caption="Currency Id"),
        code_field("currencyCode", 10, "Currency Code"),
        Field("paymentTermsId", "guid", caption="Payment Terms Id"),
        Field("blocked", "enum", caption="Blocked", options=BLOCKED),
        modified_field(),
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
    (id_field(), code_field("number", 20, "No."), text_field("displayName", 100, "Description"), modified_field()),
    key="number",
    may=WRITABLE,
)

PROJECT_CARDS = Entity(
    "projectCards",
    "projectCard",
    "Project",
    (
        id_field(),
        code_field("number", 20, "No."),
        text_field("displayName", 100, "Description"),
        code_field("billToCustomerNumber", 20, "Bill-to Customer No."),
        Field("status", "enum", caption="Status", options=PROJECT_STATUS),
        code_field("globalDimension1Code", 20, "Global Dimension 1 Code"),
        code_field("currencyCode", 10, "Currency Code"),
        Field("startingDate", "date", caption="Starting Date"),
        Field("endingDate", "date", caption="Ending Date"),
        text_field("externalReference", 50, "External Reference"),
        modified_field(),
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
            id_field(),
            text_field("displayName", 100, "Display Name"),
            *_ADDRESS,
            text_field("taxRegistrationNumber", 20, "Tax Registration No."),
            code_field("currencyCode", 10, "Currency Code", editable=False),
            Field("currentFiscalYearStartDate", "date", caption="Current Fiscal Year Start Date", editable=False),
            modified_field(),
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
            id_field(),
            Field("allowPostingFrom", "date", caption="Allow Posting From", editable=False),
            Field("allowPostingTo", "date", caption="Allow Posting To", editable=False),
            code_field("localCurrencyCode", 10, "LCY Code", editable=False),
            *(
                code_field(f"shortcutDimension{n}Code", 20, f"Shortcut Dimension {n} Code", editable=False)
                for n in (1, 2)
            ),
            modified_field(),
        ),
        key="id",
    ),
    Entity(
        "accountingPeriods",
        "accountingPeriod",
        "Accounting Period",
        (
            id_field(),
            Field("startingDate", "date", caption="Starting Date", editable=False),
            text_field("name", 10, "Name", editable=False),
            Field("newFiscalYear", "boolean", caption="New Fiscal Year", editable=False),
            Field("closed", "boolean", caption="Closed", editable=False),
            Field("dateLocked", "boolean", caption="Date Locked", editable=False),
            modified_field(),
        ),
        key="startingDate",
    ),
    Entity(
        "dimensions",
        "dimension",
        "Dimension",
        (
            id_field(),
            code_field("code", 20, editable=False),
            text_field("displayName", 30, "Display Name", editable=False),
            text_field("consolidationCode", 20, "Consolidation Code", editable=False),
            modified_field(),
        ),
        webhooks=True,
        navigations={"dimensionValues": Navigation("dimensionValues", "dimensionId", "id", many=True)},
    ),
    Entity(
        "dimensionValues",
        "dimensionValue",
        "Dimension Value",
        (
            id_field(),
            code_field("code", 20, editable=False),
            Field("dimensionId", "guid", caption="Dimension Id", editable=False),
            text_field("displayName", 50, "Display Name", editable=False),
            text_field("consolidationCode", 20, "Consolidation Code", editable=False),
            modified_field(),
        ),
    ),
)

_SETUP_PAGES = (
    Entity(
        "paymentTerms",
        "paymentTerm",
        "Payment Terms",
        (
            id_field(),
            code_field(),
            text_field("displayName", 100, "Display Name"),
            text_field("dueDateCalculation", 32, "Due Date Calculation"),
            text_field("discountDateCalculation", 32, "Discount Date Calculation"),
            Field("discountPercent", "decimal", caption="Discount %"),
            Field("calculateDiscountOnCreditMemos", "boolean", caption="Calc. Disc. On Credit Memos"),
            modified_field(),
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
            id_field(),
            code_field("code", 20),
            text_field("displayName", 100, "Display Name"),
            Field("taxType", "enum", caption="Tax Type", editable=False, options=("Sales Tax", "VAT")),
            modified_field(),
        ),
        may=WRITABLE,
        required=("code",),
    ),
    Entity(
        "currencies",
        "currency",
        "Currency",
        (
            id_field(),
            code_field(),
            text_field("displayName", 30, "Display Name"),
            text_field("symbol", 10, "Symbol"),
            text_field("amountDecimalPlaces", 5, "Amount Decimal Places"),
            Field("amountRoundingPrecision", "decimal", caption="Amount Rounding Precision"),
            modified_field(),
        ),
        may=WRITABLE,
        required=("code",),
        webhooks=True,
    ),
    Entity(
        "countriesRegions",
        "countryRegion",
        "Country/Region",
        (
            id_field(),
            code_field(),
            text_field("displayName", 50, "Display Name"),
            text_field("addressFormat", 20, "Format"),
            modified_field(),
        ),
        may=WRITABLE,
        required=("code",),
    ),
)

COMPANIES = Entity(
    "companies",
    "company",
    "Company",
    (
        id_field(),
        text_field("systemVersion", 250, "System Version", editable=False),
        Field("timestamp", "integer", caption="Timestamp", editable=False),
        text_field("name", 30, "Name", editable=False),
        text_field("displayName", 250, "Display Name", editable=False),
        text_field("businessProfileId", 250, "Business Profile Id", editable=False),
        Field("systemModifiedAt", "moment", caption="System Modified At", editable=False),
    ),
    key="name",
)

BY_API: dict[str, dict[str, Entity]] = {
    STANDARD: {
        page.set_name: page for page in (CUSTOMERS, PROJECTS_PAGE, *_REFERENCE_PAGES, *_SETUP_PAGES, *POSTING_PAGES)
    },
    PROJECTS: {PROJECT_CARDS.set_name: PROJECT_CARDS},
}
