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
from starlette.types import ASGIApp

from demo.firm import Firm
from demo.morning import demo_firm
from demo.seeds import business_central as business_central_seeds
from sandboxkit.app import Context
from sandboxkit.server import DroppableConnection
from sandboxkit.store import Store
from servicekit.clock import SystemClock
from servicekit.settings import read
from system_apis import erp
from system_apis.erp import business_central
from system_apis.erp.business_central.sandbox import create_sandbox_app
from system_apis.erp.port import Erp

CONTROL = "control"
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
            "companies": business_central_seeds.company_settings(firm),
            "timeout_s": 5.0,
        }
        connector = business_central.Connector.connect(
            "erp-main", read(business_central.Settings, settings, {}), SystemClock()
        )
        headers = {"Sandbox-Control-Key": CONTROL}
        control = httpx.AsyncClient(base_url=url, headers=headers, timeout=10, verify=False)
        async with served(create_sandbox_app(context), listening), control:

            async def open_cost_centre(entity: str, code: str) -> None:
                deed = business_central_seeds.cost_centre_deed(firm, entity, code, "New")
                await control.post("/_sandbox/actions/create_dimension_value", json=deed)

            async def block_customer(entity: str, number: str) -> None:
                deed = {"company": firm.entity(entity).name, "number": number, "blocked": "All"}
                await control.post("/_sandbox/actions/block_customer", json=deed)

            yield Stage(
                vendor="business_central",
                erp=connector,
                control=control,
                settings=settings,
                open_cost_centre=open_cost_centre,
                block_customer=block_customer,
            )
            await connector.close()
        context.store.close()


STAGES = {"business_central": business_central_stage}
