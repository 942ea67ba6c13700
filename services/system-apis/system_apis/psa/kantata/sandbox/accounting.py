"""Project accounting records in the sandbox: what finance keeps of a project by period, entered by hand or imported.

Source: developer.kantata.com, "Project Accounting Records" (the fields of an import among them). Whether the list
filters by project and type, and its texts, are not documented where we can read them (to verify).
"""

from collections.abc import Mapping
from typing import Any

from system_apis.psa.kantata.sandbox.kinds import (
    Attribute,
    Filter,
    KindOfRecord,
    blank,
    equals,
    needed,
    own,
    references,
    to,
    wants,
)
from system_apis.psa.kantata.sandbox.refusals import Error, forbidden, invalid, malformed, not_found
from system_apis.psa.kantata.sandbox.world import Record, Snapshot, World

_TYPES = ("Baseline", "Earned Value", "Earned Value Forecasting", "Forecasting", "Recognition")
_AMOUNT, _TEXT = Attribute("amount"), Attribute("text")
_MOST = 100  # records of one request


def _ending(_: Snapshot, record: Record, text: str) -> bool:
    """In `first;last`, both included; a bound that is left out is open, and a single day is that day."""
    first, divided, last = text.partition(";")
    if not divided:
        return bool(record["end_date"] == first)
    return (not first or record["end_date"] >= first) and (not last or record["end_date"] <= last)


def _created_from(_: Snapshot, record: Record, text: str) -> bool:
    return bool(record["created_at"][: len(text)] >= text)


def _check(_: World, record: Record, __: Record | None) -> list[Error]:
    if record["end_date"] < record["start_date"]:
        return [invalid("end_date", "End date must be on or after the start date")]
    return []


def soft_delete(world: World, body: Mapping[str, Any], asked: Mapping[str, str]) -> list[Record]:
    """They are hidden from then on, unless `show_deleted` asks for them."""
    if not world.administrator:
        raise forbidden()
    ids = body.get("ids") or [one for one in asked.get("ids", "").split(",") if one]
    if not isinstance(ids, list) or not ids:
        raise malformed("param is missing or the value is empty: ids")
    found = [world.one(PROJECT_ACCOUNTING_RECORDS.key, one) for one in ids]
    records = [record for record in found if record is not None]
    if len(records) < len(ids):
        raise not_found()
    return [world.change(PROJECT_ACCOUNTING_RECORDS.key, record, {"deleted": True}) for record in records]


def _shown(_: Snapshot, record: Record) -> Record:
    return {name: value for name, value in record.items() if name != "deleted"}


_FILTERS: dict[str, Filter] = {
    "created_at": _created_from,
    "end_date": _ending,
    "workspace_id": equals("workspace_id"),
    "type": equals("type"),
}

PROJECT_ACCOUNTING_RECORDS = KindOfRecord(
    key="project_accounting_records",
    singular="project_accounting_record",
    actions=frozenset({"list", "show", "create"}),
    attributes={
        "workspace_id": needed("workspaces", "Workspace"),
        "story_id": to("stories"),
        "role_id": to("roles"),
        "user_id": to("users"),
        "start_date": Attribute("day", required=blank("Start date")),
        "end_date": Attribute("day", required=blank("End date")),
        "currency": Attribute("text", required=blank("Currency")),
        "type": Attribute("choice", choices=_TYPES, default="Recognition"),
        "amount": _AMOUNT,
        "amount_to_date": _AMOUNT,
        "status": _TEXT,
        "service_type": _TEXT,
        "notes": _TEXT,
    },
    associations={
        **references("project_accounting_records"),
        "workspace": own("workspaces", "workspace_id"),
        "story": own("stories", "story_id"),
        "role": own("roles", "role_id"),
        "user": own("users", "user_id"),
    },
    filters=_FILTERS,
    orders=("created_at", "updated_at"),
    order="created_at:desc",
    bulk=_MOST,
    shown=_shown,
    hidden=lambda _, record, asked: bool(record.get("deleted")) and not wants(asked, "show_deleted"),
    check=_check,
    administered=True,
)
