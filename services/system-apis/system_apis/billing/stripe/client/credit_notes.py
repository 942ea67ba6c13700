"""Credit notes: one per reference and invoice, over exactly the amounts that are asked. Source: docs.stripe.com/api."""

from canonical.invoicing import CreditNote, NewCreditNote
from servicekit.failures import Failure, Kind
from system_apis.billing.stripe.client.invoices import Invoices
from system_apis.billing.stripe.client.wire import Wire, place
from system_apis.billing.stripe.mapping.amounts import signed_units
from system_apis.billing.stripe.mapping.credit_notes import (
    CreditNoteRecord,
    check_credit_note,
    from_credit_note,
    is_as_asked,
    to_credit_note,
)
from system_apis.billing.stripe.mapping.invoice_checks import totals_differ
from system_apis.billing.stripe.mapping.invoice_records import InvoiceRecord
from system_apis.billing.stripe.mapping.seller import Seller


class CreditNotes:
    """The credit notes of one account, found by the invoice that they correct."""

    def __init__(self, wire: Wire, seller: Seller, invoices: Invoices) -> None:
        self._wire = wire
        self._seller = seller
        self._invoices = invoices

    async def of_invoice(self, invoice_id: str) -> tuple[CreditNote, ...]:
        """Oldest first. Raises MISSING for an invoice that is not there."""
        await self._invoices.record(invoice_id)
        return tuple(to_credit_note(record, self._seller) for record in reversed(await self._records(invoice_id)))

    async def create(self, invoice_id: str, new: NewCreditNote, key: str) -> CreditNote:
        """Issued at once. A second try under the key finds it.

        Raises CONFLICT `not_issued`, `invoice_void`, `over_credited`, `credit_note_exists`; INVALID `unknown_line`,
        `totals_differ`, `mixed_currencies`, `repeated_line`, `not_billable`.
        """
        invoice = await self._invoices.record(invoice_id)
        check_credit_note(new, invoice.currency.upper())
        held = self._under(new, await self._records(invoice_id))
        if held is None:
            _refuse(invoice, new)
            held = await self._made(invoice, new, key)
        elif held.mark("key") != key:
            detail = f"there is a credit note {new.reference} already"
            raise Failure(Kind.CONFLICT, detail, code="credit_note_exists")
        if not is_as_asked(held, new):
            raise totals_differ("/gross")
        return to_credit_note(held, self._seller)

    async def created(self, invoice_id: str, new: NewCreditNote, key: str) -> CreditNote | None:
        """What an earlier try under the key made."""
        held = self._under(new, await self._records(invoice_id))
        if held is None or held.mark("key") != key or not is_as_asked(held, new):
            return None
        return to_credit_note(held, self._seller)

    def _under(self, new: NewCreditNote, records: list[CreditNoteRecord]) -> CreditNoteRecord | None:
        return next((record for record in records if record.mark("reference") == new.reference), None)

    async def _records(self, invoice_id: str) -> list[CreditNoteRecord]:
        """Newest first, void ones too. Lists do not lag."""
        return [one async for one in self._wire.all("/v1/credit_notes", CreditNoteRecord, invoice=invoice_id)]

    async def _made(self, invoice: InvoiceRecord, new: NewCreditNote, key: str) -> CreditNoteRecord:
        """One that the vendor reckons otherwise than we do is voided again; of a paid invoice it refuses such a one."""
        lines = {line.mark("line_key") or line.id: line for line in await self._invoices.lines(invoice)}
        form = from_credit_note(new, invoice, lines, key, self._seller)
        made = await self._wire.create("/v1/credit_notes", form, CreditNoteRecord, key=key, part="credit_note")
        if not is_as_asked(made, new):
            await self._wire.change(f"{place('credit_notes', made.id)}/void", {}, CreditNoteRecord)
        return made


def _refuse(invoice: InvoiceRecord, new: NewCreditNote) -> None:
    if invoice.is_draft:
        raise Failure(Kind.CONFLICT, "a draft is discarded, not credited", code="not_issued")
    if invoice.status == "void":
        raise Failure(Kind.CONFLICT, "the invoice is void", code="invoice_void")
    if invoice.credited + signed_units(new.gross, "/gross") > invoice.total:
        raise Failure(Kind.CONFLICT, "more would be credited than was invoiced", code="over_credited")
