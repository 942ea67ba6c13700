"""Every vendor of the capability, connected to its sandbox over a real socket, with the accounts that tests need."""

import asyncio
import pkgutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.types import ASGIApp

from sandboxkit.app import Context
from sandboxkit.server import DroppableConnection
from sandboxkit.store import Store
from servicekit.clock import SystemClock
from servicekit.settings import read
from system_apis import identity
from system_apis.identity import scim
from system_apis.identity.port import Identity
from system_apis.identity.scim.sandbox import create_sandbox_app

CONTROL = "control"
VENDORS = tuple(module.name for module in pkgutil.iter_modules(identity.__path__) if module.ispkg)
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"


@dataclass
class Stage:
    """A connected identity provider and what its administrator can do."""

    vendor: str
    settings: dict[str, Any]  # of the connection, as they stand in a settings file
    identity: Identity
    connect: Callable[[dict[str, Any]], Identity]  # another connection, some settings changed
    wrong_token: dict[str, Any]  # settings to change for a token that is not accepted
    control: httpx.AsyncClient
    deactivate: Callable[[str], Awaitable[None]]  # the account, in the vendor's own way
    delete: Callable[[str], Awaitable[None]]

    async def fail(self, kind: str, **fault: Any) -> None:
        answer = await self.control.post("/_sandbox/faults", json={"kind": kind, **fault})
        assert answer.status_code == 201, answer.text

    async def written(self) -> list[str]:
        """What was asked of the vendor that could have changed something."""
        journal: list[dict[str, Any]] = (await self.control.get("/_sandbox/journal")).json()
        return [f"{row['method']} {row['path']}" for row in journal]


@pytest.fixture(params=VENDORS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """In the order in which they were made.

    u1 Ada Brandt, number W1; u2 Ben Vogel, no number; u3 Clara Weiss, number W3, deactivated; u4 and u5, both W5;
    u6 Dora Lenz and u7 D. Lenz, with one address between them and no number.
    """
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
async def scim_stage() -> AsyncIterator[Stage]:
    store = Store(":memory:")
    # Pages of three at most, whatever is asked for: a server may do so.
    config = {"token": "token", "max_results": 3}
    context = Context(store=store, control_key=CONTROL, base_url="http://127.0.0.1", config=config)
    _furnish_scim(store)
    async with served(create_sandbox_app(context)) as url:
        settings = {"base_url": url, "token": "token"}
        connected: list[Identity] = []

        def connect(changes: dict[str, Any]) -> Identity:
            wanted = read(scim.Settings, settings | changes, {})
            connected.append(scim.Connector.connect("identity-main", wanted, SystemClock()))
            return connected[-1]

        async def deactivate(native_id: str) -> None:
            body = {
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
                "Operations": [{"op": "replace", "path": "active", "value": False}],
            }
            answer = await control.patch(f"/scim/v2/Users/{native_id}", json=body)
            assert answer.status_code == 200, answer.text

        async def delete(native_id: str) -> None:
            assert (await control.delete(f"/scim/v2/Users/{native_id}")).status_code == 204

        headers = {"Sandbox-Control-Key": CONTROL, "Authorization": "Bearer token"}
        async with httpx.AsyncClient(base_url=url, headers=headers) as control:
            yield Stage("scim", settings, connect({}), connect, {"token": "stale"}, control, deactivate, delete)
        for one in connected:
            await one.close()
    store.close()


STAGES = {"scim": scim_stage}


def _furnish_scim(store: Store) -> None:
    def put(n: int, first: str, last: str, *, active: bool = True, address: str = "", **more: Any) -> None:
        moment = f"2026-01-0{n}T08:00:00Z"
        address = address or f"{first}.{last}@x.example".lower()
        body = {
            "schemas": [USER],
            "id": f"u{n}",
            "userName": f"{first}.{last}@login.example".lower(),
            "name": {"givenName": first, "familyName": last},
            "active": active,
            "emails": [
                {"value": f"{first}@home.example".lower(), "type": "home"},
                {"value": address, "type": "work", "primary": True},
            ],
            "meta": {"created": moment, "lastModified": moment},
            **more,
        }
        store.put("users", f"u{n}", body)

    numbered: dict[str, Any] = {ENTERPRISE: {"employeeNumber": "W1"}}
    put(1, "Ada", "Brandt", **numbered)
    put(2, "Ben", "Vogel")
    put(3, "Clara", "Weiss", active=False, externalId="W3")
    numbered = {ENTERPRISE: {"employeeNumber": "W5"}}
    put(4, "Emil", "Otto", **numbered)
    put(5, "Emil", "Ott", externalId="W5")
    put(6, "Dora", "Lenz", address="d.lenz@x.example")
    put(7, "D.", "Lenz", address="d.lenz@x.example")
