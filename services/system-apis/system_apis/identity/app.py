"""The identity system API as a service."""

from servicekit.app import Service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock
from servicekit.contract import ApiInfo
from servicekit.limits import RateLimiter
from system_apis.identity.routes import AccountMatchRoutes, AccountRoutes
from system_apis.service import Capability, SystemSettings, create_system_api

IDENTITY = Capability(
    name="identity",
    api=ApiInfo(
        id="identity",
        title="Identity system API",
        version="1.0.0",
        description="Accounts at any identity provider, and which worker each of them belongs to.",
        owner="workplace-systems",
        layer="system",
        audience="component-internal",
        lifecycle="active",
        slo={"availability": "99.5%", "latency_p95": "1500ms"},
        data_classification="confidential",
        contact="workplace-systems@syncline.example",
    ),
    owned=frozenset({"identity_account"}),
    routes=[AccountRoutes, AccountMatchRoutes],
)


def create_app(
    settings: SystemSettings,
    *,
    verifier: TokenVerifier | None = None,
    limiter: RateLimiter | None = None,
    clock: Clock | None = None,
) -> Service:
    """The service; `verifier`, `limiter` and `clock` stand in for the real ones in tests."""
    return create_system_api(IDENTITY, settings, clock=clock, verifier=verifier, limiter=limiter)
