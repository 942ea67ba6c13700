"""What Business Central checks when customers, projects and setup records are written.

Texts are labels of the AL source: tables Customer and Project, codeunit DimensionManagement, APIV2 pages.
"""

from collections.abc import Callable

from system_apis.erp.business_central.sandbox.books import Books
from system_apis.erp.business_central.sandbox.entities import BY_API, CUSTOMERS
from system_apis.erp.business_central.sandbox.filters import Row
from system_apis.erp.business_central.sandbox.refusals import (
    Refusal,
    bad_request,
    dialog,
    no_such_relation,
    same_key,
)
from system_apis.erp.business_central.sandbox.shapes import EMPTY_DATE, EMPTY_ID, STANDARD, Entity

Rule = Callable[[Books, str, Row, Row], Row]  # books, company, what was given, the record with it -> the record to keep

_SERIES = {"customers": ("CUST", "C"), "projects": ("PROJ", "PR"), "projectCards": ("PROJ", "PR")}


def created(books: Books, company: str, entity: Entity, given: Row) -> Row:
    """The new record. Raises Refusal 400."""
    for name in entity.required:
        if not given.get(name):
            text = f"Field '{name}' must not be blank or empty."
            raise bad_request(text, "BadRequest_RequiredParamNotProvided")
    blank = {field.name: field.empty for field in entity.fields}
    row = _numbered(books, company, entity, blank | _defaults(entity) | given)
    if books.keyed(entity, company, row[entity.key]) is not None:
        raise same_key(entity.caption, row[entity.key])
    return books.insert(entity, company, _checked(books, company, entity, given, row))


def changed(books: Books, company: str, entity: Entity, row: Row, given: Row) -> Row:
    """The changed record. Raises Refusal 400."""
    wanted = str(given.get(entity.key, row[entity.key]))
    if wanted != row[entity.key] and books.keyed(entity, company, wanted) is not None:
        raise same_key(entity.caption, wanted)
    return books.keep(entity, _checked(books, company, entity, given, row | given))


def removed(books: Books, company: str, entity: Entity, row: Row) -> None:
    """Raises Refusal 400 for a record that others need."""
    if entity.set_name == "customers":
        projects = books.rows(BY_API[STANDARD]["projects"], company)
        open_ones = [p for p in projects if p["billToCustomerNumber"] == row["number"] and p["status"] != "Completed"]
        if open_ones:
            text = f"You cannot delete Customer {row['number']} because there is at least one outstanding Project."
            raise dialog(text)
    books.delete(entity, row)


def _checked(books: Books, company: str, entity: Entity, given: Row, row: Row) -> Row:
    rule = _RULES.get(entity.set_name)
    return row if rule is None else rule(books, company, given, row)


def _defaults(entity: Entity) -> Row:
    if entity.set_name == "customers":
        return {"customerPostingGroup": "DOMESTIC"}  # the template of the API setup gives it; no page shows it
    if entity.store_kind == "projects":
        return {
            "status": "Open",
            "billToCustomerNumber": "",
            "globalDimension1Code": "",
            "currencyCode": "",
            "startingDate": EMPTY_DATE,
            "endingDate": EMPTY_DATE,
            "externalReference": "",
        }
    return {}


def _numbered(books: Books, company: str, entity: Entity, row: Row) -> Row:
    if entity.set_name not in _SERIES:
        return row
    series, prefix = _SERIES[entity.set_name]
    if not row["number"]:
        return row | {"number": f"{prefix}{books.next_number(series, company):05}"}
    if not books.setup(company).get("manualNumbers", True):
        text = (
            "You may not enter numbers manually. If you want to enter numbers manually,"
            f" please activate Manual Nos. in No. Series {series}."
        )
        raise dialog(text)
    return row


def _customer(books: Books, company: str, given: Row, row: Row) -> Row:
    if not row["displayName"]:
        text = 'The blank "displayName" is not allowed.' if "displayName" in given else ""
        raise dialog(text or 'A "displayName" must be provided.')
    _related(books, company, "countriesRegions", row["country"], "Country/Region Code", "Customer", "Country/Region")
    terms = _by_id(books, company, "paymentTerms", row["paymentTermsId"])
    if row["paymentTermsId"] != EMPTY_ID and terms is None:
        raise dialog('The "paymentTermsId" does not match to a Payment Terms.')
    return row | _customer_currency(books, company, given, row)


def _customer_currency(books: Books, company: str, given: Row, row: Row) -> Row:
    """Id and code say the same; the company's own currency has no id and is shown by its code."""
    if given.get("currencyId", EMPTY_ID) != EMPTY_ID:
        currency = _by_id(books, company, "currencies", given["currencyId"])
        if currency is None:
            raise dialog('The "currencyId" does not match to a Currency.')
        if given.get("currencyCode", currency["code"]) != currency["code"]:
            raise dialog("The currency values do not match to a specific Currency.")
        return {"currencyCode": currency["code"]}
    code = row["currencyCode"] or _local_currency(books, company)
    if code == _local_currency(books, company):
        return {"currencyCode": code, "currencyId": EMPTY_ID}
    currency = books.keyed(BY_API[STANDARD]["currencies"], company, code)
    if currency is None:
        raise dialog('The "currencyCode" does not match to a Currency.')
    return {"currencyCode": code, "currencyId": currency["id"]}


def _project_card(books: Books, company: str, given: Row, row: Row) -> Row:
    customer = _bill_to(books, company, given, row)
    _dimension(books, company, row)
    currency = row["currencyCode"] or (customer or {}).get("currencyCode", "") or _local_currency(books, company)
    if currency != _local_currency(books, company):
        _related(books, company, "currencies", currency, "Currency Code", "Project", "Currency")
    if EMPTY_DATE not in {row["startingDate"], row["endingDate"]} and row["startingDate"] > row["endingDate"]:
        raise dialog("Starting Date must be equal to or earlier than Ending Date.")
    return row | {"currencyCode": currency}


def _bill_to(books: Books, company: str, given: Row, row: Row) -> Row | None:
    number = row["billToCustomerNumber"]
    _related(books, company, "customers", number, "Bill-to Customer No.", "Project", "Customer")
    customer = books.keyed(CUSTOMERS, company, number) if number else None
    if customer is None or "billToCustomerNumber" not in given:
        return customer
    if not customer.get("customerPostingGroup", "DOMESTIC"):
        text = f"Customer Posting Group must have a value in Customer: No.={number}. It cannot be zero or empty."
        raise Refusal(400, "Application_FieldValidationException", text)
    if customer["blocked"] == "All":
        raise dialog(f"You cannot set Bill-to Customer No. to {number}, as this Customer has set Blocked to All.")
    return customer


def _dimension(books: Books, company: str, row: Row) -> None:
    """Global dimension 1: mandatory where the administrator said so, and a value of that dimension."""
    setup = next(iter(books.rows(BY_API[STANDARD]["generalLedgerSetup"], company)), {})
    dimension, value = setup.get("shortcutDimension1Code", ""), row["globalDimension1Code"]
    if not value:
        if dimension in books.setup(company).get("mandatoryProjectDimensions", []):
            told = f"Select a Dimension Value Code for the Dimension Code {dimension} for Project {row['number']}."
            raise dialog(told)
        return
    owner = books.keyed(BY_API[STANDARD]["dimensions"], company, dimension)
    values = books.rows(BY_API[STANDARD]["dimensionValues"], company)
    known = [v for v in values if owner is not None and v["dimensionId"] == owner["id"] and v["code"] == value]
    if not known:
        raise dialog(f"{value} is not an available Dimension Value for that dimension.")
    if known[0].get("blocked"):  # no page of the API shows it
        raise dialog(f"Dimension Value {dimension} - {value} is blocked.")


def _tax_group(books: Books, company: str, given: Row, row: Row) -> Row:  # noqa: ARG001  a rule's signature
    return row | {"taxType": "VAT" if books.setup(company).get("usesVat", True) else "Sales Tax"}


_RULES: dict[str, Rule] = {"customers": _customer, "projectCards": _project_card, "taxGroups": _tax_group}


def _related(books: Books, company: str, target: str, code: str, caption: str, table: str, related: str) -> None:
    if code and books.keyed(BY_API[STANDARD][target], company, code) is None:
        raise no_such_relation(caption, table, code, related)


def _by_id(books: Books, company: str, target: str, record_id: str) -> Row | None:
    return books.row(BY_API[STANDARD][target], company, record_id)


def _local_currency(books: Books, company: str) -> str:
    setup = next(iter(books.rows(BY_API[STANDARD]["generalLedgerSetup"], company)), {})
    return str(setup.get("localCurrencyCode", ""))
