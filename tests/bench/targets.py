"""What is called: a bare ASGI application, two frameworks and a system API with every policy, a uvicorn process each.

All answer the same project. The bare one also plays issuer and collector, for what the policies talk to, and takes any
command. `python targets.py (raw | litestar | fastapi | ours)`, its settings as JSON in the second argument.
"""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import Any, cast

import msgspec
import uvicorn
from litestar import Litestar, get
from litestar.params import FromPath

from canonical.delivery import Project
from canonical.money import Money
from canonical.references import ExternalId
from servicekit.app import Service, create_service, run
from servicekit.clock import SystemClock
from servicekit.cursors import CursorSigner
from servicekit.settings import Secret, ServiceSettings
from system_apis.connections import Connections
from system_apis.directory import Directory
from system_apis.psa.app import PSA
from system_apis.writes import Writes

UNLIMITED = 1_000_000_000  # requests per minute: the limit is counted, and nobody meets it
TRACE_RATIO = 0.1  # production's
NATIVE_ID = "4711"
PROJECT_ID = f"prj_{1:032x}"
PROJECT = Project(
    id=NATIVE_ID,
    number="P-2026-0042",
    name="Warehouse automation, phase two",
    opportunity_id=f"opp_{2:032x}",
    contract_id=f"ctr_{3:032x}",
    contract_number="C-1042",
    customer_id=f"cus_{4:032x}",
    legal_entity_code="DE01",
    currency="EUR",
    status="open_for_time",
    start_date=date(2026, 11, 23),
    end_date=date(2027, 5, 31),
    budget=Money(amount="184000.00", currency="EUR"),
    updated_at=datetime(2026, 11, 23, 9, 15, tzinfo=UTC),
)
ANSWER = msgspec.structs.replace(
    PROJECT, id=PROJECT_ID, external_ids=(ExternalId(connection="memory", kind="project", id=NATIVE_ID),)
)


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a target is told."""

    port: int
    issuer: str
    redis_url: str
    keys: msgspec.Raw  # the issuer's public keys, as a JWK set


def raw(told: Told) -> Any:
    """The bare application: it encodes the project and sends it."""
    discovery = {
        "issuer": told.issuer,
        "jwks_uri": f"{told.issuer}/oauth/jwks",
        "token_endpoint": f"{told.issuer}/oauth/token",
    }
    token = {"access_token": "of-no-worth", "token_type": "Bearer", "expires_in": 3600}
    fixed = {
        "/.well-known/openid-configuration": msgspec.json.encode(discovery),
        "/oauth/jwks": bytes(told.keys),
        "/oauth/token": msgspec.json.encode(token),
        "/v1/traces": b"",
    }

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        content = fixed.get(scope["path"])
        if content is None:
            content = msgspec.json.encode(ANSWER)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return app


class _Memory:
    """A platform that holds one project and answers at once: what is measured is ours, not a vendor."""

    async def project(self, _native_id: str) -> Project:
        return PROJECT


class _KnownDirectory(Directory):
    """The cross-reference of that project, without a database; ids are exchanged as always."""

    def __init__(self) -> None:
        super().__init__(cast("Any", None), PSA.owned, SystemClock())

    async def places(self, kind: str, canonical_id: str) -> tuple[ExternalId, ...]:
        found = kind == "project" and canonical_id == PROJECT_ID
        return (ExternalId(connection="memory", kind=kind, id=NATIVE_ID),) if found else ()

    async def _resolve(
        self, _connection: str, _wanted: list[tuple[str, str]], *, minting: bool = True
    ) -> dict[tuple[str, str], str]:
        del minting
        return {("project", NATIVE_ID): PROJECT_ID}


def ours(told: Told) -> Service:
    """The PSA system API, its routes and policies as they are, over a platform in memory."""
    return create_service(
        settings(told),
        api=PSA.api,
        routes=PSA.routes,
        dependencies={
            "connections": Connections(cast("Any", {"memory": _Memory()})),
            "directory": _KnownDirectory(),
            "writes": Writes(cast("Any", None)),  # a read asks for none
            "cursors": CursorSigner(Secret("a-bench-needs-no-real-key-but-32-bytes"), clock=SystemClock()),
        },
    )


def settings(told: Told) -> ServiceSettings:
    """As in production, but nothing is refused for being too much; the bare target is the collector."""
    return ServiceSettings(
        name="system-psa",
        layer="system",
        port=told.port,
        issuer=told.issuer,
        audience="syncline-system",
        client_id="system-psa",
        client_secret=Secret("never-asked-for"),
        database_url=Secret("postgresql+psycopg://nobody@127.0.0.1:1/none"),
        schema="none",
        redis_url=told.redis_url,
        otlp_endpoint=told.issuer,
        trace_ratio=TRACE_RATIO,
        log_level="warning",
        rate_limit=UNLIMITED,
    )


def litestar(_told: Told) -> Any:
    """A Litestar as it comes, with one route that returns the record."""

    @get("/v1/projects/{project_id:str}")
    async def project(project_id: FromPath[str]) -> Project:
        del project_id
        return ANSWER

    @get("/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    return Litestar([project, live])


def fastapi(_told: Told) -> Any:
    """A FastAPI as it comes: its peers' installation is asked for only here."""
    from fastapi_target import application

    return application(msgspec.to_builtins(ANSWER))


def main(arguments: list[str]) -> int:
    """Serve until a signal comes."""
    told = msgspec.json.decode(arguments[1], type=Told)
    app = {"raw": raw, "litestar": litestar, "fastapi": fastapi, "ours": ours}[arguments[0]](told)
    if arguments[0] in {"litestar", "fastapi"}:
        as_it_comes(app, told.port)
    else:
        run(app, settings(told))
    return 0


def as_it_comes(app: Any, port: int) -> None:
    """A framework on uvicorn as it comes, with the faster of its loops and parsers."""
    uvicorn.run(
        app,
        port=port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
