"""Whatever fails between two tries of a create, one record comes of it, whichever PSA serves it."""

import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from psa_orders import (
    NEW_MILESTONE,
    NEW_TASK,
    START,
    attempted,
    new_assignment,
    new_project,
    new_request,
    person,
)

from canonical.entries import NewBillingMark
from servicekit.failures import Kind
from system_apis.psa.port import Psa

Create = Callable[[Psa, str, str], Awaitable[Any]]
CREATES: dict[str, tuple[Create, Create, Callable[[Psa, str], Awaitable[Any]]]] = {
    "task": (
        lambda psa, project, key: psa.create_task(project, NEW_TASK, key),
        lambda psa, project, key: psa.created_task(project, NEW_TASK, key),
        lambda psa, project: psa.tasks(project),
    ),
    "milestone": (
        lambda psa, project, key: psa.create_milestone(project, NEW_MILESTONE, key),
        lambda psa, project, key: psa.created_milestone(project, NEW_MILESTONE, key),
        lambda psa, project: psa.milestones(project),
    ),
    "resource_request": (
        lambda psa, project, key: psa.create_resource_request(project, new_request(), key),
        lambda psa, project, key: psa.created_resource_request(project, new_request(), key),
        lambda psa, project: psa.resource_requests(project),
    ),
}


@pytest.mark.parametrize("fault", ["lose_answer", "drop", "outage", "throttle"])
@pytest.mark.parametrize("what", CREATES)
async def test_whatever_fails_between_two_tries_one_record_comes_of_it(stage: Any, what: str, fault: str) -> None:
    """For each request of the write in turn: fail it, try again under the same key, and find exactly one whole record.

    A failure after a part was made is IN_DOUBT, so that the next try looks for it first.
    """
    create, created, listed = CREATES[what]
    for place in itertools.count():
        project = (await stage.psa.create_project(new_project(f"P-{place}00"), f"project-{place:04}")).id
        key = f"key-{place:08}"
        assert await created(stage.psa, project, key) is None
        await stage.fail(fault, method="POST", skip=place)
        failure = await attempted(create(stage.psa, project, key))
        if failure is not None:
            in_doubt = fault in {"lose_answer", "drop"} or place > 0
            assert (in_doubt, True) == (failure.kind is Kind.IN_DOUBT, failure.kind.retryable)
        spared = bool(await stage.faults())
        await stage.mend()
        again = await create(stage.psa, project, key)
        assert again == await created(stage.psa, project, key)
        assert (again,) == await listed(stage.psa, project)
        if spared:
            return


@pytest.mark.parametrize("fault", ["lose_answer", "drop", "outage", "throttle"])
async def test_a_project_is_made_once_whatever_fails(stage: Any, fault: str) -> None:
    """The same for the project and all the references that belong to it."""
    for place in itertools.count():
        wanted = new_project(f"P-{place}00", contract_number=f"D{place}", customer_id=f"cus_{place:032x}")
        await stage.fail(fault, method="POST", skip=place)
        failure = await attempted(stage.psa.create_project(wanted, f"key-{place:08}"))
        assert failure is None or failure.kind.retryable
        spared = bool(await stage.faults())
        await stage.mend()
        again = await stage.psa.create_project(wanted, f"key-{place:08}")
        assert again == await stage.psa.project_of_contract(f"D{place}")
        assert (wanted.opportunity_id, wanted.contract_id, wanted.customer_id) == (
            again.opportunity_id,
            again.contract_id,
            again.customer_id,
        )
        if spared:
            break
    listing = await stage.psa.projects(None, 200)
    assert place + 1 == len(listing.items)


@pytest.mark.parametrize("fault", ["lose_answer", "drop", "outage", "throttle"])
async def test_an_assignment_is_made_once_whatever_fails(stage: Any, fault: str) -> None:
    """The same for the assignment, whichever request, reading or changing, fails."""
    psa = stage.psa
    ada = await person(psa, "Ada Brandt")
    for place in itertools.count():
        project = (await psa.create_project(new_project(f"P-{place}00"), f"project-{place:04}")).id
        request = await psa.create_resource_request(project, new_request(), f"request-{place:04}")
        wanted = new_assignment(request.id, ada)
        await stage.fail(fault, skip=place)
        failure = await attempted(psa.create_assignment(project, wanted, f"key-{place:08}"))
        assert failure is None or failure.kind.retryable
        spared = bool(await stage.faults())
        await stage.mend()
        again = await psa.create_assignment(project, wanted, f"key-{place:08}")
        assert again == await psa.created_assignment(project, wanted, f"key-{place:08}")
        assert (again,) == await psa.assignments(project)
        if spared:
            return


@pytest.mark.parametrize("fault", ["lose_answer", "drop", "outage", "throttle"])
async def test_a_billing_mark_is_made_once_whatever_fails(stage: Any, fault: str) -> None:
    """The same for the mark of what is billed: its items are held by one, and by the one that is found again."""
    psa = stage.psa
    project = (await psa.create_project(new_project(), "project-0001")).id
    await psa.open_project(project)
    entry = await stage.hands.work(project)
    await stage.hands.approve(await stage.hands.submit([entry]))
    new = NewBillingMark(invoice_number="DE01-2026-0042", invoice_date=START, time_entry_ids=(entry,))
    await stage.fail(fault, method="POST")
    failure = await attempted(psa.create_billing_mark(project, new, "key-00000001"))
    assert failure is not None
    assert (fault in {"lose_answer", "drop"}, True) == (failure.kind is Kind.IN_DOUBT, failure.kind.retryable)
    again = await psa.create_billing_mark(project, new, "key-00000001")
    assert again == await psa.created_billing_mark(project, new, "key-00000001")
    assert "invoiced" == (await psa.time_entry(entry)).billing_state
    await psa.cancel_billing_mark(again.id)
    assert "unbilled" == (await psa.time_entry(entry)).billing_state
