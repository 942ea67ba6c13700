"""Invoices and their lines as Stripe tells them. Sources: docs.stripe.com/api/invoices/object, /invoice-line-item."""

from decimal import Decimal

import msgspec

from system_apis.billing.stripe.mapping.marks import PREFIX, Metadata


class TaxRateRecord(msgspec.Struct, frozen=True, kw_only=True):
    tax_rate: str


class TaxRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a line is taxed with; `inclusive` tax is within the line's amount."""

    amount: int
    tax_behavior: str
    tax_rate_details: TaxRateRecord | None = None


class LineRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A line as Stripe tells it; amounts are in minor units."""

    id: str
    amount: int
    description: str | None = None
    quantity_decimal: Decimal | None = None
    taxes: list[TaxRecord] | None = None
    metadata: Metadata = {}

    def mark(self, name: str) -> str | None:
        return self.metadata.get(PREFIX + name)

    @property
    def tax(self) -> int:
        return sum(tax.amount for tax in self.taxes or ())

    @property
    def net(self) -> int:
        return self.amount - sum(tax.amount for tax in self.taxes or () if tax.tax_behavior == "inclusive")

    @property
    def tax_rate(self) -> str | None:
        """The rate that Stripe made of the tax that we gave."""
        details = [tax.tax_rate_details for tax in self.taxes or () if tax.tax_rate_details is not None]
        return details[0].tax_rate if details else None


class LinesRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The first ten lines; the rest is behind /lines."""

    data: list[LineRecord]
    has_more: bool


class TransitionsRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Moments in seconds since 1970."""

    finalized_at: int | None = None
    marked_uncollectible_at: int | None = None
    paid_at: int | None = None
    voided_at: int | None = None


class InvoiceRecord(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice as Stripe tells it; amounts are in minor units, moments in seconds since 1970."""

    id: str
    status: str
    currency: str
    created: int
    total: int
    lines: LinesRecord
    customer: str | None = None
    number: str | None = None
    due_date: int | None = None
    effective_at: int | None = None
    total_excluding_tax: int | None = None
    amount_paid: int = 0
    amount_remaining: int = 0
    pre_payment_credit_notes_amount: int = 0
    post_payment_credit_notes_amount: int = 0
    status_transitions: TransitionsRecord = TransitionsRecord()
    metadata: Metadata = {}

    def mark(self, name: str) -> str | None:
        return self.metadata.get(PREFIX + name)

    @property
    def is_draft(self) -> bool:
        return self.status == "draft"

    @property
    def net(self) -> int:
        return self.total if self.total_excluding_tax is None else self.total_excluding_tax

    @property
    def credited(self) -> int:
        return self.pre_payment_credit_notes_amount + self.post_payment_credit_notes_amount
