"""What is Kantata's own about time and money: its traps, the calls it takes, and what the shadow invoice is like."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from psa_orders import new_project

from canonical.entries import NewBillingMark
from canonical.money import Rate
from servicekit.clock import SystemClock
from servicekit.settings import Secret
from servicekit.upstream import Upstream
from system_apis.psa import kantata
from system_apis.psa.kantata.api import AccessToken, Api
from system_apis.psa.port import EntryQuery

ENTRIES, PROJECTS = 12_000, 300
STAMP = "2026-11-{:02}T10:{:02}:{:02}+00:00"


class Counted:
    """A connector whose calls are counted, by their paths."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.paths: list[str] = []
        http = httpx.AsyncClient(event_hooks={"request": [self._count]}, timeout=30)
        auth = AccessToken(Secret("token"))
        api = Api(Upstream("psa", settings["base_url"], auth=auth, http=http, timeout_s=30))
        known = {name: value for name, value in settings.items() if name not in {"base_url", "access_token"}}
        told = kantata.Settings(access_token=Secret("token"), **known)
        self.psa = kantata.Connector(api, told, SystemClock())

    async def _count(self, request: httpx.Request) -> None:
        self.paths.append(request.url.path)


@pytest.fixture
async def counted(stage: Any) -> AsyncIterator[Counted]:
    found = Counted(stage.settings)
    yield found
    await found.psa.close()


@pytest.fixture
async def project(stage: Any) -> str:
    made: str = (await stage.psa.create_project(new_project(), "key-00000001")).id
    await stage.psa.open_project(made)
    return made


async def seed(stage: Any, kind: str, rows: list[dict[str, Any]]) -> None:
    body = [{"id": row["id"], "body": row} for row in rows]
    answer = await stage.control.post(f"/_sandbox/records/{kind}", json=body)
    assert 201 == answer.status_code


async def a_month_of_work(stage: Any) -> None:
    """Approved entries of 300 projects, every tenth of them unbillable, some hundred made in one second."""
    stamps = [STAMP.format(1 + n // 1000, n // 100 % 60, n // 300 % 60) for n in range(ENTRIES)]
    whole = {"currency": "EUR", "title": "P", "stage": "project", "workspace_group_ids": ["1"], "updated_at": stamps[0]}
    await seed(stage, "workspaces", [{"id": str(n), "created_at": stamps[0], **whole} for n in range(PROJECTS)])
    decided = {"status": "approved", "user_id": "41", "current_resolution_creator_id": 44, "line_item_ids": []}
    when = {"current_resolution_created_at_date": stamps[-1], "current_resolution_description": ""}
    dated = {"created_at": stamps[0], "updated_at": stamps[-1], "start_date": "2026-11-02", **decided, **when}
    await seed(
        stage, "timesheet_submissions", [{"id": str(n), "workspace_id": str(n), **dated} for n in range(PROJECTS)]
    )
    entries = [
        {
            "id": str(n),
            "workspace_id": str(n % PROJECTS),
            "date_performed": f"2026-11-{n % 28 + 1:02}",
            "time_in_minutes": 60 + n % 400,
            "billable": n % 10 != 0,
            "rate_in_cents": 14550,
            "user_id": "41",
            "role_id": "5",
            "currency": "EUR",
            "currency_base_unit": 100,
            "active_submission_id": str(n % PROJECTS),
            "recent_submission_id": str(n % PROJECTS),
            "created_at": stamps[n],
            "updated_at": stamps[n],
            "notes": "Work on the platform",
        }
        for n in range(ENTRIES)
    ]
    await seed(stage, "time_entries", entries)


async def test_a_month_of_a_firm_is_read_in_sixty_calls(stage: Any, counted: Counted) -> None:
    """12,000 entries of 300 projects, each once: a call for 200 or a few less, and a few for who approved for whom."""
    await a_month_of_work(stage)
    query = EntryQuery(status="approved", billing_state="unbilled", before=date(2026, 12, 1))
    found: set[str] = set()
    cursor, read = None, 0
    while True:
        page = await counted.psa.time_entries(query, cursor, 200)
        found |= {entry.id for entry in page.items}
        read += len(page.items)
        cursor = page.cursor
        if cursor is None:
            break
    calls = [path for path in counted.paths if path.endswith("/time_entries")]
    assert (ENTRIES, ENTRIES) == (read, len(found))
    assert len(calls) <= 68
    assert len(counted.paths) - len(calls) <= 5


async def test_an_approval_may_not_touch_the_entry(stage: Any, project: str) -> None:
    """Its own `updated_at` stands still: what Kantata shows as changed is the timesheet."""
    entry = await stage.hands.work(project)
    timesheet = await stage.hands.submit([entry])
    await stage.later(3600)
    began = (await stage.now()).replace(microsecond=0)
    await stage.hands.approve(timesheet)
    params = {"updated_after": began.isoformat()}
    own = (await stage.control.get("/api/v1/time_entries", params=params)).json()
    assert [] == own["results"]
    page = await stage.psa.time_entries(EntryQuery(updated_after=began), None, 50)
    assert page.cursor is not None
    (read,) = (await stage.psa.time_entries(EntryQuery(updated_after=began), page.cursor, 50)).items
    assert (entry, "approved", True) == (read.id, read.status, read.updated_at >= began)


async def test_no_boolean_is_ever_sent_to_say_no(stage: Any, counted: Counted) -> None:
    """`approved=false` means approved=true: unapproved time is asked for without the filter."""
    for status in ("draft", "submitted", "rejected"):
        await counted.psa.time_entries(EntryQuery(status=status, billing_state="unbilled"), None, 50)
    assert 3 == len(counted.paths)


async def test_a_project_without_approvals_approves_by_itself(stage: Any) -> None:
    """Its time is approved as it is entered, by nobody in particular."""
    whole = {"title": "P-901 Support", "currency": "EUR", "require_time_approvals": False}
    free = await stage.hands.made("workspaces", "workspace", whole)
    entry = await stage.psa.time_entry(await stage.hands.work(free))
    assert ("approved", None) == (entry.status, entry.approved_by)
    assert entry.approved_at is not None


async def test_a_rate_of_nothing_is_no_rate(stage: Any, project: str) -> None:
    """Kantata cannot tell a price of zero from one that nobody set: it is never billed for nothing."""
    entry = await stage.hands.work(project)
    await stage.hands.set_rate(entry, 0)
    assert None is (await stage.psa.time_entry(entry)).bill_rate


async def test_a_price_set_under_an_approval_is_another_version(stage: Any, project: str) -> None:
    """Whoever sees the money may still set it on approved time; nothing else of it changes then."""
    entry = await stage.hands.work(project)
    await stage.hands.approve(await stage.hands.submit([entry]))
    before = await stage.psa.time_entry(entry)
    await stage.hands.set_rate(entry, 20000)
    after = await stage.psa.time_entry(entry)
    assert ("approved", Rate(amount="200", currency="EUR")) == (after.status, after.bill_rate)
    assert before.version != after.version
    path = f"/api/v1/time_entries/{entry}"
    refused = await stage.control.put(path, json={"time_entry": {"time_in_minutes": 5}})
    assert (422, "validation") == (refused.status_code, refused.json()["errors"][0]["type"])


async def test_the_card_of_a_project_comes_before_the_account_s(stage: Any, project: str) -> None:
    """A card that is the client group's is the customer's, another one the project's own; none counts unpublished."""
    stamp = {"created_at": "2026-01-02T00:00:00+00:00", "updated_at": "2026-01-02T00:00:00+00:00"}
    await seed(stage, "rate_card_sets", [{"id": "2", "title": "Alpenstrom", "workspace_group_ids": [], **stamp}])
    await seed(stage, "rate_cards", [{"id": "2", "rate_card_set_id": "2", "currency": "EUR", **stamp}])
    days = (("3", "2026-02-01", True), ("4", "2026-03-01", False))
    for version, day, active in days:
        dated = {"id": version, "rate_card_set_id": "2", "effective_date": day, "active": active, **stamp}
        await seed(stage, "rate_card_set_versions", [dated])
        whole = {"id": version, "rate_card_id": "2", "rate_card_set_version_id": version, "default_rate": 8000, **stamp}
        await seed(stage, "rate_card_versions", [whole])
    await stage.hands.put(f"workspaces/{project}", {"workspace": {"rate_card_id": "2"}})
    assert ["project", "entity", "entity"] == [card.scope for card in await stage.psa.rate_cards(project)]
    shown = (await stage.control.get(f"/api/v1/workspaces/{project}", params={"include": "workspace_groups"})).json()
    (groups,) = (row["workspace_group_ids"] for row in shown["workspaces"].values())
    await seed(stage, "rate_card_sets", [{"id": "2", "title": "Alpenstrom", "workspace_group_ids": groups, **stamp}])
    first = (await stage.psa.rate_cards(project))[0]
    assert ("customer", "Alpenstrom EUR", date(2026, 2, 1), None) == (
        first.scope,
        first.name,
        first.effective.from_date,
        first.effective.to_date,
    )
    assert {"80"} == {rate.rate.amount for rate in first.rates}


async def test_nobody_is_ever_sent_the_shadow_of_an_invoice(stage: Any, project: str) -> None:
    """Its number is Kantata's own, ours is its title, and no e-mail goes out."""
    entry = await stage.hands.work(project)
    await stage.hands.approve(await stage.hands.submit([entry]))
    new = NewBillingMark(invoice_number="DE01-1", invoice_date=date(2026, 12, 31), time_entry_ids=(entry,))
    mark = await stage.psa.create_billing_mark(project, new, "key-00000003")
    (shadow,) = (await stage.control.get(f"/api/v1/invoices/{mark.id}")).json()["invoices"].values()
    assert ("DE01-1", "2026-12-31", "new", 1001) == (
        shadow["user_invoice_title"],
        shadow["invoice_date"],
        shadow["status"],
        shadow["user_invoice_number"],
    )
    assert [] == (await stage.control.get("/_sandbox/records/emails")).json()


async def test_what_is_invoiced_is_neither_changed_nor_withdrawn(stage: Any, project: str) -> None:
    """Entry, timesheet and approval are refused with a list of errors until the invoice is cancelled."""
    entry = await stage.hands.work(project)
    timesheet = await stage.hands.submit([entry])
    await stage.hands.approve(timesheet)
    new = NewBillingMark(invoice_number="DE01-1", invoice_date=date(2026, 12, 31), time_entry_ids=(entry,))
    mark = await stage.psa.create_billing_mark(project, new, "key-00000003")
    http: httpx.AsyncClient = stage.control
    refusals = (
        await http.put(f"/api/v1/time_entries/{entry}", json={"time_entry": {"rate_in_cents": 1}}),
        await http.put(f"/api/v1/timesheet_submissions/{timesheet}/cancel", json={}),
        await http.delete(f"/api/v1/time_entries/{entry}"),
        await http.delete(f"/api/v1/invoices/{mark.id}"),
    )
    assert [422] * 4 == [answer.status_code for answer in refusals]
    await stage.psa.cancel_billing_mark(mark.id)
    await stage.hands.withdraw(timesheet)
    assert "draft" == (await stage.psa.time_entry(entry)).status


async def test_two_projects_of_a_new_customer_at_a_time_share_one_group(stage: Any) -> None:
    """Neither finds a group, and yet only one is made."""
    first = new_project("P-101", contract_number="D01")
    second = new_project("P-102", contract_number="D02")
    await asyncio.gather(
        stage.psa.create_project(first, "key-00000011"), stage.psa.create_project(second, "key-00000012")
    )
    kinds = (await stage.control.get("/_sandbox/kinds")).json()
    assert (2, 1) == (kinds["workspaces"], kinds["workspace_groups"])


async def test_moments_carry_the_account_s_offset(stage: Any, project: str) -> None:
    """Kantata shows whole seconds in the account's zone; ours are moments all the same."""
    entry = await stage.hands.work(project)
    (shown,) = (await stage.control.get(f"/api/v1/time_entries/{entry}")).json()["time_entries"].values()
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-0[78]:00", shown["updated_at"])
    read = (await stage.psa.time_entry(entry)).updated_at
    assert datetime.fromisoformat(shown["updated_at"]).astimezone(UTC) == read.astimezone(UTC)
