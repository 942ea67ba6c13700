"""What Kantata derives and refuses about time entries and expenses. Its texts are not published (page section 7)."""

from datetime import date
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from system_apis.psa.kantata.sandbox.rates import frozen_rate, role_of
from system_apis.psa.kantata.sandbox.refusals import Error, invalid
from system_apis.psa.kantata.sandbox.rules import base_unit, takes_time
from system_apis.psa.kantata.sandbox.world import Record, Snapshot, World

_SATURDAY = 5
_MONEY = frozenset({"rate_in_cents", "cost_rate_in_cents"})
# What whoever sees the money may still set on a submitted entry; everything else needs the approval taken back.
_OPEN_WHEN_SUBMITTED = frozenset({"rate_in_cents"})
_NOT_SENT = frozenset({"updated_at", "created_at", "active_submission_id", "recent_submission_id", "invoice_id"})


def approved_time(view: Snapshot, record: Record) -> bool:
    """On an approved timesheet, or of a project that asks for no approval."""
    return _approved(view, record, "timesheet_submissions", "require_time_approvals")


def approved_expense(view: Snapshot, record: Record) -> bool:
    return _approved(view, record, "expense_report_submissions", "require_expense_approvals")


def _approved(view: Snapshot, record: Record, submissions: str, required: str) -> bool:
    active = view.all(submissions).get(record.get("active_submission_id") or "")
    if active is not None:
        return bool(active["status"] == "approved")
    return view.all("workspaces").get(record["workspace_id"], {}).get(required) is False


def shown_time_entry(view: Snapshot, record: Record) -> Record:
    shown = record | {
        "approved": approved_time(view, record),
        "is_invoiced": bool(record.get("invoice_id")),
        "rate_in_cents": record.get("rate_in_cents"),
        "cost_rate_in_cents": None,
        "taxable": True,
        "user_can_edit": not record.get("active_submission_id") and not record.get("invoice_id"),
    }
    if view.world.financial_access:
        return shown
    return {name: value for name, value in shown.items() if name not in _MONEY}


def completed_time_entry(world: World, record: Record) -> Record:
    """`user_id` and the rate are silently ignored without financial access (page section 9, trap 5).

    The rate of the day's rate card is frozen now: a card that changes later does not change the entry.
    """
    if "id" in record:
        return record
    made = _of_user(world, record)
    made["role_id"] = role_of(world, made)
    if made.get("billable") is None:
        story = world.one("stories", made.get("story_id")) or {}
        made["billable"] = story.get("billable", True)
    if not world.financial_access or made.get("rate_in_cents") is None:
        made["rate_in_cents"] = frozen_rate(world, made)
    return made


def check_time_entry(world: World, record: Record, former: Record | None) -> list[Error]:
    errors = _settled(world, record, former, "date_performed") + _foreign(world, record)
    workspace = world.one("workspaces", record.get("workspace_id"))
    if workspace is not None and former is None and not takes_time(workspace):
        errors.append(invalid("workspace_id", "Time cannot be entered on this project"))
    if (record.get("time_in_minutes") or 0) <= 0:
        errors.append(invalid("time_in_minutes", "Time must be greater than 0"))
    if former is not None and not world.financial_access and record.get("rate_in_cents") != former.get("rate_in_cents"):
        errors.append(invalid("rate_in_cents", "Rate can't be changed"))
    return errors + _locked(world, record, former)


def shown_expense(view: Snapshot, record: Record) -> Record:
    """Written as `billable`, read as `is_billable` (page section 5.8)."""
    shown = record | {
        "approved": approved_expense(view, record),
        "is_invoiced": bool(record.get("invoice_id")),
        "is_billable": record.get("billable", True),
    }
    del shown["billable"]
    return shown


def completed_expense(world: World, record: Record) -> Record:
    made = record if "id" in record else _of_user(world, record)
    category = world.one("expense_categories", made.get("expense_category_id"))
    if category is not None:
        made["category"] = category["name"]
    foreign = made.get("foreign_exchange_amount")
    if foreign:
        made["amount_in_cents"] = _converted(world, foreign, made["currency"])
    return made


def check_expense(world: World, record: Record, former: Record | None) -> list[Error]:
    errors = _settled(world, record, former, "date") + _foreign(world, record)
    if not record.get("category"):
        errors.append(invalid("category", "Category can't be blank"))
    if record.get("amount_in_cents") is None:
        field = "foreign_exchange_amount" if record.get("foreign_exchange_amount") else "amount_in_cents"
        errors.append(invalid(field, "Amount can't be blank"))
    return errors


def check_lock(world: World, record: Record, _: Record | None) -> list[Error]:
    """A Saturday, later than the last lock; not while time before it waits for approval."""
    day = record["locked_to"]
    if date.fromisoformat(day).weekday() != _SATURDAY:
        return [invalid("locked_to", "Locked to must be a Saturday")]
    view = Snapshot(world)
    if any(day <= lock["locked_to"] for lock in view.all("line_item_locks").values()):
        return [invalid("locked_to", "Locked to must be later than the current lock date")]
    entries = view.all("time_entries").values()
    if any(entry["date_performed"] < day and not approved_time(view, entry) for entry in entries):
        return [invalid("locked_to", "All time before the lock date must be approved")]
    return []


def deletable(world: World, record: Record) -> list[Error]:
    """Not what is invoiced, and not time before the lock date."""
    if record.get("invoice_id"):
        return [invalid("id", "An invoiced line item cannot be deleted")]
    return _locked(world, record, None) if "date_performed" in record else []


def _of_user(world: World, record: Record) -> Record:
    workspace = world.one("workspaces", record["workspace_id"]) or {}
    currency = workspace.get("currency", world.currency)
    user_id = record.get("user_id") if world.financial_access else None
    return record | {
        "user_id": user_id or world.user_id,
        "currency": currency,
        "currency_base_unit": base_unit(currency),
        "active_submission_id": None,
        "recent_submission_id": None,
        "invoice_id": None,
    }


def _settled(world: World, record: Record, former: Record | None, day: str) -> list[Error]:
    """What is billed does not change; what is submitted changes only where it says so."""
    changed = {name for name, value in record.items() if former is not None and former.get(name) != value} - _NOT_SENT
    if not changed or former is None:
        return []
    if former.get("invoice_id"):
        return [invalid(day, "An invoiced line item cannot be changed")]
    allowed = _OPEN_WHEN_SUBMITTED if world.financial_access else frozenset()
    if former.get("active_submission_id") and changed - allowed:
        return [invalid(day, "A submitted line item cannot be changed")]
    return []


def _foreign(world: World, record: Record) -> list[Error]:
    """The task is the project's, and whoever is no administrator takes part in the project."""
    errors: list[Error] = []
    story = world.one("stories", record.get("story_id"))
    if story is not None and story["workspace_id"] != record.get("workspace_id"):
        errors.append(invalid("story_id", "Task must be in the same project"))
    members = Snapshot(world).pointing("participations", "workspace_id", str(record.get("workspace_id")))
    if not world.administrator and not any(row["user_id"] == world.user_id for row in members):
        errors.append(invalid("workspace_id", "You do not take part in this project"))
    return errors


def _locked(world: World, record: Record, former: Record | None) -> list[Error]:
    days = [record["date_performed"], *([former["date_performed"]] if former is not None else [])]
    locks = [lock["locked_to"] for lock in Snapshot(world).all("line_item_locks").values()]
    closed = bool(locks) and min(days) < max(locks)
    return [invalid("date_performed", "Time before the lock date cannot be changed")] if closed else []


def _converted(world: World, foreign: Record, currency: str) -> int | None:
    """In the smallest units of the project's currency, by the account's rate; None for an amount that is none."""
    rate = world.exchange_rates.get(f"{foreign.get('source_currency')}:{currency}")
    try:
        value = Decimal(str(foreign.get("source_value"))) * Decimal(rate or "NaN")
        return int((value * base_unit(currency)).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    except (InvalidOperation, ValueError):
        return None
