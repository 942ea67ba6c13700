"""What Salesforce itself sets when a record changes: a stage's flags, a contract's end, a deal's sum."""

from calendar import monthrange
from datetime import date, timedelta
from typing import Any

from system_apis.crm.salesforce.sandbox.records import Records, Row
from system_apis.crm.salesforce.sandbox.refusals import Refusal
from system_apis.crm.salesforce.sandbox.values import bad_choice

HISTORY_FIELDS = ("StageName", "Amount", "CloseDate", "Probability")


def derive(records: Records, name: str, row: Row, before: Row | None, given: Row) -> Row:
    """The row with its derived fields. `before` is the row as it was, `given` what the client sent."""
    match name:
        case "Opportunity":
            return _opportunity(records, row, before, given)
        case "Contract":
            return _contract(records, row, before)
        case "OpportunityLineItem":
            return _line(records, row, given)
    return row


def _opportunity(records: Records, row: Row, before: Row | None, given: Row) -> Row:
    if before is not None and before.get("HasOpportunityLineItem") and "Amount" in given:
        row = row | {"Amount": before.get("Amount")}  # ignored, not refused: the products say what the deal is worth
    if before is not None and before.get("StageName") == row.get("StageName"):
        return row
    stage = _stage(records, row)
    row = row | {
        "IsWon": stage["IsWon"],
        "IsClosed": stage["IsClosed"],
        "ForecastCategoryName": stage["ForecastCategoryName"],
        "HasOpportunityLineItem": row.get("HasOpportunityLineItem", False),
    }
    if "Probability" not in given:
        row["Probability"] = stage["DefaultProbability"]
    if before is not None:
        row["LastStageChangeDate"] = records.now()
    return row


def _stage(records: Records, row: Row) -> Row:
    name = row.get("StageName")
    for stage in records.all("OpportunityStage"):
        if stage["ApiName"] == name and stage["IsActive"]:
            return stage
    raise bad_choice(records.schema.objects["Opportunity"].fields["StageName"], str(name))


def _contract(records: Records, row: Row, before: Row | None) -> Row:
    status = next((known for known in records.all("ContractStatus") if known["ApiName"] == row.get("Status")), None)
    if status is None:
        raise bad_choice(records.schema.objects["Contract"].fields["Status"], str(row.get("Status")))
    row = row | {"StatusCode": status["StatusCode"], "EndDate": _end_date(row)}
    if before is None:
        if status["StatusCode"] == "Activated":
            message = "Choose a valid contract status and save your changes. Ask your admin for details."
            raise Refusal(400, "FAILED_ACTIVATION", message, [])
        row["ContractNumber"] = f"{records.store.next_number('ContractNumber', 100):08d}"
    if status["StatusCode"] == "Activated" and (before or {}).get("StatusCode") != "Activated":
        row["ActivatedDate"] = records.now()
    return row


def _end_date(row: Row) -> str | None:
    """The contract's last day: so many months after its first day, less one day."""
    if not row.get("StartDate") or not row.get("ContractTerm"):
        return None
    start = date.fromisoformat(row["StartDate"])
    months = start.month - 1 + int(row["ContractTerm"])
    year, month = start.year + months // 12, months % 12 + 1
    day = min(start.day, monthrange(year, month)[1])
    return (date(year, month, day) - timedelta(days=1)).isoformat()


def _line(records: Records, row: Row, given: Row) -> Row:
    if row.get("UnitPrice") is None and row.get("TotalPrice") is None:
        raise Refusal(400, "REQUIRED_FIELD_MISSING", "Required fields are missing: [UnitPrice]", ["UnitPrice"])
    quantity = float(row["Quantity"])
    if "TotalPrice" in given and "UnitPrice" not in given and quantity:
        row = row | {"UnitPrice": round(float(row["TotalPrice"]) / quantity, 2)}
    else:
        row = row | {"TotalPrice": round(float(row["UnitPrice"]) * quantity, 2)}
    product = records.get("Product2", row["Product2Id"]) if row.get("Product2Id") else None
    deal = records.get("Opportunity", row["OpportunityId"]) or {}
    name = f"{deal.get('Name', '')} {(product or {}).get('Name', '')}".strip()
    return row | {"ProductCode": (product or {}).get("ProductCode"), "Name": name}


def deal_sum(records: Records, deal_id: str) -> Row:
    """What the lines of a deal make of it."""
    lines = records.find("OpportunityLineItem", lambda line: line.get("OpportunityId") == deal_id)
    if not lines:
        return {"HasOpportunityLineItem": False}
    return {"HasOpportunityLineItem": True, "Amount": round(sum(float(line["TotalPrice"]) for line in lines), 2)}


def history_row(row: Row, before: Row | None) -> dict[str, Any] | None:
    """The stage history's next row, where one of its four fields has changed."""
    if before is not None and all(before.get(name) == row.get(name) for name in HISTORY_FIELDS):
        return None
    return {"OpportunityId": row["Id"]} | {name: row.get(name) for name in HISTORY_FIELDS}
