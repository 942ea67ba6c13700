"""Time entries and expenses: what was worked and spent, at which frozen price, and who let it pass."""

import hashlib
from collections.abc import Collection, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

import msgspec

from canonical.entries import Expense, TimeEntry
from canonical.money import Money, Rate
from system_apis.psa.kantata.mapping.delivery import known
from system_apis.psa.kantata.records import (
    Envelope,
    ExpenseRecord,
    LineRecord,
    SubmissionRecord,
    TimeEntryRecord,
)

_PLACES = Decimal("0.0001")  # of an hour


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What the records do not carry: who is behind a user's id, and which projects have no customer."""

    people: Mapping[str, str] = {}
    internal: Collection[str] = ()


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """How far an entry has come, and who let it pass when."""

    status: str
    by: str | None = None
    at: datetime | None = None


def to_time_entry(envelope: Envelope, record: TimeEntryRecord, around: Around) -> TimeEntry:
    """Kantata bills the minutes as they are. A rate of nothing counts as none: nobody can tell it from one not set."""
    hours = to_hours(record.time_in_minutes)
    project = known(record.workspace_id)
    role = envelope.roles.get(str(record.role_id))
    decision = decided(record, envelope.timesheet_submissions, around.people)
    return TimeEntry(
        id=record.id,
        version=_version(envelope, record, hours),
        project_id=project,
        task_id=None if record.story_id is None else str(record.story_id),
        resource_id=known(record.user_id),
        role=None if role is None else role.name,
        work_date=record.date_performed,
        hours=hours,
        billable_hours=hours if record.billable else "0",
        kind=_kind(record, project, around),
        bill_rate=to_rate(record.rate_in_cents, record.currency, record.currency_base_unit),
        narrative=record.notes or "",
        status=decision.status,
        approved_by=decision.by,
        approved_at=decision.at,
        billing_state=_billing_state(record),
        updated_at=_updated_at(record, envelope.timesheet_submissions),
    )


def to_expense(envelope: Envelope, record: ExpenseRecord, around: Around) -> Expense:
    """Kantata knows no tax on an expense: the amount is taken as net."""
    amount = Money.of(Decimal(record.amount_in_cents) / record.currency_base_unit, record.currency)
    foreign = record.foreign_exchange_amount
    spent = amount if foreign is None else Money.of(foreign.source_value, foreign.source_currency)
    decision = decided(record, envelope.expense_report_submissions, around.people)
    billed = (record.workspace_id, record.date, amount, spent, record.is_billable, record.reimbursable, record.category)
    return Expense(
        id=record.id,
        version=_digest(*billed),
        project_id=known(record.workspace_id),
        resource_id=known(record.user_id),
        category=record.category,
        spend_date=record.date,
        amount=amount,
        spent=spent,
        billable=record.is_billable,
        reimbursable=record.reimbursable,
        narrative=record.notes or "",
        status=decision.status,
        approved_by=decision.by,
        approved_at=decision.at,
        billing_state=_billing_state(record),
        updated_at=_updated_at(record, envelope.expense_report_submissions),
    )


def to_hours(minutes: int) -> str:
    """Rounded once, half up, to four decimals: 90 minutes are 1.5, 20 minutes are 0.3333."""
    hours = (Decimal(minutes) / 60).quantize(_PLACES, rounding=ROUND_HALF_UP)
    return f"{hours:f}".rstrip("0").rstrip(".")


def to_rate(cents: int | None, currency: str, unit: int) -> Rate | None:
    """Per hour, in main units, or none."""
    if not cents:
        return None
    exact = Decimal(cents) / unit
    return Rate(amount=f"{exact:f}", currency=currency)


def decided(
    record: LineRecord, submissions: Mapping[str, SubmissionRecord], people: Mapping[str, str] | None = None
) -> Decision:
    """From the submission that holds the entry, else from the last one. A cancelled one leaves a draft.

    A project without approvals approves everything as it is entered, and nobody in particular does.
    """
    active = submissions.get(str(record.active_submission_id))
    recent = submissions.get(str(record.recent_submission_id))
    if active is None:
        if record.approved:
            return Decision(status="approved", at=record.created_at)
        return Decision(status="rejected" if recent is not None and recent.status == "rejected" else "draft")
    if active.status != "approved":
        return Decision(status="submitted")
    by = (people or {}).get(str(active.current_resolution_creator_id))
    return Decision(status="approved", by=by, at=_resolved_at(active))


def _resolved_at(submission: SubmissionRecord) -> datetime:
    """The moment of the decision; where Kantata keeps only its day, that of the submission's last change."""
    text = submission.current_resolution_created_at_date or ""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return submission.updated_at
    return moment if moment.tzinfo is not None else submission.updated_at


def _updated_at(record: LineRecord, submissions: Mapping[str, SubmissionRecord]) -> datetime:
    """A decision changes the submission; the entry's own moment may stand still."""
    recent = submissions.get(str(record.recent_submission_id))
    return record.updated_at if recent is None else max(record.updated_at, recent.updated_at)


def _kind(record: TimeEntryRecord, project: str, around: Around) -> str:
    if record.billable:
        return "billable"
    return "internal" if project in around.internal else "non_billable"


def _billing_state(record: LineRecord) -> str:
    return "invoiced" if record.is_invoiced else "unbilled"


def _version(envelope: Envelope, record: TimeEntryRecord, hours: str) -> str:
    """A digest of what is billed or counted; an approval does not change it."""
    role = envelope.roles.get(str(record.role_id))
    return _digest(
        record.workspace_id,
        record.date_performed,
        hours,
        record.billable,
        record.rate_in_cents or 0,
        record.currency,
        None if role is None else role.name,
    )


def _digest(*facts: object) -> str:
    return hashlib.sha256(msgspec.json.encode([str(one) for one in facts])).hexdigest()[:32]
