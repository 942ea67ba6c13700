"""Judges the SCIM sandbox with scim2-tester, a conformance client of other authors, and asks what it does not ask."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from scim2_client.client import BaseSyncSCIMClient
from scim2_tester import CheckResult, check_server
from starlette.types import ASGIApp

from sandboxkit.app import Context
from sandboxkit.server import DroppableConnection
from sandboxkit.store import Store
from system_apis.identity.scim.sandbox import create_sandbox_app

TOKEN = "token-of-the-provisioning-app"
CORE = "urn:ietf:params:scim:schemas:core:2.0"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
MESSAGES = "urn:ietf:params:scim:api:messages:2.0"


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """The URL of the application on a socket of its own, which listens before the server does."""
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    config = uvicorn.Config(app, http=DroppableConnection, lifespan="off", log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@pytest.fixture
async def base() -> AsyncIterator[str]:
    """The SCIM base URL of a running sandbox."""
    context = Context(
        store=Store(":memory:"), control_key="control", base_url="http://127.0.0.1", config={"token": TOKEN}
    )
    async with served(create_sandbox_app(context)) as url:
        context.base_url = url
        yield f"{url}/scim/v2"
    context.store.close()


@pytest.fixture
async def scim(base: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
    async with httpx.AsyncClient(base_url=base, headers=headers) as client:
        yield client


class OverHttp(BaseSyncSCIMClient):
    """scim2-client over httpx; its own engine wants another HTTP library."""

    def __init__(self, http: httpx.Client) -> None:
        super().__init__()
        self._http = http

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        return self._http.request(method, url, **kwargs)

    def _parse_json(self, response: Any) -> Any:
        return response.json()

    def _stays_under_base_url(self, endpoint: str) -> bool:
        built = str(self._http.build_request("GET", endpoint).url)
        return built.startswith(str(self._http.base_url))


def judged(base: str) -> list[CheckResult]:
    """What scim2-tester finds; it is a synchronous client and wants a thread of its own."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=base, headers=headers, timeout=10) as http:
        return check_server(OverHttp(http))


async def test_scim2_tester_finds_no_error(base: str) -> None:
    """Discovery, create, read, replace, delete, projection, search and PATCH of every attribute, as the RFCs say."""
    results = await asyncio.to_thread(judged, base)
    good = {"SUCCESS", "COMPLIANT", "ACCEPTABLE", "SKIPPED"}
    assert [] == [(found.title, found.reason) for found in results if found.status.name not in good]
    assert 100 < len(results)
    assert {None, "User", "Group"} == {found.resource_type for found in results}
