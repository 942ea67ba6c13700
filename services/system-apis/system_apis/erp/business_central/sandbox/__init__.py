"""Business Central Online as a sandbox: the Entra token door, API v2.0, and the firm's own projectCards page.

Sources: Microsoft's API v2.0 reference and the AL source of its API pages; what is unverified is said where it stands.
"""

from starlette.routing import Route
from starlette.types import ASGIApp

from sandboxkit.app import Context, create_sandbox
from system_apis.erp.business_central.sandbox.administration import Administration
from system_apis.erp.business_central.sandbox.entra import Entra
from system_apis.erp.business_central.sandbox.refusals import dialect
from system_apis.erp.business_central.sandbox.service import BusinessCentral

METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]


def create_sandbox_app(context: Context) -> ASGIApp:
    """The sandbox of one tenant; `context.config` holds tenant, environment, client_id and client_secret."""
    entra = Entra(context)
    vendor = BusinessCentral(context, entra)
    routes = [
        Route("/{tenant}/oauth2/v2.0/token", entra.token, methods=["POST"]),
        Route("/v2.0/{rest:path}", vendor.answer, methods=METHODS),
    ]
    return create_sandbox(context, dialect(), routes, Administration(context, vendor).actions())
