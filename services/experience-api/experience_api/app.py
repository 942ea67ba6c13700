"""The experience service: its screens, and the consumer that feeds its view."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from litestar import Litestar
from redis.asyncio import Redis

from canonical.events import EVENTS
from experience_api.hops import EventView
from experience_api.invoice_page.routes import InvoiceRoutes
from experience_api.invoice_page.screen import InvoiceScreen
from experience_api.invoicing.routes import InvoicingRoutes
from experience_api.invoicing.screen import InvoicingScreen
from experience_api.overview.routes import OverviewRoutes
from experience_api.overview.screen import OverviewScreen
from experience_api.processes import connected
from experience_api.project_page.routes import ProjectRoutes
from experience_api.project_page.screen import ProjectScreen
from experience_api.sections import Sections
from experience_api.tie_out.routes import TieOutRoutes
from experience_api.tie_out.screen import TieOutScreen
from servicekit.app import Service, create_service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock, clock_of
from servicekit.consumer import Consumer
from servicekit.contract import ApiInfo
from servicekit.database import Database
from servicekit.health import Check
from servicekit.limits import RateLimiter
from servicekit.settings import ServiceSettings

API = ApiInfo(
    id="c1a5b7de-93e2-4d7c-a1c4-6f0e7a9b3c03",
    title="Experience",
    version="1.0.0",
    description="One call per screen; every section says whether it is fresh, stale or unavailable.",
    owner="experience-team",
    layer="experience",
    audience="company-internal",
    lifecycle="active",
    slo={"availability": "99.9%", "latency_p95": "800ms"},
    data_classification="confidential",
    contact="experience-team@syncline.example",
)


class ExperienceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the experience API needs to know to start."""

    service: ServiceSettings
    processes: dict[str, str]  # the base URL of each process API, by its name


def create_app(
    settings: ExperienceSettings,
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
        routes=[OverviewRoutes, ProjectRoutes, InvoicingRoutes, InvoiceRoutes, TieOutRoutes],
        resources=_resources(settings, clock),
        health_checks={"database": Check(lambda state: state["database"].ready())},
        clock=clock,
        verifier=verifier,
        limiter=limiter,
    )


def _resources(settings: ExperienceSettings, clock: Clock) -> dict[str, Any]:
    def given(make: Callable[[Any], Any]) -> Callable[[Litestar], Any]:
        @asynccontextmanager
        async def open_it(app: Litestar) -> AsyncIterator[Any]:
            yield make(app.state)

        return open_it

    return {
        "database": lambda _: _database(settings.service),
        "sections": given(lambda state: Sections(state["database"], clock)),
        "events": given(lambda state: EventView(state["database"])),
        "processes": lambda _: connected(settings.processes, settings.service, clock),
        "overview_screen": given(lambda state: OverviewScreen(state["processes"], state["sections"], clock)),
        "project_screen": given(
            lambda state: ProjectScreen(state["processes"], state["sections"], state["events"], clock)
        ),
        "invoicing_screen": given(lambda state: InvoicingScreen(state["processes"], state["sections"], clock)),
        "invoice_screen": given(
            lambda state: InvoiceScreen(state["processes"], state["sections"], state["events"], clock)
        ),
        "tie_out_screen": given(lambda state: TieOutScreen(state["processes"], state["sections"], clock)),
        "feeding": lambda app: _feeding(app.state, settings.service, clock),
    }


@asynccontextmanager
async def _database(service: ServiceSettings) -> AsyncIterator[Database]:
    database = Database(service.database_url.reveal(), service.schema)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def _feeding(state: Any, service: ServiceSettings, clock: Clock) -> AsyncIterator[None]:
    redis = Redis.from_url(service.redis_url)
    handlers = dict.fromkeys(EVENTS, state["events"].keep)
    task = asyncio.create_task(Consumer("experience-views", redis, state["database"], handlers, clock).run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await redis.aclose()
