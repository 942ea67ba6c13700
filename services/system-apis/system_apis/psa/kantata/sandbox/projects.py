"""Projects in the sandbox: plan and staffing (page sections 5.1 to 5.4)."""

from system_apis.psa.kantata.sandbox import rules
from system_apis.psa.kantata.sandbox.kinds import (
    READ_ONLY,
    Association,
    Attribute,
    KindOfRecord,
    back,
    blank,
    contains,
    equals,
    flagged,
    listed,
    needed,
    of_archived,
    own,
    present,
    references,
    through,
    to,
    wants,
)
from system_apis.psa.kantata.sandbox.world import Record, Snapshot

_TEXT, _WHOLE, _DAY = Attribute("text"), Attribute("whole"), Attribute("day")
_STATES = ("not started", "started", "needs info", "completed")


def _invoices_of(_: Snapshot, record: Record) -> list[str]:
    return [record["invoice_id"]] if record.get("invoice_id") else []


WORKSPACES = KindOfRecord(
    key="workspaces",
    singular="workspace",
    bulk=100,
    attributes={
        "title": Attribute("text", required="Please give your project a title"),
        "creator_role": Attribute("choice", choices=("maven", "buyer"), default="maven", fixed=True),
        "description": _TEXT,
        "start_date": _DAY,
        "due_date": _DAY,
        "budgeted": Attribute("flag", default=False),
        "price": Attribute("amount"),
        "currency": Attribute("text", default="USD"),
        "access_level": Attribute("choice", choices=("invitation", "open", "admins"), default="invitation"),
        "stage": Attribute("choice", choices=("estimate", "project"), default="project"),
        "target_margin": _WHOLE,
        "archived": Attribute("flag", default=False),
        "tasks_default_non_billable": Attribute("flag", default=False),
        "require_time_approvals": Attribute("flag", default=True),
        "require_expense_approvals": Attribute("flag", default=True),
        "workspace_group_ids": Attribute("ids", target="workspace_groups", default=()),
        "primary_workspace_group_id": to("workspace_groups"),
        "primary_maven_id": to("users"),
        "approver_id": to("users"),
        "rate_card_id": to("rate_cards"),
    },
    associations={
        **references("workspaces"),
        "workspace_groups": listed("workspace_groups", "workspace_group_ids"),
        "primary_workspace_group": own("workspace_groups", "primary_workspace_group_id"),
        "primary_maven": own("users", "primary_maven_id"),
        "approver": own("users", "approver_id"),
        "participations": back("participations", "participation_ids", "workspace_id"),
        "participants": through("users", "participant_ids", "participations", "workspace_id", "user_id"),
    },
    filters={
        "matching": contains("title"),
        "search": contains("title", "description"),
        "budgeted": flagged(lambda _, record: bool(record.get("budgeted"))),
    },
    orders=("created_at", "updated_at", "title"),
    shown=rules.shown_workspace,
    hidden=lambda _, record, asked: _hidden_workspace(record, asked.get("archived"), asked.get("include_archived")),
    hidden_alone=True,
    completed=rules.completed_workspace,
    check=rules.check_workspace,
    created=rules.workspace_created,
)

STORIES = KindOfRecord(
    key="stories",
    singular="story",
    bulk=300,
    attributes={
        "workspace_id": needed("workspaces", "Workspace"),
        "title": Attribute("text", required=blank("Title")),
        "story_type": Attribute("choice", choices=("task", "deliverable", "milestone", "issue"), default="task"),
        "state": Attribute("choice", choices=_STATES, default="not started"),
        "description": _TEXT,
        "start_date": _DAY,
        "due_date": _DAY,
        "parent_id": to("stories"),
        "billable": Attribute("flag", default=True),
        "fixed_fee": Attribute("flag", default=False),
        "weight": _WHOLE,
        "time_estimate_in_minutes": _WHOLE,
        "budget_estimate_in_cents": _WHOLE,
        "percentage_complete": Attribute("whole", default=0),
        "archived": Attribute("flag", default=False),
    },
    associations={
        **references("stories"),
        "workspace": own("workspaces", "workspace_id"),
        "parent": own("stories", "parent_id"),
        "sub_stories": back("stories", "sub_story_ids", "parent_id"),
        "story_state_changes": back("story_state_changes", "story_state_change_ids", "story_id"),
    },
    filters={
        "workspace_id": equals("workspace_id"),
        "story_type": equals("story_type"),
        "search": contains("title", "description"),
    },
    hidden=lambda view, record, asked: (
        (bool(record.get("archived")) and not wants(asked, "show_archived"))
        or (of_archived(view, record) and not wants(asked, "show_from_archived_workspaces"))
    ),
    check=rules.check_story,
    created=rules.story_made,
    updated=rules.story_changed,
)

STORY_STATE_CHANGES = KindOfRecord(
    key="story_state_changes",
    singular="story_state_change",
    actions=READ_ONLY,
    attributes={},
    associations={"story": own("stories", "story_id"), "user": own("users", "user_id")},
    filters={"story_id": equals("story_id")},
    referencable=False,
)

BILLING_MILESTONES = KindOfRecord(
    key="billing_milestones",
    singular="billing_milestone",
    bulk=100,
    attributes={
        "title": Attribute("text", required=blank("Title")),
        "amount_in_cents": Attribute("whole", required=blank("Amount")),
        "workspace_id": needed("workspaces", "Workspace"),
        "billing_type": Attribute("choice", choices=("fixed_date", "upon_completion"), default="fixed_date"),
        "date_to_invoice": _DAY,
        "story_id": to("stories"),
    },
    associations={
        **references("billing_milestones"),
        "workspace": own("workspaces", "workspace_id"),
        "story": own("stories", "story_id"),
        "invoices": Association("invoices", "invoice_ids", _invoices_of, many=True),
    },
    filters={"workspace_id": equals("workspace_id"), "workspace_ids": equals("workspace_id")},
    shown=rules.shown_billing_milestone,
    check=rules.check_billing_milestone,
)

WORKSPACE_GROUPS = KindOfRecord(
    key="workspace_groups",
    singular="workspace_group",
    attributes={
        "name": Attribute("text", required=blank("Name")),
        "company": Attribute("flag", default=False),
        "contact_name": _TEXT,
        "email": _TEXT,
        "address": _TEXT,
        "phone_number": _TEXT,
        "website": _TEXT,
        "notes": _TEXT,
    },
    associations=references("workspace_groups"),
    filters={"search": contains("name"), "company": present(lambda _, record: bool(record.get("company")))},
    orders=("created_at", "updated_at", "name"),
)

WORKSPACE_RESOURCES = KindOfRecord(
    key="workspace_resources",
    singular="workspace_resource",
    bulk=200,
    attributes={
        "workspace_id": needed("workspaces", "Workspace"),
        "user_id": to("users"),
        "role_id": to("roles"),
    },
    associations={
        **references("workspace_resources"),
        "workspace": own("workspaces", "workspace_id"),
        "user": own("users", "user_id"),
        "role": own("roles", "role_id"),
    },
    filters={
        "workspace_id": equals("workspace_id"),
        "user_id": equals("user_id"),
        "role_id": equals("role_id"),
        "only_unnamed": flagged(lambda _, record: not record.get("user_id")),
    },
    shown=rules.shown_resource,
    # Without include_unnamed a list holds named resources only.
    hidden=lambda _, record, asked: not record.get("user_id") and not wants(asked, "include_unnamed", "only_unnamed"),
    created=rules.resource_named,
    updated=rules.resource_named,
)

WORKSPACE_ALLOCATIONS = KindOfRecord(
    key="workspace_allocations",
    singular="workspace_allocation",
    bulk=200,
    attributes={
        "resource_id": Attribute("id", required=blank("Resource"), target="workspace_resources", fixed=True),
        "start_date": Attribute("day", required=blank("Start date")),
        "end_date": Attribute("day", required=blank("End date")),
        "minutes": Attribute("whole", required=blank("Minutes")),
        "hard": Attribute("flag", default=False),
        "notes": _TEXT,
    },
    associations={
        **references("workspace_allocations"),
        "workspace": own("workspaces", "workspace_id"),
        "workspace_resource": own("workspace_resources", "workspace_resource_id"),
    },
    filters={
        "workspace_ids": equals("workspace_id"),
        "workspace_resource_ids": equals("workspace_resource_id"),
        "user_ids": lambda view, record, text: _allocated_user(view, record) in text.split(","),
        "type": lambda _, record, text: ("hard" if record.get("hard") else "soft") == text,
        "named_resources_only": present(lambda view, record: _allocated_user(view, record) is not None),
        "unnamed_resources_only": present(lambda view, record: _allocated_user(view, record) is None),
    },
    orders=("updated_at",),
    completed=rules.completed_allocation,
    check=rules.check_allocation,
)

ASSIGNMENTS = KindOfRecord(
    key="assignments",
    singular="assignment",
    attributes={
        "story_id": needed("stories", "Story"),
        "resource_id": Attribute("id", required=blank("Resource"), target="workspace_resources"),
    },
    associations={
        **references("assignments"),
        "story": own("stories", "story_id"),
        "assignee": Association("users", "assignee_id", rules.assignee),
    },
    filters={"story_id": equals("story_id"), "resource_id": equals("resource_id")},
    shown=lambda _, record: record | {"resource_id": int(record["resource_id"]), "current": True},
    check=rules.check_assignment,
)


def _hidden_workspace(record: Record, archived: str | None, include_archived: str | None) -> bool:
    wanted = archived or ("include" if include_archived == "true" else "exclude")
    is_archived = bool(record.get("archived"))
    return is_archived if wanted == "exclude" else (wanted == "only" and not is_archived)


def _allocated_user(view: Snapshot, record: Record) -> str | None:
    resource = view.all("workspace_resources").get(record["workspace_resource_id"], {})
    return resource.get("user_id")
