"""An invoice as it begins, and the payment that ends it: all the fields. Source: docs.stripe.com/api/invoices."""

from sandboxkit.store import Record
from system_apis.billing.stripe.sandbox.accounts import Account, Call, new_metadata

DAY_S = 86_400
_ZERO = (
    "amount_due",
    "amount_overpaid",
    "amount_paid",
    "amount_paid_off_stripe",
    "amount_remaining",
    "amount_shipping",
    "attempt_count",
    "post_payment_credit_notes_amount",
    "pre_payment_credit_notes_amount",
    "starting_balance",
    "subtotal",
    "subtotal_excluding_tax",
    "total",
    "total_excluding_tax",
)
_UNSET = (
    "account_tax_ids",
    "application",
    "automatically_finalizes_at",
    "confirmation_secret",
    "customer_shipping",
    "default_payment_method",
    "default_source",
    "ending_balance",
    "from_invoice",
    "hosted_invoice_url",
    "invoice_pdf",
    "last_finalization_error",
    "latest_revision",
    "next_payment_attempt",
    "on_behalf_of",
    "parent",
    "receipt_number",
    "rendering",
    "shipping_cost",
    "shipping_details",
    "statement_descriptor",
    "test_clock",
    "threshold_reason",
    "webhooks_delivered_at",
)
_EMPTY = ("customer_tax_ids", "default_tax_rates", "discounts", "total_discount_amounts", "total_pretax_credit_amounts")
_TRANSITIONS = ("finalized_at", "marked_uncollectible_at", "paid_at", "voided_at")
_NO_AUTOMATIC_TAX = {"disabled_reason": None, "enabled": False, "liability": None, "provider": None, "status": None}
_ANY_PAYMENT = {"default_mandate": None, "payment_method_options": None, "payment_method_types": None}


def new_invoice(call: Call, customer: Record, currency: str, method: str) -> Record:
    """A draft without lines. What it copies of the customer stays as it is now."""
    account, given = call.account, call.given
    now = account.now()
    days = given.get("days_until_due")
    return {
        "id": account.new_id("in", 24),
        "object": "invoice",
        **dict.fromkeys(_ZERO, 0),
        **dict.fromkeys(_UNSET),
        **{name: [] for name in _EMPTY},
        **_seen_of(customer, account),
        "attempted": False,
        "auto_advance": given.get("auto_advance", False),
        "automatic_tax": _NO_AUTOMATIC_TAX,
        "billing_reason": "manual",
        "collection_method": method,
        "created": now,
        "currency": currency,
        "custom_fields": given.get("custom_fields") or None,
        "description": given.get("description"),
        "due_date": given.get("due_date") or (None if days is None else now + days * DAY_S),
        "effective_at": given.get("effective_at"),
        "footer": given.get("footer"),
        "issuer": {"type": "self"},
        "livemode": account.livemode,
        "metadata": new_metadata(call),
        "number": given.get("number"),
        "payment_settings": _ANY_PAYMENT,
        "period_end": now,
        "period_start": now,
        "status": "draft",
        "status_transitions": dict.fromkeys(_TRANSITIONS),
        "total_taxes": [],
        "_days_until_due": days,
    }


def _seen_of(customer: Record, account: Account) -> Record:
    return {
        "account_country": account.country,
        "account_name": account.name,
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_tax_exempt": customer["tax_exempt"],
    }


def new_payment(account: Account, invoice: Record, amount: int, *, out_of_band: bool) -> Record:
    """What settles an invoice: a payment by card, or one that was made elsewhere."""
    kind = "payment_record" if out_of_band else "payment_intent"
    return {
        "id": account.new_id("inpay", 24),
        "object": "invoice_payment",
        "amount_paid": amount,
        "amount_requested": amount,
        "created": account.now(),
        "currency": invoice["currency"],
        "invoice": invoice["id"],
        "is_default": True,
        "livemode": account.livemode,
        "payment": {"type": kind, kind: account.new_id("pr" if out_of_band else "pi", 24)},
        "status": "paid",
        "status_transitions": {"canceled_at": None, "paid_at": account.now()},
    }
