"""What Kantata refuses, and what a change brings with it, beyond the form of single attributes."""

from system_apis.psa.kantata.sandbox.refusals import Error, invalid
from system_apis.psa.kantata.sandbox.world import Record, Snapshot, World

# Minor units of a currency in one main unit; every other currency has 100 (page section 9, trap 6).
_BASE_UNITS = {"JPY": 1, "KRW": 1, "KWD": 1000, "BHD": 1000}
_SYMBOLS = {"EUR": "€", "GBP": "£", "USD": "$"}
_MONEY = frozenset({"price", "price_in_cents", "budget_used_in_cents", "target_margin"})
_NOT_STARTED = {"color": "grey", "key": 100, "message": "Not Started"}


def base_unit(currency: str) -> int:
    return _BASE_UNITS.get(currency, 100)


def shown_workspace(view: Snapshot, record: Record) -> Record:
    """With what Kantata computes; financial fields are absent, not null, without financial access."""
    unit, symbol = base_unit(record["currency"]), _SYMBOLS.get(record["currency"], "")
    cents = record.get("price_in_cents")
    shown = record | {
        "account_id": view.world.account_id,
        "currency_base_unit": unit,
        "currency_symbol": symbol,
        "price": "TBD" if cents is None else f"{symbol}{cents / unit:,.2f}",
        "status": record.get("status") or _NOT_STARTED,
        "can_create_line_items": takes_time(record),
        "budget_used_in_cents": 0,
        "percentage_complete": 0,
        "over_budget": False,
        "rate_card_id": int(record["rate_card_id"]) if record.get("rate_card_id") else None,
    }
    shown.pop("status_key", None)
    if view.world.financial_access:
        return shown
    return {name: value for name, value in shown.items() if name not in _MONEY}


def takes_time(workspace: Record) -> bool:
    """Time is entered on running projects: not on an estimate, not on an archived one."""
    return workspace.get("stage", "project") == "project" and not workspace.get("archived")


def check_workspace(world: World, record: Record, _: Record | None) -> list[Error]:
    errors = _days_in_order(record, "start_date", "due_date")
    card = world.one("rate_cards", record.get("rate_card_id"))
    if card is not None and card["currency"] != record["currency"]:
        errors.append(invalid("rate_card_id", "Rate card must have the currency of the project"))
    return errors


def workspace_created(world: World, record: Record, sent: Record) -> None:
    _participate(world, record["id"], world.user_id, "admin")
    for participation in (row for row in sent.get("participations") or [] if isinstance(row, dict)):
        if world.one("users", participation.get("user_id")) is not None:
            access = str(participation.get("access", "view_tasks"))
            _participate(world, record["id"], str(participation["user_id"]), access)


def completed_workspace(world: World, record: Record) -> Record:
    """`price` is written in main units and kept in the smallest. Unless a rate card is named, the usual holds."""
    if "id" not in record and record.get("rate_card_id") is None:
        record["rate_card_id"] = default_card_id(world, record["currency"], record.get("workspace_group_ids") or [])
    if "price" not in record:
        return record
    price = record.pop("price")
    cents = None if price is None else round(float(price) * base_unit(record["currency"]))
    return record | {"price_in_cents": cents, "budgeted": record.get("budgeted") or price is not None}


def check_story(world: World, record: Record, _: Record | None) -> list[Error]:
    errors = _days_in_order(record, "start_date", "due_date")
    parent = world.one("stories", record.get("parent_id"))
    if parent is not None and parent["workspace_id"] != record["workspace_id"]:
        errors.append(invalid("parent_id", "Parent must be in the same project"))
    if record.get("weight") is not None and record.get("story_type") != "milestone":
        errors.append(invalid("weight", "Weight can only be set on milestones"))
    return errors


def story_made(world: World, record: Record, _: Record) -> None:
    story_changed(world, record, {})


def story_changed(world: World, record: Record, former: Record) -> None:
    """Every change of state is kept with who made it and when."""
    if record.get("state") != former.get("state", "not started"):
        change = {"story_id": record["id"], "state": record["state"], "user_id": world.user_id}
        world.add("story_state_changes", change)


def default_card_id(world: World, currency: str, groups: list[str]) -> str | None:
    """The card for the currency of the client's own set, else of the account's default one."""
    view = Snapshot(world)
    found: str | None = None
    for card in view.all("rate_cards").values():
        card_set = view.all("rate_card_sets").get(card["rate_card_set_id"], {})
        if card["currency"] != currency:
            continue
        if set(groups) & set(card_set.get("workspace_group_ids") or ()):
            return str(card["id"])
        if card_set.get("account_default"):
            found = str(card["id"])
    return found


def check_billing_milestone(world: World, record: Record, _: Record | None) -> list[Error]:
    if record.get("billing_type") == "fixed_date" and not record.get("date_to_invoice"):
        return [invalid("date_to_invoice", "Date to invoice can't be blank")]
    if record.get("billing_type") != "upon_completion":
        return []
    story = world.one("stories", record.get("story_id"))
    if story is None:
        return [invalid("story_id", "Story can't be blank")]
    if story["workspace_id"] != record["workspace_id"]:
        return [invalid("story_id", "Story must be in the same project")]
    return []


def shown_billing_milestone(view: Snapshot, record: Record) -> Record:
    workspace = view.all("workspaces").get(record["workspace_id"], {})
    currency = workspace.get("currency", view.world.currency)
    return record | {"currency": currency, "invoice_id": record.get("invoice_id")}


def shown_resource(view: Snapshot, record: Record) -> Record:
    """A resource without a user is called after its role."""
    role = view.all("roles").get(record.get("role_id") or "", {}).get("name")
    name = view.all("users").get(record.get("user_id") or "", {}).get("full_name")
    return record | {"role_name": role, "full_name": name, "display_label": name or f"Unnamed {role or 'Resource'}"}


def resource_named(world: World, record: Record, _: Record) -> None:
    """Whoever is a project's resource takes part in it."""
    if record.get("user_id"):
        _participate(world, record["workspace_id"], record["user_id"], "edit_time_and_expenses")


def check_allocation(world: World, record: Record, _: Record | None) -> list[Error]:
    errors = _days_in_order(record, "start_date", "end_date")
    resource = world.one("workspace_resources", record.get("workspace_resource_id"))
    if record.get("hard") and resource is not None and not resource.get("user_id"):
        errors.append(invalid("hard", "Unnamed resources can only have soft allocations"))
    if (record.get("minutes") or 0) < 0:
        errors.append(invalid("minutes", "Minutes must be greater than or equal to 0"))
    return errors


def completed_allocation(world: World, record: Record) -> Record:
    """Written with `resource_id`, read with `workspace_resource_id` and the project it belongs to."""
    if "resource_id" not in record:
        return record
    resource = world.one("workspace_resources", record.pop("resource_id")) or {}
    return record | {"workspace_resource_id": resource.get("id"), "workspace_id": resource.get("workspace_id")}


def check_assignment(world: World, record: Record, _: Record | None) -> list[Error]:
    story = world.one("stories", record.get("story_id"))
    resource = world.one("workspace_resources", record.get("resource_id"))
    if story is not None and resource is not None and story["workspace_id"] != resource["workspace_id"]:
        return [invalid("resource_id", "Resource must be in the same project")]
    return []


def assignee(view: Snapshot, record: Record) -> list[str]:
    resource = view.all("workspace_resources").get(str(record["resource_id"]), {})
    return [resource["user_id"]] if resource.get("user_id") else []


def _participate(world: World, workspace_id: str, user_id: str, access: str) -> None:
    known = world.store.find(
        "participations", lambda row: row["workspace_id"] == workspace_id and row["user_id"] == user_id
    )
    if not known:
        world.add("participations", {"workspace_id": workspace_id, "user_id": user_id, "access": access})


def _days_in_order(record: Record, first: str, last: str) -> list[Error]:
    begins, ends = record.get(first), record.get(last)
    wrong = begins is not None and ends is not None and str(ends) < str(begins)
    return [invalid(last, f"{_spoken(last)} must be on or after {_spoken(first).lower()}")] if wrong else []


def _spoken(name: str) -> str:
    return name.replace("_", " ").capitalize()
