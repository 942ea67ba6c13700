"""The fortnight in Kantata: consultants enter time and expenses, managers approve, project leads tick milestones off.

Everybody works with their own token, which sees no money; the administrator's is used for what only that person may do.
Source: Kantata OX API v1, time entries, timesheet submissions, expenses, custom field values.
"""

import asyncio
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

import httpx

from demo.checks import project_number
from demo.firm import Colleague, Deal, Firm
from demo.seeds.kantata import ACCEPTANCE_FIELD_ID, ACCEPTOR_FIELD_ID
from demo.surroundings import Platform, Surroundings
from demo.work import SHIFTS, SPENDINGS, UNPRICED_ROLE, Shift, Spending, consultants, working_days

Record = dict[str, Any]
API = "/api/v1"


class Timekeeping:
    """One Kantata account and the people who work with it."""

    def __init__(self, told: Surroundings, firm: Firm) -> None:
        self._platform: Platform = told.platforms["kantata"]
        self._control_key = told.control_key
        self._firm = firm
        self._tokens = {user: token for token, user in self._platform.config["user_tokens"].items()}
        self._deals = {deal.key: deal for deal in (*firm.deals, *firm.history)}

    async def work(self) -> int:
        """Enter the whole fortnight and have it approved; returns how many entries there are."""
        workspaces, roles = await self._workspaces(), await self._ids("roles", "name")
        await self._staff(workspaces)
        by_person = sorted(SHIFTS, key=lambda one: (one.deal, one.person))
        sheets = [list(group) for _, group in groupby(by_person, key=lambda one: (one.deal, one.person))]
        entered = await asyncio.gather(*(self._timesheet(shifts, workspaces, roles) for shifts in sheets))
        categories = await self._ids("expense_categories", "name")
        await asyncio.gather(*(self._spent(one, workspaces, categories) for one in SPENDINGS))
        return sum(entered)

    async def set_missing_rate(self, rate: Decimal) -> None:
        """An administrator gives the entry without a rate its price."""
        role = (await self._ids("roles", "name"))[UNPRICED_ROLE]
        entry = next(one for one in await self._all("time_entries", include="role") if str(one["role_id"]) == role)
        await self._put(f"time_entries/{entry['id']}", {"time_entry": {"rate_in_cents": int(rate * 100)}})

    async def complete(self, deal_key: str, title: str) -> str:
        """The project lead ticks a milestone off; returns its id."""
        workspace = (await self._workspaces())[deal_key]
        stories = await self._all("stories", workspace_id=workspace)
        story: str = next(one["id"] for one in stories if one["title"] == title)
        await self._put(f"stories/{story}", {"story": {"state": "completed"}})
        return story

    async def accept(self, story: str, day: date, person: str) -> None:
        """The customer's acceptance is written down."""
        values = [
            {"subject_type": "Story", "subject_id": story, "custom_field_id": field, "value": value}
            for field, value in ((ACCEPTANCE_FIELD_ID, day.isoformat()), (ACCEPTOR_FIELD_ID, person))
        ]
        await self._post("custom_field_values", {"custom_field_values": values})

    async def _staff(self, workspaces: dict[str, str]) -> None:
        """Project leads take the consultants into their projects: Kantata's API only reads participations."""
        pairs = sorted({(workspaces[one.deal], self._user(one)) for one in (*SHIFTS, *SPENDINGS)})
        stamp = f"{self._firm.today}T08:00:00+00:00"
        rows = [
            {
                "id": f"7{workspace}{user}",
                "body": {
                    "id": f"7{workspace}{user}",
                    "workspace_id": workspace,
                    "user_id": user,
                    "access": "edit_time_and_expenses",
                    "created_at": stamp,
                    "updated_at": stamp,
                },
            }
            for workspace, user in pairs
        ]
        headers = {"Sandbox-Control-Key": self._control_key}
        async with httpx.AsyncClient(base_url=self._platform.address, headers=headers, timeout=30) as http:
            (await http.post("/_sandbox/records/participations", json=rows)).raise_for_status()

    async def _timesheet(self, shifts: list[Shift], workspaces: dict[str, str], roles: dict[str, str]) -> int:
        """One person's time on one project, entered, submitted and approved."""
        workspace, user = workspaces[shifts[0].deal], self._user(shifts[0])
        entries = [
            {
                "workspace_id": workspace,
                "date_performed": day.isoformat(),
                "time_in_minutes": shift.hours * 60,
                "role_id": roles[shift.role],
                "billable": shift.billable,
                "notes": f"{shift.role}, {self._deals[shift.deal].name}",
            }
            for shift in shifts
            for day in working_days(self._firm)[: shift.days]
        ]
        made = await self._post("time_entries", {"time_entries": entries}, user)
        sheet = {"workspace_id": workspace, "title": "Fortnight", "line_item_ids": made}
        (submission,) = await self._post("timesheet_submissions", {"timesheet_submission": sheet}, user)
        await self._put(f"timesheet_submissions/{submission}/approve", {}, self._manager(shifts[0]))
        return len(made)

    async def _spent(self, spending: Spending, workspaces: dict[str, str], categories: dict[str, str]) -> None:
        workspace, user = workspaces[spending.deal], self._user(spending)
        expense = {
            "workspace_id": workspace,
            "date": working_days(self._firm)[1].isoformat(),
            "expense_category_id": categories[spending.category],
            "amount_in_cents": int(spending.amount * 100),
            "billable": True,
            "reimbursable": True,
            "notes": f"{spending.category} to the customer",
        }
        made = await self._post("expenses", {"expense": expense}, user)
        report = {"workspace_id": workspace, "title": "Travel", "line_item_ids": made}
        (submission,) = await self._post("expense_report_submissions", {"expense_report_submission": report}, user)
        await self._put(f"expense_report_submissions/{submission}/approve", {}, self._manager(spending))

    def _person(self, one: Shift | Spending) -> Colleague:
        return consultants(self._firm, self._deals[one.deal].entity)[one.person]

    def _user(self, one: Shift | Spending) -> str:
        return self._person(one).number.lstrip("W")

    def _manager(self, one: Shift | Spending) -> str:
        return (self._person(one).manager_number or "").lstrip("W")

    async def _workspaces(self) -> dict[str, str]:
        """The project of each deal that has one."""
        titles = await self._ids("workspaces", "title")
        named = {key: _title(deal) for key, deal in self._deals.items()}
        return {key: titles[title] for key, title in named.items() if title in titles}

    async def _ids(self, kind: str, name: str) -> dict[str, str]:
        return {one[name]: one["id"] for one in await self._all(kind)}

    async def _all(self, kind: str, **params: str) -> Iterable[Record]:
        found: list[Record] = []
        async with self._signed_in() as http:
            page, pages = 1, 1
            while page <= pages:
                query = {**params, "per_page": "200", "page": str(page)}
                body = (await http.get(f"{API}/{kind}.json", params=query)).raise_for_status().json()
                found += [body[one["key"]][one["id"]] for one in body["results"]]
                page, pages = page + 1, body["meta"]["page_count"]
        return found

    async def _post(self, kind: str, body: Record, user: str | None = None) -> list[str]:
        """The ids of what was made."""
        async with self._signed_in(user) as http:
            answer = await http.post(f"{API}/{kind}.json", json=body)
        return [one["id"] for one in _taken(answer).json()["results"]]

    async def _put(self, path: str, body: Record, user: str | None = None) -> None:
        async with self._signed_in(user) as http:
            _taken(await http.put(f"{API}/{path}.json", json=body))

    def _signed_in(self, user: str | None = None) -> httpx.AsyncClient:
        """As that user, or as the administrator."""
        token = self._platform.config["access_token"] if user is None else self._tokens[user]
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=self._platform.address, headers=headers, timeout=30)


def _title(deal: Deal) -> str:
    return f"{project_number(deal)} {deal.name}"


def _taken(answer: httpx.Response) -> httpx.Response:
    """Raises RuntimeError with what Kantata says against it."""
    if answer.is_error:
        raise RuntimeError(f"Kantata answered {answer.status_code}: {answer.text}")
    return answer
