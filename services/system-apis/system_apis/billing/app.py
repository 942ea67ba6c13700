"""The billing system API as a service."""

import msgspec

from servicekit.app import Service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock, clock_of
from servicekit.contract import ApiInfo
from servicekit.limits import RateLimiter
from system_apis.billing.observing import Roles
from system_apis.billing.routes import ROUTES
from system_apis.service import Capability, SystemSettings, create_system_api

BILLING = Capability(
    name="billing",
    api=ApiInfo(
        id="6e1f0c84-9b2d-4a57-8c36-f4d5a7b1e093",
        title="Billing",
        version="1.1.0",
        description="Customers' billing accounts, the schedules that projects are billed by, their invoices and credit "
        "notes, on any platform.",
        owner="finance-systems",
        layer="system",
        audience="component-internal",
        lifecycle="active",
        slo={"availability": "99.5%", "latency_p95": "1500ms"},
        data_classification="confidential",
        contact="finance-systems@syncline.example",
    ),
    owned=frozenset({"billing_account", "billing_schedule", "invoice", "credit_note"}),
    routes=ROUTES,
)


def create_app(
    settings: SystemSettings,
    *,
    verifier: TokenVerifier | None = None,
    limiter: RateLimiter | None = None,
    clock: Clock | None = None,
) -> Service:
    """The service; `verifier`, `limiter` and `clock` stand in for the real ones in tests."""
    clock = clock or clock_of(settings.service.clock_file)
    capability = msgspec.structs.replace(BILLING, roles={"invoice-watch": Roles(clock).watch})
    return create_system_api(capability, settings, clock=clock, verifier=verifier, limiter=limiter)
