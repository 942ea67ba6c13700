"""The project-onboarding service: its API, its engine, its consumers of events and its sweep."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from litestar import Litestar
from redis.asyncio import Redis
from sqlalchemy.ext.asyncio import AsyncConnection

from process_apis.engine.runtime import Engine
from process_apis.operations.desk import Desk
from process_apis.operations.waking import Waker
from process_apis.project_onboarding.deciding import Deciding
from process_apis.project_onboarding.matching import Matching
from process_apis.project_onboarding.onboardings import onboardings
from process_apis.project_onboarding.reading import Readings
from process_apis.project_onboarding.routes import OnboardingRoutes, StatisticsRoutes
from process_apis.project_onboarding.starting import PROCESS, Starter
from process_apis.project_onboarding.viewing import Viewing
from process_apis.project_onboarding.workflow import ProjectOnboarding
from process_apis.project_onboarding.writing import Writings
from process_apis.running import Tools
from process_apis.settings import ProcessSettings
from process_apis.systems.connecting import Systems, connected
from servicekit.answers import StoredAnswers
from servicekit.app import Service, create_service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock, clock_of
from servicekit.consumer import Consumer
from servicekit.contract import ApiInfo
from servicekit.cursors import CursorSigner
from servicekit.database import Database
from servicekit.health import Check
from servicekit.ids import mint
from servicekit.limits import RateLimiter

API = ApiInfo(
    id="3b6c1c0e-6f0a-4a53-9a8e-5d6f0f1c2a01",
    title="Project onboarding",
    version="1.0.0",
    description="Turns a won opportunity into a project that is open for time everywhere, or says what is missing.",
    owner="process-team",
    layer="process",
    audience="external-partner",
    lifecycle="active",
    slo={"availability": "99.9%", "latency_p95": "300ms", "completion_p95": "5min"},
    data_classification="confidential",
    contact="process-team@syncline.example",
)


def create_app(
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
        api=API,
        routes=[OnboardingRoutes, StatisticsRoutes],
        resources=_resources(settings, clock),
        health_checks={"database": Check(lambda state: state["database"].ready())},
        clock=clock,
        verifier=verifier,
        limiter=limiter,
    )


def _resources(settings: ProcessSettings, clock: Clock) -> dict[str, Any]:
    """In the order in which they are opened; each may use those before it."""
    service = settings.service

    def given(make: Callable[[Any], Any]) -> Callable[[Litestar], Any]:
        @asynccontextmanager
        async def open_it(app: Litestar) -> AsyncIterator[Any]:
            yield make(app.state)

        return open_it

    return {
        "database": lambda _: _database(settings),
        "answers": given(lambda state: StoredAnswers(state["database"], clock, owner=mint("own"))),
        "cursors": given(lambda _: CursorSigner(settings.cursor_key, clock=clock)),
        "runs": given(lambda state: onboardings(state["database"], clock)),
        "desk": given(lambda state: Desk(state["database"], (), clock)),
        "systems": lambda _: connected(settings.systems, service, clock),
        "viewing": given(lambda state: Viewing(state["systems"], clock)),
        "deciding": given(
            lambda state: Deciding(state["runs"], state["desk"].cases, state["desk"].decisions, state["answers"])
        ),
        "starter": lambda app: _working(app, settings, clock),
    }


@asynccontextmanager
async def _database(settings: ProcessSettings) -> AsyncIterator[Database]:
    database = Database(settings.service.database_url.reveal(), settings.service.schema, pool_size=12)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def _working(app: Any, settings: ProcessSettings, clock: Clock) -> AsyncIterator[Starter]:
    """The engine with the workflow, and beside it the sweep and the two consumers."""
    state, service = app.state, settings.service
    systems: Systems = state["systems"]
    desk: Desk = state["desk"]
    engine = Engine(PROCESS, service.database_url.reveal(), settings.engine)
    tools = Tools(
        process=PROCESS,
        database=state["database"],
        engine=engine,
        runs=state["runs"],
        cases=desk.cases,
        decisions=desk.decisions,
        approvals=desk.approvals,
        announcer=desk.announcer(f"/process/{PROCESS}"),
        telemetry=app.telemetry,
        clock=clock,
        auto_retry_after=timedelta(seconds=settings.auto_retry_after_s),
    )
    readings = Readings(systems, desk.bindings, clock)
    process = ProjectOnboarding(tools, readings, Writings(systems), desk.rules)
    starter = Starter(state["runs"], systems.crm, engine, engine.workflow(PROCESS, process.workflow))
    await engine.launch()
    redis = Redis.from_url(service.redis_url)
    tasks = [
        asyncio.create_task(role)
        for role in _roles(state["database"], redis, desk, engine, starter, systems, settings, clock)
    ]
    try:
        yield starter
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await redis.aclose()
        await engine.stop()


def _roles(
    database: Database,
    redis: Redis,
    desk: Desk,
    engine: Engine,
    starter: Starter,
    systems: Systems,
    settings: ProcessSettings,
    clock: Clock,
) -> list[Any]:
    """What runs beside the API for as long as the service does."""

    async def fallen(session: AsyncConnection, run_id: str, kind: str, subject: str) -> None:
        await desk.fallen(session, run_id, kind, subject)

    matching = Matching(systems, desk.bindings, clock)
    won = {"syncline.opportunity-won.v1": starter.on_opportunity_won}
    created = {"syncline.employee-created.v1": matching.on_employee_created}
    return [
        Waker(
            database,
            engine,
            PROCESS,
            clock,
            launch=starter.launch_claimed,
            fallen=fallen,
            every_s=settings.sweep_every_s,
        ).run(),
        Consumer(PROCESS, redis, database, won, clock).run(),
        Consumer("people-matching", redis, database, created, clock).run(),
    ]
