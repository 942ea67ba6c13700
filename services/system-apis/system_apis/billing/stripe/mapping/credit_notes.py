"""Credit notes: what is taken back of an invoice, by amounts of ours. Source: docs.stripe.com/api/credit_notes."""

from collections.abc import Mapping
from typing import Any

import msgspec

from canonical.invoicing import CreditNote, NewCreditLine, NewCreditNote
from canonical.money import total
from system_apis.billing.stripe.mapping.amounts import from_units, signed_units, wrong
from system_apis.billing.stripe.mapping.invoice_checks import totals_differ
from system_apis.billing.stripe.mapping.invoice_records import InvoiceRecord, LineRecord
from system_apis.billing.stripe.mapping.marks import PREFIX, Metadata, metadata
from system_apis.billing.stripe.mapping.seller import Seller, moment

Fields = dict[str, Any]


class CreditNoteRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A credit note as Stripe tells it; amounts are in minor units, moments in seconds since 1970."""

    id: str
    invoice: str
    number: str
    status: str
    currency: str
    created: int
    total: int
    effective_at: int | None = None
    total_excluding_tax: int | None = None
    voided_at: int | None = None
    metadata: Metadata | None = None

    def mark(self, name: str) -> str | None:
        return (self.metadata or {}).get(PREFIX + name)

    @property
    def net(self) -> int:
        return self.total if self.total_excluding_tax is None else self.total_excluding_tax


def check_credit_note(new: NewCreditNote, currency: str) -> None:
    """Raises INVALID: `mixed_currencies`, `repeated_line`, `totals_differ`."""
    amounts = [new.net, new.gross, *(money for line in new.lines for money in (line.amount, line.tax))]
    if {money.currency for money in amounts} != {currency}:
        raise wrong("/lines", f"the invoice is in {currency}", "mixed_currencies")
    if len({line.line_key for line in new.lines}) < len(new.lines):
        raise wrong("/lines", "a line is credited twice", "repeated_line")
    net, tax = total([line.amount for line in new.lines], currency), total([line.tax for line in new.lines], currency)
    if (new.net.value, new.gross.value) != (net.value, (net + tax).value):
        raise totals_differ("/gross")


def from_credit_note(
    new: NewCreditNote, invoice: InvoiceRecord, lines: Mapping[str, LineRecord], key: str, seller: Seller
) -> Fields:
    """The form. What exceeds what is still owed is settled outside of Stripe, never as a balance of the customer."""
    gross = signed_units(new.gross, "/gross")
    still_owed = 0 if invoice.status == "paid" else invoice.amount_remaining
    return {
        "invoice": invoice.id,
        "email_type": "none",
        "effective_at": seller.noon(new.document_date),
        "lines": [_line(line, place, lines) for place, line in enumerate(new.lines)],
        "memo": new.reason,
        "metadata": metadata(reference=new.reference, key=key),
        "out_of_band_amount": gross - still_owed if gross > still_owed else None,
    }


def _line(line: NewCreditLine, place: int, held: Mapping[str, LineRecord]) -> Fields:
    source = held.get(line.line_key)
    if source is None:
        message = f"the invoice has no line {line.line_key}"
        raise wrong(f"/lines/{place}/line_key", message, "unknown_line")
    units, tax = signed_units(line.amount, f"/lines/{place}/amount"), signed_units(line.tax, f"/lines/{place}/tax")
    fields: Fields = {"type": "invoice_line_item", "invoice_line_item": source.id, "amount": units}
    if source.tax_rate is not None:
        fields["tax_amounts"] = [{"amount": tax, "tax_rate": source.tax_rate, "taxable_amount": units}]
    elif tax:
        raise wrong(f"/lines/{place}/tax", f"the line {line.line_key} was not taxed", "not_billable")
    return fields


def is_as_asked(record: CreditNoteRecord, new: NewCreditNote) -> bool:
    return (record.net, record.total) == (signed_units(new.net), signed_units(new.gross))


def to_credit_note(record: CreditNoteRecord, seller: Seller) -> CreditNote:
    currency = record.currency.upper()
    return CreditNote(
        id=record.id,
        invoice_id=record.invoice,
        reference=record.mark("reference"),
        number=record.number,
        document_date=seller.day(record.effective_at or record.created),
        net=from_units(record.net, currency),
        tax=from_units(record.total - record.net, currency),
        gross=from_units(record.total, currency),
        voided=record.status == "void",
        updated_at=moment(record.voided_at or record.created),
    )
