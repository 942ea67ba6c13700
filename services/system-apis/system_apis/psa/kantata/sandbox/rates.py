"""Rate cards in the sandbox, and the rate that a time entry freezes when it is made (page section 5.6).

A set has a card per currency; its versions take effect on days; a card has a version of its own for each version of the
set, with a rate per role and a default for the roles without one, in the currency's smallest units per hour.
"""

from system_apis.psa.kantata.sandbox.kinds import (
    READ_ONLY,
    Action,
    Attribute,
    KindOfRecord,
    back,
    blank,
    contains,
    equals,
    flagged,
    listed,
    needed,
    own,
    references,
)
from system_apis.psa.kantata.sandbox.world import Record, Snapshot, World

_WRITABLE: frozenset[Action] = frozenset({"list", "show", "create", "update", "delete"})

RATE_CARD_SETS = KindOfRecord(
    key="rate_card_sets",
    singular="rate_card_set",
    actions=READ_ONLY,
    attributes={},
    associations={
        "rate_cards": back("rate_cards", "rate_card_ids", "rate_card_set_id"),
        "rate_card_set_versions": back("rate_card_set_versions", "rate_card_set_version_ids", "rate_card_set_id"),
        "workspace_groups": listed("workspace_groups", "workspace_group_ids"),
    },
    filters={"matching": contains("title")},
    order="created_at:desc",
    referencable=False,
)

RATE_CARD_SET_VERSIONS = KindOfRecord(
    key="rate_card_set_versions",
    singular="rate_card_set_version",
    actions=READ_ONLY,
    attributes={},
    associations={
        "rate_card_set": own("rate_card_sets", "rate_card_set_id"),
        "rate_card_versions": back("rate_card_versions", "rate_card_version_ids", "rate_card_set_version_id"),
    },
    filters={"rate_card_set_id": equals("rate_card_set_id")},
    orders=("created_at",),
    order="created_at:asc",
    referencable=False,
    administered=True,
)

RATE_CARDS = KindOfRecord(
    key="rate_cards",
    singular="rate_card",
    actions=READ_ONLY,
    attributes={},
    associations={
        **references("rate_cards"),
        "rate_card_set": own("rate_card_sets", "rate_card_set_id"),
        "rate_card_versions": back("rate_card_versions", "rate_card_version_ids", "rate_card_id"),
    },
    filters={
        "currencies": equals("currency"),
        "rate_card_set_id": equals("rate_card_set_id"),
        "active": flagged(lambda _, __: True),
    },
    orders=("created_at",),
    order="created_at:desc",
    shown=lambda view, record: record | {"rate_card_set_title": _title(view, record)},
)

RATE_CARD_VERSIONS = KindOfRecord(
    key="rate_card_versions",
    singular="rate_card_version",
    actions=frozenset({"list", "show", "update"}),
    attributes={"default_rate": Attribute("whole")},
    associations={
        "rate_card": own("rate_cards", "rate_card_id"),
        "rate_card_set_version": own("rate_card_set_versions", "rate_card_set_version_id"),
        "rate_card_roles": back("rate_card_roles", "rate_card_role_ids", "rate_card_version_id"),
    },
    filters={
        "rate_card_id": equals("rate_card_id"),
        "rate_card_set_version_id": equals("rate_card_set_version_id"),
    },
    orders=("created_at",),
    order="created_at:desc",
    referencable=False,
    administered=True,
)

RATE_CARD_ROLES = KindOfRecord(
    key="rate_card_roles",
    singular="rate_card_role",
    actions=_WRITABLE,
    attributes={
        "rate_card_version_id": needed("rate_card_versions", "Rate card version"),
        "role_id": needed("roles", "Role"),
        "rate": Attribute("whole", required=blank("Rate")),
    },
    associations={
        "rate_card_version": own("rate_card_versions", "rate_card_version_id"),
        "role": own("roles", "role_id"),
    },
    filters={"rate_card_version_id": equals("rate_card_version_id"), "with_role_ids": equals("role_id")},
    orders=("created_at",),
    order="created_at:asc",
    referencable=False,
    administered=True,
)


def role_of(world: World, record: Record) -> str | None:
    """The role that was named, else the person's on the project, else the person's own."""
    if record.get("role_id"):
        return str(record["role_id"])
    for resource in Snapshot(world).pointing("workspace_resources", "workspace_id", str(record["workspace_id"])):
        if resource.get("user_id") == record["user_id"] and resource.get("role_id"):
            return str(resource["role_id"])
    user = world.one("users", record["user_id"]) or {}
    return user.get("role_id")


def frozen_rate(world: World, record: Record) -> int | None:
    """Of the project's card on the day the work was done. None where the card has neither rate nor default."""
    workspace = world.one("workspaces", record["workspace_id"]) or {}
    if workspace.get("rate_card_id") is None:
        return None
    version = _effective(Snapshot(world), str(workspace["rate_card_id"]), record["date_performed"])
    if version is None:
        return None
    roles = Snapshot(world).pointing("rate_card_roles", "rate_card_version_id", version["id"])
    rate = next((row["rate"] for row in roles if row["role_id"] == record.get("role_id")), None)
    return rate if rate is not None else version.get("default_rate")


def _effective(view: Snapshot, card_id: str, day: str) -> Record | None:
    """The card's version in the latest published version of its set that has taken effect."""
    dated: list[tuple[str, Record]] = []
    for version in view.pointing("rate_card_versions", "rate_card_id", card_id):
        set_version = view.all("rate_card_set_versions").get(version["rate_card_set_version_id"], {})
        if set_version.get("active") and set_version["effective_date"] <= day:
            dated.append((set_version["effective_date"], version))
    return max(dated, key=lambda pair: pair[0])[1] if dated else None


def _title(view: Snapshot, record: Record) -> str:
    title = view.all("rate_card_sets").get(record["rate_card_set_id"], {}).get("title", "")
    return f"{title} {record['currency']}"
