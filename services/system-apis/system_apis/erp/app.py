"""The ERP system API as a service."""

from servicekit.app import Service
from servicekit.auth import TokenVerifier
from servicekit.clock import Clock
from servicekit.contract import ApiInfo
from servicekit.limits import RateLimiter
from system_apis.erp.posting_routes import JournalRoutes, LedgerRoutes, ReceivableRoutes
from system_apis.erp.routes import CustomerAccountRoutes, LegalEntityRoutes, ProjectShellRoutes
from system_apis.service import Capability, SystemSettings, create_system_api

ERP = Capability(
    name="erp",
    api=ApiInfo(
        id="2d4b8a16-7c53-4e9f-b0a1-93e6c5d7f428",
        title="ERP",
        version="1.0.0",
        description="Legal entities, reference data, accounts, project shells, receivables and the ledger, in any ERP.",
        owner="finance-systems",
        layer="system",
        audience="component-internal",
        lifecycle="active",
        slo={"availability": "99.5%", "latency_p95": "1500ms"},
        data_classification="confidential",
        contact="finance-systems@syncline.example",
    ),
    owned=frozenset({"legal_entity", "customer_account", "project_shell", "receivable", "journal"}),
    routes=[
        LegalEntityRoutes,
        LedgerRoutes,
        CustomerAccountRoutes,
        ProjectShellRoutes,
        ReceivableRoutes,
        JournalRoutes,
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
    return create_system_api(ERP, settings, clock=clock, verifier=verifier, limiter=limiter)
