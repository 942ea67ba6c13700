"""The billing system API from the outside: canonical ids, keys, pages and deliveries, on PostgreSQL and a sandbox."""

import asyncio
import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg
import pytest

from servicekit.app import Service
from servicekit.auth import Caller
from servicekit.clock import SystemClock
from servicekit.database import driver_url
from servicekit.limits import Limiter
from servicekit.migrate import migrate
from servicekit.settings import Secret, ServiceSettings
from system_apis.billing.app import create_app
from system_apis.connections import ConnectionSettings
from system_apis.service import MIGRATIONS, SystemSettings

SCHEMA = "system_billing"
SCOPES = [f"billing.{resource}.{access}" for resource in ("accounts", "schedules") for access in ("read", "write")]
HERE = {"connection": "billing-de"}
CUSTOMER = f"cus_{1:032x}"
ACCOUNT = {
    "customer_id": CUSTOMER,
    "legal_entity_code": "DE01",
    "currency": "EUR",
    "name": "Alpenstrom AG",
    "email": "ap@alpenstrom.example",
    "country": "DE",
}
ITEM = {
    "key": "M1",
    "title": "Design accepted",
    "due_rule": "on_acceptance",
    "amount": {"amount": "30000.00", "currency": "EUR"},
    "due_date": "2027-03-31",
}


@dataclass
class Running:
    """The service with its clients: one with every scope, and what it wrote down."""

    api: httpx.AsyncClient
    stage: Any
    service: Service
    clock: SystemClock
    database_url: str

    async def rows(self, query: str) -> list[Any]:
        async with await psycopg.AsyncConnection.connect(driver_url(self.database_url)) as connection:
            await connection.execute(f'set search_path to "{SCHEMA}"')
            return await (await connection.execute(query)).fetchall()

    async def made(self, path: str, body: dict[str, Any], key: str, **params: str) -> dict[str, Any]:
        answer = await self.api.post(path, json=body, params=params, headers={"Idempotency-Key": key})
        assert 201 == answer.status_code, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def schedule(self, number: str = "P-DE01-D02") -> dict[str, Any]:
        account = await self.made("/v1/billing-accounts", ACCOUNT, "run-1.account", **HERE)
        body = new_schedule(account["id"], number)
        return await self.made("/v1/billing-schedules", body, f"run-1.schedule.{number}", **HERE)


class ScopesAreTheToken:
    """A token's text is its caller's scopes."""

    async def verify(self, token: str) -> Caller:
        return Caller(subject="svc", client_id="svc", scopes=frozenset(token.split("+")), actor="svc")


def new_schedule(account: str, number: str = "P-DE01-D02", **changes: Any) -> dict[str, Any]:
    return {
        "project_id": f"prj_{2:032x}",
        "project_number": number,
        "contract_id": f"ctr_{3:032x}",
        "billing_account_id": account,
        "legal_entity_code": "DE01",
        "currency": "EUR",
        "method": "milestone",
        "total": {"amount": "30000.00", "currency": "EUR"},
        "items": [ITEM],
        **changes,
    }


@pytest.fixture
async def here(stage: Any, database_url: str) -> AsyncIterator[Running]:
    """The running service, whose connection billing-de is the stage's sandbox."""
    migrate(database_url, SCHEMA, MIGRATIONS)
    connection = ConnectionSettings(vendor=stage.vendor, settings=stage.settings)
    settings = SystemSettings(
        service=ServiceSettings(
            name="system-billing",
            layer="system",
            port=1,
            issuer="https://edge.example/oauth",
            audience="syncline-system",
            client_id="system-billing",
            client_secret=Secret("hidden"),
            database_url=Secret(database_url),
            schema=SCHEMA,
            redis_url="redis://localhost:1",
        ),
        cursor_key=Secret("a key of at least thirty-two bytes"),
        connections={"billing-de": connection},
    )
    clock = SystemClock()
    service = create_app(settings, clock=clock, verifier=ScopesAreTheToken(), limiter=Limiter(6000, clock=clock))
    transport = httpx.ASGITransport(service, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {'+'.join(SCOPES)}"}
    async with running(service), httpx.AsyncClient(transport=transport, base_url="http://t", headers=headers) as client:
        yield Running(client, stage, service, clock, database_url)


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """The service's lifespan, as a server runs it: in a task of its own."""
    said: asyncio.Queue[str] = asyncio.Queue()
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    async def send(message: Any) -> None:
        await said.put(message["type"])

    task = asyncio.create_task(service({"type": "lifespan"}, told.get, send))
    await told.put({"type": "lifespan.startup"})
    assert "lifespan.startup.complete" == await said.get()
    try:
        yield
    finally:
        await told.put({"type": "lifespan.shutdown"})
        await task


async def test_an_account_is_one_under_any_key(here: Running) -> None:
    """Found by the link that the first command left, though the platform's own search does not see it yet."""
    account = await here.made("/v1/billing-accounts", ACCOUNT, "run-1.account", **HERE)
    assert account == await here.made("/v1/billing-accounts", ACCOUNT, "run-1.account", **HERE)
    moved = {**ACCOUNT, "email": "invoices@alpenstrom.example"}
    assert account == await here.made("/v1/billing-accounts", moved, "run-2.account", **HERE)
    assert (True, CUSTOMER, "DE01", "EUR") == (
        account["id"].startswith("bac_"),
        account["customer_id"],
        account["legal_entity_code"],
        account["currency"],
    )
    linked = "select connection, legal_entity_code, currency from cross_reference where kind = 'customer'"
    assert [("billing-de", "DE01", "EUR")] == await here.rows(linked)
    francs = await here.made("/v1/billing-accounts", {**ACCOUNT, "currency": "CHF"}, "run-3.account", **HERE)
    assert account["id"] != francs["id"]
    read = await here.api.get(f"/v1/billing-accounts/{account['id']}")
    assert (200, account) == (read.status_code, read.json())
    again = await here.api.get(f"/v1/billing-accounts/{account['id']}", headers={"If-None-Match": read.headers["etag"]})
    assert (304, b"") == (again.status_code, again.content)


async def test_a_schedule_goes_from_draft_to_active_to_cancelled(here: Running) -> None:
    """Each state is put, twice to the same end; ids are ours, and those of others are told as they were given."""
    schedule = await here.schedule()
    assert ("draft", f"prj_{2:032x}", f"ctr_{3:032x}", [ITEM["key"]]) == (
        schedule["status"],
        schedule["project_id"],
        schedule["contract_id"],
        [item["key"] for item in schedule["items"]],
    )
    assert ["sch", "bac"] == [schedule[name].partition("_")[0] for name in ("id", "billing_account_id")]
    path = f"/v1/billing-schedules/{schedule['id']}"
    for noun, status in (("activation", "active"), ("cancellation", "cancelled")):
        for _ in range(2):
            answer = await here.api.put(f"{path}/{noun}")
            assert (200, status) == (answer.status_code, answer.json()["status"])
    late = await here.api.put(f"{path}/activation")
    assert (409, "schedule_cancelled") == (late.status_code, late.json()["code"])
    read = await here.api.get(path)
    assert ("cancelled", True) == (read.json()["status"], read.headers["etag"].startswith('"'))


async def test_a_key_is_good_for_one_request(here: Running) -> None:
    """Another body under the same key is refused; no key at all is refused, too."""
    schedule = await here.schedule()
    other = new_schedule(schedule["billing_account_id"], method="fixed_fee")
    headers = {"Idempotency-Key": "run-1.schedule.P-DE01-D02"}
    answer = await here.api.post("/v1/billing-schedules", json=other, params=HERE, headers=headers)
    assert (422, "idempotency_key_reused") == (answer.status_code, answer.json()["code"])
    answer = await here.api.post("/v1/billing-schedules", json=other, params=HERE)
    assert (400, "header:Idempotency-Key") == (answer.status_code, answer.json()["errors"][0]["pointer"])
    headers = {"Idempotency-Key": "run-2.schedule"}
    answer = await here.api.post("/v1/billing-schedules", json=other, params=HERE, headers=headers)
    assert (409, "schedule_exists") == (answer.status_code, answer.json()["code"])


async def test_an_amendment_is_made_once(here: Running) -> None:
    """The same key gives the schedule as it was amended; its item is there once."""
    schedule = await here.schedule()
    path = f"/v1/billing-schedules/{schedule['id']}/amendments"
    body = {
        "contract_id": f"ctr_{4:032x}",
        "total": {"amount": "45000.00", "currency": "EUR"},
        "items": [{**ITEM, "key": "M2", "amount": {"amount": "15000.00", "currency": "EUR"}}],
    }
    amended = await here.made(path, body, "run-9.amend")
    assert amended == await here.made(path, body, "run-9.amend")
    assert ("45000.00", ["M1", "M2"]) == (amended["total"]["amount"], [item["key"] for item in amended["items"]])


async def test_schedules_are_paged_and_found_by_project(here: Running) -> None:
    """Pages have a signed cursor; a project number finds the one schedule, or none."""
    made = [await here.schedule(f"P-DE01-{n}") for n in range(3)]
    first = (await here.api.get("/v1/billing-schedules", params={**HERE, "limit": 2})).json()
    after = {**HERE, "limit": 2, "cursor": first["next"]}
    second = (await here.api.get("/v1/billing-schedules", params=after)).json()
    assert (made[::-1], None) == ([*first["items"], *second["items"]], second["next"])
    forged = await here.api.get("/v1/billing-schedules", params={**HERE, "cursor": "prod_1"})
    assert (400, "invalid_cursor") == (forged.status_code, forged.json()["code"])
    by_number = {**HERE, "project_number": "P-DE01-1"}
    assert [made[1]] == (await here.api.get("/v1/billing-schedules", params=by_number)).json()["items"]
    nobody = {**HERE, "project_number": "P-DE01-9"}
    assert [] == (await here.api.get("/v1/billing-schedules", params=nobody)).json()["items"]


async def test_strangers_are_refused(here: Running) -> None:
    """Unknown connections and ids are 404; an account of nobody's is 422; a token without the scope is 403."""
    answer = await here.api.get("/v1/billing-schedules", params={"connection": "billing-fr"})
    assert (404, "unknown_connection") == (answer.status_code, answer.json()["code"])
    assert 404 == (await here.api.get(f"/v1/billing-schedules/sch_{9:032x}")).status_code
    headers = {"Idempotency-Key": "run-1.schedule"}
    body = new_schedule(f"bac_{9:032x}")
    answer = await here.api.post("/v1/billing-schedules", json=body, params=HERE, headers=headers)
    assert (422, "unknown_reference") == (answer.status_code, answer.json()["code"])
    poor = {"Authorization": "Bearer billing.accounts.read"}
    assert 403 == (await here.api.get("/v1/billing-schedules", params=HERE, headers=poor)).status_code


async def test_a_lost_answer_is_settled_by_looking(here: Running) -> None:
    """The command is in doubt, and the next one under the key finds what was made instead of making it again."""
    account = await here.made("/v1/billing-accounts", ACCOUNT, "run-1.account", **HERE)
    await here.stage.fail("lose_answer", method="POST", skip=1)
    body, headers = new_schedule(account["id"]), {"Idempotency-Key": "run-1.schedule"}
    lost = await here.api.post("/v1/billing-schedules", json=body, params=HERE, headers=headers)
    assert (504, "in_doubt") == (lost.status_code, lost.json()["code"])
    schedule = await here.made("/v1/billing-schedules", body, "run-1.schedule", **HERE)
    assert [schedule] == (await here.api.get("/v1/billing-schedules", params=HERE)).json()["items"]


async def test_a_delivery_makes_the_record_be_read_again(here: Running) -> None:
    """Real deliveries of the platform: the schedule's observed row follows its state; no token is asked for."""
    arrived: asyncio.Queue[int] = asyncio.Queue()
    async with here.stage.served(reported(here.service, arrived)) as url:
        await here.stage.register_hook(f"{url}/v1/hooks/billing-de")
        schedule = await here.schedule()
        await here.api.put(f"/v1/billing-schedules/{schedule['id']}/activation")
        query = f"select fields->>'status', transitions from observed where canonical_id = '{schedule['id']}'"
        while [("active", 0)] != await here.rows(query):
            assert 204 == await asyncio.wait_for(arrived.get(), 5)


async def test_a_delivery_must_be_signed_and_fresh(here: Running) -> None:
    """A wrong secret, another body or five minutes make it a stranger's: 401, and nothing is read."""
    body = json.dumps({"type": "product.updated", "data": {"object": {"object": "product", "id": "nothing"}}}).encode()

    async def deliver(secret: str, sent: bytes, age_s: int = 0) -> tuple[int, str]:
        at = int(here.clock.now().timestamp()) - age_s
        signed = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Stripe-Signature": f"t={at},v1={'0' * 64},v1={signed},v0=x", "Authorization": ""}
        answer = await here.api.post("/v1/hooks/billing-de", content=sent, headers=headers)
        return answer.status_code, answer.json()["code"] if answer.content else ""

    secret = here.stage.settings["webhook_secret"]
    assert (204, "") == await deliver(secret, body)
    assert (401, "invalid_signature") == await deliver("whsec_other", body)
    assert (401, "invalid_signature") == await deliver(secret, body + b" ")
    assert (401, "invalid_signature") == await deliver(secret, body, age_s=301)


def reported(service: Service, arrived: asyncio.Queue[int]) -> Any:
    """The service, which also says the status of each of its answers."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def say(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                await arrived.put(message["status"])

        await service(scope, receive, say)

    return app
