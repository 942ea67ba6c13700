"""A SCIM provider on its stage: seven accounts, some with the number in a place of its own, and pages of three."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from identity.stage import Stage
from serving import CONTROL, running_sandbox

from sandboxkit.store import Store
from servicekit.clock import SystemClock
from servicekit.settings import read
from system_apis.identity import scim
from system_apis.identity.port import Identity
from system_apis.identity.scim.sandbox import create_sandbox_app

ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
USER = "urn:ietf:params:scim:schemas:core:2.0:User"


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    # Pages of three at most, whatever is asked for: a server may do so.
    config = {"token": "token", "max_results": 3}
    async with running_sandbox(create_sandbox_app, config) as sandbox:
        _furnish(sandbox.store)
        settings = {"base_url": sandbox.base_url, "token": "token"}
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

        headers = CONTROL | {"Authorization": "Bearer token"}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers) as control:
            yield Stage("scim", settings, connect({}), connect, {"token": "stale"}, control, deactivate, delete)
        for one in connected:
            await one.close()


def _furnish(store: Store) -> None:
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
