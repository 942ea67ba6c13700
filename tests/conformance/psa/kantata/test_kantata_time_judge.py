"""Judges the sandbox's time, expenses, approvals, rates and invoices by restated facts, over plain httpx.

Restated: how singer-io/tap-mavenlink reads time entries, expenses and invoices (from_archived_workspaces, per_page=200,
walked by meta.page_count, the fields of its schemas), and the vendor's published contract of 2026.
"""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from psa.kantata.judging import Judge, judging

# The properties of tap-mavenlink's schemas/time_entries.json that need no include.
TAP_FIELDS = {
    "id",
    "created_at",
    "updated_at",
    "date_performed",
    "time_in_minutes",
    "billable",
    "notes",
    "rate_in_cents",
    "cost_rate_in_cents",
    "currency",
    "currency_base_unit",
    "approved",
    "taxable",
    "is_invoiced",
}
ALL = {"from_archived_workspaces": "true"}


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    """Ada (token hers, user 41) works for Eva (token boss, user 44); the account has a default card in dollars."""
    async with judging(user_tokens={"hers": "41", "boss": "44", "other": "45"}) as found:
        await found.seed("users", "1", full_name="Admin", email_address="admin@x.example")
        await found.seed("users", "41", full_name="Ada", email_address="ada@x.example", manager_id="44", role_id="5")
        await found.seed("users", "44", full_name="Eva", email_address="eva@x.example")
        await found.seed("users", "45", full_name="Tom", email_address="tom@x.example")
        await found.seed("roles", "5", name="Engineer")
        await found.seed("roles", "6", name="Analyst")
        await found.seed("expense_categories", "1", name="Travel")
        await found.seed("rate_card_sets", "1", title="Standard", account_default=True)
        await found.seed("rate_cards", "1", rate_card_set_id="1", currency="USD")
        for version, day, rate in (("1", "2026-01-01", 2000), ("2", "2026-12-02", 3000)):
            await found.seed("rate_card_set_versions", version, rate_card_set_id="1", effective_date=day, active=True)
            await found.seed("rate_card_versions", version, rate_card_id="1", rate_card_set_version_id=version)
            await found.seed("rate_card_roles", version, rate_card_version_id=version, role_id="5", rate=rate)
        yield found


@pytest.fixture
async def workspace(judge: Judge) -> str:
    """A project in dollars on which Ada is a resource."""
    made: str = (await judge.make("workspaces", "workspace", title="Rollout"))["id"]
    await judge.make("workspace_resources", "workspace_resource", workspace_id=made, user_id="41", role_id="5")
    return made


async def called(
    judge: Judge, method: str, path: str, token: str, body: dict[str, Any] | None = None
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return await judge.http.request(method, f"/api/v1/{path}", json=body or {}, headers=headers)


async def worked(judge: Judge, workspace: str, token: str = "hers", **more: Any) -> str:
    entry = {"workspace_id": workspace, "date_performed": "2026-12-03", "time_in_minutes": 90, **more}
    answer = await called(judge, "POST", "time_entries", token, {"time_entry": entry})
    assert 200 == answer.status_code, answer.text
    found: str = answer.json()["results"][0]["id"]
    return found


async def submitted(judge: Judge, workspace: str, entries: list[str], token: str = "hers") -> str:
    sheet = {"line_item_ids": [int(one) for one in entries], "title": "Week 49", "workspace_id": workspace}
    answer = await called(judge, "POST", "timesheet_submissions", token, {"timesheet_submission": sheet})
    assert 200 == answer.status_code, answer.text
    found: str = answer.json()["results"][0]["id"]
    return found


async def test_the_tap_reads_all_time_with_its_fields(judge: Judge, workspace: str) -> None:
    """450 entries in three pages, archived projects too, each with every property of the tap's schema."""
    entry = {"workspace_id": workspace, "date_performed": "2026-12-03", "time_in_minutes": 5}
    for _ in range(5):
        answer = await judge.http.post("/api/v1/time_entries", json={"time_entries": [entry] * 90})
        assert 200 == answer.status_code
    await judge.http.put(f"/api/v1/workspaces/{workspace}", json={"workspace": {"archived": True}})
    assert [] == await judge.walk("time_entries")
    rows = await judge.walk("time_entries", order="created_at:asc", **ALL)
    assert 450 == len({row["id"] for row in rows})
    assert all(set(row) >= TAP_FIELDS for row in rows)


async def test_a_rate_is_frozen_from_the_card_of_the_day(judge: Judge, workspace: str) -> None:
    """By role and work date; a later change of the card leaves it; a role without a rate and default has none."""
    early = await worked(judge, workspace, date_performed="2026-12-01")
    late = await worked(judge, workspace, date_performed="2026-12-02")
    none = await worked(judge, workspace, role_id="6")
    answer = await judge.http.put("/api/v1/rate_card_roles/2", json={"rate_card_role": {"rate": 9999}})
    assert 200 == answer.status_code
    rates = {row["id"]: row["rate_in_cents"] for row in await judge.walk("time_entries")}
    assert {early: 2000, late: 3000, none: None} == rates


async def test_without_financial_access_nobody_sets_user_or_rate(judge: Judge, workspace: str) -> None:
    """Both are ignored in silence: the entry is the token's user's, at the card's rate, which is not shown."""
    entry = await worked(judge, workspace, user_id="45", rate_in_cents=1)
    shown = (await judge.http.get(f"/api/v1/time_entries/{entry}", params={"include": "user"})).json()
    (row,) = shown["time_entries"].values()
    assert ("41", 3000) == (row["user_id"], row["rate_in_cents"])
    hers = (await called(judge, "GET", f"time_entries/{entry}", "hers")).json()["time_entries"][entry]
    assert "rate_in_cents" not in hers
    refused = await called(judge, "PUT", f"time_entries/{entry}", "hers", {"time_entry": {"rate_in_cents": 5}})
    assert (422, "rate_in_cents") == (refused.status_code, refused.json()["errors"][0]["field"])
    assert (
        200 == (await called(judge, "PUT", f"time_entries/{entry}", "hers", {"time_entry": {"notes": "x"}})).status_code
    )


async def test_whoever_takes_no_part_in_a_project_enters_no_time_there(judge: Judge, workspace: str) -> None:
    """422 for an outsider's token; the assigned consultant may."""
    entry = {"workspace_id": workspace, "date_performed": "2026-12-03", "time_in_minutes": 90}
    answer = await called(judge, "POST", "time_entries", "other", {"time_entry": entry})
    assert (422, "workspace_id") == (answer.status_code, answer.json()["errors"][0]["field"])
    await worked(judge, workspace)


async def test_a_task_says_whether_its_time_is_billable(judge: Judge, workspace: str) -> None:
    """Without the parameter the task's flag holds, else true."""
    task = await judge.make("stories", "story", workspace_id=workspace, title="Training", billable=False)
    entries = [await worked(judge, workspace, story_id=task["id"]), await worked(judge, workspace)]
    rows = {row["id"]: row["billable"] for row in await judge.walk("time_entries")}
    assert {entries[0]: False, entries[1]: True} == rows


async def test_refused_time_names_every_wrong_field(judge: Judge) -> None:
    """A 422 lists them all; without a record nothing is parsed (400)."""
    wrong = {"workspace_id": "77", "time_in_minutes": "soon", "date_performed": "yesterday"}
    answer = await judge.http.post("/api/v1/time_entries", json={"time_entry": wrong})
    assert (422, set(wrong)) == (answer.status_code, {error["field"] for error in answer.json()["errors"]})
    assert 400 == (await judge.http.post("/api/v1/time_entries", json={})).status_code
    assert 400 == (await judge.http.post("/api/v1/time_entries", json={"time_entries": [{}] * 101})).status_code


async def test_the_manager_decides_and_a_rejected_sheet_is_submitted_anew(judge: Judge, workspace: str) -> None:
    """pending, rejected; again pending on another sheet, approved by Eva; not by the consultant herself."""
    entry = await worked(judge, workspace)
    first = await submitted(judge, workspace, [entry])
    assert 403 == (await called(judge, "PUT", f"timesheet_submissions/{first}/approve", "hers")).status_code
    why = {"resolution": {"description": "wrong task"}}
    assert 200 == (await called(judge, "PUT", f"timesheet_submissions/{first}/reject", "boss", why)).status_code
    second = await submitted(judge, workspace, [entry])
    assert first != second
    approved = await called(judge, "PUT", f"timesheet_submissions/{second}/approve", "boss")
    row = approved.json()["timesheet_submissions"][second]
    assert ("approved", 44, "TimesheetSubmission", 4500) == (
        row["status"],
        row["current_resolution_creator_id"],
        row["type"],
        row["line_item_total_in_cents"],
    )
    again = await called(judge, "PUT", f"timesheet_submissions/{second}/approve", "boss")
    assert (422, "validation") == (again.status_code, again.json()["errors"][0]["type"])
    only_the_last = await judge.walk("time_entries", with_recent_timesheet_ids=f"{first},{second}")
    assert ([entry], []) == (
        [row["id"] for row in only_the_last],
        await judge.walk("time_entries", with_recent_timesheet_ids=first),
    )


async def test_the_filter_calls_pending_new(judge: Judge, workspace: str) -> None:
    """`statuses=new` finds what shows as pending; `statuses=pending` finds nothing."""
    sheet = await submitted(judge, workspace, [await worked(judge, workspace)])
    found = await judge.walk("timesheet_submissions", statuses="new")
    assert [(sheet, "pending")] == [(row["id"], row["status"]) for row in found]
    assert [] == await judge.walk("timesheet_submissions", statuses="pending")


async def test_several_sheets_are_decided_at_once(judge: Judge, workspace: str) -> None:
    """The answer is a list of resolutions with numbers as ids, no envelope."""
    sheets = [await submitted(judge, workspace, [await worked(judge, workspace)]) for _ in range(2)]
    body = {"resolution": {"submission_ids": [int(one) for one in sheets], "description": "ok"}}
    answer = await called(judge, "POST", "timesheet_approvals", "boss", body)
    assert [("approval", int(one), 44) for one in sheets] == [
        (row["type"], row["target_id"], row["user_id"]) for row in answer.json()["resolutions"]
    ]
    assert 2 == len(await judge.walk("time_entries", approved="true"))
    cancelled = await judge.http.post("/api/v1/timesheet_cancellations", json=body)
    assert ["cancellation"] * 2 == [row["type"] for row in cancelled.json()["resolutions"]]
    assert [] == await judge.walk("time_entries", approved="true")


async def test_a_sheet_is_of_one_project_and_one_person(judge: Judge, workspace: str) -> None:
    """Others' entries, other projects', and those that are submitted already are refused."""
    entry, mine = await worked(judge, workspace), await worked(judge, workspace, token="token-of-the-integration-user")
    other = (await judge.make("workspaces", "workspace", title="Other"))["id"]
    elsewhere = await worked(judge, other, token="token-of-the-integration-user")
    for lines in ([entry, mine], [mine, elsewhere], []):
        sheet = {"line_item_ids": lines, "title": "Week", "workspace_id": workspace}
        answer = await judge.http.post("/api/v1/timesheet_submissions", json={"timesheet_submission": sheet})
        assert 422 == answer.status_code
    await submitted(judge, workspace, [entry])
    again = {"line_item_ids": [entry], "title": "Week", "workspace_id": workspace}
    answer = await judge.http.post("/api/v1/timesheet_submissions", json={"timesheet_submission": again})
    assert 422 == answer.status_code


async def test_an_expense_is_written_billable_and_read_is_billable(judge: Judge, workspace: str) -> None:
    """The category's name is read; an archived project's expense is 404 at its own address."""
    expense = {"workspace_id": workspace, "date": "2026-12-03", "expense_category_id": 1, "amount_in_cents": 1250}
    made = await judge.make("expenses", "expense", billable=False, **expense)
    assert (False, "Travel", False) == (made["is_billable"], made["category"], made["reimbursable"])
    assert "billable" not in made
    answer = await judge.http.post("/api/v1/expenses", json={"expense": {"workspace_id": workspace}})
    assert {"date"} <= {error["field"] for error in answer.json()["errors"]}
    await judge.http.put(f"/api/v1/workspaces/{workspace}", json={"workspace": {"archived": True}})
    path = f"/api/v1/expenses/{made['id']}"
    assert 404 == (await judge.http.get(path)).status_code
    assert 200 == (await judge.http.get(path, params=ALL)).status_code


async def test_an_invoice_holds_its_items_until_it_is_cancelled(judge: Judge, workspace: str) -> None:
    """Approved items only, each on one invoice; a number of its own series; a draft holds nothing."""
    entry = await worked(judge, workspace)
    invoice = {"workspace_id": workspace, "payment_schedule": 30, "time_entry_ids": [int(entry)]}
    early = await judge.http.post("/api/v1/invoices", json={"invoice": invoice})
    assert (422, "time_entry_ids") == (early.status_code, early.json()["errors"][0]["field"])
    sheet = await submitted(judge, workspace, [entry])
    await called(judge, "PUT", f"timesheet_submissions/{sheet}/approve", "boss")
    draft = await judge.make("invoices", "invoice", draft=True, **invoice)
    assert ("Draft Invoice #1001", "1002") == (
        draft["title"],
        (await judge.http.get("/api/v1/invoices/next_invoice_number")).json()["next_invoice_number"],
    )
    assert 1 == len(await judge.walk("time_entries", uninvoiced="false"))
    assert 204 == (await judge.http.delete(f"/api/v1/invoices/{draft['id']}")).status_code
    made = await judge.make("invoices", "invoice", include="workspaces,time_entries", suppress_emails=True, **invoice)
    assert ("new", 4500, [workspace], [entry]) == (
        made["status"],
        made["balance_in_cents"],
        made["workspace_ids"],
        made["time_entry_ids"],
    )
    assert 1 == len(await judge.walk("time_entries", invoiced="false"))
    taken = await judge.http.post("/api/v1/invoices", json={"invoice": invoice})
    assert 422 == taken.status_code
    for status in (200, 422):
        assert status == (await judge.http.put(f"/api/v1/invoices/{made['id']}/cancel", json={})).status_code
    assert [] == await judge.walk("time_entries", invoiced="true")


async def test_an_invoice_number_is_a_whole_number(judge: Judge, workspace: str) -> None:
    """The contract types it int32, in and out: another system's number goes into the title."""
    expense = {"workspace_id": workspace, "date": "2026-12-03", "category": "Travel", "amount_in_cents": 1250}
    await judge.http.put(f"/api/v1/workspaces/{workspace}", json={"workspace": {"require_expense_approvals": False}})
    made = await judge.make("expenses", "expense", **expense)
    invoice = {"workspace_id": workspace, "payment_schedule": 30, "expense_ids": [made["id"]]}
    body = {"invoice": {**invoice, "user_invoice_number": "DE01-1"}}
    answer = await judge.http.post("/api/v1/invoices", json=body)
    assert (422, "user_invoice_number") == (answer.status_code, answer.json()["errors"][0]["field"])
    kept = await judge.make("invoices", "invoice", user_invoice_title="DE01-1", user_invoice_number=77, **invoice)
    assert ("DE01-1", 77) == (kept["user_invoice_title"], kept["user_invoice_number"])
    assert [kept["id"]] == [row["id"] for row in await judge.walk("invoices", user_invoice_number="77")]


async def test_time_before_a_lock_does_not_change(judge: Judge, workspace: str) -> None:
    """A lock is a Saturday, later than the last, and waits until everything before it is approved."""
    entry = await worked(judge, workspace)
    for day in ("2026-12-04", "2026-12-05"):
        answer = await judge.http.post("/api/v1/line_item_locks", json={"line_item_lock": {"locked_to": day}})
        assert (422, "locked_to") == (answer.status_code, answer.json()["errors"][0]["field"])
    sheet = await submitted(judge, workspace, [entry])
    await called(judge, "PUT", f"timesheet_submissions/{sheet}/approve", "boss")
    await judge.make("line_item_locks", "line_item_lock", locked_to="2026-12-05")
    late = {"workspace_id": workspace, "date_performed": "2026-12-04", "time_in_minutes": 5}
    assert 422 == (await judge.http.post("/api/v1/time_entries", json={"time_entry": late})).status_code
    assert 422 == (await judge.http.delete(f"/api/v1/time_entries/{entry}")).status_code
    await worked(judge, workspace, date_performed="2026-12-05")


async def test_rate_cards_are_for_administrators_but_for_their_names(judge: Judge) -> None:
    """Versions and roles answer 403 to others; foreign keys come with their include only."""
    assert 403 == (await called(judge, "GET", "rate_card_versions", "boss")).status_code
    assert 403 == (await called(judge, "GET", "rate_card_roles", "boss")).status_code
    (card,) = await judge.walk("rate_cards", currencies="USD", include="rate_card_set")
    assert ("Standard USD", "1") == (card["rate_card_set_title"], card["rate_card_set_id"])
    assert all("role_id" not in row for row in await judge.walk("rate_card_roles"))


async def test_a_decision_is_an_event_of_the_timesheet(judge: Judge, workspace: str) -> None:
    """There is no timesheet:approved; the entry has no event of its own for it."""
    entry = await worked(judge, workspace)
    sheet = await submitted(judge, workspace, [entry])
    await called(judge, "PUT", f"timesheet_submissions/{sheet}/approve", "boss")
    told = await judge.walk("subscribed_events", order="created_at:asc")
    names = [row["event_type"] for row in told if row["subject_type"] in {"TimeEntry", "Submission"}]
    assert ["time_entry:created", "timesheet:created", "timesheet:updated"] == names
    await called(judge, "PUT", f"timesheet_submissions/{sheet}/cancel", "boss")
    assert 204 == (await judge.http.delete(f"/api/v1/time_entries/{entry}")).status_code
    (gone,) = await judge.walk("subscribed_events", event_types="time_entry:deleted")
    assert entry == gone["subject_id"]
