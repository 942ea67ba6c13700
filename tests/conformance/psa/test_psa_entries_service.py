"""Time, expenses and billing marks from the outside: canonical ids in and out, and the events of what people decide."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from psa_calls import HERE, PROJECT, made

from servicekit.clock import SystemClock
from servicekit.database import Database
from servicekit.eventlog import EventLog
from system_apis.directory import Directory
from system_apis.observing import Observer
from system_apis.polling import Watermarks
from system_apis.psa.app import PSA
from system_apis.psa.observing import ExpenseWatch, MilestoneWatch, Sight, TimeEntryWatch

Look = Callable[[], Awaitable[list[tuple[str, dict[str, Any]]]]]
MARK = {"invoice_number": "DE01-2026-0042", "invoice_date": "2026-12-31"}


@pytest.fixture
async def project(api: httpx.AsyncClient) -> dict[str, Any]:
    """Open for time."""
    found = await made(api, "/v1/projects", PROJECT, "run-1.project", **HERE)
    opened: dict[str, Any] = (await api.put(f"/v1/projects/{found['id']}/opening")).json()
    return opened


def native(project: dict[str, Any]) -> str:
    found: str = project["external_ids"][0]["id"]
    return found


async def listed(api: httpx.AsyncClient, path: str, **query: str | int) -> list[dict[str, Any]]:
    """Everything, page after page."""
    found: list[dict[str, Any]] = []
    params: dict[str, Any] = {**HERE, **query}
    while True:
        answer = await api.get(path, params=params)
        assert 200 == answer.status_code, answer.text
        found += answer.json()["items"]
        params["cursor"] = answer.json()["next"]
        if params["cursor"] is None:
            return found


async def approved(stage: Any, project: dict[str, Any], count: int = 1) -> list[str]:
    entries = [await stage.hands.work(native(project), minutes=60 + n) for n in range(count)]
    await stage.hands.approve(await stage.hands.submit(entries))
    return entries


async def test_time_has_canonical_ids_all_around(api: httpx.AsyncClient, stage: Any, project: dict[str, Any]) -> None:
    """Entry, project and person; one entry is read as the list tells it, with its tag."""
    await approved(stage, project, 3)
    entries = await listed(api, "/v1/time-entries", limit=2, project_id=project["id"], status="approved")
    assert [("ten", project["id"], "res")] * 3 == [
        (row["id"].partition("_")[0], row["project_id"], row["resource_id"].partition("_")[0]) for row in entries
    ]
    read = await api.get(f"/v1/time-entries/{entries[0]['id']}")
    assert (200, entries[0]) == (read.status_code, read.json())
    again = await api.get(f"/v1/time-entries/{entries[0]['id']}", headers={"If-None-Match": read.headers["etag"]})
    assert 304 == again.status_code


async def test_expenses_are_told_likewise(api: httpx.AsyncClient, stage: Any, project: dict[str, Any]) -> None:
    """With exact amounts; the filters are the expenses' own."""
    await stage.hands.spend(native(project), "12.50")
    (expense,) = await listed(api, "/v1/expenses", spend_date_before="2026-12-04", billing_state="unbilled")
    assert ({"amount": "12.50", "currency": "EUR"}, project["id"]) == (expense["amount"], expense["project_id"])
    assert [] == await listed(api, "/v1/expenses", spend_date_before="2026-12-03")
    assert expense == (await api.get(f"/v1/expenses/{expense['id']}")).json()


async def test_a_question_keeps_its_cursor(api: httpx.AsyncClient, stage: Any, project: dict[str, Any]) -> None:
    """`next` is good for the very question it was given for; what cannot be asked is refused."""
    await approved(stage, project, 3)
    asked = {**HERE, "status": "approved", "limit": 2}
    cursor = (await api.get("/v1/time-entries", params=asked)).json()["next"]
    wrong = await api.get("/v1/time-entries", params={**asked, "status": "draft", "cursor": cursor})
    assert (400, "invalid_cursor") == (wrong.status_code, wrong.json()["code"])
    for query in ({"status": "lost"}, {"billing_state": "maybe"}, {"limit": 201}, {"work_date_before": "soon"}):
        assert 400 == (await api.get("/v1/time-entries", params={**HERE, **query})).status_code
    naive = await api.get("/v1/time-entries", params={**HERE, "updated_after": "2026-12-03T10:00:00"})
    assert (400, "query:updated_after") == (naive.status_code, naive.json()["errors"][0]["pointer"])
    stranger = await api.get("/v1/time-entries", params={**HERE, "project_id": f"prj_{9:032x}"})
    assert 404 == stranger.status_code


async def test_a_mark_takes_canonical_ids_and_is_made_once(
    api: httpx.AsyncClient, stage: Any, project: dict[str, Any]
) -> None:
    """The same key gives the same mark; cancelled, what it held is unbilled again."""
    await approved(stage, project, 3)
    entries = await listed(api, "/v1/time-entries")
    ids = [row["id"] for row in entries]
    path, body = f"/v1/projects/{project['id']}/billing-marks", {**MARK, "time_entry_ids": ids[:2]}
    mark = await made(api, path, body, "run-1.mark")
    assert mark == await made(api, path, body, "run-1.mark")
    assert ("bmk", project["id"], MARK["invoice_number"], False) == (
        mark["id"].partition("_")[0],
        mark["project_id"],
        mark["invoice_number"],
        mark["cancelled"],
    )
    assert ids[:2] == [row["id"] for row in await listed(api, "/v1/time-entries", billing_state="invoiced")]
    taken = await api.post(path, json={**MARK, "time_entry_ids": ids}, headers={"Idempotency-Key": "run-2.mark"})
    assert (409, "already_billed") == (taken.status_code, taken.json()["code"])
    for _ in range(2):
        cancelled = await api.put(f"/v1/billing-marks/{mark['id']}/cancellation")
        assert (200, True) == (cancelled.status_code, cancelled.json()["cancelled"])
    assert ids == [row["id"] for row in await listed(api, "/v1/time-entries", billing_state="unbilled")]


async def test_a_stranger_on_a_mark_is_refused(api: httpx.AsyncClient, project: dict[str, Any]) -> None:
    """An id that this platform does not have is the caller's mistake."""
    body = {**MARK, "time_entry_ids": [f"ten_{9:032x}"]}
    answer = await api.post(
        f"/v1/projects/{project['id']}/billing-marks", json=body, headers={"Idempotency-Key": "run-1.mark"}
    )
    assert (422, "unknown_reference") == (answer.status_code, answer.json()["code"])
    assert 404 == (await api.put(f"/v1/billing-marks/bmk_{9:032x}/cancellation")).status_code


async def test_rate_cards_are_a_page(api: httpx.AsyncClient, project: dict[str, Any]) -> None:
    """All of a project's on one, each with its days and its rates."""
    answer = (await api.get(f"/v1/projects/{project['id']}/rate-cards")).json()
    assert (None, [("entity", "2026-01-01", "2026-12-15"), ("entity", "2026-12-15", None)]) == (
        answer["next"],
        [(card["scope"], card["effective"]["from_date"], card["effective"]["to_date"]) for card in answer["items"]],
    )
    assert [{"role": "Engineer", "rate": {"amount": "145.5", "currency": "EUR", "unit": "hour"}}] == (
        answer["items"][0]["rates"]
    )


@pytest.fixture
async def look(stage: Any, api: httpx.AsyncClient, database_url: str) -> AsyncIterator[Look]:
    """What one poll of everything tells: the data of every event so far, by name."""
    clock = SystemClock()
    database = Database(database_url, "system_psa")
    log = EventLog(database, clock)
    sight = Sight(
        connection="psa-main",
        psa=stage.psa,
        directory=Directory(database, PSA.owned, clock),
        observer=Observer(database, log, "/system/psa", clock),
        watermarks=Watermarks(database),
        watched_since=await stage.now() - timedelta(seconds=2),  # Kantata's moments are whole seconds
        clock=clock,
    )
    watches: tuple[Any, ...] = (TimeEntryWatch(sight), ExpenseWatch(sight), MilestoneWatch(sight))

    async def looked() -> list[tuple[str, dict[str, Any]]]:
        for watch in watches:
            async for record in watch.changed_since(sight.watched_since):
                await watch.observe(record)
        events = [entry.event for entry in await log.read(0, 100)]
        return [(event.type.split(".")[1], msgspec.json.decode(event.data)) for event in events]

    yield looked
    await database.close()


async def test_what_people_decide_becomes_events(
    api: httpx.AsyncClient, stage: Any, project: dict[str, Any], look: Look
) -> None:
    """Approved, withdrawn, changed and approved again, deleted; an expense; an acceptance: each told once, in order."""
    path = f"/v1/projects/{project['id']}/milestones"
    amount = {"amount": "60000.00", "currency": "EUR"}
    milestone = await made(api, path, {"title": "Pilot", "due_date": "2027-01-31", "amount": amount}, "run-1.milestone")
    assert [] == await look()
    entry = await stage.hands.work(native(project))
    timesheet = await stage.hands.submit([entry])
    await stage.hands.approve(timesheet)
    assert ["time-approved"] == [name for name, _ in await look()]
    await stage.hands.withdraw(timesheet)
    assert ["time-approved", "time-approval-withdrawn"] == [name for name, _ in await look()]
    await stage.hands.change(entry, time_in_minutes=120)
    await stage.hands.approve(await stage.hands.submit([entry]))
    await look()
    await stage.later(5)
    await stage.hands.delete(entry)
    expense = await stage.hands.spend(native(project), "12.50")
    await stage.hands.approve_expenses(await stage.hands.submit_expenses([expense]))
    await stage.hands.accept(milestone["external_ids"][0]["id"], "2026-12-05", "Ines Wolf")
    events = await look()
    assert [
        ("time-approved", "1.5"),
        ("time-approval-withdrawn", None),
        ("time-approved", "2"),
        ("time-approval-withdrawn", None),
        ("expense-approved", None),
        ("milestone-accepted", None),
    ] == [(name, data.get("hours")) for name, data in events]
    assert events == await look()
    first, second, third, fourth = (data["version"] for _, data in events[:4])
    assert (first, third, True) == (second, fourth, first != third)
    assert {project["id"]} == {data["project_id"] for _, data in events}
