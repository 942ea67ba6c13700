"""The ERP service, whose connection erp-main is the stage's sandbox, and a client that may do everything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from servicekit.app import Service
from servicekit.auth import Caller
from servicekit.clock import SystemClock
from servicekit.limits import Limiter
from servicekit.migrate import migrate
from servicekit.settings import Secret, ServiceSettings
from system_apis.connections import ConnectionSettings
from system_apis.erp.app import create_app
from system_apis.service import MIGRATIONS, SystemSettings

SCHEMA = "system_erp"
READ = ("legal-entities", "dimension-values", "tax-codes", "accounting-periods", "payment-terms")
LEDGER = ("exchange-rates", "ledger-entries", "account-balances")
WRITTEN = ("customer-accounts", "project-shells", "receivables", "journals")
SCOPES = [f"erp.{name}.read" for name in (*READ, *LEDGER, *WRITTEN)] + [f"erp.{name}.write" for name in WRITTEN]


class ScopesAreTheToken:
    """A token's text is its caller's scopes."""

    async def verify(self, token: str) -> Caller:
        return Caller(subject="svc", client_id="svc", scopes=frozenset(token.split("+")), actor="svc")


@pytest.fixture
def service(stage: Any, database_url: str) -> Service:
    """The service, whose connection erp-main is the stage's sandbox."""
    migrate(database_url, SCHEMA, MIGRATIONS)
    settings = SystemSettings(
        service=ServiceSettings(
            name="system-erp",
            layer="system",
            port=1,
            issuer="https://edge.example/oauth",
            audience="syncline-system",
            client_id="system-erp",
            client_secret=Secret("hidden"),
            database_url=Secret(database_url),
            schema=SCHEMA,
            redis_url="redis://localhost:1",
        ),
        cursor_key=Secret("a key of at least thirty-two bytes"),
        connections={"erp-main": ConnectionSettings(vendor=stage.vendor, settings=stage.settings)},
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
