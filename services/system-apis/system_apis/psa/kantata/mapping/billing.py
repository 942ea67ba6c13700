"""Billing marks are shadow invoices: they say what is billed elsewhere, and nobody is ever sent one."""

from collections.abc import Sequence
from typing import Any

from canonical.entries import BillingMark, NewBillingMark
from system_apis.psa.kantata.mapping.delivery import known
from system_apis.psa.kantata.records import InvoiceRecord

# Kantata wants days to pay. Nobody pays a shadow; the number only keeps Kantata's own list of what is due quiet.
_NET_DAYS = 30
_MESSAGE = "Billed outside Kantata; this record only marks its items as invoiced."


def from_new_billing_mark(new: NewBillingMark, project: str, billing_milestone_ids: Sequence[str]) -> dict[str, Any]:
    """`user_invoice_number` is a whole number of Kantata's own series: our number stands in the title."""
    return {
        "workspace_id": project,
        "payment_schedule": _NET_DAYS,
        "invoice_date": new.invoice_date,
        "user_invoice_title": new.invoice_number,
        "message": _MESSAGE,
        "draft": False,
        "suppress_emails": True,
        "time_entry_ids": list(new.time_entry_ids),
        "expense_ids": list(new.expense_ids),
        "billing_milestone_ids": list(billing_milestone_ids),
    }


def to_billing_mark(record: InvoiceRecord) -> BillingMark:
    return BillingMark(
        id=record.id,
        project_id=known(record.workspace_ids[0] if record.workspace_ids else None),
        invoice_number=record.user_invoice_title or "",
        cancelled=record.status == "cancelled",
    )
