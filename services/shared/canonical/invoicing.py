"""Invoices and credit notes, the legal documents. Master: billing, which numbers them per legal entity."""

from datetime import date
from typing import Annotated

import msgspec
from msgspec import Meta

from canonical.ids import BillingAccountId, CreditNoteId, InvoiceId
from canonical.moments import Moment
from canonical.money import Currency, Money, PercentText, QuantityText, RateText
from canonical.references import Code, ExternalId, LegalEntityCode, ShortText

LineText = Annotated[str, Meta(min_length=1, max_length=500)]
Reference = Annotated[
    str,
    Meta(
        pattern=r"^[A-Z0-9][A-Z0-9-]{3,33}[A-Z0-9]$(?!\n)",
        description="names the business document before it has a number, everywhere; at most 35 characters",
    ),
]
InvoiceKind = Annotated[
    str,
    Meta(extra_json_schema={"x-extensible-enum": ["standard", "advance", "final", "rebill", "supplementary"]}),
]
DocumentState = Annotated[
    str, Meta(extra_json_schema={"x-extensible-enum": ["draft", "issued", "credited", "void", "discarded"]})
]
PaymentState = Annotated[
    str, Meta(extra_json_schema={"x-extensible-enum": ["open", "partly_paid", "paid", "written_off"]})
]


class TaxLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The tax of a document at one code. `base` is the net amount that it is reckoned on."""

    tax_code: Code
    percent: PercentText
    base: Money
    tax: Money


class NewInvoiceLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line under a `key` of its own. `amount` is quantity x unit price, rounded once, net.

    `tax` is the line's part of the document's tax: the parts add up to it.
    """

    key: Code
    description: LineText
    quantity: QuantityText
    unit_price: RateText
    amount: Money
    tax_code: Code
    tax_percent: PercentText
    tax: Money
    supply_from: date
    supply_to: date
    project_number: Code | None = None


class NewInvoice(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A draft to be made. Supply dates are half-open. The totals are ours: the platform's must be the same."""

    reference: Reference
    kind: InvoiceKind
    billing_account_id: BillingAccountId
    legal_entity_code: LegalEntityCode
    currency: Currency
    contract_number: Code
    customer_reference: Code | None = None  # the customer's purchase order
    corrects_number: Code | None = None  # of a rebill: the number of what it replaces
    document_date: date
    due_date: date
    supply_from: date
    supply_to: date
    note: LineText | None = None  # such as the words that reverse charge demands
    lines: Annotated[tuple[NewInvoiceLine, ...], Meta(min_length=1, max_length=200)]
    tax: tuple[TaxLine, ...]
    net: Money
    gross: Money


class InvoiceLine(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    description: str
    quantity: str
    amount: Money
    tax: Money


class Invoice(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice as billing has it. A draft has no number. `credited` is what credit notes took back, gross."""

    id: InvoiceId
    external_ids: tuple[ExternalId, ...] = ()
    reference: str | None
    kind: InvoiceKind | None
    billing_account_id: BillingAccountId | None
    legal_entity_code: LegalEntityCode
    currency: Currency
    number: str | None
    document_state: DocumentState
    payment_state: PaymentState
    document_date: date | None
    due_date: date | None
    lines: tuple[InvoiceLine, ...]
    net: Money
    tax: Money
    gross: Money
    paid: Money
    credited: Money
    issued_at: Moment | None
    updated_at: Moment


class NewCreditLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is taken back of one line, net and tax, by the original's rate."""

    line_key: Code
    amount: Money
    tax: Money


class NewCreditNote(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A correction of an issued invoice, in whole or in lines. Nothing of the original changes."""

    reference: Reference
    reason: ShortText
    document_date: date
    lines: Annotated[tuple[NewCreditLine, ...], Meta(min_length=1, max_length=200)]
    net: Money
    gross: Money


class CreditNote(msgspec.Struct, frozen=True, kw_only=True):
    id: CreditNoteId
    external_ids: tuple[ExternalId, ...] = ()
    invoice_id: InvoiceId
    reference: str | None
    number: str
    document_date: date
    net: Money
    tax: Money
    gross: Money
    voided: bool
    updated_at: Moment
