"""Revenue that finance recognised in the PSA, as every PSA tells of it."""

from datetime import date
from typing import Any

import httpx
import pytest
from psa_calls import HERE, PROJECT, made
from psa_orders import failure_of, new_project

from canonical.effective import DateRange
from canonical.money import Money
from servicekit.failures import Kind

DECEMBER = DateRange(from_date=date(2026, 12, 1), to_date=date(2027, 1, 1))
JANUARY = DateRange(from_date=date(2027, 1, 1), to_date=date(2027, 2, 1))


@pytest.fixture
async def project(stage: Any) -> str:
    """A project in euro."""
    found: str = (await stage.psa.create_project(new_project(), "key-00000001")).id
    return found


def euros(amount: str) -> Money:
    return Money(amount=amount, currency="EUR")


async def test_revenue_is_told_by_period(stage: Any, project: str) -> None:
    """The earliest period first, half-open, each amount to the cent; a period may have several."""
    await stage.hands.recognise(project, "2027-01-01", "2027-01-31", "200.10")
    first = await stage.hands.recognise(project, "2026-12-01", "2026-12-31", "1000.05", service_type="Consulting")
    second = await stage.hands.recognise(project, "2026-12-01", "2026-12-31", "-0.05", service_type="Training")
    found = await stage.psa.recognised_revenue(project)
    assert [(DECEMBER, euros("1000.05")), (DECEMBER, euros("-0.05")), (JANUARY, euros("200.10"))] == [
        (one.period, one.amount) for one in found
    ]
    assert (first, second, {project}) == (found[0].id, found[1].id, {one.project_id for one in found})


async def test_only_what_is_recognised_counts(stage: Any, project: str) -> None:
    """Plans and progress are no revenue, and another project's is another's."""
    for kind in ("Baseline", "Earned Value", "Earned Value Forecasting", "Forecasting"):
        await stage.hands.recognise(project, "2026-12-01", "2026-12-31", "1.00", type=kind)
    other = (await stage.psa.create_project(new_project("P-101"), "key-00000009")).id
    await stage.hands.recognise(other, "2026-12-01", "2026-12-31", "2.00")
    assert () == await stage.psa.recognised_revenue(project)
    assert [euros("2.00")] == [one.amount for one in await stage.psa.recognised_revenue(other)]


async def test_what_was_deleted_is_recognised_no_more(stage: Any, project: str) -> None:
    """A record that finance took back is gone for us, though the vendor keeps it."""
    wrong = await stage.hands.recognise(project, "2026-12-01", "2026-12-31", "1.00")
    await stage.hands.unrecognise(wrong)
    await stage.hands.recognise(project, "2026-12-01", "2026-12-31", "2.00")
    assert [euros("2.00")] == [one.amount for one in await stage.psa.recognised_revenue(project)]


async def test_revenue_without_an_amount_is_refused(stage: Any, project: str) -> None:
    """INVALID: nobody guesses how much was meant."""
    await stage.hands.recognise(project, "2026-12-01", "2026-12-31", None, amount_to_date=5)
    failure = await failure_of(stage.psa.recognised_revenue(project))
    assert (Kind.INVALID, "recognised_without_amount") == (failure.kind, failure.code)


async def test_revenue_has_canonical_ids(stage: Any, api: httpx.AsyncClient) -> None:
    """The record and its project, on one page; what cannot be read is 422, an unknown project 404."""
    owner = await made(api, "/v1/projects", PROJECT, "run-1.project", **HERE)
    native = owner["external_ids"][0]["id"]
    await stage.hands.recognise(native, "2026-12-01", "2026-12-31", "1000.00")
    path = f"/v1/projects/{owner['id']}/recognised-revenue"
    answer = (await api.get(path)).json()
    (record,) = answer["items"]
    assert (None, owner["id"], {"amount": "1000.00", "currency": "EUR"}, "rrv") == (
        answer["next"],
        record["project_id"],
        record["amount"],
        record["id"].partition("_")[0],
    )
    assert record == (await api.get(path)).json()["items"][0]
    await stage.hands.recognise(native, "2027-01-01", "2027-01-31", None)
    refused = await api.get(path)
    assert (422, "recognised_without_amount") == (refused.status_code, refused.json()["code"])
    assert 404 == (await api.get(f"/v1/projects/prj_{9:032x}/recognised-revenue")).status_code
    denied = await api.get(path, headers={"Authorization": "Bearer psa.projects.read"})
    assert 403 == denied.status_code
