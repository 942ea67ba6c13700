"""Every vendor of the capability, connected to its sandbox over a real socket, with the demo firm's books in it."""

import asyncio
import pkgutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx
import pytest
import uvicorn
from erp_ledger import BusinessCentralLedger
from starlette.types import ASGIApp

from demo.firm import Firm
from demo.morning import demo_firm
from demo.seeds import business_central as business_central_seeds
from sandboxkit.app import Context
from sandboxkit.server import DroppableConnection
from sandboxkit.store import Store
from servicekit.app import Service
from servicekit.auth import Caller
from servicekit.clock import SystemClock
from servicekit.limits import Limiter
from servicekit.migrate import migrate
from servicekit.settings import Secret, ServiceSettings, read
from system_apis import erp
from system_apis.connections import ConnectionSettings
from system_apis.erp import business_central
from system_apis.erp.app import create_app
from system_apis.erp.business_central.sandbox import create_sandbox_app
from system_apis.erp.port import Erp
from system_apis.service import MIGRATIONS, SystemSettings

CONTROL = "control"
SCHEMA = "system_erp"
READ = ("legal-entities", "dimension-values", "tax-codes", "accounting-periods", "payment-terms")
LEDGER = ("exchange-rates", "ledger-entries", "account-balances")
WRITTEN = ("customer-accounts", "project-shells", "receivables", "journals")
SCOPES = [f"erp.{name}.read" for name in (*READ, *LEDGER, *WRITTEN)] + [f"erp.{name}.write" for name in WRITTEN]
TODAY = date(2026, 11, 23)
VENDORS = tuple(module.name for module in pkgutil.iter_modules(erp.__path__) if module.ispkg)
CONFIG = {"tenant": "tenant-1", "environment": "production", "client_id": "app", "client_secret": "the-secret"}


@dataclass
class Stage:
    """A connected ERP and what people can do beside it, in the vendor's own way."""

    vendor: str
    erp: Erp
    control: httpx.AsyncClient
    settings: dict[str, Any]
    open_cost_centre: Callable[[str, str], Awaitable[None]]  # (legal entity, code)
    block_customer: Callable[[str, str], Awaitable[None]]  # (legal entity, number)
    open_window: Callable[[str, date | None, date | None], Awaitable[None]]  # (legal entity, first and last day)
    pay: Callable[[str, str, str | None, date], Awaitable[None]]  # (legal entity, document number, amount, day)
    recognise: Callable[[str, date, dict[str, str]], Awaitable[None]]  # (document, day, amount by project), in DE01

    async def fail(self, kind: str, **fault: Any) -> None:
        answer = await self.control.post("/_sandbox/faults", json={"kind": kind, **fault})
        assert answer.status_code == 201, answer.text

    async def mend(self) -> None:
        await self.control.delete("/_sandbox/faults")


@pytest.fixture(params=VENDORS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with STAGES[request.param](demo_firm(TODAY)) as found:
        yield found


@asynccontextmanager
async def served(app: ASGIApp, listening: socket.socket) -> AsyncIterator[None]:
    config = uvicorn.Config(app, http=DroppableConnection, lifespan="off", log_level="critical", access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def listener() -> socket.socket:
    """A socket that listens before the server does."""
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    return listening


@asynccontextmanager
async def business_central_stage(firm: Firm) -> AsyncIterator[Stage]:
    with listener() as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        context = Context(store=Store(":memory:"), control_key=CONTROL, base_url=url, config=CONFIG)
        for kind, rows in business_central_seeds.records(firm).items():
            for row in rows:
                context.store.put(kind, row["id"], row["body"])
        settings = CONFIG | {
            "api_url": url,
            "login_url": url,
            "companies": with_project_dimension(business_central_seeds.company_settings(firm)),
            "settle_after_s": 0.0,
            "timeout_s": 5.0,
        }
        connector = business_central.Connector.connect(
            "erp-main", read(business_central.Settings, settings, {}), SystemClock()
        )
        headers = {"Sandbox-Control-Key": CONTROL}
        control = httpx.AsyncClient(base_url=url, headers=headers, timeout=10, verify=False)
        async with served(create_sandbox_app(context), listening), control:
            yield Stage(
                vendor="business_central",
                erp=connector,
                control=control,
                settings=settings,
                **hands(firm, control),
            )
            await connector.close()
        context.store.close()


def with_project_dimension(companies: dict[str, Any]) -> dict[str, Any]:
    """DE01's connection says which dimension holds the project; GB01's does not."""
    german = companies["DE01"]
    return companies | {"DE01": german | {"dimensions": german["dimensions"] | {"project": "PROJECT"}}}


def hands(firm: Firm, control: httpx.AsyncClient) -> dict[str, Any]:
    """What people do in Business Central itself."""

    async def act(action: str, deed: dict[str, Any]) -> None:
        answer = await control.post(f"/_sandbox/actions/{action}", json=deed)
        assert "error" not in answer.json(), answer.text

    async def open_cost_centre(entity: str, code: str) -> None:
        await act("create_dimension_value", business_central_seeds.cost_centre_deed(firm, entity, code, "New"))

    async def block_customer(entity: str, number: str) -> None:
        await act("block_customer", {"company": firm.entity(entity).name, "number": number, "blocked": "All"})

    async def open_window(entity: str, first: date | None, last: date | None) -> None:
        await act("open_posting_window", business_central_seeds.window_deed(firm, entity, first, last))

    async def pay(entity: str, document: str, amount: str | None, day: date) -> None:
        deed = business_central_seeds.payment_deed(firm, entity, document, amount, day)
        await act("register_customer_payment", deed)

    return {
        "open_cost_centre": open_cost_centre,
        "block_customer": block_customer,
        "open_window": open_window,
        "pay": pay,
        "recognise": BusinessCentralLedger(control, CONFIG).recognise,
    }


STAGES = {"business_central": business_central_stage}


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
