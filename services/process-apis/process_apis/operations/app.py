"""The operations service: people's side of the process layer."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from litestar import Litestar
from redis.asyncio import Redis

from process_apis.operations.desk import Desk
from process_apis.operations.forgetting import Forgetting
from process_apis.operations.routes import ApprovalRoutes, AuditRoutes, BindingRoutes, ExceptionRoutes, StatisticsRoutes
from process_apis.settings import OperationsSettings
from servicekit.answers import StoredAnswers
from servicekit.app import Service, create_service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock, clock_of
from servicekit.contract import ApiInfo
from servicekit.cursors import CursorSigner
from servicekit.database import Database
from servicekit.health import Check
from servicekit.ids import mint
from servicekit.limits import RateLimiter
from servicekit.relay import Relay

API = ApiInfo(
    id="7d2a9f34-0b1d-4c8e-8f57-2c9b8e4d1b02",
    title="Operations",
    version="1.0.0",
    description="What needs a person: exceptions, approvals, bindings and the audit trail of all processes.",
    owner="process-team",
    layer="process",
    audience="company-internal",
    lifecycle="active",
    slo={"availability": "99.9%", "latency_p95": "300ms"},
    data_classification="confidential",
    contact="process-team@syncline.example",
)


def create_app(
    settings: OperationsSettings,
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
        routes=[ExceptionRoutes, StatisticsRoutes, ApprovalRoutes, BindingRoutes, AuditRoutes],
        resources=_resources(settings, clock),
        health_checks={"database": Check(lambda state: state["database"].ready())},
        clock=clock,
        verifier=verifier,
        limiter=limiter,
    )


def _resources(settings: OperationsSettings, clock: Clock) -> dict[str, Any]:
    def given(make: Callable[[Any], Any]) -> Callable[[Litestar], Any]:
        @asynccontextmanager
        async def open_it(app: Litestar) -> AsyncIterator[Any]:
            yield make(app.state)

        return open_it

    return {
        "database": lambda _: _database(settings),
        "answers": given(lambda state: StoredAnswers(state["database"], clock, owner=mint("own"))),
        "cursors": given(lambda _: CursorSigner(settings.cursor_key, clock=clock)),
        "desk": given(lambda state: Desk(state["database"], settings.authorities, clock)),
        "relay": lambda app: _relaying(app.state, settings.service.redis_url, clock),
    }


@asynccontextmanager
async def _database(settings: OperationsSettings) -> AsyncIterator[Database]:
    database = Database(settings.service.database_url.reveal(), settings.service.schema)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def _relaying(state: Any, redis_url: str, clock: Clock) -> AsyncIterator[None]:
    """Operations copies the event log to Redis, and does away with old answers and histories of the process layer."""
    redis = Redis.from_url(redis_url)
    database = state["database"]
    forgetting = Forgetting(database, clock).keep_forgetting()
    roles = (Relay(database, redis, clock).run(), state["answers"].keep_pruned(), forgetting)
    tasks = [asyncio.create_task(role) for role in roles]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await redis.aclose()
