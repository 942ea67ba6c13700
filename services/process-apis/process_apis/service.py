"""What makes a process a running service: database, desk, systems, engine and tools, its own parts, and its roles."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import msgspec
from litestar import Litestar
from litestar.datastructures import State
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection

from process_apis.engine.runtime import Engine
from process_apis.operations.desk import Desk
from process_apis.operations.runs import Runs
from process_apis.operations.waking import Waker
from process_apis.running import Tools
from process_apis.settings import ProcessSettings
from process_apis.systems.connecting import connected
from servicekit.answers import StoredAnswers
from servicekit.app import Resource, Service, create_service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock, clock_of
from servicekit.consumer import Consumer, Handler
from servicekit.contract import ApiInfo
from servicekit.cursors import CursorSigner
from servicekit.database import Database
from servicekit.health import Check
from servicekit.ids import mint
from servicekit.limits import RateLimiter

Part = Callable[[State], Any]
Roles = Callable[[State], Sequence[Coroutine[Any, Any, None]]]


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """A process as code declares it.

    `runs` makes its runs; `parts` its own objects, in the order in which they need each other: each is on the state and
    a dependency of the routes under its name, and one of them is the `starter`, which registers the workflows. `events`
    are what it listens to, by the name of the group; `roles` what else runs beside the routes.
    """

    name: str
    api: ApiInfo
    routes: Sequence[Any]
    runs: Callable[[Database, Clock], Runs[Any]]
    parts: Mapping[str, Part]
    events: Mapping[str, Callable[[State], Mapping[str, Handler]]] = {}
    roles: Roles | None = None


def create_process_api(
    process: Process,
    settings: ProcessSettings,
    *,
    clock: Clock | None = None,
    verifier: TokenVerifier | None = None,
    limiter: RateLimiter | None = None,
) -> Service:
    """The service; `clock`, `verifier` and `limiter` stand in for the real ones in tests."""
    clock = clock or clock_of(settings.service.clock_file)
    return create_service(
        settings.service,
        api=process.api,
        routes=process.routes,
        resources=_resources(process, settings, clock),
        health_checks={"database": Check(lambda state: state["database"].ready())},
        clock=clock,
        verifier=verifier,
        limiter=limiter,
    )


def _resources(process: Process, settings: ProcessSettings, clock: Clock) -> dict[str, Resource]:
    """In the order in which they are opened; each may use those before it."""
    service = settings.service
    url = service.database_url.reveal()
    return {
        "database": lambda _: _database(settings),
        "answers": _given(lambda state: StoredAnswers(state["database"], clock, owner=mint("own"))),
        "cursors": _given(lambda _: CursorSigner(settings.cursor_key, clock=clock)),
        "runs": _given(lambda state: process.runs(state["database"], clock)),
        "desk": _given(lambda state: Desk(state["database"], settings.authorities, clock)),
        "systems": lambda _: connected(settings.systems, service, clock),
        "engine": _given(lambda _: Engine(process.name, url, settings.engine)),
        "tools": lambda app: _plain(_tools(app, process, settings, clock)),
        **{name: _given(make) for name, make in process.parts.items()},
        "working": lambda app: _working(app, process, settings, clock),
    }


def _given(make: Part) -> Resource:
    return lambda app: _plain(make(app.state))


@asynccontextmanager
async def _plain(value: Any) -> AsyncIterator[Any]:
    yield value


@asynccontextmanager
async def _database(settings: ProcessSettings) -> AsyncIterator[Database]:
    database = Database(settings.service.database_url.reveal(), settings.service.schema, pool_size=settings.pool_size)
    try:
        yield database
    finally:
        await database.close()


def _tools(app: Any, process: Process, settings: ProcessSettings, clock: Clock) -> Tools:
    state, desk = app.state, app.state["desk"]
    return Tools(
        process=process.name,
        database=state["database"],
        engine=state["engine"],
        runs=state["runs"],
        cases=desk.cases,
        decisions=desk.decisions,
        approvals=desk.approvals,
        announcer=desk.announcer(f"/process/{process.name}"),
        telemetry=app.telemetry,
        clock=clock,
        auto_retry_after=timedelta(seconds=settings.auto_retry_after_s),
    )


@asynccontextmanager
async def _working(app: Litestar, process: Process, settings: ProcessSettings, clock: Clock) -> AsyncIterator[None]:
    """The engine resumes what its last holder left; beside it run the sweep, the consumers and the process's roles."""
    state = app.state
    await state["engine"].launch()
    redis = Redis.from_url(settings.service.redis_url)
    consumers = [
        Consumer(group, redis, state["database"], handlers(state), clock).run()
        for group, handlers in process.events.items()
    ]
    own = () if process.roles is None else process.roles(state)
    running = [_waker(state, process, settings, clock).run(), *consumers, *own]
    tasks = [asyncio.create_task(role) for role in running]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await redis.aclose()
        await state["engine"].stop()


def _waker(state: State, process: Process, settings: ProcessSettings, clock: Clock) -> Waker:
    async def fallen(session: AsyncConnection, run_id: str, kind: str, subject: str) -> None:
        await state["desk"].fallen(session, run_id, kind, subject)

    return Waker(
        state["database"],
        state["engine"],
        process.name,
        clock,
        launch=state["starter"].launch_claimed,
        fallen=fallen,
        every_s=settings.sweep_every_s,
    )
