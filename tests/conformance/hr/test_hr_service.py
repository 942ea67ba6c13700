"""The HR system API from the outside: canonical ids, pages, scopes and events, on PostgreSQL and a vendor's sandbox."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest

from canonical.events import EmployeeCreated
from servicekit.app import Service
from servicekit.auth import Caller
from servicekit.clock import SystemClock
from servicekit.contract import document
from servicekit.database import Database
from servicekit.eventlog import EventLog
from servicekit.limits import Limiter
from servicekit.migrate import migrate
from servicekit.settings import Secret, ServiceSettings
from system_apis.connections import ConnectionSettings
from system_apis.directory import Directory
from system_apis.hr.app import OWNED, create_app
from system_apis.hr.observing import WorkerWatch
from system_apis.observing import Observer
from system_apis.polling import Watermarks
from system_apis.service import MIGRATIONS, SystemSettings

SCHEMA = "system_hr"
SCOPES = ["hr.workers.read", "hr.absences.read", "hr.cost-rates.read"]
HERE = {"connection": "hr-main"}


class ScopesAreTheToken:
    """A token's text is its caller's scopes."""

    async def verify(self, token: str) -> Caller:
        return Caller(subject="svc", client_id="svc", scopes=frozenset(token.split("+")), actor="svc")


@pytest.fixture
def service(stage: Any, database_url: str) -> Service:
    """The service, whose connection hr-main is the stage's sandbox."""
    migrate(database_url, SCHEMA, MIGRATIONS)
    settings = SystemSettings(
        service=ServiceSettings(
            name="system-hr",
            layer="system",
            port=1,
            issuer="https://edge.example/oauth",
            audience="syncline-system",
            client_id="system-hr",
            client_secret=Secret("hidden"),
            database_url=Secret(database_url),
            schema=SCHEMA,
            redis_url="redis://localhost:1",
        ),
        cursor_key=Secret("a key of at least thirty-two bytes"),
        connections={"hr-main": ConnectionSettings(vendor=stage.vendor, settings=stage.settings)},
    )
    return create_app(settings, verifier=ScopesAreTheToken(), limiter=Limiter(6000, clock=SystemClock()))


@pytest.fixture
async def api(service: Service) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(service, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {'+'.join(SCOPES)}"}
    async with running(service), httpx.AsyncClient(transport=transport, base_url="http://t", headers=headers) as client:
        yield client


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


async def everyone(api: httpx.AsyncClient, limit: int = 17) -> dict[str, dict[str, Any]]:
    """All workers by their number, page after page."""
    found: dict[str, dict[str, Any]] = {}
    params: dict[str, Any] = HERE | {"limit": limit}
    while True:
        answer = await api.get("/v1/workers", params=params)
        assert 200 == answer.status_code, answer.text
        found |= {worker["employment"]["number"]: worker for worker in answer.json()["items"]}
        if answer.json()["next"] is None:
            return found
        params["cursor"] = answer.json()["next"]


async def test_workers_have_ids_that_stay(api: httpx.AsyncClient) -> None:
    """Worker and person each get an id of ours, once; the platform's own is beside it."""
    first, second = await everyone(api), await everyone(api, 40)
    assert 40 == len(first)
    assert {number: worker["id"] for number, worker in first.items()} == {n: w["id"] for n, w in second.items()}
    assert all(w["id"].startswith("wrk_") and w["person_id"].startswith("per_") for w in first.values())
    (external,) = first["W1003"]["external_ids"]
    assert ("hr-main", "worker") == (external["connection"], external["kind"])


async def test_one_worker_as_of_a_day(api: httpx.AsyncClient, stage: Any) -> None:
    """All terms without a day; with one, those that hold on it, and none before the hire."""
    worker = (await everyone(api))["W1002"]
    path = f"/v1/workers/{worker['id']}"
    whole = await api.get(path)
    later = await api.get(path, params={"as_of": (stage.today + timedelta(days=90)).isoformat()})
    before = await api.get(path, params={"as_of": "2001-01-01"})
    assert worker == whole.json()
    assert [40, 32] == [terms["weekly_hours"] for terms in whole.json()["terms"]]
    assert ([32], []) == ([t["weekly_hours"] for t in later.json()["terms"]], before.json()["terms"])
    assert whole.headers["etag"] != later.headers["etag"]


async def test_absence_and_cost_rates_have_routes_of_their_own(api: httpx.AsyncClient, stage: Any) -> None:
    """Both speak of the worker by our id; pay and absence are not in a worker."""
    worker = (await everyone(api))["W1005"]
    (leave,) = stage.colleague("W1005").absences
    days = {"from_date": stage.today.isoformat(), "to_date": (stage.today + timedelta(days=7)).isoformat()}
    absences = (await api.get(f"/v1/workers/{worker['id']}/absences", params=days)).json()
    rates = (await api.get(f"/v1/workers/{worker['id']}/cost-rates")).json()
    effective = {"from_date": leave.from_date.isoformat(), "to_date": leave.to_date.isoformat()}
    wanted = {"worker_id": worker["id"], "effective": effective, "affects": "eligibility", "approved": True}
    assert {"items": [wanted], "next": None} == absences
    assert [("94.00", "EUR", "hour", worker["id"])] == [
        (rate["rate"]["amount"], rate["rate"]["currency"], rate["rate"]["unit"], rate["worker_id"])
        for rate in rates["items"]
    ]
    assert not {"cost_rate", "cost_rates", "absences"} & worker.keys()


@pytest.mark.parametrize("path", ["", "/absences?from_date=2026-01-01&to_date=2026-02-01", "/cost-rates"])
async def test_each_kind_of_data_has_its_scope(api: httpx.AsyncClient, path: str) -> None:
    """The scopes of the other kinds do not open it; an id that nobody minted is 404."""
    scope = {"": "hr.workers.read", "/cost-rates": "hr.cost-rates.read"}.get(path, "hr.absences.read")
    others = "+".join(name for name in SCOPES if name != scope)
    unknown = f"/v1/workers/wrk_{1:032x}{path}"
    refused = await api.get(unknown, headers={"Authorization": f"Bearer {others}"})
    assert (403, "insufficient_scope") == (refused.status_code, refused.json()["code"])
    assert (404, "not_found") == ((answer := await api.get(unknown)).status_code, answer.json()["code"])


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"connection": "hr-other"}, 404, "unknown_connection"),
        (HERE | {"cursor": "x"}, 400, "invalid_cursor"),
        ({}, 400, "invalid_parameter"),
    ],
)
async def test_questions_that_cannot_be_answered(
    api: httpx.AsyncClient, params: dict[str, str], status: int, code: str
) -> None:
    """Each has a status and a code of its own."""
    answer = await api.get("/v1/workers", params=params)
    assert (status, code) == (answer.status_code, answer.json()["code"])


async def test_a_range_that_ends_before_it_starts_is_invalid(api: httpx.AsyncClient) -> None:
    """422 names the parameter."""
    worker = (await everyone(api))["W1005"]
    days = {"from_date": "2026-02-01", "to_date": "2026-01-01"}
    answer = await api.get(f"/v1/workers/{worker['id']}/absences", params=days)
    assert (422, "query:to_date") == (answer.status_code, answer.json()["errors"][0]["pointer"])


async def test_a_hire_is_an_event_once_and_history_is_none(stage: Any, database_url: str) -> None:
    """Who is entered after we began to watch raises one `employee-created`, however often seen; others none."""
    migrate(database_url, SCHEMA, MIGRATIONS)
    database = Database(database_url, SCHEMA)
    log = EventLog(database, stage.clock)
    directory = Directory(database, OWNED, stage.clock)
    began = stage.clock.now()
    observer = Observer(database, log, "/system/hr", stage.clock)
    watch = WorkerWatch("hr-main", stage.hr, directory, observer, Watermarks(database), began, stage.clock)
    assert [0] * 40 == [await watch.observe(worker) async for worker in watch.changed_since(began)]
    await stage.pass_time(minutes=1)
    starts = stage.today + timedelta(days=30)
    newcomer = dataclasses.replace(stage.colleague("W1003"), number="W2001", hire_date=starts)
    await stage.hire(newcomer)
    await stage.move("W1007", "CC-D20", stage.today + timedelta(days=40))
    await stage.pass_time(minutes=1)
    made = [
        (worker.employment.number, await watch.observe(worker))
        for _ in range(2)
        async for worker in watch.changed_since(began)
    ]
    assert {"W1007": 0, "W2001": 1} == {number: sum(n for who, n in made if who == number) for number, _ in made}
    (recorded,) = await log.read(0, 10)
    event = recorded.event
    assert ("syncline.employee-created.v1", "DE01", "/system/hr") == (event.type, event.legalentity, event.source)
    told = msgspec.json.decode(event.data, type=EmployeeCreated)
    assert (event.subject, "W2001", "employee") == (told.worker_id, told.worker_number, told.employment_kind)
    assert (starts, True) == (told.effective_date, began < told.recorded_at <= stage.clock.now())
    await database.close()


def test_the_contract_names_every_route_and_scope(service: Service) -> None:
    """Four operations, each with its scope."""
    operations = {
        operation["operationId"] for item in document(service)["paths"].values() for operation in item.values()
    }
    assert {"listWorkers", "getWorker", "listAbsences", "listCostRates"} <= operations
