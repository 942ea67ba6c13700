"""Dimension set lines of documents, lines and entries. Source: AL source of APIV2 DimensionSetLines and its labels."""

from system_apis.erp.business_central.sandbox.books import Books
from system_apis.erp.business_central.sandbox.entities import BY_API
from system_apis.erp.business_central.sandbox.filters import Row
from system_apis.erp.business_central.sandbox.posting_entities import DIMENSION_LINES, DIMENSION_SET_LINES
from system_apis.erp.business_central.sandbox.refusals import dialog
from system_apis.erp.business_central.sandbox.shapes import STANDARD
from system_apis.erp.business_central.sandbox.values import read_values


def with_dimension(books: Books, company: str, row: Row, parent_type: str, body: object) -> Row:
    """The record with one dimension more. Raises Refusal 400."""
    given = read_values(DIMENSION_SET_LINES, body)
    if not given.get("id") and not given.get("code"):
        raise dialog('The "id" or "code" field must be filled in.')
    if not given.get("valueId") and not given.get("valueCode"):
        raise dialog('The "valueId" or "valueCode" field must be filled in.')
    dimension = _one(books, company, "dimensions", given.get("id"), given.get("code"))
    if dimension is None:
        raise dialog(f'The "{"code" if given.get("code") else "id"}" does not match to a Dimension.')
    if any(held["code"] == dimension["code"] for held in row[DIMENSION_LINES]):
        text = "The dimension set line already exists. Check existing dimension set lines and the default dimension"
        raise dialog(f"{text} set lines on the parent.")
    value = _value(books, company, dimension, given)
    return row | {DIMENSION_LINES: [*row[DIMENSION_LINES], _line(company, row, parent_type, dimension, value)]}


def without_dimension(row: Row, dimension_id: str) -> Row:
    return row | {DIMENSION_LINES: [held for held in row[DIMENSION_LINES] if held["id"] != dimension_id]}


def _value(books: Books, company: str, dimension: Row, given: Row) -> Row:
    values = books.rows(BY_API[STANDARD]["dimensionValues"], company)
    wanted = {given.get("valueId"), given.get("valueCode")}
    known = [v for v in values if v["dimensionId"] == dimension["id"] and ({v["id"], v["code"]} & wanted)]
    if not known:
        raise dialog(
            f'The "{"valueCode" if given.get("valueCode") else "valueId"}" does not match to a Dimension Value.'
        )
    if known[0].get("blocked"):  # no page of the API shows it
        raise dialog(f"Dimension Value {dimension['code']} - {known[0]['code']} is blocked.")
    return known[0]


def _line(company: str, row: Row, parent_type: str, dimension: Row, value: Row) -> Row:
    return {
        "companyId": company,
        "id": dimension["id"],
        "code": dimension["code"],
        "displayName": dimension["displayName"],
        "parentId": row["id"],
        "parentType": parent_type,
        "valueId": value["id"],
        "valueCode": value["code"],
        "valueDisplayName": value["displayName"],
    }


def _one(books: Books, company: str, target: str, record_id: str | None, code: str | None) -> Row | None:
    entity = BY_API[STANDARD][target]
    return books.row(entity, company, record_id) if record_id else books.keyed(entity, company, str(code))
