"""Many lines of a draft at once, and tax that the caller reckons himself.

Sources: docs.stripe.com/api/invoices/add_lines, /api/invoices/remove_lines; docs.stripe.com/billing/taxes/manual-tax.
"""

from dataclasses import replace
from typing import Any

from sandboxkit.store import Record
from system_apis.billing.stripe.sandbox import listing
from system_apis.billing.stripe.sandbox.accounts import Account, Call, merged_metadata
from system_apis.billing.stripe.sandbox.customers import automatic_rate
from system_apis.billing.stripe.sandbox.door import Endpoint
from system_apis.billing.stripe.sandbox.invoice_lines import (
    MAX_ITEMS,
    draft,
    new_line,
    plain_fields,
    priced,
    recounted,
)
from system_apis.billing.stripe.sandbox.parameters import (
    MAX_AMOUNT,
    Shape,
    check_amount,
    currency,
    decimal,
    listed,
    metadata,
    one_of,
    text,
    truth,
    whole,
)
from system_apis.billing.stripe.sandbox.refusals import Body, Refusal, invalid
from system_apis.billing.stripe.sandbox.rendering import answered, lines_of

_REASONS = one_of(
    *("customer_exempt", "not_collecting", "not_subject_to_tax", "not_supported", "portion_product_exempt"),
    *("portion_reduced_rated", "portion_standard_rated", "product_exempt", "product_exempt_holiday"),
    *("proportionally_rated", "reduced_rated", "reverse_charge", "standard_rated", "taxable_basis_reduced"),
    "zero_rated",
)
_AMOUNT = whole(-MAX_AMOUNT, MAX_AMOUNT)
_RATE_DATA = Shape(
    "display_name",
    "inclusive",
    "percentage",
    country=text(2),
    description=text(),
    display_name=text(100, unset=False),
    inclusive=truth,
    jurisdiction=text(),
    percentage=decimal(4),
    state=text(2),
    tax_type=one_of("vat", "gst", "hst", "pst", "qst", "sales_tax", "service_tax", "jct", "igst"),
)
_TAX_AMOUNT = Shape(
    "amount",
    "tax_rate_data",
    "taxable_amount",
    amount=_AMOUNT,
    tax_rate_data=_RATE_DATA,
    taxability_reason=_REASONS,
    taxable_amount=_AMOUNT,
)
_PRICE_DATA = Shape(
    "currency",
    "product",
    currency=currency,
    product=text(unset=False),
    tax_behavior=one_of("exclusive", "inclusive", "unspecified"),
    unit_amount=whole(0, MAX_AMOUNT),
    unit_amount_decimal=decimal(),
)
_LINE = Shape(
    amount=_AMOUNT,
    description=text(),
    discountable=truth,
    metadata=metadata,
    period=Shape("start", "end", start=whole(0), end=whole(0)),
    price_data=_PRICE_DATA,
    pricing=Shape(price=text(unset=False)),
    quantity=whole(0),
    quantity_decimal=decimal(),
    tax_amounts=listed(_TAX_AMOUNT, most=20),
    tax_rates=listed(text(unset=False), most=10),
)


def endpoints() -> list[Endpoint]:
    gone = Shape("behavior", "id", behavior=one_of("delete", "unassign"), id=text(unset=False))
    add = Shape("lines", lines=listed(_LINE), invoice_metadata=metadata)
    remove = Shape("lines", lines=listed(gone), invoice_metadata=metadata)
    return [
        Endpoint("POST", "/v1/invoices/{id}/add_lines", add, _add),
        Endpoint("POST", "/v1/invoices/{id}/remove_lines", remove, _remove),
    ]


def _add(call: Call) -> Body:
    """All of them or none."""
    account = call.account
    invoice = draft(account, call.id, "id")
    held = lines_of(account, invoice["id"])
    wanted = call.given["lines"]
    message = f"An invoice can have at most {MAX_ITEMS} items."
    listing.refuse_unless(len(held) + len(wanted) <= MAX_ITEMS, message, None, "lines")
    _refuse_mixture(held, wanted)
    items = [_item(call, invoice, line, f"lines[{place}]") for place, line in enumerate(wanted)]
    for item in items:
        account.insert("invoiceitem", item)
        call.announce("invoiceitem.created", item)
        new_line(account, invoice, item)
    return _answered(call, invoice)


def _refuse_mixture(held: list[Record], wanted: list[Body]) -> None:
    """Tax is by rates or by amounts, for the whole invoice."""
    manual = any(line.get("tax_amounts") for line in wanted) or any(line.get("_manual") for line in held)
    by_rates = any(line.get("tax_rates") for line in wanted) or any(
        line["taxes"] and not line.get("_manual") for line in held
    )
    if manual and by_rates:
        raise Refusal("You cannot set tax amounts if any line item has tax rates.", param="lines")


def _item(call: Call, invoice: Record, line: Body, param: str) -> Record:
    """The invoice item that a line of the request becomes."""
    account = call.account
    one = replace(call, given=line)
    new: Record = {"id": account.new_id("ii", 24), "object": "invoiceitem", "currency": invoice["currency"]}
    item = priced(one, new)
    message = f"The currency of the invoice is {invoice['currency']}."
    listing.refuse_unless(item["currency"] == invoice["currency"], message, None, f"{param}[price_data][currency]")
    check_amount(item["amount"], item["currency"], f"{param}[amount]")
    item |= plain_fields(one, invoice["customer"], invoice["id"])
    if line.get("tax_amounts"):
        item["_taxes"] = [_tax(call, tax, item["currency"], param) for tax in line["tax_amounts"]]
    return item


def _tax(call: Call, given: Body, in_currency: str, param: str) -> Body:
    for name in ("amount", "taxable_amount"):
        check_amount(given[name], in_currency, f"{param}[tax_amounts][{name}]")
    rate = automatic_rate(call, given["tax_rate_data"])
    return {
        "amount": given["amount"],
        "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": rate["id"]},
        "taxability_reason": given.get("taxability_reason", "not_available"),
        "taxable_amount": given["taxable_amount"],
        "type": "tax_rate_details",
    }


def _remove(call: Call) -> Body:
    account = call.account
    invoice = draft(account, call.id, "id")
    held = {line["id"]: line for line in lines_of(account, invoice["id"])}
    for place, wanted in enumerate(call.given["lines"]):
        line = held.get(wanted["id"])
        if line is None:
            raise invalid(f"No such invoice line item: '{wanted['id']}'", f"lines[{place}][id]", "resource_missing")
        _take_off(account, line, unassign=wanted["behavior"] == "unassign")
    return _answered(call, invoice)


def _take_off(account: Account, line: Record, *, unassign: bool) -> None:
    item_id = line["parent"]["invoice_item_details"]["invoice_item"]
    account.remove("line_item", line["id"])
    if unassign:
        account.save("invoiceitem", account.require("invoiceitem", item_id) | {"invoice": None})
    else:
        account.remove("invoiceitem", item_id)


def _answered(call: Call, invoice: Record) -> Body:
    if "invoice_metadata" in call.given:
        changes: dict[str, Any] = {"metadata": merged_metadata(invoice["metadata"], call.given["invoice_metadata"])}
        call.account.save("invoice", invoice | changes)
        invoice = invoice | changes
    return answered(call, recounted(call, invoice))
