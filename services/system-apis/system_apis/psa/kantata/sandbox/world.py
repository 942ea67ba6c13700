"""The account behind one sandbox: its records, its clock, its settings, and the events its changes leave behind."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sandboxkit.app import Context

Record = dict[str, Any]

# Records made here are numbered far above those a seed names itself.
_FIRST_ID = 900_001
EVENT_RETENTION = timedelta(days=9)
_WITHOUT_EVENTS = frozenset({"external_references", "custom_fields", "custom_field_values", "roles"})


class World:
    """What every request works on.

    `context.config`: `access_token` (required); `user_id` whose token it is ("1"); `account_id` (1); `currency`
    ("USD"); `time_zone` ("America/Los_Angeles"); `financial_access` and `subscribed_events` (both true);
    `event_lag_s` (0): how much later an event is created than its subject changed.
    """

    def __init__(self, context: Context) -> None:
        self.store = context.store
        self._clock = context.clock
        config: Mapping[str, Any] = context.config
        self.access_token = str(config["access_token"])
        self.user_id = str(config.get("user_id", "1"))
        self.account_id = int(config.get("account_id", 1))
        self.currency = str(config.get("currency", "USD"))
        self.financial_access = bool(config.get("financial_access", True))
        self.subscribed_events = bool(config.get("subscribed_events", True))
        self._zone = ZoneInfo(str(config.get("time_zone", "America/Los_Angeles")))
        self._event_lag = timedelta(seconds=float(config.get("event_lag_s", 0)))

    def now(self) -> datetime:
        return self._clock.now()

    def local(self, moment: str) -> str:
        """A stored moment as the account's users see it: with the account's offset, to the second."""
        return datetime.fromisoformat(moment).astimezone(self._zone).isoformat(timespec="seconds")

    def one(self, key: str, record_id: object) -> Record | None:
        return None if record_id is None else self.store.get(key, str(record_id))

    def add(self, key: str, body: Record) -> Record:
        """Store a new record under the next free id."""
        stamp = self.now().isoformat()
        while True:
            record_id = str(self.store.next_number(key, _FIRST_ID))
            record = {"id": record_id, "created_at": stamp, "updated_at": stamp, **body}
            try:
                self.store.insert(key, record_id, record)
            except KeyError:
                continue
            self._tell(key, "created", record, {})
            return record

    def change(self, key: str, record: Record, changes: Record) -> Record:
        changed = record | changes | {"updated_at": self.now().isoformat()}
        self.store.put(key, record["id"], changed)
        self._tell(key, "updated", changed, record)
        return changed

    def remove(self, key: str, record: Record) -> None:
        self.store.delete(key, record["id"])
        self._tell(key, "deleted", record, record)

    def _tell(self, key: str, verb: str, record: Record, former: Record) -> None:
        """An event for the feed. Nothing says in which order events are listed (page section 6)."""
        if key in _WITHOUT_EVENTS:
            return
        number = str(self.store.next_number("subscribed_events"))
        changed = {
            name: [former.get(name), value]
            for name, value in record.items()
            if name not in {"created_at", "updated_at", "id"} and former.get(name) != value
        }
        self.store.insert(
            "subscribed_events",
            number,
            {
                "id": number,
                "event_type": f"{EVENT_NAMES.get(key, key.removesuffix('s'))}:{verb}",
                "subject_type": SUBJECTS[key],
                "subject_id": record["id"],
                "user_id": self.user_id,
                "subject_changed_at": self.now().isoformat(),
                "created_at": (self.now() + self._event_lag).isoformat(),
                "previous_payload": former,
                "current_payload": {} if verb == "deleted" else record,
                "payload_changes": changed,
            },
        )


EVENT_NAMES = {"stories": "story", "time_entries": "time_entry"}

SUBJECTS = {
    "workspaces": "Workspace",
    "stories": "Story",
    "billing_milestones": "BillingMilestone",
    "workspace_groups": "WorkspaceGroup",
    "workspace_resources": "WorkspaceResource",
    "workspace_allocations": "WorkspaceAllocation",
    "assignments": "Assignment",
    "participations": "Participation",
    "time_entries": "TimeEntry",
    "users": "User",
    "account_memberships": "AccountMembership",
    "roles": "Role",
    "skills": "Skill",
    "skill_memberships": "SkillMembership",
}


class Snapshot:
    """The records as one request sees them: each kind is read once."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._kinds: dict[str, dict[str, Record]] = {}
        self._indexes: dict[tuple[str, str], dict[str, list[Record]]] = {}

    def all(self, key: str) -> dict[str, Record]:
        if key not in self._kinds:
            self._kinds[key] = {record["id"]: record for record in self.world.store.all(key)}
        return self._kinds[key]

    def pointing(self, key: str, field: str, record_id: str) -> list[Record]:
        """The records of a kind whose foreign key is the given id."""
        if (key, field) not in self._indexes:
            index: dict[str, list[Record]] = {}
            for record in self.all(key).values():
                index.setdefault(str(record.get(field)), []).append(record)
            self._indexes[key, field] = index
        return self._indexes[key, field].get(record_id, [])

    def attached(self, key: str, subject_type: str, record_id: str) -> list[Record]:
        """External references or custom field values of one record."""
        return [row for row in self.pointing(key, "subject_id", record_id) if row["subject_type"] == subject_type]


def moment(text: str) -> datetime:
    """An ISO 8601 moment; one without an offset is taken as UTC. Raises ValueError."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
