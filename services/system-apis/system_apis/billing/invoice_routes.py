"""Invoices and their credit notes over HTTP."""

from collections.abc import Awaitable, Callable
from typing import Annotated

from litestar import Controller, Response, get, post, put
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from canonical.invoicing import CreditNote, Invoice, NewCreditNote, NewInvoice
from canonical.paging import Page
from servicekit.auth import requires
from servicekit.clock import Clock
from servicekit.contract import documented
from servicekit.failures import Kind
from system_apis.billing.dependencies import DESK, WATCHES
from system_apis.billing.desk import Desk
from system_apis.billing.observing import Watches
from system_apis.billing.port import Billing
from system_apis.routing import (
    ETAG,
    LOCATION,
    PLATFORM,
    WRITING,
    ConnectionParameter,
    Cursor,
    IfNoneMatch,
    Key,
    Limit,
    tagged,
)

InvoicePath = Annotated[str, PathParameter(pattern=r"^inv_[0-9a-f]{32}$")]
ReferenceParameter = Annotated[
    str | None,
    QueryParameter(
        pattern=r"^[A-Z0-9][A-Z0-9-]{3,33}[A-Z0-9]$(?!\n)",
        description="Only the invoice with this reference of ours, or none.",
    ),
]
SETTING = (*PLATFORM, Kind.CONFLICT, Kind.BUSY, Kind.INVALID)


class InvoiceRoutes(Controller):
    """The legal documents. What is issued never changes: it is credited, or voided while it is unpaid."""

    path = "/v1/invoices"
    tags = ("invoices",)
    dependencies = DESK | WATCHES

    @get(
        "/",
        operation_id="listInvoices",
        guards=[requires("billing.invoices.read")],
        responses=documented(*PLATFORM, Kind.GONE),
    )
    async def many(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        reference: ReferenceParameter = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[Invoice]:
        """Invoices of one connection, newest first; with `reference` the one that was made under it, or none."""
        if reference is not None:
            return await desk.invoice_of(connection, reference)
        return await desk.invoices(connection, cursor, limit)

    @post(
        "/",
        operation_id="createInvoice",
        guards=[requires("billing.invoices.write")],
        responses=documented(*WRITING),
        response_headers=[LOCATION],
    )
    async def create(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        data: JSONBody[NewInvoice],
        key: Key,
    ) -> Response[Invoice]:
        """A draft with all its lines and its tax. It has no number, and nobody is sent anything.

        422 `totals_differ` where the platform's totals are not those of the request, or the request's do not add up;
        `other_currency` for an account in another one, `mixed_currencies`, `repeated_line`, `other_legal_entity`, and
        `not_billable` for what the platform cannot hold. 409 `invoice_exists` for a reference that was used before.
        """
        invoice = await desk.create_invoice(connection, key, data)
        return Response(invoice, headers={"Location": f"/v1/invoices/{invoice.id}"})

    @get(
        "/{invoice_id:str}",
        operation_id="getInvoice",
        guards=[requires("billing.invoices.read")],
        responses=documented(*PLATFORM),
        response_headers=[ETAG],
    )
    async def one(
        self, desk: NamedDependency[Desk], invoice_id: InvoicePath, if_none_match: IfNoneMatch = None
    ) -> Response[Invoice]:
        """One invoice with its lines, read from its platform now. 404 for a draft that was discarded."""
        found = await desk.with_invoice(invoice_id, lambda billing, native_id: billing.invoice(native_id))
        return tagged(found, if_none_match)

    @put(
        "/{invoice_id:str}/issuance",
        operation_id="issueInvoice",
        guards=[requires("billing.invoices.write")],
        responses=documented(*SETTING),
    )
    async def issue(
        self,
        desk: NamedDependency[Desk],
        watches: NamedDependency[Watches],
        clock: NamedDependency[Clock],
        invoice_id: InvoicePath,
    ) -> Invoice:
        """The invoice with its number, a legal document from now on; twice is no error.

        409 `totals_differ` for a draft that is not what it was made for, `invoice_void`.
        """
        return await _seen(
            desk, watches, clock, invoice_id, lambda billing, native_id: billing.issue_invoice(native_id)
        )

    @put(
        "/{invoice_id:str}/discarding",
        operation_id="discardInvoice",
        guards=[requires("billing.invoices.write")],
        responses=documented(*SETTING, Kind.IN_DOUBT),
    )
    async def discard(self, desk: NamedDependency[Desk], invoice_id: InvoicePath) -> Invoice:
        """The draft as it was, deleted; twice is no error. 409 `invoice_issued` for what is a legal document."""
        return await desk.discard_invoice(invoice_id)

    @put(
        "/{invoice_id:str}/voiding",
        operation_id="voidInvoice",
        guards=[requires("billing.invoices.write")],
        responses=documented(*SETTING),
    )
    async def void(
        self,
        desk: NamedDependency[Desk],
        watches: NamedDependency[Watches],
        clock: NamedDependency[Clock],
        invoice_id: InvoicePath,
    ) -> Invoice:
        """The invoice, void for good, its number kept; twice is no error.

        409 `not_issued`, `invoice_paid`, `invoice_credited`.
        """
        return await _seen(desk, watches, clock, invoice_id, lambda billing, own_id: billing.void_invoice(own_id))

    @get(
        "/{invoice_id:str}/credit-notes",
        operation_id="listCreditNotes",
        guards=[requires("billing.credit-notes.read")],
        responses=documented(*PLATFORM),
    )
    async def credit_notes(self, desk: NamedDependency[Desk], invoice_id: InvoicePath) -> Page[CreditNote]:
        """All credit notes of an invoice, oldest first, on one page."""
        return await desk.credit_notes(invoice_id)

    @post(
        "/{invoice_id:str}/credit-notes",
        operation_id="createCreditNote",
        guards=[requires("billing.credit-notes.write")],
        responses=documented(*WRITING),
    )
    async def credit(
        self, desk: NamedDependency[Desk], invoice_id: InvoicePath, data: JSONBody[NewCreditNote], key: Key
    ) -> CreditNote:
        """A credit note over lines of an issued invoice, numbered at once. Nothing of the invoice itself changes.

        409 `not_issued`, `invoice_void`, `over_credited`, `credit_note_exists`; 422 `unknown_line`, `totals_differ`,
        `mixed_currencies`, `repeated_line`, `not_billable`.
        """
        return await desk.create_credit_note(invoice_id, key, data)


async def _seen(
    desk: Desk,
    watches: Watches,
    clock: Clock,
    invoice_id: str,
    work: Callable[[Billing, str], Awaitable[Invoice]],
) -> Invoice:
    """What `work` makes of the invoice, shown to the observer as well: the answer to our own command is a source."""
    read_at = clock.now()
    connection = (await desk.invoice_at(invoice_id)).connection
    invoice = await desk.with_invoice(invoice_id, work)
    await (await watches.of(connection)).saw(invoice, read_at)
    return invoice
