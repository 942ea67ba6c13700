"""Judges the invoices of the Stripe sandbox by the vendor's own client: draft, issue, payment, credit and void."""

from typing import Any

import stripe
from billing.stripe.judging import Judge, call, refused


async def test_an_invoice_goes_from_draft_to_paid(judge: Judge) -> None:
    """Items on the draft, tax by line, finalised with a number and a due date, sent, paid outside of Stripe."""
    customer = await judge.customer()
    rate = await call(lambda: judge.v1.tax_rates.create({"display_name": "VAT", "percentage": 19, "inclusive": False}))
    draft = await call(
        lambda: judge.v1.invoices.create(
            {"customer": customer.id, "collection_method": "send_invoice", "days_until_due": 30, "currency": "eur"}
        )
    )
    assert ("draft", 0, None) == (draft.status, draft.total, draft.number)
    await call(
        lambda: judge.v1.invoice_items.create(
            {"customer": customer.id, "invoice": draft.id, "amount": 3000000, "tax_rates": [rate.id]}
        )
    )
    await call(
        lambda: judge.v1.invoice_items.create(
            {"invoice": draft.id, "unit_amount_decimal": "14512.345", "quantity_decimal": "7.5", "tax_rates": [rate.id]}
        )
    )
    final = await call(lambda: judge.v1.invoices.finalize_invoice(draft.id, {"auto_advance": False}))
    # 30000.00 + 7.5 h x 145.12345 = 1088.43 (rounded once), tax 5700.00 + 206.80.
    assert ("open", 3108843, 590680, 3699523) == (
        final.status,
        final.subtotal,
        final.total_taxes[0].amount,
        final.total,
    )
    assert f"{customer.invoice_prefix}-0001" == final.number
    assert final.due_date - final.status_transitions.finalized_at == 30 * 86400
    assert "open" == (await call(lambda: judge.v1.invoices.send_invoice(draft.id))).status
    paid = await call(lambda: judge.v1.invoices.pay(draft.id, {"paid_out_of_band": True}))
    assert ("paid", 0, 3699523) == (paid.status, paid.amount_remaining, paid.amount_paid)
    payments = await call(lambda: judge.v1.invoice_payments.list({"invoice": draft.id}))
    assert [(3699523, "payment_record")] == [(one.amount_paid, one.payment.type) for one in payments.data]
    error = await refused(lambda: judge.v1.invoices.pay(draft.id), stripe.InvalidRequestError)
    assert "Invoice is already paid" in str(error)
    locked = await call(lambda: judge.v1.customers.retrieve(customer.id))
    assert "eur" == locked.currency


async def test_an_issued_invoice_is_corrected_only_by_credit_or_void(judge: Judge) -> None:
    """Edits are refused, a credit note lowers what is owed, a void ends it; the customer's currency never changes."""
    customer = await judge.customer()
    draft = await call(lambda: judge.v1.invoices.create({"customer": customer.id, "currency": "gbp"}))
    error = await refused(lambda: judge.v1.invoices.finalize_invoice(draft.id), stripe.InvalidRequestError)
    assert "invoice_no_customer_line_items" == error.code
    item: Any = {"customer": customer.id, "invoice": draft.id, "amount": 100000}
    await call(lambda: judge.v1.invoice_items.create(item))
    await call(lambda: judge.v1.invoices.finalize_invoice(draft.id))
    error = await refused(lambda: judge.v1.invoices.update(draft.id, {"description": "x"}), stripe.InvalidRequestError)
    assert "invoice_not_editable" == error.code
    error = await refused(lambda: judge.v1.invoice_items.create(item), stripe.InvalidRequestError)
    assert "invoice_not_editable" == error.code
    error = await refused(
        lambda: judge.v1.invoices.pay(draft.id, {"payment_method": "pm_card_chargeDeclined"}), stripe.CardError
    )
    assert (402, "card_declined") == (error.http_status, error.code)
    lines = await call(lambda: judge.v1.invoices.line_items.list(draft.id))
    note = await call(
        lambda: judge.v1.credit_notes.create(
            {
                "invoice": draft.id,
                "lines": [{"type": "invoice_line_item", "invoice_line_item": lines.data[0].id, "amount": 40000}],
                "reason": "order_change",
            }
        )
    )
    assert ("issued", "pre_payment", 40000) == (note.status, note.type, note.total)
    assert 60000 == (await call(lambda: judge.v1.invoices.retrieve(draft.id))).amount_remaining
    assert "void" == (await call(lambda: judge.v1.invoices.void_invoice(draft.id))).status
    euros: Any = {"customer": customer.id, "currency": "eur"}
    error = await refused(lambda: judge.v1.invoices.create(euros), stripe.InvalidRequestError)
    assert "You cannot combine currencies on a single customer." in str(error)


async def test_pending_items_stay_off_an_invoice_unless_included(judge: Judge) -> None:
    """The current default is to exclude them: the invoice would be empty."""
    customer = await judge.customer()
    item: Any = {"customer": customer.id, "amount": 5000, "currency": "usd"}
    await call(lambda: judge.v1.invoice_items.create(item))
    empty = await call(lambda: judge.v1.invoices.create({"customer": customer.id}))
    assert ("usd", []) == (empty.currency, empty.lines.data)
    whole: Any = {"customer": customer.id, "pending_invoice_items_behavior": "include"}
    assert 5000 == (await call(lambda: judge.v1.invoices.create(whole))).total


async def test_a_price_of_an_archived_product_cannot_be_invoiced(judge: Judge) -> None:
    """The product is the switch: its prices stay active in themselves."""
    customer = await judge.customer()
    product = await call(lambda: judge.v1.products.create({"name": "P", "active": False}))
    price = await call(lambda: judge.v1.prices.create({"product": product.id, "currency": "usd", "unit_amount": 1}))
    invoice = await call(lambda: judge.v1.invoices.create({"customer": customer.id, "currency": "usd"}))
    item: Any = {"invoice": invoice.id, "pricing": {"price": price.id}}
    error = await refused(lambda: judge.v1.invoice_items.create(item), stripe.InvalidRequestError)
    assert "its product is not active" in str(error)
    await call(lambda: judge.v1.products.update(product.id, {"active": True}))
    assert 1 == (await call(lambda: judge.v1.invoice_items.create(item))).amount
