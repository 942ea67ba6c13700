"""Credit notes: what is taken back of a finalised invoice. Source: docs.stripe.com/api/credit_notes."""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sandboxkit.store import Record
from system_apis.billing.stripe.sandbox import listing
from system_apis.billing.stripe.sandbox.accounts import Account, Call, changed, merged_metadata, new_metadata
from system_apis.billing.stripe.sandbox.door import Endpoint
from system_apis.billing.stripe.sandbox.parameters import (
    MAX_AMOUNT,
    NOTHING,
    PAGE,
    Reader,
    Shape,
    created,
    listed,
    metadata,
    one_of,
    text,
    whole,
)
from system_apis.billing.stripe.sandbox.refusals import Body, invalid
from system_apis.billing.stripe.sandbox.rendering import answered, lines_of

_TAX_AMOUNT = Shape(
    *("amount", "tax_rate", "taxable_amount"),
    amount=whole(-MAX_AMOUNT, MAX_AMOUNT),
    tax_rate=text(unset=False),
    taxable_amount=whole(-MAX_AMOUNT, MAX_AMOUNT),
)
_LINE = Shape(
    "type",
    type=one_of("invoice_line_item", "custom_line_item"),
    amount=whole(-MAX_AMOUNT, MAX_AMOUNT),
    description=text(),
    invoice_line_item=text(unset=False),
    unit_amount=whole(0, MAX_AMOUNT),
    quantity=whole(1),
    metadata=metadata,
    tax_amounts=listed(_TAX_AMOUNT, most=20),
)
_CREATE: dict[str, Reader] = {
    "amount": whole(1, MAX_AMOUNT),
    "credit_amount": whole(0, MAX_AMOUNT),
    "effective_at": whole(0),
    "email_type": one_of("credit_note", "none"),
    "invoice": text(unset=False),
    "lines": listed(_LINE),
    "memo": text(),
    "metadata": metadata,
    "out_of_band_amount": whole(0, MAX_AMOUNT),
    "reason": one_of("duplicate", "fraudulent", "order_change", "product_unsatisfactory"),
}


def endpoints() -> list[Endpoint]:
    wanted = Shape(**PAGE, created=created, customer=text(unset=False), invoice=text(unset=False))
    return [
        Endpoint("POST", "/v1/credit_notes", Shape("invoice", **_CREATE), _create),
        Endpoint("GET", "/v1/credit_notes", wanted, _list),
        Endpoint("GET", "/v1/credit_notes/preview", Shape("invoice", **_CREATE), _preview),
        Endpoint("GET", "/v1/credit_notes/{id}", NOTHING, _retrieve),
        Endpoint("POST", "/v1/credit_notes/{id}", Shape(memo=text(), metadata=metadata), _update),
        Endpoint("POST", "/v1/credit_notes/{id}/void", NOTHING, _void),
    ]


def _create(call: Call) -> Body:
    account = call.account
    record, invoice = _drawn_up(call)
    changed_invoice = invoice | _credited(invoice, record, 1)
    if changed_invoice["status"] == "open" and changed_invoice["amount_remaining"] == 0:
        paid_at = invoice["status_transitions"] | {"paid_at": account.now()}
        changed_invoice |= {"status": "paid", "status_transitions": paid_at}
    account.insert("credit_note", record)
    account.save("invoice", changed_invoice)
    call.announce("credit_note.created", record)
    call.announce("invoice.updated", changed_invoice, invoice)
    if changed_invoice["status"] != invoice["status"]:
        call.announce("invoice.paid", changed_invoice)
    return answered(call, record)


def _credited(invoice: Record, note: Record, sign: int) -> Record:
    """What a credit note takes off an invoice, or with the sign -1 what its void puts back."""
    before, after = sign * note["pre_payment_amount"], sign * note["post_payment_amount"]
    return {
        "amount_due": invoice["amount_due"] - before,
        "amount_remaining": invoice["amount_remaining"] - before,
        "post_payment_credit_notes_amount": invoice["post_payment_credit_notes_amount"] + after,
        "pre_payment_credit_notes_amount": invoice["pre_payment_credit_notes_amount"] + before,
    }


def _preview(call: Call) -> Body:
    return answered(call, _drawn_up(call)[0])


def _drawn_up(call: Call) -> tuple[Record, Record]:
    """The credit note that the request describes, and the invoice it credits."""
    account, given = call.account, call.given
    invoice = account.require("invoice", given["invoice"], "invoice")
    message = f"You can't create a credit note on an invoice with status {invoice['status']}."
    listing.refuse_unless(invoice["status"] in {"open", "paid", "uncollectible"}, message, None, "invoice")
    if ("amount" in given) == ("lines" in given):
        raise invalid("You must specify exactly one of: amount, lines.", "amount")
    lines = _lines(account, invoice, given.get("lines", ()), given.get("amount"))
    listing.refuse_unless(sum(_sums(lines)) > 0, "The credit note amount must be greater than 0.", None, "amount")
    _check(invoice, sum(_sums(lines)), given)
    return _new_note(call, invoice, lines), invoice


def _new_note(call: Call, invoice: Record, lines: list[Record]) -> Record:
    account, given = call.account, call.given
    number = len(account.find("credit_note", lambda note: note["invoice"] == invoice["id"])) + 1
    note_id = account.new_id("cn", 24)
    listed_lines = {"object": "list", "data": lines, "has_more": False, "url": f"/v1/credit_notes/{note_id}/lines"}
    return {
        "id": note_id,
        "object": "credit_note",
        **_amounts(lines, _open_amount(invoice)),
        "created": account.now(),
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_balance_transaction": None,
        "effective_at": given.get("effective_at") or account.now(),
        "invoice": invoice["id"],
        "lines": listed_lines,
        "livemode": account.livemode,
        "memo": given.get("memo"),
        "metadata": new_metadata(call),
        "number": f"{invoice['number']}-CN-{number:02d}",
        "out_of_band_amount": given.get("out_of_band_amount"),
        "pdf": f"https://pay.stripe.com/credit_notes/{account.id}/{note_id}/pdf",
        "reason": given.get("reason"),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "voided_at": None,
    }


def _open_amount(invoice: Record) -> int:
    """What a credit note can take off before payment."""
    remaining: int = invoice["amount_remaining"]
    return 0 if invoice["status"] == "paid" else remaining


def _amounts(lines: list[Record], still_open: int) -> Body:
    """What the lines add up to; a credit beyond what is still open comes after payment."""
    subtotal, tax = _sums(lines)
    total = subtotal + tax
    before = min(total, still_open)
    kind = "post_payment" if before == 0 else "pre_payment" if before == total else "mixed"
    return {
        "amount": total,
        "amount_shipping": 0,
        "discount_amount": 0,
        "discount_amounts": [],
        "post_payment_amount": total - before,
        "pre_payment_amount": before,
        "pretax_credit_amounts": [],
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_excluding_tax": subtotal,
        "total_taxes": [tax for line in lines for tax in line["taxes"]],
        "type": kind,
    }


def _sums(lines: list[Record]) -> tuple[int, int]:
    """Without tax, and the tax."""
    return sum(line["amount"] for line in lines), sum(tax["amount"] for line in lines for tax in line["taxes"])


def _check(invoice: Record, total: int, given: Mapping[str, Any]) -> None:
    after = total - min(total, _open_amount(invoice))
    spread = given.get("credit_amount", 0) + given.get("out_of_band_amount", 0)
    message = "The sum of credit amount, refund amount and out of band amount must equal the post-payment amount"
    listing.refuse_unless(spread == after, f"{message} ({after}).", None, "amount")
    credited = invoice["pre_payment_credit_notes_amount"] + invoice["post_payment_credit_notes_amount"]
    left = invoice["total"] - credited
    message = f"The credit note amount {total} is greater than what can still be credited ({left})."
    listing.refuse_unless(total <= left, message, None, "amount")


def _lines(account: Account, invoice: Record, wanted: Sequence[Body], amount: int | None) -> list[Record]:
    if amount is not None:
        return [_line(account, {"type": "custom_line_item", "description": "Credit"}, amount, [])]
    held = {line["id"]: line for line in lines_of(account, invoice["id"])}
    result = []
    for place, line in enumerate(wanted):
        param = f"lines[{place}]"
        if line["type"] == "custom_line_item":
            value: int = line.get("unit_amount", 0) * line.get("quantity", 1)
            result.append(_line(account, line, value, []))
            continue
        source = held.get(line.get("invoice_line_item", ""))
        if source is None:
            raise invalid("The line is not one of the invoice's.", f"{param}[invoice_line_item]")
        value = line.get("amount") or source["amount"]
        message = "The amount is greater than that of the invoice line."
        listing.refuse_unless(abs(value) <= abs(source["amount"]), message, None, f"{param}[amount]")
        described = line | {"description": line.get("description", source["description"])}
        result.append(_line(account, described, value, _taxes(line, value, source, param)))
    return result


def _taxes(line: Body, value: int, source: Record, param: str) -> list[Body]:
    """As they were given, by the rates of the invoice's line; else in proportion."""
    if "tax_amounts" not in line:
        return [_share(tax, value, source["amount"]) for tax in source["taxes"]]
    by_rate = {tax["tax_rate_details"]["tax_rate"]: tax for tax in source["taxes"]}
    result = []
    for place, given in enumerate(line["tax_amounts"]):
        tax = by_rate.get(given["tax_rate"])
        if tax is None or not source.get("_manual"):
            raise invalid("The tax rate is not one of the line's.", f"{param}[tax_amounts][{place}][tax_rate]")
        result.append(tax | {"amount": given["amount"], "taxable_amount": given["taxable_amount"]})
    return result


def _share(tax: Body, amount: int, of_amount: int) -> Body:
    """The part of an invoice line's tax that goes with a part of its amount."""
    part = Decimal(tax["amount"]) * amount / of_amount
    return tax | {"amount": int(part.quantize(Decimal(1), rounding=ROUND_HALF_UP)), "taxable_amount": amount}


def _line(account: Account, given: Body, amount: int, taxes: list[Body]) -> Record:
    return {
        "id": account.new_id("cnli", 24),
        "object": "credit_note_line_item",
        "amount": amount,
        "description": given.get("description"),
        "discount_amount": 0,
        "discount_amounts": [],
        "invoice_line_item": given.get("invoice_line_item"),
        "livemode": account.livemode,
        "metadata": merged_metadata({}, given.get("metadata", {})),
        "pretax_credit_amounts": [],
        "quantity": given.get("quantity"),
        "tax_rates": [],
        "taxes": taxes,
        "type": given["type"],
        "unit_amount": given.get("unit_amount"),
        "unit_amount_decimal": None,
    }


def _update(call: Call) -> Body:
    held = call.account.require("credit_note", call.id)
    record = call.account.save("credit_note", changed(call, held, "memo"))
    call.announce("credit_note.updated", record, held)
    return answered(call, record)


def _void(call: Call) -> Body:
    """Only of an invoice that is still open: what was taken off is put back."""
    account = call.account
    held = account.require("credit_note", call.id)
    invoice = account.require("invoice", held["invoice"])
    voidable = held["status"] == "issued" and held["type"] == "pre_payment" and invoice["status"] == "open"
    listing.refuse_unless(voidable, "You can only void a credit note on an open invoice.", "status_transition_invalid")
    restored = _credited(invoice, held, -1)
    account.save("invoice", invoice | restored)
    record = account.save("credit_note", held | {"status": "void", "voided_at": account.now()})
    call.announce("credit_note.voided", record)
    call.announce("invoice.updated", invoice | restored, invoice)
    return answered(call, record)


def _retrieve(call: Call) -> Body:
    return answered(call, call.account.require("credit_note", call.id))


def _list(call: Call) -> Body:
    given = call.given

    def matches(one: Record) -> bool:
        return all(given.get(name, one[name]) == one[name] for name in ("customer", "invoice")) and listing.within(
            given.get("created"), one["created"]
        )

    return listing.page(call, "/v1/credit_notes", call.account.find("credit_note", matches), "credit note")
