"""A real Envoy over real sockets, with small upstream applications behind it."""

import asyncio
import contextlib
import json
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import psutil
import pytest
import uvicorn
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from gateway.compiler import Topology, check_rejected, publish
from gateway.compiler.publish import command
from gateway.contracts import Contract, read_contracts
from servicekit.failures import Failure

CONTRACTS = Path(__file__).parent / "contracts"
STARTED_WITHIN_S = 20.0

Asgi = Callable[[Any, Any, Any], Awaitable[None]]


@dataclass
class Upstream:
    """An application that says which request reached it."""

    name: str
    port: int = 0
    keys: dict[str, Any] = field(default_factory=dict)
    calls: int = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        self.calls += 1
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        if scope["path"] == "/oauth/jwks":
            answer: dict[str, Any] = self.keys
        else:
            answer = {
                "service": self.name,
                "method": scope["method"],
                "path": scope["path"],
                "headers": {name.decode(): value.decode() for name, value in scope["headers"]},
                "size": len(body),
            }
        content = json.dumps(answer).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})


@dataclass
class Edge:
    """A running Envoy and what stands behind it."""

    topology: Topology
    folder: Path
    contracts: tuple[Contract, ...]
    key: RSAKey
    upstreams: dict[str, Upstream]

    def token(self, layer: str, *, client_id: str = "partner-a", age_s: int = 0, **claims: Any) -> str:
        """An access token such as the issuer makes."""
        now = datetime.now(UTC) - timedelta(seconds=age_s)
        header = {"alg": "RS256", "typ": "at+jwt", "kid": self.key.kid}
        body = {
            "iss": self.topology.issuer,
            "sub": client_id,
            "aud": f"syncline-{layer}",
            "client_id": client_id,
            "scope": "project-onboarding.onboardings.read",
            "iat": int(now.timestamp()),
            "exp": int((now + timedelta(minutes=15)).timestamp()),
            "jti": "t",
        }
        return jwt.encode(header, body | claims, self.key)

    def bearer(self, layer: str, **claims: Any) -> dict[str, str]:
        """The header that carries such a token."""
        return {"Authorization": f"Bearer {self.token(layer, **claims)}"}

    async def eventually(self, condition: Callable[[], Awaitable[bool]]) -> None:
        """Waits until *condition* holds."""
        await eventually(condition)

    def client(self) -> httpx.AsyncClient:
        """A caller outside."""
        return httpx.AsyncClient(base_url=self.topology.origin, timeout=10.0)


def free_port() -> int:
    """A port of the loopback address that nobody uses at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def eventually(condition: Callable[[], Awaitable[bool]], within_s: float = STARTED_WITHIN_S) -> None:
    """Waits until *condition* holds; another process offers no event to wait for."""
    async with asyncio.timeout(within_s):
        while not await condition():  # noqa: ASYNC110  the event happens in another process
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def served(app: Asgi, port: int) -> AsyncIterator[None]:
    """*app* behind a real uvicorn on *port*."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error", lifespan="off", timeout_keep_alive=5))
    with _signals_untouched(server):
        task = asyncio.create_task(server.serve())

        async def started() -> bool:
            return server.started or task.done()

        await eventually(started)
        try:
            yield
        finally:
            server.should_exit = True
            await task


@contextlib.asynccontextmanager
async def running(bootstrap: Path, admin: str) -> AsyncIterator[None]:
    """Envoy itself, from the wheel; ended by its id."""
    process = await asyncio.create_subprocess_exec(
        *command(bootstrap, workers=2), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )

    async def ready() -> bool:
        if process.returncode is not None:
            pytest.fail(f"Envoy ended with {process.returncode}")
        with contextlib.suppress(Failure):
            return (await check_rejected(admin)).routes_taken == 1
        return False

    try:
        await eventually(ready)
        yield
    finally:
        process.terminate()
        await process.wait()


@contextlib.asynccontextmanager
async def edge_of(folder: Path, *, wait_for_keys: bool = True, **changes: Any) -> AsyncIterator[Edge]:
    """An edge with an upstream per API, its keys published, its routes loaded."""
    key = RSAKey.generate_key(2048, {"kid": "k1", "use": "sig", "alg": "RS256"})
    upstreams = {
        name: Upstream(name, free_port()) for name in ("portal", "onboarding", "release", "experience", "billing")
    }
    upstreams["portal"].keys = dict(KeySet([key]).as_dict(private=False))
    listen, admin = free_port(), free_port()
    at = {name: f"127.0.0.1:{upstream.port}" for name, upstream in upstreams.items()}
    settings: dict[str, Any] = {
        "listen": f"127.0.0.1:{listen}",
        "origin": f"http://127.0.0.1:{listen}",
        "admin": f"127.0.0.1:{admin}",
        "portal": at["portal"],
        "issuer": f"http://127.0.0.1:{listen}",
        "services": {
            "project-onboarding.v1": at["onboarding"],
            "invoice-release.v1": at["release"],
            "experience.v1": at["experience"],
            "billing.v1": at["billing"],
        },
        "hooks": {"stripe-de": "billing.v1"},
        "pages": {"/console": at["experience"], "/stopped": f"127.0.0.1:{free_port()}"},
        "access_log": str(folder / "access.log"),
    }
    topology = Topology(**settings | changes)
    edge = Edge(topology, folder, read_contracts(CONTRACTS), key, upstreams)
    await published(edge)
    async with contextlib.AsyncExitStack() as stack:
        for upstream in upstreams.values():
            await stack.enter_async_context(served(upstream, upstream.port))
        await stack.enter_async_context(running(folder / "envoy.json", topology.admin))
        await eventually(lambda: _listening(edge))
        if wait_for_keys:
            await eventually(lambda: _keys_fetched(edge))
        yield edge


async def published(edge: Edge) -> None:
    """The edge's files, as they follow from its contracts and topology; Envoy's words when it refuses them."""
    try:
        await publish(edge.contracts, edge.topology, edge.folder)
    except Failure as failure:
        pytest.fail(f"{failure}: {failure.vendor_detail}")


def short_folder() -> Path:
    """A folder whose sockets' paths stay short: the kernel takes 107 bytes."""
    return Path(tempfile.mkdtemp(prefix="e"))


@pytest.fixture(scope="session")
async def edge(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Edge]:
    """One edge for the tests that change nothing of it."""
    async with edge_of(tmp_path_factory.mktemp("edge")) as started:
        yield started


@pytest.fixture(scope="session")
def edges() -> ModuleType:
    """What starts an edge of its own, for tests that change it."""
    return sys.modules[__name__]


@pytest.fixture(scope="session", autouse=True)
def no_process_is_left() -> Iterator[None]:
    """Every edge that the suite started has ended with it; one that ran before is another's, and ends later."""
    before = _edges_running()
    yield
    assert set() == _edges_running() - before


def _edges_running() -> set[int]:
    """Process ids."""
    return {child.pid for child in psutil.Process().children() if child.name() == "envoy"}


async def _listening(edge: Edge) -> bool:
    """The listener opens when the first attempt to fetch the issuer's keys has ended, well or not."""
    with contextlib.suppress(httpx.ConnectError):
        async with edge.client() as caller:
            return (await caller.get("/health/live")).status_code == 200
    return False


async def _keys_fetched(edge: Edge) -> bool:
    async with edge.client() as caller:
        answer = await caller.get("/experience/v1/views/start", headers=edge.bearer("experience"))
        return answer.status_code == 200


@contextlib.contextmanager
def _signals_untouched(server: uvicorn.Server) -> Iterator[None]:
    """The test run keeps its own handling of Ctrl-C."""
    server.capture_signals = contextlib.nullcontext  # type: ignore[assignment,method-assign]
    yield
