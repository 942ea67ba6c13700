"""The PSA system API as a service."""

from servicekit.app import Service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock
from servicekit.contract import ApiInfo
from servicekit.limits import RateLimiter
from system_apis.psa.routes import PlanRoutes, ProjectRoutes, ResourceRoutes, StaffingRoutes
from system_apis.service import Capability, SystemSettings, create_system_api

PSA = Capability(
    name="psa",
    api=ApiInfo(
        id="psa",
        title="PSA system API",
        version="1.0.0",
        description="Projects, their plan and their staffing, in any professional-services automation platform.",
        owner="delivery-systems",
        layer="system",
        audience="component-internal",
        lifecycle="active",
        slo={"availability": "99.5%", "latency_p95": "1500ms"},
        data_classification="confidential",
        contact="delivery-systems@syncline.example",
    ),
    owned=frozenset({"project", "task", "milestone", "resource_request", "resource", "assignment"}),
    routes=[ProjectRoutes, PlanRoutes, StaffingRoutes, ResourceRoutes],
)


def create_app(
    settings: SystemSettings,
    *,
    verifier: TokenVerifier | None = None,
    limiter: RateLimiter | None = None,
    clock: Clock | None = None,
) -> Service:
    """The service; `verifier`, `limiter` and `clock` stand in for the real ones in tests."""
    return create_system_api(PSA, settings, clock=clock, verifier=verifier, limiter=limiter)
