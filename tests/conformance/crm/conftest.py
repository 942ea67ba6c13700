"""Every CRM vendor on its stage: its sandbox behind a real socket, with the demo firm's sales and salespeople."""

import asyncio
import pkgutil
import socket
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import date
from importlib import import_module
from typing import Any

import httpx
import pytest
import uvicorn

import system_apis.crm
from demo.firm import Deal, Firm
from demo.morning import demo_firm
from demo.seeds import salesforce as salesforce_seeds
from sandboxkit.app import Context
from sandboxkit.server import DroppableConnection
from sandboxkit.store import Store
from servicekit.clock import SystemClock
from servicekit.settings import read
from system_apis.crm.port import Crm

CONTROL = {"Sandbox-Control-Key": "control"}
FIRM = demo_firm(date(2026, 11, 23))


class Stage:
    """A vendor's sandbox, our connector to it, and what its users do. `native` gives a seeded record's own id."""

    def __init__(self, http: httpx.AsyncClient, crm: Crm, vendor: str, settings: dict[str, Any]) -> None:
        self.vendor = vendor
        self.settings = settings
        self.http = http
        self.crm = crm
        self.firm: Firm = FIRM

    def deal(self, key: str) -> Deal:
        return next(deal for deal in (*self.firm.history, *self.firm.deals) if deal.key == key)

    async def fault(self, kind: str, **more: Any) -> None:
        (await self.http.post("/_sandbox/faults", json={"kind": kind} | more, headers=CONTROL)).raise_for_status()

    async def win(self, key: str) -> str:
        return await salesforce_seeds.win(self.http, self.deal(key))

    async def reopen(self, key: str) -> str:
        return await salesforce_seeds.reopen(self.http, self.deal(key))

    async def deliver_again(self, key: str) -> int:
        return await salesforce_seeds.deliver_again(self.http, "control", self.deal(key))

    async def is_followed(self) -> bool:
        """Whether the change feed has a subscriber."""
        answer = await self.http.post("/_sandbox/actions/subscribers", json={}, headers=CONTROL)
        return bool(answer.json())

    async def opportunity_id(self, key: str) -> str:
        return await salesforce_seeds.opportunity_id(self.http, self.deal(key))

    async def pass_time(self, seconds: float) -> None:
        """The vendor's clock goes on."""
        (await self.http.post("/_sandbox/clock", json={"offset_s": seconds}, headers=CONTROL)).raise_for_status()


@asynccontextmanager
async def served(app: Any, listening: socket.socket) -> AsyncIterator[None]:
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=DroppableConnection,
            lifespan="off",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield
    server.should_exit = True
    await serving
    listening.close()


@asynccontextmanager
async def salesforce() -> AsyncIterator[Stage]:
    vendor = import_module("system_apis.crm.salesforce")
    sandbox = import_module("system_apis.crm.salesforce.sandbox")
    listening = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    accepts = {"consumer_key": "app", "consumer_secret": "the-secret", "username": "integration@demo.example"}
    # Fewer rows at a time than asked for: Salesforce may do so.
    context = Context(
        store=Store(":memory:"),
        control_key="control",
        base_url=url,
        config=accepts | {"batch_size": 3, "feed_hold_s": 0.2},
    )
    told = {"login_url": url, "consumer_key": "app", "consumer_secret": "the-secret", "feed_hold_s": 2.0}
    for kind, rows in salesforce_seeds.records(FIRM).items():
        for row in rows:
            context.store.put(kind, row["id"], row["body"])
    async with served(sandbox.create_sandbox_app(context), listening), httpx.AsyncClient(base_url=url) as http:
        await salesforce_seeds.sign_in(http, "app", "the-secret")
        crm = vendor.Connector.connect("crm-main", read(vendor.Settings, told, {}), SystemClock())
        yield Stage(http, crm, "salesforce", told)
        await crm.close()
    context.store.close()


# A vendor folder without a stage fails here, by its name.
STAGES: dict[str, Callable[[], Any]] = {"salesforce": salesforce}
VENDORS = [found.name for found in pkgutil.iter_modules(system_apis.crm.__path__) if found.ispkg]


@pytest.fixture(params=VENDORS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with STAGES[request.param]() as ready:
        yield ready


@pytest.fixture
def collected() -> Callable[[AsyncIterator[Any], int], Coroutine[Any, Any, list[Any]]]:
    """The first so many items of a stream that never ends."""

    async def take(stream: AsyncIterator[Any], count: int) -> list[Any]:
        items: list[Any] = []
        async with asyncio.timeout(10):
            async for item in stream:
                items.append(item)
                if len(items) == count:
                    break
        return items

    return take
