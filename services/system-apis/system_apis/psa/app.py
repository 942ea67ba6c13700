"""The PSA service: its routes, and background roles that see time, expenses and milestones come to be settled."""

import msgspec

from servicekit.app import Service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock, clock_of
from servicekit.contract import ApiInfo
from servicekit.limits import RateLimiter
from system_apis.psa.billing_routes import BillingRoutes
from system_apis.psa.entry_routes import ExpenseRoutes, TimeEntryRoutes
from system_apis.psa.observing import Roles
from system_apis.psa.routes import PlanRoutes, ProjectRoutes, ResourceRoutes, StaffingRoutes
from system_apis.service import Capability, SystemSettings, create_system_api

PSA = Capability(
    name="psa",
    api=ApiInfo(
        id="psa",
        title="PSA system API",
        version="1.0.0",
        description="Projects, their plan and staffing, and what was worked, spent and billed, in any PSA platform.",
        owner="delivery-systems",
        layer="system",
        audience="component-internal",
        lifecycle="active",
        slo={"availability": "99.5%", "latency_p95": "1500ms"},
        data_classification="confidential",
        contact="delivery-systems@syncline.example",
    ),
    owned=frozenset(
        {
            "project",
            "task",
            "milestone",
            "resource_request",
            "resource",
            "assignment",
            "time_entry",
            "expense",
            "billing_mark",
            "recognised_revenue",
        }
    ),
    routes=[
        ProjectRoutes,
        PlanRoutes,
        StaffingRoutes,
        ResourceRoutes,
        TimeEntryRoutes,
        ExpenseRoutes,
        BillingRoutes,
    ],
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
    roles = Roles(clock)
    watching = {
        "time-entry-poll": roles.poll_time_entries,
        "expense-poll": roles.poll_expenses,
        "milestone-poll": roles.poll_milestones,
    }
    capability = msgspec.structs.replace(PSA, roles=watching)
    return create_system_api(capability, settings, clock=clock, verifier=verifier, limiter=limiter)
