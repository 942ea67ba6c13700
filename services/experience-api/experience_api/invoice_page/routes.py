"""One invoice's page. Contract: contracts/openapi/experience/experience.v1.yaml."""

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from canonical.ids import ReleaseId
from experience_api.invoice_page.screen import InvoicePage, InvoiceScreen
from servicekit.auth import requires
from servicekit.contract import documented
from servicekit.failures import Kind


class InvoiceRoutes(Controller):
    """One call for an invoice's page."""

    path = "/v1/invoices"

    @get(
        "/{release_id:str}",
        operation_id="getInvoicePage",
        guards=[requires("experience.invoicing.read")],
        responses=documented(Kind.MISSING),
    )
    async def invoice(
        self, release_id: FromPath[ReleaseId], invoice_screen: NamedDependency[InvoiceScreen]
    ) -> InvoicePage:
        """From each time entry and its approver to the lines in the ledger, in the order of time, with corrections.

        Each section says how fresh it is.
        """
        return await invoice_screen.show(release_id)
