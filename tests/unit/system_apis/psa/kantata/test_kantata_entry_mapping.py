"""Kantata's time entries and expenses as canonical ones, without a network."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest

from canonical.entries import Expense, TimeEntry
from canonical.money import Money, Rate
from servicekit.failures import Failure, Kind
from system_apis.psa.kantata import mapping
from system_apis.psa.kantata.mapping import Around
from system_apis.psa.kantata.records import Envelope

MADE, TOUCHED = "2026-12-03T10:00:00+01:00", "2026-12-04T10:00:00+01:00"
ENTRY = {
    "id": "1",
    "date_performed": "2026-12-03",
    "time_in_minutes": 90,
    "rate_in_cents": 14550,
    "currency": "EUR",
    "currency_base_unit": 100,
    "created_at": MADE,
    "updated_at": TOUCHED,
    "workspace_id": "10",
    "user_id": 41,
    "role_id": "5",
}
EXPENSE = {
    "id": "2",
    "date": "2026-12-03",
    "category": "Travel",
    "amount_in_cents": 1250,
    "currency": "EUR",
    "created_at": MADE,
    "updated_at": TOUCHED,
    "workspace_id": 10,
    "user_id": "41",
}


def entry_of(around: Around | None = None, submission: dict[str, Any] | None = None, **changes: Any) -> TimeEntry:
    document = {
        "results": [],
        "time_entries": {"1": ENTRY | changes},
        "roles": {"5": {"id": "5", "name": "Engineer"}, "6": {"id": "6", "name": "Consultant"}},
        "timesheet_submissions": {"77": {"id": "77", "updated_at": MADE, **(submission or {"status": "pending"})}},
    }
    envelope = msgspec.convert(document, Envelope)
    return mapping.to_time_entry(envelope, envelope.time_entries["1"], around or Around())


def expense_of(**changes: Any) -> Expense:
    envelope = msgspec.convert({"results": [], "expenses": {"2": EXPENSE | changes}}, Envelope)
    return mapping.to_expense(envelope, envelope.expenses["2"], Around())


@pytest.mark.parametrize(
    ("minutes", "hours"),
    [(60, "1"), (90, "1.5"), (20, "0.3333"), (40, "0.6667"), (1, "0.0167"), (465, "7.75"), (600, "10"), (1440, "24")],
)
def test_minutes_become_hours_once(minutes: int, hours: str) -> None:
    """Rounded half up to four decimals, without needless zeros."""
    assert hours == mapping.to_hours(minutes)


@pytest.mark.parametrize(
    ("cents", "unit", "currency", "amount"),
    [(14550, 100, "EUR", "145.5"), (15000, 1, "JPY", "15000"), (14550, 1000, "KWD", "14.55"), (1, 100, "EUR", "0.01")],
)
def test_a_rate_counts_in_the_currency_s_own_unit(cents: int, unit: int, currency: str, amount: str) -> None:
    """The base unit says how many make one."""
    assert Rate(amount=amount, currency=currency) == mapping.to_rate(cents, currency, unit)


@pytest.mark.parametrize("cents", [None, 0])
def test_no_rate_and_a_rate_of_nothing_are_the_same(cents: int | None) -> None:
    """Kantata cannot tell them apart, and nothing is billed for nothing by mistake."""
    assert None is mapping.to_rate(cents, "EUR", 100)


@pytest.mark.parametrize(
    ("changes", "submission", "status", "at"),
    [
        ({}, None, "draft", None),
        ({"active_submission_id": 77, "recent_submission_id": 77}, {"status": "pending"}, "submitted", None),
        ({"recent_submission_id": "77"}, {"status": "rejected"}, "rejected", None),
        ({"recent_submission_id": "77"}, {"status": "cancelled"}, "draft", None),
        ({"approved": True}, None, "approved", datetime(2026, 12, 3, 9, tzinfo=UTC)),
    ],
    ids=["unsubmitted", "pending", "rejected", "cancelled", "no approval asked for"],
)
def test_the_timesheet_says_how_far_an_entry_has_come(
    changes: dict[str, Any], submission: dict[str, Any] | None, status: str, at: datetime | None
) -> None:
    """A cancelled timesheet leaves a draft; where no approval is asked for, entering is approving."""
    entry = entry_of(None, submission, **changes)
    assert (status, None, at) == (entry.status, entry.approved_by, entry.approved_at)


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("2026-12-05T08:00:00-08:00", datetime(2026, 12, 5, 16, tzinfo=UTC)),
        ("2026-12-05", datetime(2026, 12, 6, 9, tzinfo=UTC)),
        ("2026-12-05T08:00:00", datetime(2026, 12, 6, 9, tzinfo=UTC)),
        (None, datetime(2026, 12, 6, 9, tzinfo=UTC)),
    ],
)
def test_an_approval_has_its_moment_and_its_person(said: str | None, at: datetime) -> None:
    """Where the decision's own moment is no moment, the timesheet's last change stands for it."""
    submission = {
        "status": "approved",
        "updated_at": "2026-12-06T10:00:00+01:00",
        "current_resolution_created_at_date": said,
        "current_resolution_creator_id": 44,
    }
    changes = {"approved": True, "active_submission_id": "77", "recent_submission_id": "77"}
    entry = entry_of(Around(people={"44": "eva@x.example"}), submission, **changes)
    assert ("approved", "eva@x.example", at) == (entry.status, entry.approved_by, entry.approved_at)
    assert datetime(2026, 12, 6, 9, tzinfo=UTC) == entry.updated_at
    assert None is entry_of(None, submission, **changes).approved_by


@pytest.mark.parametrize(
    ("billable", "internal", "kind", "billed"),
    [
        (True, (), "billable", "1.5"),
        (True, ("10",), "billable", "1.5"),
        (False, (), "non_billable", "0"),
        (False, ("10",), "internal", "0"),
    ],
)
def test_what_is_not_billable_is_internal_without_a_customer(
    billable: bool, internal: tuple[str, ...], kind: str, billed: str
) -> None:
    """All hours count; those that are billed are another number."""
    entry = entry_of(Around(internal=internal), billable=billable)
    assert (kind, "1.5", billed) == (entry.kind, entry.hours, entry.billable_hours)


def test_the_version_is_of_what_is_billed_or_counted() -> None:
    """Project, day, time, billability, rate, currency and role are in it; words, approvals and stamps are not."""
    same = ({"notes": "x"}, {"approved": True}, {"is_invoiced": True}, {"updated_at": MADE}, {"story_id": 3})
    assert {entry_of().version} == {entry_of(**changes).version for changes in same}
    other = (
        {"workspace_id": "11"},
        {"date_performed": "2026-12-04"},
        {"time_in_minutes": 91},
        {"billable": False},
        {"rate_in_cents": 14551},
        {"rate_in_cents": None},
        {"currency": "USD"},
        {"role_id": "6"},
    )
    versions = [entry_of(**changes).version for changes in other]
    assert len(other) == len({*versions} - {entry_of().version})


def test_numbers_and_texts_are_the_same_id() -> None:
    """Kantata types some foreign keys as numbers: the same entry has the same version either way."""
    assert ("41", "10") == (entry_of().resource_id, entry_of().project_id)
    assert entry_of().version == entry_of(workspace_id=10, role_id=5).version


def test_an_expense_is_taken_as_net() -> None:
    """Kantata knows no tax on it; what was spent abroad keeps its currency."""
    plain = expense_of()
    assert (Money(amount="12.50", currency="EUR"), Money(amount="12.50", currency="EUR"), date(2026, 12, 3)) == (
        plain.amount,
        plain.spent,
        plain.spend_date,
    )
    abroad = expense_of(foreign_exchange_amount={"source_value": "13.60", "source_currency": "USD"})
    assert Money(amount="13.60", currency="USD") == abroad.spent
    assert plain.version != abroad.version
    assert plain.version == expense_of(notes="x", approved=True).version
    assert 4 == len(
        {
            expense_of(**one).version
            for one in ({}, {"is_billable": False}, {"reimbursable": True}, {"category": "Hotel"})
        }
    )


def test_an_entry_that_does_not_say_whose_it_is_cannot_be_used() -> None:
    """A foreign key that was asked for must be there."""
    with pytest.raises(Failure) as caught:
        entry_of(user_id=None)
    assert Kind.BAD_UPSTREAM is caught.value.kind
