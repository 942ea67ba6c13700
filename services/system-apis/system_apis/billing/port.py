"""What Syncline asks of a billing platform. In and out: the canonical model with the vendor's own ids in its id fields.

A write carries a `key`; `created_x` tells what an earlier try under that key made, or none.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol, runtime_checkable

from canonical.billing import (
    BillingAccount,
    BillingSchedule,
    NewBillingAccount,
    NewBillingSchedule,
    ScheduleAmendment,
)
from canonical.invoicing import CreditNote, Invoice, NewCreditNote, NewInvoice
from system_apis.listing import Hint, Listing
from system_apis.writes import Settlement


@runtime_checkable
class Billing(Protocol):
    """Raises MISSING, INVALID, CONFLICT for a refusal; UNAVAILABLE, THROTTLED, IN_DOUBT for what may heal."""

    settlements: Mapping[str, Settlement]  # by the name of the write

    async def account(self, native_id: str) -> BillingAccount: ...

    async def account_of(self, customer_id: str, currency: str) -> BillingAccount | None:
        """The account of a customer (canonical id) in a currency, or none."""
        ...

    async def create_account(self, new: NewBillingAccount, key: str) -> BillingAccount: ...
    async def created_account(self, new: NewBillingAccount, key: str) -> BillingAccount | None: ...
    async def schedule(self, native_id: str) -> BillingSchedule: ...
    async def schedules(self, cursor: str | None, limit: int) -> Listing[BillingSchedule]: ...

    async def schedule_of_project(self, project_number: str) -> BillingSchedule | None:
        """The schedule of the project with this number (the latest, where one was cancelled before), or none."""
        ...

    async def create_schedule(self, new: NewBillingSchedule, key: str) -> BillingSchedule:
        """As a draft: the platform bills nothing from it until activate_schedule."""
        ...

    async def created_schedule(self, new: NewBillingSchedule, key: str) -> BillingSchedule | None: ...
    async def amend_schedule(self, native_id: str, amendment: ScheduleAmendment, key: str) -> BillingSchedule: ...
    async def amended_schedule(self, native_id: str, key: str) -> BillingSchedule | None: ...
    async def activate_schedule(self, native_id: str) -> BillingSchedule: ...

    async def cancel_schedule(self, native_id: str) -> BillingSchedule:
        """Cancel if present and not cancelled yet; cancelling twice is no error."""
        ...

    async def invoice(self, native_id: str) -> Invoice: ...
    async def invoices(self, cursor: str | None, limit: int) -> Listing[Invoice]: ...

    async def invoice_of(self, reference: str) -> Invoice | None:
        """The invoice that was made under our reference, or none. Does not rely on a search that lags."""
        ...

    async def create_invoice(self, new: NewInvoice, key: str) -> Invoice:
        """As a draft, whole, with the totals that were asked for: INVALID `totals_differ` otherwise.

        CONFLICT `invoice_exists` for a reference that another operation used.
        """
        ...

    async def created_invoice(self, new: NewInvoice, key: str) -> Invoice | None: ...

    async def issue_invoice(self, native_id: str) -> Invoice:
        """Numbered and frozen; issuing twice is no error."""
        ...

    async def discard_invoice(self, native_id: str) -> Invoice:
        """Delete a draft; deleting twice is no error."""
        ...

    async def void_invoice(self, native_id: str) -> Invoice:
        """Void what is issued, unpaid and not credited; voiding twice is no error. The number stays."""
        ...

    async def credit_notes(self, invoice_id: str) -> tuple[CreditNote, ...]:
        """Those of one invoice, oldest first."""
        ...

    async def create_credit_note(self, invoice_id: str, new: NewCreditNote, key: str) -> CreditNote: ...
    async def created_credit_note(self, invoice_id: str, new: NewCreditNote, key: str) -> CreditNote | None: ...

    def hints(self, headers: Mapping[str, str], body: bytes, now: datetime) -> tuple[Hint, ...]:
        """What a webhook says has changed. Raises UNAUTHENTICATED when the vendor's signature is wrong or too old."""
        ...

    async def check(self) -> None:
        """Raise what is wrong with the connection, if anything."""
        ...

    async def close(self) -> None: ...
