"""Timesheets and expense reports in the sandbox: one person's items of one project, and what is decided about them.

A timesheet's own `updated_at` moves with every decision; that of its entries does not (page section 5.7).
"""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from system_apis.psa.kantata.sandbox.kinds import (
    Association,
    Attribute,
    Filter,
    KindOfRecord,
    back,
    blank,
    equals,
    needed,
    own,
    references,
)
from system_apis.psa.kantata.sandbox.refusals import Error, forbidden, invalid, malformed, not_found, unprocessable
from system_apis.psa.kantata.sandbox.rules import base_unit
from system_apis.psa.kantata.sandbox.world import Record, Snapshot, World

LINES = {"timesheet_submissions": "time_entries", "expense_report_submissions": "expenses"}
VERBS = {"approve": "approved", "reject": "rejected", "cancel": "cancelled"}
BULK = {
    "timesheet_approvals": ("approve", "approval"),
    "timesheet_rejections": ("reject", "rejection"),
    "timesheet_cancellations": ("cancel", "cancellation"),
}
_FROM = {"approve": {"pending"}, "reject": {"pending"}, "cancel": {"pending", "approved"}}
_ACTIVE = frozenset({"pending", "approved"})


def _statuses(_: Snapshot, record: Record, text: str) -> bool:
    """The filter calls pending `new` (page section 9, trap 4)."""
    return ("new" if record["status"] == "pending" else record["status"]) in text.split(",")


_FILTERS: Mapping[str, Filter] = {
    "statuses": _statuses,
    "active": lambda _, record, __: record["status"] in _ACTIVE,
    "not_cancelled": lambda _, record, __: record["status"] != "cancelled",
    "user_ids": equals("user_id"),
    "workspace_id": equals("workspace_id"),
    "workspace_ids": equals("workspace_id"),
}


def resolve(world: World, key: str, record_id: str, verb: str, body: Mapping[str, Any]) -> Record:
    """Approve, reject or cancel. What was rejected or cancelled is submitted anew on another submission."""
    record = world.one(key, record_id)
    if record is None:
        raise not_found()
    if not _may_decide(world, record, verb):
        raise forbidden()
    lines = _lines(world, key, record)
    if record["status"] not in _FROM[verb]:
        raise unprocessable([invalid("status", f"A submission that is {record['status']} cannot be {VERBS[verb]}")])
    if verb == "cancel" and any(line.get("invoice_id") for line in lines):
        raise unprocessable([invalid("status", "A submission with invoiced line items cannot be cancelled")])
    said = body.get("resolution")
    decided = {
        "status": VERBS[verb],
        "current_resolution_created_at_date": world.now().isoformat(),
        "current_resolution_creator_id": int(world.user_id),
        "current_resolution_description": said.get("description", "") if isinstance(said, dict) else "",
    }
    if verb != "approve":
        for line in lines:
            world.mark(LINES[key], line, {"active_submission_id": None})
    return world.change(key, record, decided)


def resolve_all(world: World, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """Several at once; the answer is a list of resolutions, no envelope."""
    verb, kind = BULK[path]
    said = body.get("resolution")
    if not isinstance(said, dict) or not isinstance(said.get("submission_ids"), list):
        raise malformed("param is missing or the value is empty: resolution")
    made = [resolve(world, "timesheet_submissions", str(one), verb, body) for one in said["submission_ids"]]
    return {
        "resolutions": [
            {
                "id": world.store.next_number("resolutions", 1),
                "type": kind,
                "description": row["current_resolution_description"],
                "target_type": "TimesheetSubmission",
                "target_id": int(row["id"]),
                "user_id": int(world.user_id),
                "account_id": world.account_id,
                "current": True,
                "created_at": world.local(row["updated_at"]),
                "updated_at": world.local(row["updated_at"]),
            }
            for row in made
        ]
    }


def _submissions(key: str, singular: str, lines: str, name: str, *, referencable: bool) -> KindOfRecord:
    return KindOfRecord(
        key=key,
        singular=singular,
        actions=frozenset({"list", "show", "create"}),
        attributes={
            "workspace_id": needed("workspaces", "Workspace"),
            "title": Attribute("text", required=blank("Title")),
            "comment": Attribute("text"),
            "line_item_ids": Attribute("ids", target=lines, default=()),
            "user_id": Attribute("id", target="users"),
        },
        associations={
            **(references(key) if referencable else {}),
            "workspace": own("workspaces", "workspace_id"),
            "user": own("users", "user_id"),
            lines: _shown_lines(lines, name),
        },
        filters=_FILTERS,
        orders=("date",),
        order="date:desc",
        shown=_shown(key),
        completed=_completed(lines),
        check=_check(lines),
        created=_created(lines),
        referencable=referencable,
    )


def _shown_lines(lines: str, name: str) -> Association:
    return back(lines, name, "recent_submission_id")


def _completed(lines: str) -> Callable[[World, Record], Record]:
    def completed(world: World, record: Record) -> Record:
        """On behalf of another user only with financial access; the days are those of the week of the first item."""
        found = _known(world, lines, record)
        day = min((date.fromisoformat(line[_day(lines)]) for line in found), default=world.now().date())
        monday = day - timedelta(days=day.weekday())
        named = record.get("user_id") if world.financial_access else None
        return record | {
            "status": "pending",
            "user_id": named or (found[0]["user_id"] if found and world.administrator else world.user_id),
            "start_date": monday.isoformat(),
            "end_date": (monday + timedelta(days=6)).isoformat(),
            "current_resolution_created_at_date": None,
            "current_resolution_creator_id": None,
            "current_resolution_description": None,
        }

    return completed


def _check(lines: str) -> Callable[[World, Record, Record | None], list[Error]]:
    def check(world: World, record: Record, _: Record | None) -> list[Error]:
        found = _known(world, lines, record)
        if not found:
            return [invalid("line_item_ids", "Line items can't be blank")]
        errors: list[Error] = []
        if any(line["workspace_id"] != record["workspace_id"] for line in found):
            errors.append(invalid("line_item_ids", "Line items must be in the same project"))
        if any(line["user_id"] != record["user_id"] for line in found):
            errors.append(invalid("line_item_ids", "Line items must belong to the same user"))
        if any(line.get("active_submission_id") or line.get("invoice_id") for line in found):
            errors.append(invalid("line_item_ids", "Line items have already been submitted"))
        return errors

    return check


def _created(lines: str) -> Callable[[World, Record, Record], None]:
    def created(world: World, record: Record, _: Record) -> None:
        for line in _known(world, lines, record):
            world.mark(lines, line, {"active_submission_id": record["id"], "recent_submission_id": record["id"]})

    return created


def _shown(key: str) -> Callable[[Snapshot, Record], Record]:
    def shown(view: Snapshot, record: Record) -> Record:
        workspace = view.all("workspaces").get(record["workspace_id"], {})
        currency = workspace.get("currency", view.world.currency)
        lines = view.pointing(LINES[key], "recent_submission_id", record["id"])
        told = record | {
            "type": "TimesheetSubmission" if key == "timesheet_submissions" else "ExpenseReportSubmission",
            "currency": currency,
            "currency_base_unit": base_unit(currency),
            "line_item_total_in_cents": sum(worth(line) for line in lines),
            "resolution_description": record["current_resolution_description"],
            "permissions": {
                f"can_{verb}_submission": record["status"] in _FROM[verb] and _may_decide(view.world, record, verb)
                for verb in VERBS
            },
        }
        del told["line_item_ids"]
        decided_at = told["current_resolution_created_at_date"]
        return told | {"current_resolution_created_at_date": decided_at and view.world.local(decided_at)}

    return shown


def worth(line: Record) -> int:
    """Of a time entry or an expense, in the currency's smallest units, rounded half up."""
    if "time_in_minutes" not in line:
        return int(line["amount_in_cents"])
    minutes_of_cents = int(line["time_in_minutes"]) * int(line.get("rate_in_cents") or 0)
    return (minutes_of_cents + 30) // 60


def _may_decide(world: World, record: Record, verb: str) -> bool:
    """An administrator, the project's approver, or the person's manager; cancelling one's own is free."""
    if world.administrator or (verb == "cancel" and record["user_id"] == world.user_id):
        return True
    view = Snapshot(world)
    approver = view.all("workspaces").get(record["workspace_id"], {}).get("approver_id")
    manager = view.all("users").get(record["user_id"], {}).get("manager_id")
    return world.user_id in {approver, manager}


def _known(world: World, lines: str, record: Record) -> list[Record]:
    found = (world.one(lines, one) for one in record["line_item_ids"])
    return [line for line in found if line is not None]


def _lines(world: World, key: str, record: Record) -> list[Record]:
    return Snapshot(world).pointing(LINES[key], "recent_submission_id", record["id"])


def _day(lines: str) -> str:
    return "date_performed" if lines == "time_entries" else "date"


TIMESHEET_SUBMISSIONS = _submissions(
    "timesheet_submissions", "timesheet_submission", "time_entries", "time_entry_ids", referencable=True
)
EXPENSE_REPORT_SUBMISSIONS = _submissions(
    "expense_report_submissions", "expense_report_submission", "expenses", "expense_ids", referencable=False
)
