"""The demo firm in Kantata: everything the day needs stands there in the morning, and the connector can read it."""

import json
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest

from demo.morning import demo_firm
from demo.seeds import kantata as seeds
from sandboxkit.app import Context
from sandboxkit.store import Store
from servicekit.clock import SystemClock
from servicekit.settings import Secret
from servicekit.upstream import Upstream
from system_apis.psa.kantata import Connector, Settings
from system_apis.psa.kantata.api import AccessToken, Api
from system_apis.psa.kantata.sandbox import create_sandbox_app

FIRM = demo_firm(date(2026, 11, 23))


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """The seeded sandbox, for whose people the token is `t` and the user's id."""
    store = Store(":memory:")
    for kind, rows in json.loads(json.dumps(seeds.records(FIRM))).items():
        for row in rows:
            store.put(kind, row["id"], row["body"])
    config = {"access_token": "t", "user_tokens": {f"t{user_id}": user_id for user_id in seeds.user_ids(FIRM)}}
    context = Context(store=store, control_key="c", base_url="http://psa", config=config)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(create_sandbox_app(context)), base_url="http://psa"
    ) as client:
        yield client
    store.close()


@pytest.fixture
async def psa(http: httpx.AsyncClient) -> AsyncIterator[Connector]:
    """The connector on the seeded sandbox."""
    settings = Settings(access_token=Secret("t"), legal_entity_field_id=seeds.LEGAL_ENTITY_FIELD_ID)
    api = Api(Upstream("psa", "http://psa", auth=AccessToken(Secret("t")), http=http))
    connector = Connector(api, settings, SystemClock())
    yield connector
    await connector.close()


def test_seeding_twice_says_the_same() -> None:
    """Ids are deterministic and unique within their kind."""
    rows = seeds.records(FIRM)
    assert rows == seeds.records(FIRM)
    for kind, found in rows.items():
        assert len(found) == len({row["id"] for row in found}), kind


async def test_everyone_with_an_account_is_found(psa: Connector) -> None:
    """By number, but for two who are known by e-mail and name only; nobody else."""
    found: dict[str, list[str]] = {}
    for colleague in FIRM.colleagues:
        matches = await psa.resources_of(colleague.number, colleague.email)
        names = {resource.name for resource, _ in matches}
        assert names == ({f"{colleague.first_name} {colleague.last_name}"} if colleague.in_psa else set())
        for _, by in matches:
            found.setdefault(by, []).append(colleague.number)
    assert list(seeds.WITHOUT_NUMBER) == found["email"]
    assert sum(colleague.in_psa for colleague in FIRM.colleagues) - 2 == len(found["worker_number"])


async def test_the_old_project_is_found_by_its_contract(psa: Connector) -> None:
    """It runs already, and nothing of Syncline's is known there but the contract's number."""
    (deal,) = FIRM.history
    project = await psa.project_of_contract(deal.key)
    assert project is not None
    assert ("P-GB01-H01", deal.name, "open_for_time", "GBP", "GB01", deal.key, None, None) == (
        project.number,
        project.name,
        project.status,
        project.currency,
        project.legal_entity_code,
        project.contract_number,
        project.contract_id,
        project.customer_id,
    )
    assert deal.amount == (project.budget.value if project.budget else None)
    (assignment,) = await psa.assignments(project.id)
    assert (600, False) == (assignment.hours, assignment.tentative)
    assert ["Engineer: Rail operations platform"] == [task.title for task in await psa.tasks(project.id)]


async def test_every_role_of_the_day_is_known(psa: Connector) -> None:
    """No deal fails for a role that Kantata does not have."""
    wanted = {role.role for deal in FIRM.deals for role in deal.roles}
    roles: Any = (await psa._api.all("roles", "")).roles
    assert wanted <= {role.name for role in roles.values()}


async def test_a_consultant_enters_time_and_the_manager_approves_it(psa: Connector, http: httpx.AsyncClient) -> None:
    """Each with a token of their own, at the client's price; who manages nobody decides nothing."""
    (deal,) = FIRM.history
    project = await psa.project_of_contract(deal.key)
    assert project is not None
    (assignment,) = await psa.assignments(project.id)
    consultant = assignment.resource_id
    users = {row["id"]: row["body"] for row in seeds.records(FIRM)["users"]}
    manager = users[consultant]["manager_id"]
    other = next(one for one in seeds.user_ids(FIRM) if one not in {consultant, manager})
    entry = {"workspace_id": project.id, "date_performed": FIRM.today.isoformat(), "time_in_minutes": 480}
    made = await http.post(
        "/api/v1/time_entries", json={"time_entry": entry}, headers={"Authorization": f"Bearer t{consultant}"}
    )
    entry_id = made.json()["results"][0]["id"]
    sheet = {"line_item_ids": [entry_id], "title": "Week", "workspace_id": project.id}
    made = await http.post(
        "/api/v1/timesheet_submissions",
        json={"timesheet_submission": sheet},
        headers={"Authorization": f"Bearer t{consultant}"},
    )
    path = f"/api/v1/timesheet_submissions/{made.json()['results'][0]['id']}/approve"
    answers = [
        (await http.put(path, json={}, headers={"Authorization": f"Bearer t{who}"})).status_code
        for who in (other, manager)
    ]
    assert [403, 200] == answers
    read = await psa.time_entry(entry_id)
    assert ("approved", users[manager]["email_address"], deal.roles[0].role, "8") == (
        read.status,
        read.approved_by,
        read.role,
        read.hours,
    )
    assert deal.roles[0].rate == (read.bill_rate and Decimal(read.bill_rate.amount))


async def test_every_agreed_hour_has_its_price_on_a_card(psa: Connector, http: httpx.AsyncClient) -> None:
    """What a contract on time and materials says of a role is what its project's card says of it."""
    groups = {row["body"]["name"]: row["id"] for row in seeds.records(FIRM)["workspace_groups"]}
    for deal in (*FIRM.history, *FIRM.deals):
        if not deal.method.endswith("time_and_materials") or not deal.roles:
            continue
        group = groups.get(FIRM.client(deal.client).name)
        whole = {"title": deal.key, "currency": deal.currency, "workspace_group_ids": [group] if group else []}
        made = await http.post("/api/v1/workspaces", json={"workspace": whole}, headers={"Authorization": "Bearer t"})
        card = (await psa.rate_cards(made.json()["results"][0]["id"]))[0]
        prices = {one.role: Decimal(one.rate.amount) for one in card.rates}
        assert {role.role: role.rate for role in deal.roles} == {role.role: prices[role.role] for role in deal.roles}
