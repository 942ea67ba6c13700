"""The demo firm with hundreds of running projects more, all of one entity, set up as an onboarding leaves them.

Each contract has its project, schedule and accounts; each project the same number of approved time entries of last
month, reckoned here by hand. Every tenth project is bad: nobody has agreed a price for one of its entries.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import httpx
import msgspec
from running_system import RunningSystem

from canonical.paging import Page
from canonical.sales import Opportunity
from demo import day
from demo.firm import Client, Colleague, Deal, Firm, RolePlan, months_later
from demo.morning import demo_firm
from demo.seeds import kantata
from demo.syncline import signed_in
from demo.work import UNPRICED_ROLE, consultants

Row = dict[str, Any]

ENTITY = "DE01"
BAD_EVERY = 10
CONTRACTS_OF_A_CUSTOMER = 3
RATES = {"Engineer": Decimal(145), "Senior Consultant": Decimal(160)}  # the firm's standard prices in euros
_ROWS_AT_ONCE = 2000


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How large the batch is."""

    projects: int
    entries: int

    @property
    def bad(self) -> int:
        return self.projects // BAD_EVERY

    @property
    def good(self) -> int:
        return self.projects - self.bad

    @property
    def entries_of_a_project(self) -> int:
        return self.entries // self.projects


def batch_firm(today: date, plan: Plan) -> Firm:
    """The demo firm, whose history has the batch's contracts, too."""
    firm = demo_firm(today)
    customers = tuple(_customer(n) for n in range(-(-plan.projects // CONTRACTS_OF_A_CUSTOMER)))
    contracts = tuple(_contract(n, today) for n in range(plan.projects))
    return replace(firm, clients=(*firm.clients, *customers), history=(*firm.history, *contracts))


def cut_off(firm: Firm) -> date:
    return firm.today.replace(day=1)


async def set_up(system: RunningSystem, firm: Firm, plan: Plan) -> None:
    """Everything up to the morning of the batch."""
    await day.seed(system.told, firm)
    async with signed_in(system.told) as syncline:
        await day.go_live(system.told, firm, syncline)
    for kind, rows in (await _of_the_projects(system, firm, plan)).items():
        for start in range(0, len(rows), _ROWS_AT_ONCE):
            await system.control("kantata", "POST", f"records/{kind}", json=rows[start : start + _ROWS_AT_ONCE])


async def _of_the_projects(system: RunningSystem, firm: Firm, plan: Plan) -> dict[str, list[Row]]:
    """What the projects were given when they were set up, and what was worked on them since."""
    seeded = kantata.records(firm)
    roles = {row["body"]["name"]: row["id"] for row in seeded["roles"]}
    workspaces = {row["body"]["title"]: row["id"] for row in seeded["workspaces"]}
    sold = {one.name: one for one in await opportunities(system)}
    rows: dict[str, list[Row]] = {"external_references": [], "timesheet_submissions": [], "time_entries": []}
    for n, deal in enumerate(one for one in firm.history if one.entity == ENTITY):
        workspace = workspaces[f"{kantata.project_number(deal)} {deal.name}"]
        rows["external_references"] += references(deal, workspace, sold[deal.name])
        project = ProjectWork(n, workspace, roles, firm, is_bad=n % BAD_EVERY == BAD_EVERY - 1)
        rows["timesheet_submissions"] += project.timesheets()
        rows["time_entries"] += project.entries(plan.entries_of_a_project)
    return rows


class ProjectWork:
    """The work on one project: two people, each with a timesheet that their manager has approved."""

    def __init__(self, n: int, workspace: str, roles: dict[str, str], firm: Firm, *, is_bad: bool = False) -> None:
        staff, self._is_bad = consultants(firm, ENTITY), is_bad
        self._n, self._workspace, self._roles, self._firm = n, workspace, roles, firm
        self._people = [staff[n % len(staff)], staff[(n + 1) % len(staff)]]
        self._stamp = f"{cut_off(firm) - timedelta(days=1)}T16:00:00+00:00"

    def timesheets(self) -> list[Row]:
        return [self._timesheet(place, person) for place, person in enumerate(self._people)]

    def entries(self, count: int) -> list[Row]:
        return [self._entry(place, is_unpriced=self._is_bad and place == 0) for place in range(count)]

    def _timesheet(self, place: int, person: Colleague) -> Row:
        first = cut_off(self._firm) - timedelta(days=28)
        return self._row(
            self._timesheet_id(place),
            user_id=person.number.lstrip("W"),
            title="Last month",
            comment="",
            line_item_ids=[],
            status="approved",
            start_date=first.isoformat(),
            end_date=(cut_off(self._firm) - timedelta(days=1)).isoformat(),
            current_resolution_created_at_date=self._stamp,
            current_resolution_creator_id=int((person.manager_number or "").lstrip("W")),
            current_resolution_description="",
        )

    def _entry(self, place: int, *, is_unpriced: bool) -> Row:
        """One to four hours, by the quarter."""
        role = UNPRICED_ROLE if is_unpriced else list(RATES)[place % len(RATES)]
        worker = place % len(self._people)
        return self._row(
            f"6{self._n:04}{place:04}",
            date_performed=(cut_off(self._firm) - timedelta(days=1 + place % 28)).isoformat(),
            time_in_minutes=60 + 15 * ((self._n + place) % 13),
            story_id=None,
            user_id=self._people[worker].number.lstrip("W"),
            role_id=self._roles[role],
            billable=True,
            rate_in_cents=None if is_unpriced else int(RATES[role] * 100),
            notes=f"{role}, day by day",
            currency="EUR",
            currency_base_unit=100,
            active_submission_id=self._timesheet_id(worker),
            recent_submission_id=self._timesheet_id(worker),
            invoice_id=None,
        )

    def _timesheet_id(self, place: int) -> str:
        return f"5{self._n:04}{place}"

    def _row(self, record_id: str, **body: Any) -> Row:
        fixed = {"id": record_id, "workspace_id": self._workspace, "created_at": self._stamp, "updated_at": self._stamp}
        return {"id": record_id, "body": fixed | body}


def references(deal: Deal, workspace: str, sold: Opportunity) -> Iterator[Row]:
    """What an onboarding writes on the project besides its contract's number: `mapping.project_references`."""
    found = (
        ("syncline-number", "Project", kantata.project_number(deal)),
        ("syncline-opportunity", "Opportunity", sold.id),
        ("syncline-contract", "Contract", sold.contract_id),
        ("syncline-customer", "Customer", sold.customer_id),
    )
    for n, (service, model, ref) in enumerate(found):
        record_id, stamp = f"70{workspace}{n}", f"{deal.start_date}T08:00:00+00:00"
        body = {
            "id": record_id,
            "subject_type": "Workspace",
            "subject_id": workspace,
            "service_name": service,
            "service_model": model,
            "service_model_ref": ref,
            "status": "successful",
            "created_at": stamp,
            "updated_at": stamp,
            "last_synced_at": stamp,
        }
        yield {"id": record_id, "body": body}


async def opportunities(system: RunningSystem) -> list[Opportunity]:
    """What was sold, with our ids, as the onboarding reads it at the CRM's system API."""
    client = "process-project-onboarding"
    secret = system.site.vault.secret(f"client {client}")
    async with httpx.AsyncClient(timeout=60) as http:
        form = {"grant_type": "client_credentials", "resource": "syncline-system"}
        answer = await http.post(f"{system.told.edge}/oauth/token", data=form, auth=(client, secret))
        http.headers["Authorization"] = f"Bearer {answer.raise_for_status().json()['access_token']}"
        found: list[Opportunity] = []
        params: dict[str, str | int] = {"connection": system.told.connections["crm"][0], "limit": 200}
        while True:
            answer = await http.get(f"{system.site.address('system-crm')}/v1/opportunities", params=params)
            page = msgspec.json.decode(answer.raise_for_status().content, type=Page[Opportunity])
            found += page.items
            if page.next is None:
                return found
            params["cursor"] = page.next


def _customer(n: int) -> Client:
    return Client(
        number=f"C{4001 + n}",
        name=f"Werkstatt {n + 1:03} GmbH",
        country="DE",
        street=f"Gewerbepark {n + 1}",
        city="Berlin",
        postal_code="10115",
        email=f"buchhaltung@werkstatt-{n + 1:03}.example",
        tax_id=f"DE98{n + 1:07}",
        accounts=((ENTITY, "EUR"),),
    )


def _contract(n: int, today: date) -> Deal:
    return Deal(
        key=f"B{n + 1:03}",
        name=f"Plant data service {n + 1:03}",
        client=f"C{4001 + n // CONTRACTS_OF_A_CUSTOMER}",
        entity=ENTITY,
        cost_centre="CC-D10",
        currency="EUR",
        amount=Decimal(120000),
        method="time_and_materials",
        kind="new",
        start_date=months_later(today, 0).replace(year=today.year - 1),
        end_date=months_later(today, 3),
        tax_treatment="standard",
        roles=tuple(
            RolePlan(key=f"R{place}", role=role, skills=("python",), hours=300, rate=rate)
            for place, (role, rate) in enumerate(RATES.items(), start=1)
        ),
    )
