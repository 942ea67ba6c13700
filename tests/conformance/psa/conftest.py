"""Every vendor of the capability, connected to its sandbox over a real socket, with the people and roles tests need."""

import asyncio
import pkgutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest
import uvicorn
from psa_hands import Hands, KantataHands
from starlette.types import ASGIApp

from sandboxkit.app import Context
from sandboxkit.server import DroppableConnection
from sandboxkit.store import Store
from servicekit.app import Service
from servicekit.auth import Caller
from servicekit.clock import SystemClock
from servicekit.limits import Limiter
from servicekit.migrate import migrate
from servicekit.settings import Secret, ServiceSettings, read
from system_apis import psa
from system_apis.connections import ConnectionSettings
from system_apis.psa import kantata
from system_apis.psa.app import create_app
from system_apis.psa.kantata.sandbox import create_sandbox_app
from system_apis.psa.port import Psa
from system_apis.service import MIGRATIONS, SystemSettings

CONTROL = "control"
SCHEMA = "system_psa"
READ_AND_WRITTEN = ("projects", "tasks", "milestones", "resource-requests", "assignments", "resources", "billing-marks")
READ = ("time-entries", "expenses", "rate-cards", "recognised-revenue")
SCOPES = [
    *(f"psa.{resource}.{access}" for resource in READ_AND_WRITTEN for access in ("read", "write")),
    *(f"psa.{resource}.read" for resource in READ),
]
VENDORS = tuple(module.name for module in pkgutil.iter_modules(psa.__path__) if module.ispkg)


@dataclass
class Stage:
    """A connected PSA and what a person can do beside it."""

    vendor: str
    settings: dict[str, Any]  # of the connection, as they stand in a settings file
    psa: Psa
    control: httpx.AsyncClient
    enter_time: Callable[[str], Awaitable[bool]]  # on a project, in the vendor's own way: whether it was taken
    hands: Hands  # the people who work and decide in it
    moved_s: float = 0.0

    async def fail(self, kind: str, **fault: Any) -> None:
        answer = await self.control.post("/_sandbox/faults", json={"kind": kind, **fault})
        assert answer.status_code == 201, answer.text

    async def faults(self) -> list[Any]:
        found: list[Any] = (await self.control.get("/_sandbox/faults")).json()
        return found

    async def later(self, seconds: float) -> None:
        """The vendor's clock goes on by so much."""
        self.moved_s += seconds
        await self.control.post("/_sandbox/clock", json={"offset_s": self.moved_s})

    async def now(self) -> datetime:
        """By the vendor's clock."""
        answer = await self.control.post("/_sandbox/clock", json={"offset_s": self.moved_s})
        return datetime.fromisoformat(answer.json()["now"])

    async def mend(self) -> None:
        await self.control.delete("/_sandbox/faults")


@pytest.fixture(params=VENDORS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """People 41 (worker W1, Ada Brandt), 42 (Ben Vogel), 43 (disabled), 44 (a manager); roles Engineer, Consultant."""
    async with STAGES[request.param]() as found:
        yield found


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """The URL of the application on a socket of its own, which listens before the server does."""
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    config = uvicorn.Config(app, http=DroppableConnection, lifespan="off", log_level="critical", access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def kantata_stage() -> AsyncIterator[Stage]:
    tokens = {"ada's": "41", "ben's": "42", "eva's": "44"}
    config = {"access_token": "token", "user_tokens": tokens, "exchange_rates": {"USD:EUR": "0.92"}}
    context = Context(store=Store(":memory:"), control_key=CONTROL, base_url="http://127.0.0.1", config=config)
    _furnish_kantata(context.store)
    async with served(create_sandbox_app(context)) as url:
        settings = {
            "base_url": url,
            "access_token": "token",
            "legal_entity_field_id": "9",
            "acceptance_field_id": "10",
            "acceptor_field_id": "11",
            "time_zone": "Europe/Berlin",
            "deletions_from_events": True,
        }
        connector = kantata.Connector.connect("psa-main", read(kantata.Settings, settings, {}), SystemClock())
        headers = {"Sandbox-Control-Key": CONTROL, "Authorization": "Bearer token"}
        async with httpx.AsyncClient(base_url=url, headers=headers) as control:

            async def enter_time(project: str) -> bool:
                entry = {"workspace_id": project, "date_performed": "2026-12-03", "time_in_minutes": 90}
                answer = await control.post("/api/v1/time_entries", json={"time_entry": entry})
                return answer.status_code == 200

            yield Stage("kantata", settings, connector, control, enter_time, KantataHands(control))
        await connector.close()
    context.store.close()


STAGES = {"kantata": kantata_stage}


def _furnish_kantata(store: Store) -> None:
    def put(kind: str, record_id: str, **body: Any) -> None:
        stamp = {"created_at": "2026-01-01T00:00:00+00:00", "updated_at": "2026-01-01T00:00:00+00:00"}
        store.put(kind, record_id, {"id": record_id, **stamp, **body})

    put("users", "1", full_name="Integration", email_address="integration@x.example", disabled=False)
    ada = {"full_name": "Ada Brandt", "email_address": "ada.brandt@x.example", "manager_id": "44", "role_id": "5"}
    put("users", "41", **ada, disabled=False)
    put("users", "44", full_name="Eva Manager", email_address="eva.manager@x.example", disabled=False)
    put("users", "42", full_name="Ben Vogel", email_address="ben.vogel@x.example", disabled=False)
    put("users", "43", full_name="Clara Weiss", email_address="clara.weiss@x.example", disabled=True)
    reference = {"service_name": "hr", "service_model": "Worker", "service_model_ref": "W1", "status": "successful"}
    put("external_references", "1", subject_type="User", subject_id="41", last_synced_at=None, **reference)
    put("roles", "5", name="Engineer")
    put("roles", "6", name="Senior Engineer")
    put("roles", "7", name="Consultant")
    put("custom_fields", "9", name="Legal entity", subject_type="Workspace", value_type="string")
    put("custom_fields", "10", name="Accepted on", subject_type="Story", value_type="date")
    put("custom_fields", "11", name="Accepted by", subject_type="Story", value_type="string")
    put("expense_categories", "1", name="Travel")
    put("rate_card_sets", "1", title="Standard", account_default=True)
    put("rate_cards", "1", rate_card_set_id="1", currency="EUR")
    for version, day, engineer, others in (("1", "2026-01-01", 14550, None), ("2", "2026-12-15", 15000, 9900)):
        put("rate_card_set_versions", version, rate_card_set_id="1", effective_date=day, active=True)
        whole = {"rate_card_id": "1", "rate_card_set_version_id": version, "default_rate": others}
        put("rate_card_versions", version, **whole)
        put("rate_card_roles", version, rate_card_version_id=version, role_id="5", rate=engineer)


class ScopesAreTheToken:
    """A token's text is its caller's scopes."""

    async def verify(self, token: str) -> Caller:
        return Caller(subject="svc", client_id="svc", scopes=frozenset(token.split("+")), actor="svc")


@pytest.fixture
async def api(stage: Any, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running service, whose connection psa-main is the stage's sandbox."""
    migrate(database_url, SCHEMA, MIGRATIONS)
    connection = ConnectionSettings(vendor=stage.vendor, settings=stage.settings)
    settings = SystemSettings(
        service=ServiceSettings(
            name="system-psa",
            layer="system",
            port=1,
            issuer="https://edge.example/oauth",
            audience="syncline-system",
            client_id="system-psa",
            client_secret=Secret("hidden"),
            database_url=Secret(database_url),
            schema=SCHEMA,
            redis_url="redis://localhost:1",
        ),
        cursor_key=Secret("a key of at least thirty-two bytes"),
        connections={"psa-main": connection},
    )
    clock = SystemClock()
    service = create_app(settings, verifier=ScopesAreTheToken(), limiter=Limiter(6000, clock=clock))
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
