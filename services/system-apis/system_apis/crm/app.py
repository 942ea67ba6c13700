"""The CRM service: routes that read, and background roles that see deals become won."""

from servicekit.app import Service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock, clock_of
from servicekit.contract import ApiInfo
from servicekit.limits import RateLimiter
from system_apis.crm.observing import Roles
from system_apis.crm.routes import ContractRoutes, CustomerRoutes, OpportunityRoutes
from system_apis.service import Capability, SystemSettings, create_system_api

API = ApiInfo(
    id="9f0e7a52-1c64-4d0b-9a3e-6b1d2f7c8a10",
    title="CRM",
    version="1.0.0",
    description="Opportunities, customers and contracts, as the CRM of a connection has them.",
    owner="system-team",
    layer="system",
    audience="component-internal",
    lifecycle="active",
    slo={"availability": "99.9%", "latency_p95": "800ms"},
    data_classification="confidential",
    contact="system-team@syncline.example",
)
OWNED = frozenset({"customer", "opportunity", "contract"})


def create_app(
    settings: SystemSettings,
    *,
    clock: Clock | None = None,
    verifier: TokenVerifier | None = None,
    limiter: RateLimiter | None = None,
) -> Service:
    """The service; `clock`, `verifier` and `limiter` stand in for the real ones in tests."""
    clock = clock or clock_of(settings.service.clock_file)
    roles = Roles(clock)
    capability = Capability(
        name="crm",
        api=API,
        owned=OWNED,
        routes=(OpportunityRoutes, CustomerRoutes, ContractRoutes),
        roles={"opportunity-poll": roles.poll, "opportunity-feed": roles.follow},
    )
    return create_system_api(capability, settings, clock=clock, verifier=verifier, limiter=limiter)
