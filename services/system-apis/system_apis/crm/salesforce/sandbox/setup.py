"""What an administrator set up in the organisation before its first record: stages, contract states, users."""

from typing import Any

from system_apis.crm.salesforce.sandbox.identifiers import record_id

Row = dict[str, Any]
_SINCE = "2020-01-01T00:00:00.000+0000"


def _rows(prefix: str, rows: list[Row]) -> list[Row]:
    times = {"CreatedDate": _SINCE, "LastModifiedDate": _SINCE, "SystemModstamp": _SINCE, "IsDeleted": False}
    return [{"Id": record_id(prefix, number)} | times | row for number, row in enumerate(rows, 1)]


def _stage(place: int, name: str, probability: int, forecast: str, *, closed: bool = False, won: bool = False) -> Row:
    return {
        "MasterLabel": name,
        "ApiName": name,
        "IsActive": True,
        "IsClosed": closed,
        "IsWon": won,
        "DefaultProbability": float(probability),
        "ForecastCategoryName": forecast,
        "SortOrder": place,
    }


def _status(place: int, label: str, code: str) -> Row:
    return {"MasterLabel": label, "ApiName": label, "StatusCode": code, "IsDefault": place == 1, "SortOrder": place}


# Records of these kinds that the control door seeds take the place of these.
SETUP: dict[str, list[Row]] = {
    "OpportunityStage": _rows(
        "01J",
        [
            _stage(1, "Prospecting", 10, "Pipeline"),
            _stage(2, "Qualification", 20, "Pipeline"),
            _stage(3, "Proposal", 60, "Best Case"),
            _stage(4, "Negotiation", 90, "Commit"),
            _stage(5, "Closed Won", 100, "Closed", closed=True, won=True),
            _stage(6, "Closed Lost", 0, "Omitted", closed=True),
        ],
    ),
    "ContractStatus": _rows(
        "02S",
        [
            _status(1, "Draft", "Draft"),
            _status(2, "In Approval Process", "InApproval"),
            _status(3, "Activated", "Activated"),
        ],
    ),
    "Organization": _rows(
        "00D",
        [{"Name": "Demo", "OrganizationType": "Enterprise Edition", "InstanceName": "SL0", "IsSandbox": True}],
    ),
}
