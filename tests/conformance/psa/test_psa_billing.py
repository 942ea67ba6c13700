"""Milestones, agreed prices and marks of what is billed, as every PSA tells of them."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from psa_orders import NEW_MILESTONE, NEW_TASK, failure_of, new_project

from canonical.delivery import Milestone
from canonical.effective import DateRange
from canonical.entries import BillingMark, NewBillingMark
from servicekit.failures import Kind
from system_apis.psa.port import EntryQuery, Psa

INVOICED = EntryQuery(billing_state="invoiced")


@pytest.fixture
async def project(stage: Any) -> str:
    """An open project of a customer, in euro."""
    made: str = (await stage.psa.create_project(new_project(), "key-00000001")).id
    await stage.psa.open_project(made)
    return made


def new_mark(**items: tuple[str, ...]) -> NewBillingMark:
    return NewBillingMark(invoice_number="DE01-2026-0042", invoice_date=date(2026, 12, 31), **items)


async def approved_time(stage: Any, project: str, count: int = 1) -> tuple[str, ...]:
    entries = [await stage.hands.work(project, minutes=60 + n) for n in range(count)]
    await stage.hands.approve(await stage.hands.submit(entries))
    return tuple(entries)


async def billed_time(psa: Psa) -> list[str]:
    return [entry.id for entry in (await psa.time_entries(INVOICED, None, 200)).items]


async def test_a_milestone_is_completed_by_the_team_and_accepted_by_the_customer(stage: Any, project: str) -> None:
    """Each has its moment, the acceptance its person; the one does not bring the other."""
    milestone = (await stage.psa.create_milestone(project, NEW_MILESTONE, "key-00000002")).id
    began = datetime.now(UTC).replace(microsecond=0)
    await stage.hands.complete(milestone)
    (completed,) = await stage.psa.milestones(project)
    assert (True, False, None, None) == (
        completed.completed,
        completed.accepted,
        completed.accepted_at,
        completed.accepted_by,
    )
    assert began <= completed.completed_at
    await stage.hands.accept(milestone, "2026-12-05", "Ines Wolf")
    (accepted,) = await stage.psa.milestones(project)
    assert (True, datetime(2026, 12, 5, 11, tzinfo=UTC), "Ines Wolf") == (
        accepted.accepted,
        accepted.accepted_at,
        accepted.accepted_by,
    )


async def test_changed_milestones_are_told_from_a_moment_on(stage: Any, project: str) -> None:
    """Completed, accepted or new; a task is none; without a moment all of them are told, once."""
    await stage.psa.create_task(project, NEW_TASK, "key-00000002")
    made = [(await stage.psa.create_milestone(project, NEW_MILESTONE, f"key-{n:08}")).id for n in range(3, 6)]
    await stage.psa.close_project(project)
    assert made == [one.id for one in await changed(stage.psa, None)]
    await stage.later(3600)
    began = (await stage.now()).replace(microsecond=0)
    assert [] == await changed(stage.psa, began)
    await stage.hands.complete(made[1])
    await stage.hands.accept(made[2], "2026-12-05", "Ines Wolf")
    told = {one.id: (one.completed, one.accepted, one.amount) for one in await changed(stage.psa, began)}
    assert {made[1]: (True, False, NEW_MILESTONE.amount), made[2]: (False, True, NEW_MILESTONE.amount)} == told


async def changed(psa: Psa, moment: datetime | None, limit: int = 2) -> list[Milestone]:
    found: list[Milestone] = []
    cursor = None
    while True:
        page = await psa.changed_milestones(moment, cursor, limit)
        found.extend(page.items)
        cursor = page.cursor
        if cursor is None:
            return found


async def test_rate_cards_come_by_scope_and_time(stage: Any, project: str) -> None:
    """The entity's card for the currency, each version for its days; a role that is not named has the default."""
    cards = await stage.psa.rate_cards(project)
    assert [
        ("entity", "EUR", DateRange(from_date=date(2026, 1, 1), to_date=date(2026, 12, 15))),
        ("entity", "EUR", DateRange(from_date=date(2026, 12, 15))),
    ] == [(card.scope, card.currency, card.effective) for card in cards]
    assert [
        {"Engineer": "145.5"},
        {"Engineer": "150", "Senior Engineer": "99", "Consultant": "99"},
    ] == [{rate.role: rate.rate.amount for rate in card.rates} for card in cards]


async def test_a_mark_holds_what_stands_on_an_invoice(stage: Any, project: str) -> None:
    """Time, expenses and milestones of the project are invoiced by it; what is not on it stays as it was."""
    entries = await approved_time(stage, project, 3)
    expense = await stage.hands.spend(project, "12.50")
    await stage.hands.approve_expenses(await stage.hands.submit_expenses([expense]))
    milestone = (await stage.psa.create_milestone(project, NEW_MILESTONE, "key-00000002")).id
    new = new_mark(time_entry_ids=entries[:2], expense_ids=(expense,), milestone_ids=(milestone,))
    mark = await stage.psa.create_billing_mark(project, new, "key-00000003")
    assert BillingMark(id=mark.id, project_id=project, invoice_number="DE01-2026-0042", cancelled=False) == mark
    assert list(entries[:2]) == await billed_time(stage.psa)
    assert "unbilled" == (await stage.psa.time_entry(entries[2])).billing_state
    assert "invoiced" == (await stage.psa.expense(expense)).billing_state
    assert ["invoiced"] == [one.billing_state for one in await stage.psa.milestones(project)]


async def test_a_mark_is_found_again_by_its_key(stage: Any, project: str) -> None:
    """Asking again gives the same mark; another key looks for another one."""
    new = new_mark(time_entry_ids=await approved_time(stage, project))
    assert None is await stage.psa.created_billing_mark(project, new, "key-00000003")
    mark = await stage.psa.create_billing_mark(project, new, "key-00000003")
    assert mark == await stage.psa.create_billing_mark(project, new, "key-00000003")
    assert mark == await stage.psa.created_billing_mark(project, new, "key-00000003")
    assert None is await stage.psa.created_billing_mark(project, new, "key-00000004")


async def test_what_is_marked_is_not_marked_again(stage: Any, project: str) -> None:
    """CONFLICT for one billed item among others, and nothing of it is marked; so it is for each kind of item."""
    first, second = await approved_time(stage, project, 2)
    milestone = (await stage.psa.create_milestone(project, NEW_MILESTONE, "key-00000002")).id
    held = new_mark(time_entry_ids=(first,), milestone_ids=(milestone,))
    await stage.psa.create_billing_mark(project, held, "key-00000003")
    again = (new_mark(time_entry_ids=(first, second)), new_mark(milestone_ids=(milestone,), time_entry_ids=(second,)))
    for place, new in enumerate(again):
        failure = await failure_of(stage.psa.create_billing_mark(project, new, f"key-1{place:07}"))
        assert (Kind.CONFLICT, "already_billed") == (failure.kind, failure.code)
    assert [first] == await billed_time(stage.psa)


async def test_a_cancelled_mark_lets_go(stage: Any, project: str) -> None:
    """Its items can be billed again under another number; cancelling twice changes nothing."""
    new = new_mark(time_entry_ids=await approved_time(stage, project))
    mark = await stage.psa.create_billing_mark(project, new, "key-00000003")
    for _ in range(2):
        assert msgspec.structs.replace(mark, cancelled=True) == await stage.psa.cancel_billing_mark(mark.id)
    assert [] == await billed_time(stage.psa)
    rebill = msgspec.structs.replace(new, invoice_number="DE01-2026-0043")
    again = await stage.psa.create_billing_mark(project, rebill, "key-00000004")
    assert ("DE01-2026-0043", False) == (again.invoice_number, again.cancelled)


async def test_what_cannot_be_billed_is_refused(stage: Any, project: str) -> None:
    """INVALID for unapproved time, for another project's, and for a milestone without an amount; nothing is marked."""
    draft = await stage.hands.work(project)
    other: str = (await stage.psa.create_project(new_project("P-101"), "key-00000009")).id
    await stage.psa.open_project(other)
    foreign = await approved_time(stage, other)
    wrong = (
        new_mark(time_entry_ids=(draft,)),
        new_mark(time_entry_ids=foreign),
        new_mark(milestone_ids=("123456",)),
        new_mark(),
    )
    for place, new in enumerate(wrong):
        failure = await failure_of(stage.psa.create_billing_mark(project, new, f"key-1{place:07}"))
        assert Kind.INVALID is failure.kind
    assert [] == await billed_time(stage.psa)


async def test_an_unknown_mark_is_missing(stage: Any) -> None:
    """MISSING, as for every record."""
    assert Kind.MISSING is (await failure_of(stage.psa.cancel_billing_mark("123456"))).kind


@pytest.mark.parametrize("fault", ["lose_answer", "drop", "outage", "throttle"])
async def test_a_mark_is_let_go_whatever_fails_on_the_way(stage: Any, project: str, fault: str) -> None:
    """A lost answer is found out: the next try sees that it is done."""
    new = new_mark(time_entry_ids=await approved_time(stage, project))
    mark = await stage.psa.create_billing_mark(project, new, "key-00000003")
    await stage.fail(fault, method="PUT")
    assert (await stage.psa.cancel_billing_mark(mark.id)).cancelled
    assert [] == await billed_time(stage.psa)
