"""People, skills and the account-wide collections of the sandbox (page sections 5.5, 5.10 and 6)."""

from system_apis.psa.kantata.sandbox.kinds import (
    READ_ONLY,
    Attribute,
    KindOfRecord,
    back,
    blank,
    contains,
    equals,
    needed,
    own,
    references,
    through,
)
from system_apis.psa.kantata.sandbox.world import Record, Snapshot

PARTICIPATIONS = KindOfRecord(
    key="participations",
    singular="participation",
    actions=READ_ONLY,
    attributes={},
    associations={"user": own("users", "user_id"), "workspace": own("workspaces", "workspace_id")},
    filters={"workspace_id": equals("workspace_id"), "user_id": equals("user_id")},
)

USERS = KindOfRecord(
    key="users",
    singular="user",
    actions=READ_ONLY,
    attributes={},
    associations={
        **references("users"),
        "role": own("roles", "role_id"),
        "manager": own("users", "manager_id"),
        "account_membership": back("account_memberships", "account_membership_id", "user_id", many=False),
        "skill_memberships": back("skill_memberships", "skill_membership_ids", "user_id"),
        "skills": through("skills", "skill_ids", "skill_memberships", "user_id", "skill_id"),
    },
    filters={
        "by_email_address": lambda _, record, text: record.get("email_address") == text,
        "by_email_addresses": equals("email_address"),
        "by_full_name": contains("full_name"),
        "matching": contains("full_name", "email_address"),
    },
    orders=("alphabetical",),
    order="alphabetical:asc",
    # Without on_my_account a list holds only who takes part in some project.
    hidden=lambda view, record, asked: asked.get("on_my_account") != "true" and not _takes_part(view, record),
)

ACCOUNT_MEMBERSHIPS = KindOfRecord(
    key="account_memberships",
    singular="account_membership",
    actions=READ_ONLY,
    attributes={},
    associations={"user": own("users", "user_id")},
    filters={"user_id": equals("user_id")},
    # Disabled members are listed on `only_active=false` alone.
    hidden=lambda _, record, asked: bool(record.get("disabled_at")) and asked.get("only_active") != "false",
    referencable=False,
)

ROLES = KindOfRecord(
    key="roles",
    singular="role",
    actions=READ_ONLY,
    attributes={},
    associations={},
    filters={"search": contains("name")},
    orders=("name", "created_at"),
    order="name:asc",
)

SKILLS = KindOfRecord(
    key="skills",
    singular="skill",
    attributes={
        "name": Attribute("text", required=blank("Name")),
        "description": Attribute("text"),
        "max_level": Attribute("whole", default=5),
    },
    associations=references("skills"),
    filters={"search": contains("name")},
    orders=("name", "created_at", "updated_at"),
)

SKILL_MEMBERSHIPS = KindOfRecord(
    key="skill_memberships",
    singular="skill_membership",
    bulk=200,
    attributes={
        "skill_id": needed("skills", "Skill"),
        "user_id": needed("users", "User"),
        "level": Attribute("whole", default=0),
    },
    associations={"skill": own("skills", "skill_id"), "user": own("users", "user_id")},
    filters={"user_id": equals("user_id"), "skill_id": equals("skill_id")},
    referencable=False,
)

CUSTOM_FIELDS = KindOfRecord(
    key="custom_fields",
    singular="custom_field",
    actions=READ_ONLY,
    attributes={},
    filters={"subject_type": equals("subject_type")},
    referencable=False,
)

CUSTOM_FIELD_VALUES = KindOfRecord(
    key="custom_field_values",
    singular="custom_field_value",
    actions=frozenset({"list", "show", "create"}),
    attributes={},
    associations={"custom_field": own("custom_fields", "custom_field_id")},
    shown=lambda view, record: record | {"custom_field_name": _field_name(view, record)},
    filters={"subject_type": equals("subject_type"), "subject_id": equals("subject_id")},
    bulk=100,
    referencable=False,
)

EXTERNAL_REFERENCES = KindOfRecord(
    key="external_references",
    singular="external_reference",
    actions=READ_ONLY,
    attributes={},
    filters={
        name: equals(name)
        for name in ("subject_type", "subject_id", "service_name", "service_model", "service_model_ref", "status")
    },
    orders=("created_at", "last_synced_at"),
    order="last_synced_at:desc",
    referencable=False,
)

SUBSCRIBED_EVENTS = KindOfRecord(
    key="subscribed_events",
    singular="subscribed_event",
    actions=frozenset({"list"}),
    attributes={},
    filters={
        "event_types": equals("event_type"),
        "subject_type": equals("subject_type"),
        "subject_id": equals("subject_id"),
        "user_ids": equals("user_id"),
    },
    orders=("created_at",),
    order="created_at:desc",
    optional=frozenset({"previous_payload", "current_payload", "payload_changes"}),
    referencable=False,
)


def _field_name(view: Snapshot, record: Record) -> str | None:
    name: str | None = view.all("custom_fields").get(record["custom_field_id"], {}).get("name")
    return name


def _takes_part(view: Snapshot, record: Record) -> bool:
    return bool(view.pointing("participations", "user_id", record["id"]))
