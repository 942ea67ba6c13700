"""What makes a capability a running system API: its database, directory, writes, observer, connections and roles."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import msgspec
import structlog
from litestar import Litestar
from litestar.datastructures import State

from servicekit.answers import StoredAnswers
from servicekit.app import Resource, Service, create_service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock, clock_of
from servicekit.contract import ApiInfo
from servicekit.cursors import CursorSigner
from servicekit.database import Database
from servicekit.eventlog import EventLog
from servicekit.health import Check
from servicekit.ids import mint
from servicekit.limits import RateLimiter
from servicekit.settings import Secret, ServiceSettings
from system_apis.connections import Connections, ConnectionSettings, connect_all
from system_apis.directory import Directory
from system_apis.observing import Observer
from system_apis.writes import Writes

MIGRATIONS = "system_apis:migrations"

Role = Callable[[State], Awaitable[None]]  # runs until it is cancelled


class SystemSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every system API needs to know to start."""

    service: ServiceSettings
    cursor_key: Secret  # signs page cursors, at least 32 bytes
    connections: dict[str, ConnectionSettings]
    write_lease_s: float = 30.0  # how long a vendor write may be under way before another caller takes it over
    poll_interval_s: float = 60.0
    poll_overlap_s: float = 120.0  # how far back each poll looks again: late commits carry older stamps


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    """A capability as code declares it. `owned` are the kinds of records whose ids it mints."""

    name: str
    api: ApiInfo
    owned: frozenset[str]
    routes: Sequence[Any]
    roles: Mapping[str, Role] = {}


def create_system_api(
    capability: Capability,
    settings: SystemSettings,
    *,
    clock: Clock | None = None,
    verifier: TokenVerifier | None = None,
    limiter: RateLimiter | None = None,
) -> Service:
    """The capability as a service; `clock`, `verifier` and `limiter` stand in for the real ones in tests."""
    clock = clock or clock_of(settings.service.clock_file)
    return create_service(
        settings.service,
        api=capability.api,
        routes=capability.routes,
        resources=_resources(capability, settings, clock),
        dependencies={"settings": settings},
        health_checks={
            "database": Check(lambda state: state["database"].ready()),
            "connections": Check(_check_connections, required=False, timeout_s=5.0),
        },
        clock=clock,
        verifier=verifier,
        limiter=limiter,
    )


def _resources(capability: Capability, settings: SystemSettings, clock: Clock) -> dict[str, Resource]:
    """In the order in which they are opened; each may use those before it."""
    service = settings.service
    owner = mint("own")

    def answers(app: Litestar) -> StoredAnswers:
        return StoredAnswers(app.state["database"], clock, owner=owner, lease_s=settings.write_lease_s)

    def observer(app: Litestar) -> Observer:
        log = EventLog(app.state["database"], clock)
        return Observer(app.state["database"], log, f"/system/{capability.name}", clock)

    return {
        "database": lambda _: _closing(Database(service.database_url.reveal(), service.schema)),
        "connections": lambda _: _closing(connect_all(capability.name, settings.connections, clock)),
        "directory": lambda app: _plain(Directory(app.state["database"], capability.owned, clock)),
        "answers": lambda app: _plain(answers(app)),
        "writes": lambda app: _plain(Writes(app.state["answers"])),
        "observer": lambda app: _plain(observer(app)),
        "cursors": lambda _: _plain(CursorSigner(settings.cursor_key, clock=clock)),
        "roles": lambda app: _running(app, settings, {**capability.roles, "answer-pruning": _prune}),
    }


@asynccontextmanager
async def _plain(value: object) -> AsyncIterator[object]:
    yield value


@asynccontextmanager
async def _closing(value: Database | Connections[Any]) -> AsyncIterator[object]:
    try:
        yield value
    finally:
        await value.close()


@asynccontextmanager
async def _running(app: Litestar, settings: SystemSettings, roles: Mapping[str, Role]) -> AsyncIterator[None]:
    """The background roles run beside the routes and end with them; one that fails is started again."""
    app.state["settings"] = settings
    tasks = [asyncio.create_task(_keep_running(name, role, app.state), name=name) for name, role in roles.items()]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _keep_running(name: str, role: Role, state: State) -> None:
    pause_s = 1.0
    while True:
        try:
            await role(state)
        except Exception:  # noqa: BLE001  whatever ended it, the role must go on
            structlog.get_logger(__name__).exception("role_failed", role=name, again_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, 30.0)


async def _prune(state: State) -> None:
    await state["answers"].keep_pruned()


async def _check_connections(state: State) -> None:
    for _, connector in state["connections"]:
        await connector.check()


def opened(value: object) -> AbstractAsyncContextManager[object]:
    """A value that needs no closing, in the form of a resource."""
    return _plain(value)
