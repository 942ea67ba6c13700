"""The billing service as it runs, on PostgreSQL and a sandbox, with its clients and what it wrote down."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import msgspec
import psycopg

from servicekit.app import Service
from servicekit.auth import Caller
from servicekit.clock import SystemClock
from servicekit.database import driver_url
from servicekit.eventlog import EventLog
from servicekit.limits import Limiter
from servicekit.migrate import migrate
from servicekit.settings import Secret, ServiceSettings
from system_apis.billing.app import create_app
from system_apis.connections import ConnectionSettings
from system_apis.service import MIGRATIONS, SystemSettings

SCHEMA = "system_billing"
RESOURCES = ("accounts", "schedules", "invoices", "credit-notes")
SCOPES = [f"billing.{resource}.{access}" for resource in RESOURCES for access in ("read", "write")]
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


@dataclass
class Running:
    """The service with its clients: one with every scope, and what it wrote down."""

    api: httpx.AsyncClient
    stage: Any
    service: Service
    clock: SystemClock
    database_url: str
    log: EventLog

    async def rows(self, query: str) -> list[Any]:
        async with await psycopg.AsyncConnection.connect(driver_url(self.database_url)) as connection:
            await connection.execute(f'set search_path to "{SCHEMA}"')
            return await (await connection.execute(query)).fetchall()

    async def made(self, path: str, body: dict[str, Any], key: str, **params: str) -> dict[str, Any]:
        answer = await self.api.post(path, json=body, params=params, headers={"Idempotency-Key": key})
        assert 201 == answer.status_code, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def issued(self) -> list[tuple[str, dict[str, Any]]]:
        """The subject and data of every invoice-issued in the log."""
        found = [one.event for one in await self.log.read(0, 100)]
        return [
            (one.subject, msgspec.json.decode(one.data)) for one in found if "syncline.invoice-issued.v1" == one.type
        ]

    async def account(self) -> str:
        """The id of the customer's account."""
        found: str = (await self.made("/v1/billing-accounts", ACCOUNT, "run-1.account", **HERE))["id"]
        return found


class ScopesAreTheToken:
    """A token's text is its caller's scopes."""

    async def verify(self, token: str) -> Caller:
        return Caller(subject="svc", client_id="svc", scopes=frozenset(token.split("+")), actor="svc")


@asynccontextmanager
async def running_service(stage: Any, database_url: str) -> AsyncIterator[Running]:
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
        log = EventLog(service.state["database"], clock)
        yield Running(client, stage, service, clock, database_url, log)


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


def reported(service: Service, arrived: asyncio.Queue[int]) -> Any:
    """The service, which also says the status of each of its answers."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def say(message: Any) -> None:
            await send(message)
            if message["type"] == "http.response.start":
                await arrived.put(message["status"])

        await service(scope, receive, say)

    return app
