"""Time and expenses as every PSA tells of them: what is billed, at which frozen price, who let it pass when."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from psa_orders import failure_of, new_project

from canonical.entries import Expense, TimeEntry
from canonical.money import Money, Rate
from servicekit.failures import Kind
from system_apis.psa.port import EntryQuery, Psa

ANY = EntryQuery()


@pytest.fixture
async def project(stage: Any) -> str:
    """An open project of a customer, in euro."""
    made: str = (await stage.psa.create_project(new_project(), "key-00000001")).id
    await stage.psa.open_project(made)
    return made


async def all_time(psa: Psa, query: EntryQuery = ANY, limit: int = 200) -> list[TimeEntry]:
    found: list[TimeEntry] = []
    cursor = None
    while True:
        page = await psa.time_entries(query, cursor, limit)
        found.extend(page.items)
        cursor = page.cursor
        if cursor is None:
            return found


async def all_expenses(psa: Psa, query: EntryQuery = ANY) -> list[Expense]:
    page = await psa.expenses(query, None, 200)
    assert page.cursor is None
    return list(page.items)


async def test_a_time_entry_tells_what_was_worked(stage: Any, project: str) -> None:
    """Person, project, role, day, exact hours and the price of the day; one reading is as the other."""
    entry = await stage.hands.work(project, minutes=20, notes="Design")
    (read,) = await all_time(stage.psa)
    assert read == await stage.psa.time_entry(entry)
    expected = {
        "id": entry,
        "project_id": project,
        "task_id": None,
        "resource_id": "41",
        "role": "Engineer",
        "work_date": date(2026, 12, 3),
        "hours": "0.3333",
        "billable_hours": "0.3333",
        "kind": "billable",
        "bill_rate": Rate(amount="145.5", currency="EUR"),
        "narrative": "Design",
        "status": "draft",
        "approved_by": None,
        "approved_at": None,
        "billing_state": "unbilled",
    }
    assert expected == {name: getattr(read, name) for name in expected}


async def test_the_price_is_that_of_the_work_date_and_stays(stage: Any, project: str) -> None:
    """A card's later version holds from its day on; an entry keeps the price with which it was entered."""
    before = await stage.hands.work(project, day="2026-12-14")
    after = await stage.hands.work(project, day="2026-12-15")
    rates = {entry.id: entry.bill_rate and entry.bill_rate.amount for entry in await all_time(stage.psa)}
    assert {before: "145.5", after: "150"} == rates


async def test_unpriced_time_has_no_rate_until_a_person_sets_one(stage: Any, project: str) -> None:
    """Where the platform holds no price there is none, and none is made up; one set by hand is another version."""
    entry = await stage.hands.work(project, role_id="7")
    unpriced = await stage.psa.time_entry(entry)
    assert ("Consultant", None) == (unpriced.role, unpriced.bill_rate)
    await stage.hands.set_rate(entry, 12000)
    priced = await stage.psa.time_entry(entry)
    assert Rate(amount="120", currency="EUR") == priced.bill_rate
    assert unpriced.version != priced.version


async def test_billable_non_billable_and_internal_are_told_apart(stage: Any, project: str) -> None:
    """Internal is unbillable time on a project without a customer; hours count, billable hours do not."""
    internal = await stage.hands.internal_project()
    made = {
        "billable": await stage.hands.work(project),
        "non_billable": await stage.hands.work(project, billable=False),
        "internal": await stage.hands.work(internal, billable=False),
    }
    read = {entry.kind: (entry.id, entry.hours, entry.billable_hours) for entry in await all_time(stage.psa)}
    assert {kind: (entry, "1.5", "1.5" if kind == "billable" else "0") for kind, entry in made.items()} == read


async def test_an_approval_says_when_and_by_whom(stage: Any, project: str) -> None:
    """Draft, submitted, approved by the manager, withdrawn, rejected: the version stays what it was throughout."""
    entry = await stage.hands.work(project)
    seen = [await stage.psa.time_entry(entry)]
    timesheet = await stage.hands.submit([entry])
    seen.append(await stage.psa.time_entry(entry))
    began = datetime.now(UTC).replace(microsecond=0)
    await stage.hands.approve(timesheet)
    seen.append(await stage.psa.time_entry(entry))
    await stage.hands.withdraw(timesheet)
    seen.append(await stage.psa.time_entry(entry))
    await stage.hands.reject(await stage.hands.submit([entry]))
    seen.append(await stage.psa.time_entry(entry))
    assert ["draft", "submitted", "approved", "draft", "rejected"] == [one.status for one in seen]
    assert [None, None, "eva.manager@x.example", None, None] == [one.approved_by for one in seen]
    assert [False, False, True, False, False] == [one.approved_at is not None for one in seen]
    assert began <= seen[2].approved_at <= seen[2].updated_at
    assert 1 == len({one.version for one in seen})
    assert sorted(one.updated_at for one in seen) == [one.updated_at for one in seen]


async def test_whatever_is_billed_or_counted_is_in_the_version(stage: Any, project: str) -> None:
    """Minutes, day and billability change it; the words do not."""
    entry = await stage.hands.work(project)
    versions = [(await stage.psa.time_entry(entry)).version]
    for change in ({"notes": "other words"}, {"time_in_minutes": 91}, {"date_performed": "2026-12-04"}):
        await stage.hands.change(entry, **change)
        versions.append((await stage.psa.time_entry(entry)).version)
    await stage.hands.change(entry, billable=False)
    versions.append((await stage.psa.time_entry(entry)).version)
    assert versions[0] == versions[1]
    assert 4 == len(set(versions))


async def test_each_filter_leaves_what_fits(stage: Any, project: str) -> None:
    """By project, status, what is billed, and the day before which it was worked; together as well."""
    psa, hands = stage.psa, stage.hands
    other = await hands.internal_project()
    approved = await hands.work(project, day="2026-12-01")
    await hands.approve(await hands.submit([approved]))
    submitted = await hands.work(project, day="2026-12-02")
    await hands.submit([submitted])
    draft = await hands.work(other, day="2026-12-03")
    wanted = {
        EntryQuery(project=other): [draft],
        EntryQuery(status="approved"): [approved],
        EntryQuery(status="submitted"): [submitted],
        EntryQuery(status="draft"): [draft],
        EntryQuery(status="rejected"): [],
        EntryQuery(billing_state="unbilled"): [approved, submitted, draft],
        EntryQuery(billing_state="invoiced"): [],
        EntryQuery(before=date(2026, 12, 2)): [approved],
        EntryQuery(before=date(2026, 12, 3), status="submitted", project=project): [submitted],
    }
    assert wanted == {query: [entry.id for entry in await all_time(psa, query)] for query in wanted}


async def test_closed_projects_keep_their_time_and_expenses(stage: Any, project: str) -> None:
    """What was worked before the closing is billed after it."""
    entry = await stage.hands.work(project)
    expense = await stage.hands.spend(project, "12.50")
    await stage.psa.close_project(project)
    assert [entry] == [one.id for one in await all_time(stage.psa)]
    assert [expense] == [one.id for one in await all_expenses(stage.psa)]
    assert (entry, expense) == ((await stage.psa.time_entry(entry)).id, (await stage.psa.expense(expense)).id)


async def test_pages_hold_every_entry_once(stage: Any, project: str) -> None:
    """In the order in which they were entered, also those of one moment, whatever the size of a page."""
    made = [await stage.hands.work(project, minutes=n) for n in range(1, 12)]
    for limit in (1, 3, 11, 200):
        assert made == [entry.id for entry in await all_time(stage.psa, limit=limit)]


async def test_what_is_billed_while_one_pages_hides_nothing(stage: Any, project: str) -> None:
    """An entry that stops fitting makes the list shorter; nobody loses another one for it."""
    made = [await stage.hands.work(project, minutes=n) for n in range(1, 8)]
    timesheet = await stage.hands.submit(made)
    await stage.hands.approve(timesheet)
    query = EntryQuery(status="approved")
    first = await stage.psa.time_entries(query, None, 3)
    await stage.hands.withdraw(timesheet)
    await stage.hands.approve(await stage.hands.submit(made[3:]))
    seen = [entry.id for entry in first.items]
    cursor = first.cursor
    while cursor is not None:
        page = await stage.psa.time_entries(query, cursor, 3)
        seen += [entry.id for entry in page.items]
        cursor = page.cursor
    assert set(made) == set(seen)


async def test_changes_are_told_from_a_moment_on(stage: Any, project: str) -> None:
    """An approval is a change, also of an entry that nobody touched; what changed before is not told."""
    old, approved = await stage.hands.work(project), await stage.hands.work(project)
    timesheet = await stage.hands.submit([approved])
    await stage.later(3600)
    began = (await stage.now()).replace(microsecond=0)
    assert [] == await all_time(stage.psa, EntryQuery(updated_after=began))
    await stage.hands.approve(timesheet)
    assert {approved} == {one.id for one in await all_time(stage.psa, EntryQuery(updated_after=began))}
    touched = await stage.hands.work(project)
    assert {approved, touched} == {one.id for one in await all_time(stage.psa, EntryQuery(updated_after=began))}
    assert [] == await all_time(
        stage.psa, EntryQuery(updated_after=began, project=await stage.hands.internal_project())
    )
    assert old in {one.id for one in await all_time(stage.psa)}


async def test_an_expense_keeps_what_was_spent_and_what_it_costs(stage: Any, project: str) -> None:
    """Spend currency and project currency are two amounts; billable and reimbursable are two flags."""
    plain = await stage.hands.spend(project, "12.50", billable=False, reimbursable=True, notes="Taxi")
    foreign = {"source_value": "100.00", "source_currency": "USD"}
    abroad = await stage.hands.spend(project, "0.01", foreign_exchange_amount=foreign)
    read = {one.id: one for one in await all_expenses(stage.psa)}
    assert read[plain] == await stage.psa.expense(plain)
    expected = {
        "project_id": project,
        "resource_id": "41",
        "category": "Travel",
        "spend_date": date(2026, 12, 3),
        "amount": Money(amount="12.50", currency="EUR"),
        "spent": Money(amount="12.50", currency="EUR"),
        "billable": False,
        "reimbursable": True,
        "narrative": "Taxi",
        "status": "draft",
        "billing_state": "unbilled",
    }
    assert expected == {name: getattr(read[plain], name) for name in expected}
    assert (Money(amount="92.00", currency="EUR"), Money(amount="100.00", currency="USD"), True, False) == (
        read[abroad].amount,
        read[abroad].spent,
        read[abroad].billable,
        read[abroad].reimbursable,
    )


async def test_an_expense_is_approved_on_its_report(stage: Any, project: str) -> None:
    """Draft, submitted, approved by the manager; each is found by its status and by its change."""
    early = await stage.hands.spend(project, "10.00", day="2026-12-01")
    expense = await stage.hands.spend(project, "12.50")
    report = await stage.hands.submit_expenses([expense])
    await stage.later(3600)
    began = (await stage.now()).replace(microsecond=0)
    await stage.hands.approve_expenses(report)
    read = await stage.psa.expense(expense)
    assert ("approved", "eva.manager@x.example") == (read.status, read.approved_by)
    assert [expense] == [one.id for one in await all_expenses(stage.psa, EntryQuery(status="approved"))]
    assert [early] == [one.id for one in await all_expenses(stage.psa, EntryQuery(before=date(2026, 12, 3)))]
    assert [expense] == [one.id for one in (await changed_expenses(stage.psa, began))]


async def changed_expenses(psa: Psa, moment: datetime) -> list[Expense]:
    found: list[Expense] = []
    cursor = None
    while True:
        page = await psa.expenses(EntryQuery(updated_after=moment), cursor, 200)
        found.extend(page.items)
        cursor = page.cursor
        if cursor is None:
            return found


async def test_unknown_entries_are_missing(stage: Any) -> None:
    """MISSING, as for every record."""
    for work in (stage.psa.time_entry("123456"), stage.psa.expense("123456"), stage.psa.rate_cards("123456")):
        assert Kind.MISSING is (await failure_of(work)).kind


async def test_deleted_time_is_told_where_the_platform_can(stage: Any, project: str) -> None:
    """With the moment of the deletion, so that an approval of it can be taken back."""
    entry = await stage.hands.work(project)
    began = (await stage.now()).replace(microsecond=0)
    assert () == await stage.psa.deleted_time_entries(began)
    await stage.hands.delete(entry)
    (deletion,) = await stage.psa.deleted_time_entries(began)
    assert entry == deletion.native_id
    assert began <= deletion.deleted_at
