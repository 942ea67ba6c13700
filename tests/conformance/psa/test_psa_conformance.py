"""What every PSA connector keeps, whichever vendor serves it."""

from datetime import date
from typing import Any

import msgspec
from psa_orders import END, NEW_MILESTONE, NEW_TASK, START, failure_of, new_assignment, new_project, new_request, person

from canonical.delivery import (
    ProjectAmendment,
)
from canonical.money import Money
from servicekit.failures import Kind
from system_apis.psa.port import Psa


async def test_every_vendor_keeps_the_port(stage: Any) -> None:
    """A connector offers every method of the port and says how doubt about each create is settled."""
    assert isinstance(stage.psa, Psa)
    creates = {
        "create_project",
        "create_task",
        "create_milestone",
        "create_resource_request",
        "create_assignment",
        "create_billing_mark",
    }
    assert creates == set(stage.psa.settlements)


async def test_a_new_project_reads_back_as_it_was_asked_for(stage: Any) -> None:
    """Names, links, days, exact budget and legal entity survive, and the project is not open for time."""
    made = await stage.psa.create_project(new_project(), "key-00000001")
    assert made == await stage.psa.project(made.id)
    expected = {
        "number": "P-100",
        "name": "Grid data platform",
        "opportunity_id": f"opp_{1:032x}",
        "contract_id": f"ctr_{2:032x}",
        "contract_number": "D01",
        "customer_id": f"cus_{3:032x}",
        "legal_entity_code": "DE01",
        "currency": "EUR",
        "status": "set_up",
        "start_date": START,
        "end_date": END,
        "budget": Money(amount="174000.50", currency="EUR"),
    }
    assert expected == {name: getattr(made, name) for name in expected}


async def test_time_is_taken_only_while_the_project_is_open(stage: Any) -> None:
    """Closed for time until open_project; closed again by close_project; closing twice is no error."""
    made = await stage.psa.create_project(new_project(), "key-00000001")
    assert not await stage.enter_time(made.id)
    assert (await stage.psa.open_project(made.id)).status == "open_for_time"
    assert (await stage.psa.open_project(made.id)).status == "open_for_time"
    assert await stage.enter_time(made.id)
    assert (await stage.psa.close_project(made.id)).status == "closed"
    assert (await stage.psa.close_project(made.id)).status == "closed"
    assert not await stage.enter_time(made.id)
    assert (await stage.psa.project(made.id)).status == "closed"


async def test_a_closed_project_is_neither_opened_nor_amended(stage: Any) -> None:
    """Both are a CONFLICT that says why."""
    made = await stage.psa.create_project(new_project(), "key-00000001")
    await stage.psa.close_project(made.id)
    amendment = ProjectAmendment(contract_id=f"ctr_{4:032x}", end_date=END, budget=made.budget)
    for work in (stage.psa.open_project(made.id), stage.psa.amend_project(made.id, amendment)):
        failure = await failure_of(work)
        assert (Kind.CONFLICT, "project_closed") == (failure.kind, failure.code)


async def test_an_amendment_sets_the_end_and_the_whole_budget(stage: Any) -> None:
    """Twice the same amendment leaves the same project; another currency is refused."""
    made = await stage.psa.create_project(new_project(), "key-00000001")
    budget = Money(amount="222000.00", currency="EUR")
    amendment = ProjectAmendment(contract_id=f"ctr_{4:032x}", end_date=date(2027, 6, 30), budget=budget)
    for _ in range(2):
        changed = await stage.psa.amend_project(made.id, amendment)
        assert (date(2027, 6, 30), budget, "set_up") == (changed.end_date, changed.budget, changed.status)
    wrong = msgspec.structs.replace(amendment, budget=Money(amount="1.00", currency="USD"))
    failure = await failure_of(stage.psa.amend_project(made.id, wrong))
    assert (Kind.INVALID, "currency_mismatch") == (failure.kind, failure.code)


async def test_a_project_is_found_by_its_contract_number(stage: Any) -> None:
    """Exactly the project that names the contract, also when it is closed; none for an unknown number."""
    made = await stage.psa.create_project(new_project(), "key-00000001")
    await stage.psa.create_project(new_project("P-101", contract_number="D011"), "key-00000002")
    await stage.psa.close_project(made.id)
    found = await stage.psa.project_of_contract("D01")
    assert found is not None
    assert (made.id, "closed") == (found.id, found.status)
    assert await stage.psa.project_of_contract("D99") is None
    await stage.psa.create_project(new_project("P-102"), "key-00000003")
    failure = await failure_of(stage.psa.project_of_contract("D01"))
    assert (Kind.CONFLICT, "several_projects") == (failure.kind, failure.code)


async def test_pages_hold_every_project_once(stage: Any) -> None:
    """Following the cursors gives all of them in the order of their making, closed ones too; the last page says so."""
    made = [(await stage.psa.create_project(new_project(f"P-{n}"), f"key-{n:08}")).id for n in range(105, 110)]
    await stage.psa.close_project(made[1])
    seen: list[str] = []
    cursor = None
    for _ in range(3):
        page = await stage.psa.projects(cursor, 2)
        seen.extend(project.id for project in page.items)
        cursor = page.cursor
    assert cursor is None
    assert made == seen


async def test_an_unknown_id_is_missing_and_the_vendor_stays_silent(stage: Any) -> None:
    """MISSING for records that are not there, also for ids that would break a path; no vendor text in the detail."""
    for native_id in ("123456", "no such/id?x=1"):
        for work in (stage.psa.project(native_id), stage.psa.resource(native_id), stage.psa.close_project(native_id)):
            failure = await failure_of(work)
            assert Kind.MISSING is failure.kind
            assert failure.vendor_detail
            assert failure.vendor_detail not in failure.detail


async def test_tasks_and_milestones_belong_to_their_project(stage: Any) -> None:
    """Each reads back in its own list, with its exact amount, and not in the other project's."""
    first = await stage.psa.create_project(new_project(), "key-00000001")
    second = await stage.psa.create_project(new_project("P-101"), "key-00000002")
    task = await stage.psa.create_task(first.id, NEW_TASK, "key-00000003")
    milestone = await stage.psa.create_milestone(first.id, NEW_MILESTONE, "key-00000004")
    assert (first.id, "Design", False) == (task.project_id, task.title, task.billable)
    assert (first.id, "Pilot live", END, NEW_MILESTONE.amount, False, False) == (
        milestone.project_id,
        milestone.title,
        milestone.due_date,
        milestone.amount,
        milestone.completed,
        milestone.accepted,
    )
    assert (task,) == await stage.psa.tasks(first.id)
    assert (milestone,) == await stage.psa.milestones(first.id)
    assert ((), ()) == (await stage.psa.tasks(second.id), await stage.psa.milestones(second.id))


async def test_a_milestone_in_another_currency_is_refused_and_leaves_nothing(stage: Any) -> None:
    """INVALID before anything is made."""
    project = await stage.psa.create_project(new_project(), "key-00000001")
    wrong = msgspec.structs.replace(NEW_MILESTONE, amount=Money(amount="1.00", currency="USD"))
    failure = await failure_of(stage.psa.create_milestone(project.id, wrong, "key-00000002"))
    assert (Kind.INVALID, "currency_mismatch") == (failure.kind, failure.code)
    assert () == await stage.psa.milestones(project.id)


async def test_yen_have_no_decimals(stage: Any) -> None:
    """Amounts in a currency without minor units are neither multiplied nor divided."""
    yen = Money(amount="120000", currency="JPY")
    project = await stage.psa.create_project(new_project(currency="JPY", budget=yen), "key-00000001")
    milestone = await stage.psa.create_milestone(
        project.id, msgspec.structs.replace(NEW_MILESTONE, amount=yen), "key-00000002"
    )
    assert (yen, yen) == (project.budget, milestone.amount)
    assert (milestone,) == await stage.psa.milestones(project.id)


async def test_an_assignment_fills_its_request(stage: Any) -> None:
    """Open before, filled after; the person, days, hours and tentativeness read back."""
    psa = stage.psa
    project = await psa.create_project(new_project(), "key-00000001")
    request = await psa.create_resource_request(project.id, new_request(), "key-00000002")
    other = await psa.create_resource_request(project.id, new_request(role="Consultant"), "key-00000003")
    assert ("Engineer", "open") == (request.role, request.status)
    assert () == await psa.assignments(project.id)
    ada = await person(psa, "Ada Brandt")
    assignment = await psa.create_assignment(project.id, new_assignment(request.id, ada), "key-00000004")
    assert (project.id, ada, START, END, 400, True) == (
        assignment.project_id,
        assignment.resource_id,
        assignment.start_date,
        assignment.end_date,
        assignment.hours,
        assignment.tentative,
    )
    assert (assignment,) == await psa.assignments(project.id)
    statuses = {found.id: found.status for found in await psa.resource_requests(project.id)}
    assert {request.id: "filled", other.id: "open"} == statuses


async def test_a_filled_request_takes_nobody_else(stage: Any) -> None:
    """CONFLICT for another person; the same person may get a second stretch, firm this time."""
    psa = stage.psa
    project = await psa.create_project(new_project(), "key-00000001")
    request = await psa.create_resource_request(project.id, new_request(), "key-00000002")
    ada, ben = await person(psa, "Ada Brandt"), await person(psa, "Ben Vogel")
    await psa.create_assignment(project.id, new_assignment(request.id, ada), "key-00000003")
    failure = await failure_of(psa.create_assignment(project.id, new_assignment(request.id, ben), "key-00000004"))
    assert (Kind.CONFLICT, "request_filled") == (failure.kind, failure.code)
    second = new_assignment(request.id, ada, start_date=date(2027, 2, 1), hours=40, tentative=False)
    await psa.create_assignment(project.id, second, "key-00000005")
    assert [(400, True), (40, False)] == [(row.hours, row.tentative) for row in await psa.assignments(project.id)]


async def test_a_role_the_firm_does_not_have_is_refused(stage: Any) -> None:
    """INVALID unknown_role: somebody adds the role; nothing is requested meanwhile."""
    project = await stage.psa.create_project(new_project(), "key-00000001")
    work = stage.psa.create_resource_request(project.id, new_request(role="Astronaut"), "key-00000002")
    failure = await failure_of(work)
    assert (Kind.INVALID, "unknown_role") == (failure.kind, failure.code)
    assert () == await stage.psa.resource_requests(project.id)


async def test_people_are_listed_in_pages_whether_on_projects_or_not(stage: Any) -> None:
    """Everyone once; who has left is not active; the record's own id stands for the worker."""
    seen: list[Any] = []
    cursor = None
    for _ in range(3):
        page = await stage.psa.resources(cursor, 2)
        seen.extend(page.items)
        cursor = page.cursor
    assert cursor is None
    assert [
        ("Ada Brandt", True),
        ("Ben Vogel", True),
        ("Clara Weiss", False),
        ("Eva Manager", True),
        ("Integration", True),
    ] == [(row.name, row.active) for row in seen]
    assert all(row.worker_id == row.id for row in seen)
    assert seen[0] == await stage.psa.resource(seen[0].id)


async def test_a_worker_is_looked_for_by_number_then_by_email(stage: Any) -> None:
    """The number wins; an e-mail counts in any spelling; one that belongs to another worker's record is told apart."""
    psa = stage.psa

    async def found(number: str, email: str | None) -> list[tuple[str, str]]:
        return [(resource.name, by) for resource, by in await psa.resources_of(number, email)]

    assert [("Ada Brandt", "worker_number")] == await found("W1", "ben.vogel@x.example")
    assert [("Ben Vogel", "email")] == await found("W2", "Ben.Vogel@x.example")
    assert [("Ada Brandt", "other_worker")] == await found("W2", "ada.brandt@x.example")
    assert [] == await found("W2", "nobody@x.example")
    assert [] == await found("W2", None)


async def test_failures_of_the_platform_say_whether_trying_again_helps(stage: Any) -> None:
    """An outage is UNAVAILABLE, too many requests THROTTLED with a pause, a token that is refused MISCONFIGURED."""
    for fault, kind in (
        ("outage", Kind.UNAVAILABLE),
        ("throttle", Kind.THROTTLED),
        ("expire_token", Kind.MISCONFIGURED),
    ):
        await stage.fail(fault, times=None)
        failure = await failure_of(stage.psa.check())
        assert kind is failure.kind
        assert (failure.retry_after_s is not None) is (kind is Kind.THROTTLED)
        await stage.mend()
        await stage.psa.check()
