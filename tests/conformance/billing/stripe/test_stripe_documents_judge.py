"""Judges by the vendor's own client what our invoices need: many lines, tax by amount, dates, numbers, credit."""

import inspect
from typing import Any

import stripe
from billing.stripe.judging import NUMBERING_KEY, Judge, call, refused

RATE: dict[str, Any] = {"display_name": "VAT19", "inclusive": False, "percentage": 19}


def line(amount: int = 112633, tax: int = 21400, **more: Any) -> dict[str, Any]:
    taxed = {"amount": tax, "taxable_amount": amount, "tax_rate_data": RATE}
    return {"amount": amount, "description": "Consulting", "tax_amounts": [taxed], **more}


async def draft(judge: Judge, **params: Any) -> Any:
    customer = await judge.customer()
    due: dict[str, Any] = {"collection_method": "send_invoice", "due_date": 1_900_000_000}
    new = {"customer": customer.id, "currency": "eur", **due, **params}
    return await call(lambda: judge.v1.invoices.create(new))


async def open_invoice(judge: Judge, *lines: dict[str, Any]) -> Any:
    made = await draft(judge)
    await call(lambda: judge.v1.invoices.add_lines(made.id, {"lines": list(lines)}))
    return await call(lambda: judge.v1.invoices.finalize_invoice(made.id, {"auto_advance": False}))


async def test_lines_are_added_at_once_with_tax_as_it_is_given(judge: Judge) -> None:
    """The amounts are ours, also where the rate would give others; one rate is made for equal data, and archived."""
    made = await draft(judge)
    lines = [line(metadata={"key": "L1"}), line(120000, 22801, period={"start": 1, "end": 2}), line(1000, 190)]
    params: Any = {"lines": lines, "invoice_metadata": {"lines": "3"}}
    whole = await call(lambda: judge.v1.invoices.add_lines(made.id, params))
    assert (233633, 44391, 278024) == (whole.subtotal, whole.total_taxes[0].amount, whole.total)
    assert ("3", 1) == (whole.metadata["lines"], len(whole.total_taxes))
    first = whole.lines.data[0]
    assert ("L1", 112633, "1", 21400, 112633, "exclusive") == (
        first.metadata["key"],
        first.amount,
        str(first.quantity_decimal),
        first.taxes[0].amount,
        first.taxes[0].taxable_amount,
        first.taxes[0].tax_behavior,
    )
    rate_id = first.taxes[0].tax_rate_details.tax_rate
    rate = await call(lambda: judge.v1.tax_rates.retrieve(rate_id))
    assert (False, "VAT19", 19.0) == (rate.active, rate.display_name, rate.percentage)
    assert {rate_id} == {one.taxes[0].tax_rate_details.tax_rate for one in whole.lines.data}
    for found in (whole, first, first.taxes[0], rate):
        known = {name for kind in type(found).__mro__ for name in inspect.get_annotations(kind)}
        assert set() == set(found.to_dict()) - known, type(found).__name__


async def test_a_quantity_goes_with_a_price_of_its_own(judge: Judge) -> None:
    """An inline price of a product that is sold; it is archived at once; an amount takes no quantity."""
    made = await draft(judge)
    await call(lambda: judge.v1.products.create({"name": "Services", "id": "own"}))
    price: Any = {"currency": "eur", "product": "own", "unit_amount_decimal": "14533.2", "tax_behavior": "exclusive"}
    priced: Any = {"price_data": price, "quantity_decimal": "7.5", "description": "Consulting"}
    whole = await call(lambda: judge.v1.invoices.add_lines(made.id, {"lines": [priced]}))
    found = whole.lines.data[0]
    assert (108999, 7, "7.5", "14533.2", "Consulting") == (
        found.amount,
        found.quantity,
        str(found.quantity_decimal),
        str(found.pricing.unit_amount_decimal),
        found.description,
    )
    assert not (await call(lambda: judge.v1.prices.retrieve(found.pricing.price_details.price))).active
    both: Any = {"lines": [{"amount": 100, "quantity_decimal": "2"}]}
    error = await refused(lambda: judge.v1.invoices.add_lines(made.id, both), stripe.InvalidRequestError)
    assert "amount" in str(error)
    await call(lambda: judge.v1.products.update("own", {"active": False}))
    await refused(lambda: judge.v1.invoices.add_lines(made.id, {"lines": [priced]}), stripe.InvalidRequestError)


async def test_lines_come_and_go_only_on_a_draft(judge: Judge) -> None:
    """Two hundred at once, ten of them shown; taken off one by one; refused as a whole, and when it is issued."""
    made = await draft(judge)
    many: Any = {"lines": [line(100, 19) for _ in range(200)]}
    whole = await call(lambda: judge.v1.invoices.add_lines(made.id, many))
    assert (10, True, 23800) == (len(whole.lines.data), whole.lines.has_more, whole.total)
    every = await call(lambda: list(judge.v1.invoices.line_items.list(made.id, {"limit": 100}).auto_paging_iter()))
    assert 200 == len({one.id for one in every})
    too_many: Any = {"lines": [line(100, 19) for _ in range(51)]}
    await refused(lambda: judge.v1.invoices.add_lines(made.id, too_many), stripe.InvalidRequestError)
    off: Any = {"lines": [{"id": one.id, "behavior": "delete"} for one in every[:150]]}
    assert 5950 == (await call(lambda: judge.v1.invoices.remove_lines(made.id, off))).total
    await refused(lambda: judge.v1.invoices.remove_lines(made.id, off), stripe.InvalidRequestError)
    await call(lambda: judge.v1.invoices.finalize_invoice(made.id))
    error = await refused(lambda: judge.v1.invoices.add_lines(made.id, many), stripe.InvalidRequestError)
    assert "invoice_not_editable" == error.code


async def test_tax_by_amount_and_tax_by_rate_do_not_mix(judge: Judge) -> None:
    """On one invoice there is one or the other."""
    made = await draft(judge)
    rate = await call(lambda: judge.v1.tax_rates.create({"display_name": "VAT", "percentage": 19, "inclusive": False}))
    await call(lambda: judge.v1.invoices.add_lines(made.id, {"lines": [line()]}))
    by_rate: Any = {"lines": [{"amount": 100, "tax_rates": [rate.id]}]}
    error = await refused(lambda: judge.v1.invoices.add_lines(made.id, by_rate), stripe.InvalidRequestError)
    assert "tax rates" in str(error)


async def test_dates_and_printed_fields_are_as_they_are_given(judge: Judge) -> None:
    """The date of issue is `effective_at`; four fields at most; frozen with the rest when it is issued."""
    fields = [{"name": "Contract", "value": "C-1"}, {"name": "Purchase order", "value": "PO-1"}]
    more: Any = {"custom_fields": fields, "effective_at": 1_795_000_000, "footer": "Reverse charge", "discounts": ""}
    made = await draft(judge, **more, automatic_tax={"enabled": False})
    assert (fields, 1_795_000_000, "Reverse charge", 1_900_000_000) == (
        [one.to_dict() for one in made.custom_fields],
        made.effective_at,
        made.footer,
        made.due_date,
    )
    five: Any = {"custom_fields": [{"name": f"F{n}", "value": "x"} for n in range(5)]}
    await refused(lambda: judge.v1.invoices.update(made.id, five), stripe.InvalidRequestError)
    long: Any = {"custom_fields": [{"name": "F", "value": "x" * 141}]}
    await refused(lambda: judge.v1.invoices.update(made.id, long), stripe.InvalidRequestError)
    await call(lambda: judge.v1.invoices.add_lines(made.id, {"lines": [line()]}))
    final = await call(lambda: judge.v1.invoices.finalize_invoice(made.id))
    assert (1_795_000_000, 1_900_000_000, True) == (
        final.effective_at,
        final.due_date,
        final.status_transitions.finalized_at > 0,
    )
    later: Any = {"effective_at": 1}
    error = await refused(lambda: judge.v1.invoices.update(made.id, later), stripe.InvalidRequestError)
    assert "invoice_not_editable" == error.code


async def test_an_account_numbers_its_invoices_in_one_sequence(judge: Judge) -> None:
    """Where it is set so; its customers then have no sequence of their own, which is how it can be told."""
    assert 1 == (await judge.customer()).next_invoice_sequence
    entity = Judge(judge.context)
    entity.v1 = judge.with_key(NUMBERING_KEY).v1
    numbers = [(await open_invoice(entity, line())).number for _ in range(2)]
    assert ["GB01-0001", "GB01-0002"] == numbers
    assert "next_invoice_sequence" not in (await entity.customer()).to_dict()


async def test_a_deleted_draft_is_told_by_its_event(judge: Judge) -> None:
    """With all that it was; the draft itself is not there any more."""
    made = await draft(judge)
    await call(lambda: judge.v1.invoices.add_lines(made.id, {"lines": [line()]}))
    assert (await call(lambda: judge.v1.invoices.delete(made.id))).deleted
    error = await refused(lambda: judge.v1.invoices.retrieve(made.id), stripe.InvalidRequestError)
    assert (404, "resource_missing") == (error.http_status, error.code)
    event = (await call(lambda: judge.v1.events.list({"type": "invoice.deleted"}))).data[0]
    assert (made.id, 134033, 1) == (
        event.data.object["id"],
        event.data.object["total"],
        len(event.data.object["lines"]["data"]),
    )


async def test_a_credit_note_has_the_tax_that_it_is_given(judge: Judge) -> None:
    """By the rate that was made for the line, and by no other; dated as it is said; what is due becomes less."""
    made = await open_invoice(judge, line())
    source = made.lines.data[0]
    rate = source.taxes[0].tax_rate_details.tax_rate
    tax: Any = {"amount": 1901, "taxable_amount": 10000, "tax_rate": rate}
    part: Any = {"type": "invoice_line_item", "invoice_line_item": source.id, "amount": 10000, "tax_amounts": [tax]}
    new: Any = {"invoice": made.id, "lines": [part], "effective_at": 1_795_000_000, "email_type": "none"}
    note = await call(lambda: judge.v1.credit_notes.create(new))
    assert (10000, 11901, 1_795_000_000, f"{made.number}-CN-01") == (
        note.total_excluding_tax,
        note.total,
        note.effective_at,
        note.number,
    )
    after = await call(lambda: judge.v1.invoices.retrieve(made.id))
    assert (122132, 122132, 11901) == (
        after.amount_due,
        after.amount_remaining,
        after.pre_payment_credit_notes_amount,
    )
    strange: Any = {**new, "lines": [{**part, "tax_amounts": [{**tax, "tax_rate": "txr_no"}]}]}
    await refused(lambda: judge.v1.credit_notes.create(strange), stripe.InvalidRequestError)
    await call(lambda: judge.v1.credit_notes.void_credit_note(note.id))
    restored = await call(lambda: judge.v1.invoices.retrieve(made.id))
    assert (134033, 134033, 0) == (
        restored.amount_due,
        restored.amount_remaining,
        restored.pre_payment_credit_notes_amount,
    )


async def test_a_credit_on_what_is_paid_says_where_the_money_goes(judge: Judge) -> None:
    """All of it after payment, else the credit note is refused; never more than was invoiced."""
    made = await open_invoice(judge, line())
    await call(lambda: judge.v1.invoices.pay(made.id, {"paid_out_of_band": True}))
    part: Any = {"type": "invoice_line_item", "invoice_line_item": made.lines.data[0].id, "amount": 112633}
    new: Any = {"invoice": made.id, "lines": [part]}
    error = await refused(lambda: judge.v1.credit_notes.create(new), stripe.InvalidRequestError)
    assert "134033" in str(error)
    note = await call(lambda: judge.v1.credit_notes.create({**new, "out_of_band_amount": 134033}))
    assert ("post_payment", 134033, 0, 134033) == (
        note.type,
        note.post_payment_amount,
        note.pre_payment_amount,
        note.out_of_band_amount,
    )
    again: Any = {**new, "out_of_band_amount": 134033}
    await refused(lambda: judge.v1.credit_notes.create(again), stripe.InvalidRequestError)
