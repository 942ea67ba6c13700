"""Liveness, readiness and the state of each dependency, apart: a vendor's outage must not restart us."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import structlog
from litestar import Controller, Response, get
from litestar.datastructures import State
from litestar.di import NamedDependency

TIMEOUT_S = 2.0


class Check(msgspec.Struct, frozen=True):
    """A probe returns when the dependency is well and raises when it is not. Required ones decide readiness."""

    probe: Callable[[State], Awaitable[object]]
    required: bool = True
    timeout_s: float = TIMEOUT_S


class DependencyState(msgspec.Struct, frozen=True, kw_only=True):
    state: str  # "up" | "down" | "timed_out"
    required: bool
    latency_ms: float


class HealthReport(msgspec.Struct, frozen=True, kw_only=True):
    status: str  # "up" | "down"
    service: str
    dependencies: dict[str, DependencyState] = {}


class Health:
    """Runs a service's checks, all at the same time."""

    def __init__(self, service: str, checks: Mapping[str, Check], state: State) -> None:
        self.service = service
        self._checks = dict(checks)
        self._state = state

    async def report(self, *, required_only: bool) -> HealthReport:
        """The state of the dependencies; `up` when every required one is."""
        asked = {name: check for name, check in self._checks.items() if check.required or not required_only}
        states = await asyncio.gather(*(self._run(name, check) for name, check in asked.items()))
        well = all(state.state == "up" for state in states if state.required)
        return HealthReport(
            status="up" if well else "down", service=self.service, dependencies=dict(zip(asked, states, strict=True))
        )

    async def _run(self, name: str, check: Check) -> DependencyState:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(check.timeout_s):
                await check.probe(self._state)
            state = "up"
        except TimeoutError:
            state = "timed_out"
        except Exception as error:  # noqa: BLE001  a probe may fail in any way; the report says that it did
            structlog.get_logger(__name__).warning("dependency_down", dependency=name, reason=type(error).__name__)
            state = "down"
        latency_ms = round((time.perf_counter() - began) * 1000, 1)
        return DependencyState(state=state, required=check.required, latency_ms=latency_ms)


class HealthRoutes(Controller):
    """Open to everyone and no part of the contract: they are for the platform that runs the service."""

    path = "/health"
    include_in_schema = False
    opt = {"public": True}  # noqa: RUF012  Litestar reads it per class

    @get("/live")
    async def live(self, health: NamedDependency[Health]) -> HealthReport:
        """The process answers."""
        return HealthReport(status="up", service=health.service)

    @get("/ready")
    async def ready(self, health: NamedDependency[Health]) -> Response[HealthReport]:
        """200 when requests can be served, else 503."""
        report = await health.report(required_only=True)
        return Response(report, status_code=200 if report.status == "up" else 503)

    @get("/dependencies")
    async def each_dependency(self, health: NamedDependency[Health]) -> HealthReport:
        """Every dependency with its state and latency; always 200."""
        return await health.report(required_only=False)
