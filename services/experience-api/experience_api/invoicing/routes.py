"""Invoicing. Contract: contracts/openapi/experience/experience.v1.yaml."""

from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter

from experience_api.invoicing.screen import Invoicing, InvoicingScreen
from servicekit.auth import requires

EntityQuery = Annotated[str | None, QueryParameter(pattern=r"^[A-Z][A-Z0-9]{1,9}$")]


class InvoicingRoutes(Controller):
    """One call for the invoicing screen."""

    path = "/v1/invoicing"

    @get("/", operation_id="getInvoicing", guards=[requires("experience.invoicing.read")])
    async def invoicing(
        self,
        invoicing_screen: NamedDependency[InvoicingScreen],
        legal_entity_code: EntityQuery = None,
    ) -> Invoicing:
        """Unbilled value, invoices by their states, who is waited for, what failed, of one legal entity or of all.

        Each section says how fresh it is.
        """
        return await invoicing_screen.show(legal_entity_code)
