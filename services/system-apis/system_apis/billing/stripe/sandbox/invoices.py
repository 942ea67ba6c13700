"""Invoices from draft to paid, void or uncollectible. Sources: docs.stripe.com/api/invoices, /invoicing/overview."""

from collections.abc import Mapping
from typing import Any

from sandboxkit.store import Record
from system_apis.billing.stripe.sandbox import listing
from system_apis.billing.stripe.sandbox.accounts import Account, Call, changed
from system_apis.billing.stripe.sandbox.customers import lock_currency
from system_apis.billing.stripe.sandbox.door import Endpoint
from system_apis.billing.stripe.sandbox.invoice_drafts import DAY_S, new_invoice, new_payment
from system_apis.billing.stripe.sandbox.invoice_lines import pending, put_on
from system_apis.billing.stripe.sandbox.parameters import (
    NOTHING,
    PAGE,
    Reader,
    Shape,
    created,
    currency,
    listed,
    metadata,
    one_of,
    text,
    truth,
    whole,
)
from system_apis.billing.stripe.sandbox.refusals import Body, Refusal, invalid
from system_apis.billing.stripe.sandbox.rendering import answered, lines_of

STATUSES = ("draft", "open", "paid", "uncollectible", "void")
# The test payment method that works, and those that decline. Source: docs.stripe.com/testing.
_WORKING_METHODS = frozenset({"pm_card_visa", "pm_card_mastercard", "pm_usBankAccount_success"})
_DECLINING_METHODS = frozenset({"pm_card_chargeDeclined", "pm_card_chargeCustomerFail"})
_FIELDS = (
    *("auto_advance", "collection_method", "custom_fields", "description", "due_date", "effective_at"),
    *("footer", "number"),
)
_FROZEN = frozenset({*_FIELDS, "currency", "days_until_due"} - {"auto_advance"})
_CUSTOM_FIELD = Shape("name", "value", name=text(40, unset=False), value=text(140, unset=False))
_UPDATE: dict[str, Reader] = {
    "auto_advance": truth,
    "automatic_tax": Shape("enabled", enabled=one_of("false")),  # tax is never reckoned here
    "collection_method": one_of("charge_automatically", "send_invoice"),
    "custom_fields": listed(_CUSTOM_FIELD, most=4),
    "days_until_due": whole(0),
    "description": text(1500),
    "discounts": one_of(unset=True),  # there are no coupons: none can be inherited
    "due_date": whole(0),
    "effective_at": whole(0),
    "footer": text(),
    "metadata": metadata,
    "number": text(26),
}
_CREATE = Shape(
    "customer",
    **_UPDATE,
    customer=text(unset=False),
    currency=currency,
    pending_invoice_items_behavior=one_of("exclude", "include"),
)


def endpoints() -> list[Endpoint]:
    wanted = Shape(
        **PAGE,
        collection_method=one_of("charge_automatically", "send_invoice"),
        created=created,
        customer=text(unset=False),
        due_date=created,
        status=one_of(*STATUSES),
    )
    pay = Shape(paid_out_of_band=truth, payment_method=text(unset=False))
    payments = Shape(**PAGE, invoice=text(unset=False), status=one_of("open", "paid", "canceled"))
    return [
        Endpoint("POST", "/v1/invoices", _CREATE, _create),
        Endpoint("GET", "/v1/invoices", wanted, _list),
        Endpoint("GET", "/v1/invoices/search", listing.SEARCH, lambda call: listing.found_page(call, "invoice")),
        Endpoint("GET", "/v1/invoices/{id}", NOTHING, _retrieve),
        Endpoint("POST", "/v1/invoices/{id}", Shape(**_UPDATE), _update),
        Endpoint("DELETE", "/v1/invoices/{id}", NOTHING, _delete),
        Endpoint("POST", "/v1/invoices/{id}/finalize", Shape(auto_advance=truth), _finalize),
        Endpoint("POST", "/v1/invoices/{id}/send", NOTHING, _send),
        Endpoint("POST", "/v1/invoices/{id}/pay", pay, _pay),
        Endpoint("POST", "/v1/invoices/{id}/void", NOTHING, _void),
        Endpoint("POST", "/v1/invoices/{id}/mark_uncollectible", NOTHING, _mark_uncollectible),
        Endpoint("GET", "/v1/invoice_payments", payments, _list_payments),
    ]


def _create(call: Call) -> Body:
    """A draft. Pending items stay off it unless they are included explicitly."""
    account, given = call.account, call.given
    customer = account.require("customer", given["customer"], "customer")
    invoice_currency = given.get("currency") or customer["currency"] or "usd"
    method = given.get("collection_method", "charge_automatically")
    _check_due(given, method)
    lock_currency(account, customer, invoice_currency)
    record = new_invoice(call, customer, invoice_currency, method)
    account.insert("invoice", record)
    call.announce("invoice.created", record)
    if given.get("pending_invoice_items_behavior") == "include":
        for item in pending(account, customer["id"], invoice_currency):
            record = put_on(call, record, item)
    return answered(call, record)


def _check_due(given: Mapping[str, Any], method: str) -> None:
    due = [name for name in ("days_until_due", "due_date") if name in given]
    if method == "send_invoice" and not due:
        message = "If `collection_method` is 'send_invoice', `due_date` or `days_until_due` must be provided."
        raise invalid(message, "due_date")
    if method == "charge_automatically" and due:
        message = f"`{due[0]}` can only be set when `collection_method` is 'send_invoice'."
        raise invalid(message, due[0])


def _update(call: Call) -> Body:
    held = call.account.require("invoice", call.id)
    frozen = sorted(_FROZEN & call.given.keys()) if held["status"] != "draft" else []
    if frozen:
        message = f"Finalized invoices can't be updated in this way: {frozen[0]}."
        raise Refusal(message, code="invoice_not_editable", param=frozen[0])
    record = changed(call, held, *_FIELDS)
    if call.given.get("days_until_due") is not None:
        record |= {"_days_until_due": call.given["days_until_due"]}
        record["due_date"] = held["created"] + call.given["days_until_due"] * DAY_S
    call.account.save("invoice", record)
    call.announce("invoice.updated", record, held)
    return answered(call, record)


def _delete(call: Call) -> Body:
    account = call.account
    held = account.require("invoice", call.id)
    message = "You can only delete draft invoices."
    listing.refuse_unless(held["status"] == "draft", message, "invoice_not_editable")
    call.announce("invoice.deleted", held)
    for line in lines_of(account, held["id"]):
        account.remove("invoiceitem", line["parent"]["invoice_item_details"]["invoice_item"])
        account.remove("line_item", line["id"])
    return listing.deletion(account, "invoice", held, trace=False)


def _finalize(call: Call) -> Body:
    return answered(call, _finalized(call, call.account.require("invoice", call.id)))


def _finalized(call: Call, held: Record) -> Record:
    """Open, numbered and frozen; an invoice over nothing is paid at once."""
    account = call.account
    message = "This invoice is already finalized, you can't re-finalize a non-draft invoice."
    listing.refuse_unless(held["status"] == "draft", message, "invoice_not_editable")
    message = "This invoice has no line items."
    listing.refuse_unless(bool(lines_of(account, held["id"])), message, "invoice_no_customer_line_items")
    now = account.now()
    record = held | {
        "auto_advance": call.given.get("auto_advance", held["auto_advance"]),
        "effective_at": held["effective_at"] or now,
        "ending_balance": 0,
        "hosted_invoice_url": f"https://invoice.stripe.com/i/{account.id}/{held['id']}",
        "invoice_pdf": f"https://pay.stripe.com/invoice/{account.id}/{held['id']}/pdf",
        "number": held["number"] or _number(account, held["customer"]),
        "status": "open",
        "status_transitions": held["status_transitions"] | {"finalized_at": now},
    }
    if held["_days_until_due"] is not None:
        record["due_date"] = now + held["_days_until_due"] * DAY_S
    account.save("invoice", record)
    call.announce("invoice.finalized", record)
    return _settled(call, record, {}) if record["amount_due"] == 0 else record


def _number(account: Account, customer_id: str) -> str:
    """By account or by customer, as the account is set; the vendor's own default is by customer."""
    if account.invoice_prefix is not None:
        return f"{account.invoice_prefix}-{account.next_number('invoice_number'):04d}"
    customer = account.require("customer", customer_id)
    number = customer["next_invoice_sequence"]
    account.save("customer", customer | {"next_invoice_sequence": number + 1})
    return f"{customer['invoice_prefix']}-{number:04d}"


def _send(call: Call) -> Body:
    held = call.account.require("invoice", call.id)
    message = "You can only manually send an invoice if its collection method is 'send_invoice'."
    listing.refuse_unless(held["collection_method"] == "send_invoice", message)
    listing.refuse_unless(bool(held["customer_email"]), "The customer of this invoice has no email address.")
    record = _finalized(call, held) if held["status"] == "draft" else held
    listing.refuse_unless(record["status"] in {"open", "paid"}, "You can't send this invoice.", "invoice_not_editable")
    call.announce("invoice.sent", record)
    return answered(call, record)


def _pay(call: Call) -> Body:
    account, given = call.account, call.given
    held = account.require("invoice", call.id)
    listing.refuse_unless(held["status"] != "paid", "Invoice is already paid")
    _check_transition(held, {"draft", "open", "uncollectible"}, "paid")
    record = _finalized(call, held) if held["status"] == "draft" else held
    if record["status"] == "paid":
        return answered(call, record)
    if given.get("paid_out_of_band"):
        paid = record["amount_remaining"]
        return answered(call, _settled(call, record, {"amount_paid_off_stripe": paid}))
    method = given.get("payment_method")
    if method in _DECLINING_METHODS:
        raise _declined(call, record)
    if method not in _WORKING_METHODS:
        message = f"No such PaymentMethod: '{method}'" if method else "There is no default payment method to charge."
        raise Refusal(message, code="resource_missing", param="payment_method")
    return answered(call, _settled(call, record, {}))


def _declined(call: Call, held: Record) -> Refusal:
    failed = held | {"attempted": True, "attempt_count": held["attempt_count"] + 1}
    call.account.save("invoice", failed)
    call.announce("invoice.payment_failed", failed)
    return Refusal(
        "Your card was declined.",
        status=402,
        kind="card_error",
        code="card_declined",
        more={"decline_code": "generic_decline"},
    )


def _settled(call: Call, held: Record, more: Record) -> Record:
    """Paid in full: with a payment of its own unless there was nothing to pay."""
    account, now = call.account, call.account.now()
    amount = held["amount_remaining"]
    record = held | {
        "amount_paid": held["amount_paid"] + amount,
        "amount_remaining": 0,
        "attempted": True,
        "attempt_count": held["attempt_count"] + (0 if more or not amount else 1),
        "status": "paid",
        "status_transitions": held["status_transitions"] | {"paid_at": now},
        **more,
    }
    account.save("invoice", record)
    if amount:
        payment = account.insert("invoice_payment", new_payment(account, record, amount, out_of_band=bool(more)))
        call.announce("invoice_payment.paid", payment)
    call.announce("invoice.paid", record)
    call.announce("invoice.payment_succeeded", record)
    return record


def _void(call: Call) -> Body:
    held = call.account.require("invoice", call.id)
    _check_transition(held, {"open", "uncollectible"}, "void")
    return _moved(call, held, "void", "voided_at", "invoice.voided")


def _mark_uncollectible(call: Call) -> Body:
    held = call.account.require("invoice", call.id)
    _check_transition(held, {"open"}, "uncollectible")
    return _moved(call, held, "uncollectible", "marked_uncollectible_at", "invoice.marked_uncollectible")


def _moved(call: Call, held: Record, status: str, moment: str, event: str) -> Body:
    transitions = held["status_transitions"] | {moment: call.account.now()}
    record = call.account.save("invoice", held | {"status": status, "status_transitions": transitions})
    call.announce(event, record)
    return answered(call, record)


def _check_transition(held: Record, allowed: set[str], wanted: str) -> None:
    message = f"You can't change the status of an invoice from {held['status']} to {wanted}."
    listing.refuse_unless(held["status"] in allowed, message, "status_transition_invalid")


def _retrieve(call: Call) -> Body:
    return answered(call, call.account.require("invoice", call.id))


def _list(call: Call) -> Body:
    given = call.given

    def matches(one: Record) -> bool:
        return (
            all(given.get(name, one[name]) == one[name] for name in ("collection_method", "customer", "status"))
            and listing.within(given.get("created"), one["created"])
            and listing.within(given.get("due_date"), one["due_date"])
        )

    return listing.page(call, "/v1/invoices", call.account.find("invoice", matches), "invoice")


def _list_payments(call: Call) -> Body:
    given = call.given
    records = call.account.find(
        "invoice_payment",
        lambda one: all(given.get(name, one[name]) == one[name] for name in ("invoice", "status")),
    )
    return listing.page(call, "/v1/invoice_payments", records, "invoice payment")
