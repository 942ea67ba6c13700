"""Invoices: the form of a draft and its lines, and the document read back. Source: docs.stripe.com/api/invoices.

Tax is what we are told, as amounts on lines: Stripe reckons none. Metadata tells whose document a draft is (reference,
key) and what it must add up to; a line's tells its key and what Stripe has no field for.
"""

import hashlib
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from canonical.invoicing import Invoice, InvoiceLine, NewInvoice, NewInvoiceLine
from system_apis.billing.stripe.mapping.amounts import from_units, signed_units, vendor_digits
from system_apis.billing.stripe.mapping.invoice_records import InvoiceRecord, LineRecord
from system_apis.billing.stripe.mapping.marks import metadata
from system_apis.billing.stripe.mapping.seller import Seller, moment

Fields = dict[str, Any]

# What is printed beside the document's own fields; Stripe takes four of at most 140 characters.
CONTRACT, ORDER, CORRECTS, SUPPLY = "Contract", "Purchase order", "Replaces invoice", "Service period"
# The product that lines with a unit price are of. Their prices are made on the way and archived at once.
LINE_PRODUCT = "syncline_invoice_line"


def from_invoice(new: NewInvoice, key: str, seller: Seller) -> Fields:
    """The form of a draft, without lines. Nothing is inherited of the customer: no discount, no tax."""
    return {
        "customer": new.billing_account_id,
        "currency": new.currency.lower(),
        "pending_invoice_items_behavior": "exclude",
        **header(new, key, seller),
    }


def header(new: NewInvoice, key: str, seller: Seller) -> Fields:
    """What can still be changed of a draft. It is never sent or collected by itself."""
    return {
        "auto_advance": False,
        "automatic_tax": {"enabled": False},
        "collection_method": "send_invoice",
        "custom_fields": _printed(new),
        "description": f"Reference {new.reference}",
        "discounts": "",
        "due_date": seller.noon(new.due_date),
        "effective_at": seller.noon(new.document_date),
        "footer": new.note or "",
        "metadata": _marks(new, key),
    }


def _printed(new: NewInvoice) -> list[dict[str, str]]:
    last = new.supply_to - timedelta(days=1)
    period = f"{new.supply_from.isoformat()} to {max(last, new.supply_from).isoformat()}"
    named = {ORDER: new.customer_reference, CONTRACT: new.contract_number, CORRECTS: new.corrects_number}
    shown = {name: value for name, value in {**named, SUPPLY: period}.items() if value is not None}
    return [{"name": name, "value": value} for name, value in shown.items()]


def _marks(new: NewInvoice, key: str) -> dict[str, str]:
    return metadata(
        reference=new.reference,
        invoice_kind=new.kind,
        legal_entity=new.legal_entity_code,
        contract_number=new.contract_number,
        lines=len(new.lines),
        net=signed_units(new.net, "/net"),
        gross=signed_units(new.gross, "/gross"),
        request=digest(new),
        key=key,
    )


def from_line(line: NewInvoiceLine, position: int, seller: Seller) -> Fields:
    """The form of a line. Its amount is ours whatever the quantity: Stripe multiplies only where nothing is rounded."""
    units = signed_units(line.amount, f"/lines/{position}/amount")
    last = max(line.supply_to - timedelta(days=1), line.supply_from)
    return {
        **_price(line, units),
        "period": {"start": seller.noon(line.supply_from), "end": seller.noon(last)},
        "tax_amounts": [_tax(line, units, position)],
        "metadata": metadata(
            line_key=line.key,
            quantity=line.quantity,
            unit_price=line.unit_price,
            tax_code=line.tax_code,
            project_number=line.project_number,
            position=position,
            request=digest(line),
        ),
    }


def _price(line: NewInvoiceLine, units: int) -> Fields:
    """Quantity and unit price where they give the amount exactly; else they are told in words beside the amount."""
    if not has_unit_price(line):
        words = _in_words(line) if 0 < line.amount.value != Decimal(line.unit_price) else ""
        return {"amount": units, "description": line.description + words}
    currency = line.amount.currency
    unit = Decimal(line.unit_price).scaleb(vendor_digits(currency))
    price = {"currency": currency.lower(), "product": LINE_PRODUCT, "tax_behavior": "exclusive"}
    return {
        "price_data": {**price, "unit_amount_decimal": f"{unit:f}"},
        "quantity_decimal": line.quantity,
        "description": line.description,
    }


def has_unit_price(line: NewInvoiceLine) -> bool:
    """Whether quantity and unit price give the amount without rounding, and are more than the amount itself."""
    exact = Decimal(line.quantity) * Decimal(line.unit_price) == line.amount.value
    return exact and Decimal(line.quantity) != 1


def _in_words(line: NewInvoiceLine) -> str:
    return f" ({line.quantity} × {line.unit_price})"  # noqa: RUF001  a customer reads it


def _tax(line: NewInvoiceLine, units: int, position: int) -> Fields:
    percent = Decimal(line.tax_percent).normalize()
    return {
        "amount": signed_units(line.tax, f"/lines/{position}/tax"),
        "taxable_amount": units,
        "tax_rate_data": {"display_name": line.tax_code, "inclusive": False, "percentage": f"{percent:f}"},
    }


def digest(asked: msgspec.Struct) -> str:
    """Says the same of two requests that are the same."""
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()[:16]


def is_as_asked(held: LineRecord, asked: NewInvoiceLine, position: int) -> bool:
    """Whether a line of the draft is the one that is asked for, and nobody changed its amounts."""
    return (
        held.mark("request") == digest(asked)
        and held.mark("position") == str(position)
        and (held.net, held.tax) == (signed_units(asked.amount), signed_units(asked.tax))
    )


def is_whole(record: InvoiceRecord) -> bool:
    """Whether an invoice of ours adds up to what it was made for. A person's own has nothing to be measured by."""
    net, gross = record.mark("net"), record.mark("gross")
    return net is None or gross is None or (int(net), int(gross)) == (record.net, record.total)


def to_invoice(record: InvoiceRecord, lines: list[LineRecord], seller: Seller) -> Invoice:
    """The document with its lines in our own order. Totals are Stripe's."""
    currency = record.currency.upper()
    finalized = record.status_transitions.finalized_at
    return Invoice(
        id=record.id,
        reference=record.mark("reference"),
        kind=record.mark("invoice_kind"),
        billing_account_id=record.customer,
        legal_entity_code=seller.legal_entity_code,
        currency=currency,
        number=None if record.is_draft else record.number,
        document_state=_document_state(record),
        payment_state=_payment_state(record),
        document_date=None if record.effective_at is None else seller.day(record.effective_at),
        due_date=None if record.due_date is None else seller.day(record.due_date),
        lines=tuple(_to_line(line, currency) for line in sorted(lines, key=_position)),
        net=from_units(record.net, currency),
        tax=from_units(record.total - record.net, currency),
        gross=from_units(record.total, currency),
        paid=from_units(record.amount_paid, currency),
        credited=from_units(record.credited, currency),
        issued_at=None if finalized is None else moment(finalized),
        updated_at=moment(_last_change(record)),
    )


def _document_state(record: InvoiceRecord) -> str:
    if record.status in {"draft", "void"}:
        return record.status
    return "credited" if record.credited >= record.total > 0 else "issued"


def _payment_state(record: InvoiceRecord) -> str:
    if record.status in {"paid", "uncollectible"}:
        return {"paid": "paid", "uncollectible": "written_off"}[record.status]
    return "partly_paid" if record.amount_paid > 0 else "open"


def _to_line(line: LineRecord, currency: str) -> InvoiceLine:
    description = line.description or ""
    quantity, unit_price = line.mark("quantity"), line.mark("unit_price")
    if quantity is not None and unit_price is not None:
        description = description.removesuffix(f" ({quantity} × {unit_price})")  # noqa: RUF001
    return InvoiceLine(
        key=line.mark("line_key") or line.id,
        description=description,
        quantity=quantity or f"{line.quantity_decimal or Decimal(1):f}",
        amount=from_units(line.net, currency),
        tax=from_units(line.tax, currency),
    )


def _position(line: LineRecord) -> int:
    """A person's own lines come after ours."""
    return int(line.mark("position") or 10**6)


def _last_change(record: InvoiceRecord) -> int:
    passed = record.status_transitions
    moments = (passed.finalized_at, passed.marked_uncollectible_at, passed.paid_at, passed.voided_at)
    return max(record.created, *(one or 0 for one in moments))
