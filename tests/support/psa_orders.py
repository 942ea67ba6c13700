"""What the PSA tests ask a platform for, and how they take what comes of it."""

from collections.abc import Awaitable
from datetime import date
from typing import Any

import msgspec
import pytest

from canonical.delivery import (
    NewAssignment,
    NewMilestone,
    NewProject,
    NewResourceRequest,
    NewTask,
)
from canonical.money import Money, Rate
from servicekit.failures import Failure
from system_apis.psa.port import Psa

START, END = date(2026, 12, 1), date(2027, 3, 31)


def new_project(number: str = "P-100", **changes: Any) -> NewProject:
    project = NewProject(
        number=number,
        name="Grid data platform",
        opportunity_id=f"opp_{1:032x}",
        contract_id=f"ctr_{2:032x}",
        contract_number="D01",
        customer_id=f"cus_{3:032x}",
        customer_name="Alpenstrom AG",
        legal_entity_code="DE01",
        currency="EUR",
        start_date=START,
        end_date=END,
        budget=Money(amount="174000.50", currency="EUR"),
    )
    return msgspec.structs.replace(project, **changes)


def new_request(**changes: Any) -> NewResourceRequest:
    request = NewResourceRequest(
        role="Engineer",
        skills=("python", "data-engineering"),
        hours=600,
        start_date=START,
        end_date=END,
        bill_rate=Rate(amount="145", currency="EUR"),
    )
    return msgspec.structs.replace(request, **changes)


NEW_TASK = NewTask(title="Design", billable=False, start_date=START, end_date=END)
NEW_MILESTONE = NewMilestone(title="Pilot live", due_date=END, amount=Money(amount="60000.25", currency="EUR"))


def new_assignment(request_id: str, resource_id: str, **changes: Any) -> NewAssignment:
    assignment = NewAssignment(
        resource_request_id=request_id, resource_id=resource_id, start_date=START, end_date=END, hours=400
    )
    return msgspec.structs.replace(assignment, **changes)


async def failure_of(work: Awaitable[object]) -> Failure:
    with pytest.raises(Failure) as caught:
        await work
    return caught.value


async def attempted(work: Awaitable[object]) -> Failure | None:
    """What came of a try that may fail."""
    try:
        await work
    except Failure as failure:
        return failure
    return None


async def person(psa: Psa, name: str) -> str:
    listing = await psa.resources(None, 50)
    return next(found.id for found in listing.items if found.name == name)
