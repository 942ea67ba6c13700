"""A small service, as every service of Syncline is made, and an issuer: what the tests of servicekit talk to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any

import httpx
import msgspec
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from litestar import Controller, delete, get, post, put
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, QueryParameter

from servicekit.app import Service, create_service
from servicekit.auth import Caller, requires
from servicekit.clock import Clock, SettableClock
from servicekit.contract import ApiInfo, documented
from servicekit.etags import etag_of, require_match
from servicekit.failures import Failure, Kind
from servicekit.limits import Limiter
from servicekit.settings import Secret, ServiceSettings

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
ISSUER = "https://edge.example/oauth"


class Money(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An exact amount."""

    amount: Decimal
    currency: Annotated[str, msgspec.Meta(pattern="^[A-Z]{3}$")]


class NewThing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller says about a thing."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    value: Money
    count: int = 1


class Thing(msgspec.Struct, frozen=True, kw_only=True):
    """A thing."""

    id: str
    name: str
    value: Money
    made_at: Annotated[datetime, msgspec.Meta(tz=True)]


THING = Thing(id="thg_1", name="one", value=Money(amount=Decimal("12.50"), currency="EUR"), made_at=NOW)


class ThingRoutes(Controller):
    """Reads and writes things, and fails in every way there is."""

    path = "/v1/things"

    @get(
        "/{thing_id:str}", operation_id="getThing", guards=[requires("t.things.read")], responses=documented(Kind.GONE)
    )
    async def one(
        self,
        thing_id: FromPath[str],
        limit: Annotated[int, QueryParameter(ge=1, le=100)] = 20,
        since: Annotated[date | None, QueryParameter()] = None,
        until: Annotated[datetime | None, QueryParameter()] = None,
        whole: Annotated[bool, QueryParameter()] = False,
    ) -> Thing:
        """One thing.

        It is always the same one.
        """
        if thing_id == "bug":
            raise RuntimeError("the password is hunter2")
        if thing_id == "missing":
            raise Failure(Kind.MISSING, "There is no such thing.", vendor_detail="ORA-00942 at db7")
        if thing_id == "later":
            raise Failure(Kind.UNAVAILABLE, "The platform is down.", retry_after_s=1.2)
        return msgspec.structs.replace(THING, name=f"limit {limit}") if limit != 20 else THING

    @post("/", operation_id="createThing", guards=[requires("t.things.write")])
    async def create(
        self,
        data: JSONBody[NewThing],
        caller: NamedDependency[Caller],
        key: Annotated[str, HeaderParameter(name="Idempotency-Key", min_length=1, max_length=64)],
    ) -> Thing:
        """A new thing."""
        return msgspec.structs.replace(THING, id=key, name=caller.actor, value=data.value)

    @put("/{thing_id:str}", operation_id="replaceThing", guards=[requires("t.things.write", "t.things.read")])
    async def replace(
        self,
        thing_id: FromPath[str],
        data: JSONBody[NewThing],
        if_match: Annotated[str | None, HeaderParameter(name="If-Match")] = None,
    ) -> Thing:
        """The thing, changed."""
        require_match(if_match, etag_of(THING))
        return msgspec.structs.replace(THING, id=thing_id, name=data.name)

    @delete("/{thing_id:str}", operation_id="deleteThing", guards=[requires("t.things.write")])
    async def remove(self, thing_id: FromPath[str]) -> None:
        """No thing."""


class ScopesAreTheToken:
    """A token's text is its caller's scopes; "bad" is no token."""

    async def verify(self, token: str) -> Caller:
        if token == "bad":
            raise Failure(Kind.UNAUTHENTICATED, "The token is not valid.")
        return Caller(subject="svc", client_id="svc", scopes=frozenset(token.split("+")), actor="svc")


class Issuer:
    """An issuer with real keys, reached through httpx's own mock transport."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.keys = {"k1": RSAKey.generate_key(2048, {"kid": "k1"})}
        self.published = ["k1"]
        self.calls: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.down = False
        self.name = ISSUER

    def http(self) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=httpx.MockTransport(self._answer))

    def token(self, *, kid: str = "k1", header: dict[str, Any] | None = None, **claims: Any) -> str:
        now = int(self.clock.now().timestamp())
        held: dict[str, Any] = {
            "iss": ISSUER,
            "sub": "usr_1",
            "aud": "syncline-system",
            "client_id": "portal",
            "scope": "a.b.read",
        }
        held |= {"exp": now + 300, "iat": now, "jti": "1"}
        whole = {name: value for name, value in {**held, **claims}.items() if value is not None}
        return jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": kid, **(header or {})}, whole, self.keys[kid])

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request.url.path)
        if self.down:
            raise httpx.ConnectError("refused", request=request)
        if request.url.path.endswith("/openid-configuration"):
            urls = {"jwks_uri": f"{ISSUER}/jwks", "token_endpoint": f"{ISSUER}/token"}
            return httpx.Response(200, json={"issuer": self.name, **urls})
        if request.url.path.endswith("/jwks"):
            return httpx.Response(200, json={"keys": [self.keys[kid].as_dict(private=False) for kid in self.published]})
        self.forms.append(dict(httpx.QueryParams(request.content.decode())))
        self.forms[-1]["authorization"] = request.headers["authorization"]
        return httpx.Response(200, json={"access_token": f"token-{len(self.forms)}", "expires_in": 100})


@pytest.fixture
def clock() -> SettableClock:
    """Nine o'clock on a Monday, UTC."""
    return SettableClock(NOW)


@pytest.fixture
def issuer(clock: SettableClock) -> Issuer:
    """The token issuer, on the test's clock."""
    return Issuer(clock)


@pytest.fixture
def service_settings() -> ServiceSettings:
    """Settings of a system service that reaches nothing."""
    return ServiceSettings(
        name="system-things",
        layer="system",
        port=1,
        issuer=ISSUER,
        audience="syncline-system",
        client_id="system-things",
        client_secret=Secret("hidden-one"),
        database_url=Secret("postgresql+psycopg://nobody@localhost/none"),
        schema="system_things",
        redis_url="redis://localhost:1",
    )


@pytest.fixture
def things_api() -> ApiInfo:
    """What is true of the example's API."""
    return ApiInfo(
        id="things",
        title="Things",
        version="1.2.0",
        description="Things, for tests.",
        owner="platform",
        layer="system",
        audience="component-internal",
        lifecycle="active",
        slo={"availability": "99.9%"},
        data_classification="internal",
        contact="platform@syncline.example",
    )


@pytest.fixture
def make_service(
    service_settings: ServiceSettings, things_api: ApiInfo, clock: SettableClock
) -> Callable[..., Service]:
    """Makes the example service; what is given replaces its parts."""

    def make(**changes: Any) -> Service:
        parts: dict[str, Any] = {"routes": [ThingRoutes], "clock": clock, "verifier": ScopesAreTheToken()}
        parts["limiter"] = Limiter(600, clock=clock)
        return create_service(service_settings, api=things_api, **(parts | changes))

    return make


@pytest.fixture
async def things(make_service: Callable[..., Service]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running example service, with every scope of it."""
    async with talking_to(make_service()) as client:
        yield client


@asynccontextmanager
async def talking_to(service: Service, token: str = "t.things.read+t.things.write") -> AsyncIterator[httpx.AsyncClient]:
    """A client of *service*, which runs while the context is open."""
    transport = httpx.ASGITransport(service, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {token}"}
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


@pytest.fixture
def talk() -> Callable[..., Any]:
    """`talking_to`, for tests that make their own service."""
    return talking_to
