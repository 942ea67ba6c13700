"""The HR service: routes that read, and a background role that sees people become known to HR."""

from servicekit.app import Service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock, clock_of
from servicekit.contract import ApiInfo
from servicekit.limits import RateLimiter
from system_apis.hr.observing import Roles
from system_apis.hr.routes import WorkerRoutes
from system_apis.service import Capability, SystemSettings, create_system_api

API = ApiInfo(
    id="3b6c0f1e-58a7-4f43-8d21-7c9e4a5b60d2",
    title="HR",
    version="1.0.0",
    description="Workers with their dated terms, their absence without its reason, and what an hour of them costs.",
    owner="system-team",
    layer="system",
    audience="component-internal",
    lifecycle="active",
    slo={"availability": "99.9%", "latency_p95": "1500ms"},
    data_classification="restricted",
    contact="system-team@syncline.example",
)
OWNED = frozenset({"person", "worker"})


def create_app(
    settings: SystemSettings,
    *,
    clock: Clock | None = None,
    verifier: TokenVerifier | None = None,
    limiter: RateLimiter | None = None,
) -> Service:
    """The service; `clock`, `verifier` and `limiter` stand in for the real ones in tests."""
    clock = clock or clock_of(settings.service.clock_file)
    capability = Capability(
        name="hr",
        api=API,
        owned=OWNED,
        routes=(WorkerRoutes,),
        roles={"worker-poll": Roles(clock).poll},
    )
    return create_system_api(capability, settings, clock=clock, verifier=verifier, limiter=limiter)
