"""Invoices in the sandbox: what is on one is invoiced, until the invoice is cancelled (page section 5.9)."""

from collections.abc import Mapping
from datetime import date, timedelta

from system_apis.psa.kantata.sandbox.entry_rules import approved_expense, approved_time
from system_apis.psa.kantata.sandbox.kinds import (
    Attribute,
    KindOfRecord,
    blank,
    equals,
    flagged,
    listed,
    own,
    references,
    to,
)
from system_apis.psa.kantata.sandbox.refusals import Error, invalid, not_found, unprocessable
from system_apis.psa.kantata.sandbox.rules import base_unit
from system_apis.psa.kantata.sandbox.submissions import worth
from system_apis.psa.kantata.sandbox.world import Record, Snapshot, World

_FIRST_NUMBER = 1001
# Which list of an invoice holds which kind.
_ITEMS = {"time_entry_ids": "time_entries", "expense_ids": "expenses", "billing_milestone_ids": "billing_milestones"}
_TEXT = Attribute("text")


def cancel(world: World, record_id: str) -> Record:
    """Lets go of everything on it. A draft is deleted instead, and what is paid or cancelled stays so."""
    record = world.one("invoices", record_id)
    if record is None:
        raise not_found()
    if record["draft"] or record["status"] != "new":
        raise unprocessable([invalid("status", "Only an active invoice can be cancelled")])
    for name, kind in _ITEMS.items():
        for one in record[name]:
            line = world.one(kind, one)
            if line is not None and line.get("invoice_id") == record_id:
                world.mark(kind, line, {"invoice_id": None})
    return world.change("invoices", record, {"status": "cancelled"})


def next_number(world: World) -> int:
    numbers = [int(record["user_invoice_number"]) for record in Snapshot(world).all("invoices").values()]
    return max([_FIRST_NUMBER - 1, *numbers]) + 1


def _completed(world: World, record: Record) -> Record:
    if "id" in record:
        return record
    workspace_id = record.pop("workspace_id")
    workspaces = record["workspace_ids"] or ([workspace_id] if workspace_id else [])
    first = world.one("workspaces", workspaces[0]) if workspaces else None
    currency = (first or {}).get("currency", world.currency)
    day = record.get("invoice_date") or world.now().date().isoformat()
    due = date.fromisoformat(day) + timedelta(days=record.get("payment_schedule") or 0)
    return record | {
        "workspace_ids": workspaces,
        "user_id": world.user_id,
        "status": "new",
        "currency": currency,
        "currency_base_unit": base_unit(currency),
        "invoice_date": day,
        "due_date": due.isoformat(),
        "user_invoice_number": record.get("user_invoice_number") or next_number(world),
    }


def _check(world: World, record: Record, former: Record | None) -> list[Error]:
    if former is not None:
        return []
    errors: list[Error] = []
    if not record["workspace_ids"]:
        errors.append(invalid("workspace_id", "Workspace can't be blank"))
    if not any(record[name] for name in _ITEMS):
        errors.append(invalid("line_items", "Invoice must have at least one line item"))
    for name in _ITEMS:
        errors += _item_errors(world, name, record)
    return errors


def _item_errors(world: World, name: str, record: Record) -> list[Error]:
    view = Snapshot(world)
    lines = [view.all(_ITEMS[name])[one] for one in record[name]]
    if any(line["workspace_id"] not in record["workspace_ids"] for line in lines):
        return [invalid(name, "Line items must be in the projects of the invoice")]
    if any(line.get("invoice_id") for line in lines):
        return [invalid(name, "Line items have already been invoiced")]
    approved = {"time_entry_ids": approved_time, "expense_ids": approved_expense}.get(name)
    if approved is not None and not all(approved(view, line) for line in lines):
        return [invalid(name, "Line items must be approved")]
    return []


def _created(world: World, record: Record, sent: Record) -> None:
    """A draft holds nothing yet. Whoever is the client's lead is written to, unless that was suppressed."""
    if not record["draft"]:
        for name, kind in _ITEMS.items():
            for one in record[name]:
                line = world.one(kind, one)
                if line is not None:
                    world.mark(kind, line, {"invoice_id": record["id"]})
    if not sent.get("suppress_emails"):
        world.add("emails", {"subject": f"Invoice #{record['user_invoice_number']}", "invoice_id": record["id"]})


def _shown(view: Snapshot, record: Record) -> Record:
    number, kind = record["user_invoice_number"], "Draft Invoice" if record["draft"] else "Invoice"
    return record | {"title": f"{kind} #{number}", "balance_in_cents": _balance(view, record)}


def _balance(view: Snapshot, record: Record) -> int:
    """Kantata reckons by itself: minutes at the frozen rate, expenses and milestones as they are."""
    if record["status"] != "new":
        return 0
    kinds: Mapping[str, str] = _ITEMS
    lines = [view.all(kind).get(one) for name, kind in kinds.items() for one in record[name]]
    return sum(worth(line) for line in lines if line is not None)


INVOICES = KindOfRecord(
    key="invoices",
    singular="invoice",
    attributes={
        "workspace_id": to("workspaces"),
        "workspace_ids": Attribute("ids", target="workspaces", default=()),
        "time_entry_ids": Attribute("ids", target="time_entries", default=()),
        "expense_ids": Attribute("ids", target="expenses", default=()),
        "billing_milestone_ids": Attribute("ids", target="billing_milestones", default=()),
        "payment_schedule": Attribute("whole", required=blank("Payment schedule")),
        "invoice_date": Attribute("day"),
        "user_invoice_number": Attribute("whole"),
        "user_invoice_title": _TEXT,
        "draft": Attribute("flag", default=False),
        "message": _TEXT,
        "purchase_order": _TEXT,
        "project_code": _TEXT,
    },
    associations={
        **references("invoices"),
        "workspaces": listed("workspaces", "workspace_ids"),
        "time_entries": listed("time_entries", "time_entry_ids"),
        "expenses": listed("expenses", "expense_ids"),
        "billing_milestones": listed("billing_milestones", "billing_milestone_ids"),
        "user": own("users", "user_id"),
    },
    filters={
        "user_invoice_number": equals("user_invoice_number"),
        "workspace_id": lambda _, record, text: bool(set(text.split(",")) & set(record["workspace_ids"])),
        "paid": flagged(lambda _, record: record["status"] == "accepted payment"),
        "pending": flagged(lambda _, record: record["status"] == "new" and not record["draft"]),
        "without_drafts": flagged(lambda _, record: not record["draft"]),
    },
    orders=("created_at", "updated_at", "invoice_date", "id"),
    order="created_at:desc",
    shown=_shown,
    completed=_completed,
    check=_check,
    created=_created,
    deletable=lambda _, record: [] if record["draft"] else [invalid("id", "An active invoice cannot be deleted")],
)
