"""The CRM system API from the outside, on PostgreSQL and a vendor's sandbox: routes, and how a win becomes an event."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
import pytest
from crm.stage import Stage

from canonical.events import OpportunityWon
from servicekit.app import Service
from servicekit.auth import Caller
from servicekit.clock import SystemClock
from servicekit.contract import document
from servicekit.database import Database
from servicekit.eventlog import EventLog, Recorded
from servicekit.limits import Limiter
from servicekit.migrate import migrate
from servicekit.settings import Secret, ServiceSettings
from system_apis.connections import ConnectionSettings
from system_apis.crm.app import create_app
from system_apis.service import MIGRATIONS, SystemSettings

SCHEMA = "system_crm"
SCOPES = ("crm.opportunities.read", "crm.customers.read", "crm.contracts.read")


class ScopesAreTheToken:
    """A token's text is its caller's scopes."""

    async def verify(self, token: str) -> Caller:
        return Caller(subject="svc", client_id="svc", scopes=frozenset(token.split("+")), actor="svc")


class Running:
    """The running service, a client of it, and the event log that it writes."""

    def __init__(self, service: Service, http: httpx.AsyncClient, log: EventLog) -> None:
        self.service = service
        self.http = http
        self.log = log

    async def get(self, path: str, **params: Any) -> Any:
        answer = await self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def deal(self, name: str) -> Any:
        listed = await self.get("/v1/opportunities", connection="crm-main", limit=200)
        return next(item for item in listed["items"] if item["name"] == name)

    async def wins(self, count: int) -> list[Recorded]:
        """The log, once it has that many events."""
        async with asyncio.timeout(20):
            while len(found := await self.log.read(0, 100)) < count:
                pass
        return found


@pytest.fixture
async def crm(stage: Stage, database_url: str) -> AsyncIterator[Running]:
    migrate(database_url, SCHEMA, MIGRATIONS)
    settings = SystemSettings(
        service=ServiceSettings(
            name="system-crm",
            layer="system",
            port=1,
            issuer="https://edge.example/oauth",
            audience="syncline-system",
            client_id="system-crm",
            client_secret=Secret("hidden"),
            database_url=Secret(database_url),
            schema=SCHEMA,
            redis_url="redis://localhost:1",
        ),
        cursor_key=Secret("a key of at least thirty-two bytes"),
        connections={"crm-main": ConnectionSettings(vendor=stage.vendor, settings=stage.settings)},
        poll_interval_s=0.2,
    )
    clock = SystemClock()
    service = create_app(settings, verifier=ScopesAreTheToken(), limiter=Limiter(6000, clock=clock))
    database = Database(database_url, SCHEMA)
    transport = httpx.ASGITransport(service, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {'+'.join(SCOPES)}"}
    async with running(service), httpx.AsyncClient(transport=transport, base_url="http://t", headers=headers) as http:
        yield Running(service, http, EventLog(database, clock))
    await database.close()


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """The service's lifespan, as a server runs it: in a task of its own."""
    said: asyncio.Queue[str] = asyncio.Queue()
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    async def send(message: Any) -> None:
        await said.put(message["type"])

    task = asyncio.create_task(service({"type": "lifespan"}, told.get, send))
    await told.put({"type": "lifespan.startup"})
    assert await said.get() == "lifespan.startup.complete"
    try:
        yield
    finally:
        await told.put({"type": "lifespan.shutdown"})
        await task


async def test_a_deal_its_customer_and_its_contract_are_read_by_canonical_ids(crm: Running) -> None:
    """The ids are ours and minted once, the platform's own ids stand in external_ids, and each answer has its tag."""
    deal = await crm.deal("Port scheduling")
    again = await crm.http.get(f"/v1/opportunities/{deal['id']}")
    customer = await crm.get(f"/v1/customers/{deal['customer_id']}")
    contract = await crm.get(f"/v1/contracts/{deal['contract_id']}")
    assert again.json() == deal
    assert again.headers["etag"].startswith('"')
    assert again.headers["cache-control"] == "no-store"
    assert (customer["number"], customer["external_ids"][0]["connection"]) == ("C2002", "crm-main")
    assert (contract["number"], contract["customer_id"], len(contract["milestones"])) == ("D02", customer["id"], 3)


async def test_pages_lead_through_all_deals(crm: Running) -> None:
    """The cursor is ours, bound to its listing."""
    names: list[str] = []
    params: dict[str, Any] = {"connection": "crm-main", "limit": 4}
    while True:
        page = await crm.get("/v1/opportunities", **params)
        names += [item["name"] for item in page["items"]]
        if page.get("next") is None:
            break
        params["cursor"] = page["next"]
    assert len(names) == 15
    assert len(set(names)) == 15
    other = {"connection": "crm-main", "updated_after": "2026-11-23T00:00:00Z", "cursor": params["cursor"]}
    refused = await crm.http.get("/v1/opportunities", params=other)
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid_cursor")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/opportunities?connection=crm-other", 404, "unknown_connection"),
        ("/v1/opportunities", 400, "invalid_parameter"),
        ("/v1/opportunities?connection=crm-main&limit=201", 400, "invalid_parameter"),
        ("/v1/opportunities?connection=crm-main&updated_after=2026-11-23T00:00:00", 400, "invalid_parameter"),
        ("/v1/opportunities?connection=crm-main&colour=red", 400, "unknown_parameter"),
        (f"/v1/opportunities/opp_{1:032x}", 404, "not_found"),
        (f"/v1/contracts/ctr_{1:032x}", 404, "not_found"),
    ],
)
async def test_what_makes_no_sense_is_refused(crm: Running, path: str, status: int, code: str) -> None:
    """Problems have a status and a stable code."""
    answer = await crm.http.get(path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_each_resource_has_its_own_scope(crm: Running) -> None:
    """Who may read customers may not read contracts."""
    deal = await crm.deal("Port scheduling")
    headers = {"Authorization": "Bearer crm.customers.read"}
    for path, status in ((f"customers/{deal['customer_id']}", 200), (f"contracts/{deal['contract_id']}", 403)):
        assert (await crm.http.get(f"/v1/{path}", headers=headers)).status_code == status


async def test_a_win_is_one_event_however_often_it_is_told(stage: Stage, crm: Running) -> None:
    """The feed, its repeated delivery and the poll all tell of it; the log has it once, and the past is not told."""
    async with asyncio.timeout(10):
        while not await stage.is_followed():
            pass
    await stage.win("D01")
    first = (await crm.wins(1))[0].event
    await stage.deliver_again("D01")
    await stage.win("D03")
    events = [recorded.event for recorded in await crm.wins(2)]
    deal = await crm.deal("Grid data platform")
    data = msgspec.json.decode(first.data, type=OpportunityWon)
    assert (first.traceparent or "").startswith("00-")
    assert [event.type for event in events] == ["syncline.opportunity-won.v1"] * 2
    assert (first.subject, first.source, first.legalentity) == (deal["id"], "/system/crm", "DE01")
    assert (data.value.amount, data.won_at.isoformat()) == ("174000.00", deal["won_at"].replace("Z", "+00:00"))


async def test_the_poll_alone_finds_a_win(stage: Stage, crm: Running) -> None:
    """Where the feed is out of order nothing is lost."""
    await stage.fault("outage", path="/cometd/", times=None)
    await stage.win("D06")
    events = await crm.wins(1)
    assert msgspec.json.decode(events[0].event.data, type=OpportunityWon).kind == "new"


async def test_a_deal_that_is_won_again_is_another_event(stage: Stage, crm: Running) -> None:
    """A win that was taken back and given again starts anew."""
    await stage.win("D07")
    await crm.wins(1)
    await stage.pass_time(60)
    await stage.reopen("D07")
    await stage.pass_time(120)
    await stage.win("D07")
    events = [recorded.event for recorded in await crm.wins(2)]
    assert events[0].subject == events[1].subject
    assert events[0].id != events[1].id


async def test_the_contract_document_names_its_operations(crm: Running) -> None:
    """Four reads, no write and no hook."""
    paths = document(crm.service)["paths"]
    operations = sorted(operation["operationId"] for methods in paths.values() for operation in methods.values())
    assert operations == ["getContract", "getCustomer", "getOpportunity", "listOpportunities"]
