"""The account behind one sandbox: its records, its clock, its settings, and the events its changes leave behind."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Self
from zoneinfo import ZoneInfo

from sandboxkit.app import Context

Record = dict[str, Any]

# Records made here are numbered far above those a seed names itself.
_FIRST_ID = 900_001
EVENT_RETENTION = timedelta(days=9)
WITHOUT_EVENTS = frozenset(
    {
        "external_references",
        "custom_fields",
        "custom_field_values",
        "roles",
        "story_state_changes",
        "rate_card_versions",
        "rate_card_roles",
        "project_accounting_records",
        "emails",
    }
)


class World:
    """What every request works on.

    `context.config`: `access_token` (required), an administrator's; `user_id` whose token it is ("1"); `user_tokens`
    ({}): more tokens with their users, who are no administrators; `account_id` (1); `currency` ("USD"); `time_zone`
    ("America/Los_Angeles"); `financial_access` and `subscribed_events` (both true); `event_lag_s` (0): how much later
    an event is created than its subject changed; `exchange_rates` ({}): by source and target, as `{"USD:EUR": "0.92"}`.
    """

    def __init__(self, context: Context) -> None:
        self.store = context.store
        self._clock = context.clock
        config: Mapping[str, Any] = context.config
        self.user_id = str(config.get("user_id", "1"))
        self.tokens = {str(config["access_token"]): self.user_id, **config.get("user_tokens", {})}
        self.administrator = True
        self.exchange_rates: Mapping[str, str] = config.get("exchange_rates", {})
        self.account_id = int(config.get("account_id", 1))
        self.currency = str(config.get("currency", "USD"))
        self.financial_access = bool(config.get("financial_access", True))
        self.subscribed_events = bool(config.get("subscribed_events", True))
        self._zone = ZoneInfo(str(config.get("time_zone", "America/Los_Angeles")))
        self._event_lag = timedelta(seconds=float(config.get("event_lag_s", 0)))
        self.indexes: dict[tuple[str, str], tuple[int, dict[str, list[Record]]]] = {}  # each with the revision it shows
        self.lists: dict[Any, list[Record]] = {}  # the lists that were asked for last

    def acting_for(self, user_id: str) -> Self:
        """The same account as that user sees it. Only the administrator's own token sees money of every project."""
        if user_id == self.user_id:
            return self
        other = copy.copy(self)
        other.user_id, other.administrator, other.financial_access = user_id, False, False
        return other

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

    def mark(self, key: str, record: Record, changes: Record) -> Record:
        """Change what belongs to another record: the record's own `updated_at` stays, and no event tells of it."""
        return self.store.put(key, record["id"], record | changes)

    def remove(self, key: str, record: Record) -> None:
        self.store.delete(key, record["id"])
        self._tell(key, "deleted", record, record)

    def _tell(self, key: str, verb: str, record: Record, former: Record) -> None:
        """An event for the feed. Nothing says in which order events are listed (page section 6)."""
        if key in WITHOUT_EVENTS:
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


EVENT_NAMES = {
    "stories": "story",
    "time_entries": "time_entry",
    "timesheet_submissions": "timesheet",
    "expense_report_submissions": "expense_report",
}

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
    "timesheet_submissions": "Submission",
    "expenses": "Expense",
    "expense_report_submissions": "ExpenseReportSubmission",
    "line_item_locks": "LineItemLock",
    "invoices": "Invoice",
    "rate_cards": "RateCard",
    "project_accounting_records": "ProjectAccountingRecord",
    "users": "User",
    "account_memberships": "AccountMembership",
    "roles": "Role",
    "skills": "Skill",
    "skill_memberships": "SkillMembership",
}


class Snapshot:
    """The records as one request sees them. They are looked at, never changed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._kinds: dict[str, Mapping[str, Record]] = {}

    def all(self, key: str) -> Mapping[str, Record]:
        if key not in self._kinds:
            self._kinds[key] = self.world.store.view(key)
        return self._kinds[key]

    def pointing(self, key: str, field: str, record_id: str) -> list[Record]:
        """The records of a kind whose foreign key is the given id."""
        revision = self.world.store.revision(key)
        held = self.world.indexes.get((key, field))
        if held is None or held[0] != revision:
            index: dict[str, list[Record]] = {}
            for record in self.all(key).values():
                index.setdefault(str(record.get(field)), []).append(record)
            held = self.world.indexes[key, field] = revision, index
        return held[1].get(record_id, [])

    def attached(self, key: str, subject_type: str, record_id: str) -> list[Record]:
        """External references or custom field values of one record."""
        return [row for row in self.pointing(key, "subject_id", record_id) if row["subject_type"] == subject_type]


@lru_cache(maxsize=100_000)
def moment(text: str) -> datetime:
    """An ISO 8601 moment; one without an offset is taken as UTC. Raises ValueError."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
