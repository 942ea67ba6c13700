"""Invoice items, the lines they become, and what an invoice adds up to.

Sources: docs.stripe.com/api/invoiceitems, /invoice-line-item; docs.stripe.com/billing/taxes/tax-rates (line by line).
"""

from decimal import ROUND_HALF_UP, Decimal

from sandboxkit.store import Record
from system_apis.billing.stripe.sandbox import listing
from system_apis.billing.stripe.sandbox.accounts import Account, Call, changed, new_metadata
from system_apis.billing.stripe.sandbox.catalogue import inline_price, sellable
from system_apis.billing.stripe.sandbox.customers import lock_currency
from system_apis.billing.stripe.sandbox.door import Endpoint
from system_apis.billing.stripe.sandbox.parameters import (
    MAX_AMOUNT,
    NOTHING,
    PAGE,
    Reader,
    Shape,
    check_amount,
    created,
    currency,
    decimal,
    listed,
    metadata,
    shortest,
    text,
    truth,
    whole,
)
from system_apis.billing.stripe.sandbox.refusals import Body, invalid
from system_apis.billing.stripe.sandbox.rendering import answered, lines_of, shown

MAX_ITEMS = 250
_PRICED = frozenset({"price_data", "pricing", "quantity", "quantity_decimal", "unit_amount_decimal"})
_UPDATE: dict[str, Reader] = {
    "amount": whole(-MAX_AMOUNT, MAX_AMOUNT),
    "description": text(),
    "discountable": truth,
    "metadata": metadata,
    "period": Shape("start", "end", start=whole(0), end=whole(0)),
    "pricing": Shape(price=text(unset=False)),
    "quantity": whole(0),
    "quantity_decimal": decimal(),
    "tax_rates": listed(text(unset=False), most=10),
    "unit_amount_decimal": decimal(),
}
_CREATE = Shape(**_UPDATE, customer=text(unset=False), currency=currency, invoice=text(unset=False))


def endpoints() -> list[Endpoint]:
    wanted = Shape(**PAGE, created=created, customer=text(unset=False), invoice=text(unset=False), pending=truth)
    return [
        Endpoint("POST", "/v1/invoiceitems", _CREATE, _create),
        Endpoint("GET", "/v1/invoiceitems", wanted, _list),
        Endpoint("GET", "/v1/invoiceitems/{id}", NOTHING, _retrieve),
        Endpoint("POST", "/v1/invoiceitems/{id}", Shape(**_UPDATE), _update),
        Endpoint("DELETE", "/v1/invoiceitems/{id}", NOTHING, _delete),
        Endpoint("GET", "/v1/invoices/{id}/lines", Shape(**PAGE), _lines),
    ]


def _create(call: Call) -> Body:
    """With `invoice` the item is on that draft at once; without, it waits for one that includes pending items."""
    account, given = call.account, call.given
    invoice = draft(account, given["invoice"]) if "invoice" in given else None
    customer_id = given.get("customer") or (invoice["customer"] if invoice is not None else None)
    if customer_id is None:
        raise invalid("Missing required param: customer.", "customer", "parameter_missing")
    customer = account.require("customer", customer_id, "customer")
    item = priced(call, {"id": account.new_id("ii", 24), "object": "invoiceitem", "currency": None})
    item["currency"] = item["currency"] or (invoice or customer)["currency"]
    if item["currency"] is None:
        raise invalid("Missing required param: currency.", "currency", "parameter_missing")
    check_amount(item["amount"], item["currency"], "amount")
    item |= plain_fields(call, customer_id, given.get("invoice"))
    if invoice is not None:
        listing.refuse_unless(
            invoice["customer"] == customer_id, "The invoice is of another customer.", None, "invoice"
        )
        message = f"The currency of the invoice is {invoice['currency']}."
        listing.refuse_unless(invoice["currency"] == item["currency"], message, None, "currency")
    lock_currency(account, customer, item["currency"])
    account.insert("invoiceitem", item)
    call.announce("invoiceitem.created", item)
    if invoice is not None:
        put_on(call, invoice, item)
    return answered(call, item)


def plain_fields(call: Call, customer_id: str, invoice_id: str | None) -> Record:
    """What an item has beside its price."""
    account, given = call.account, call.given
    rates = [account.require("tax_rate", rate, "tax_rates") for rate in given.get("tax_rates", ())]
    now = account.now()
    return {
        "customer": customer_id,
        "date": now,
        "description": given.get("description"),
        "discountable": given.get("discountable", True),
        "discounts": [],
        "invoice": invoice_id,
        "livemode": account.livemode,
        "metadata": new_metadata(call),
        "parent": None,
        "period": given.get("period", {"start": now, "end": now}),
        "proration": False,
        "tax_rates": rates,
        "test_clock": None,
        "_created": now,
    }


def priced(call: Call, held: Record) -> Record:
    """Amount, quantity and price, from an amount or from a unit amount times a quantity."""
    given = call.given
    if "amount" in given and given.keys() & _PRICED:
        raise invalid("You may only specify one of these parameters: amount, quantity.", "amount")
    quantity = Decimal(given.get("quantity_decimal") or given.get("quantity") or held.get("quantity_decimal") or 1)
    held_unit = (held.get("pricing") or {}).get("unit_amount_decimal")
    unit, details, own_currency = Decimal(held_unit or 0), (held.get("pricing") or {}).get("price_details"), None
    if "pricing" in given or "price_data" in given:
        price = _price(call)
        unit, own_currency = Decimal(price["unit_amount_decimal"]), price["currency"]
        details = {"price": price["id"], "product": price["product"]}
    elif "unit_amount_decimal" in given:
        unit, details = Decimal(given["unit_amount_decimal"]), None
    elif "amount" in given:
        unit, details, quantity = Decimal(given["amount"]), None, Decimal(1)
    elif "pricing" not in held:
        raise invalid("You must specify one of: amount, pricing, unit_amount_decimal.", "amount", "parameter_missing")
    amount = int((unit * quantity).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return held | {
        "amount": amount,
        "currency": given.get("currency") or own_currency or held["currency"],
        "pricing": {"type": "price_details", "price_details": details, "unit_amount_decimal": shortest(unit)},
        "quantity": int(quantity),
        "quantity_decimal": shortest(quantity),
    }


def _price(call: Call) -> Record:
    """One that exists, or one of the line's own."""
    if "price_data" in call.given:
        return inline_price(call, call.given["price_data"], "price_data")
    return sellable(call.account, call.given["pricing"].get("price", ""), "pricing[price]")


def put_on(call: Call, invoice: Record, item: Record) -> Record:
    """The item becomes a line of the draft; returns the invoice with its new totals."""
    account = call.account
    listing.refuse_unless(
        len(lines_of(account, invoice["id"])) < MAX_ITEMS, f"An invoice can have at most {MAX_ITEMS} items."
    )
    account.save("invoiceitem", item | {"invoice": invoice["id"]})
    new_line(account, invoice, item)
    return recounted(call, invoice)


def new_line(account: Account, invoice: Record, item: Record) -> None:
    line: Record = {"id": account.new_id("il", 24), "object": "line_item", "invoice": invoice["id"]}
    account.insert("line_item", line | _line_fields(account, item))


def _line_fields(account: Account, item: Record) -> Record:
    details = {"invoice_item": item["id"], "proration": False, "proration_details": None, "subscription": None}
    return {
        "amount": item["amount"],
        "currency": item["currency"],
        "description": item["description"],
        "discount_amounts": [],
        "discountable": item["discountable"],
        "discounts": [],
        "livemode": account.livemode,
        "metadata": item["metadata"],
        "parent": {"type": "invoice_item_details", "invoice_item_details": details, "subscription_item_details": None},
        "period": item["period"],
        "pretax_credit_amounts": [],
        "pricing": item["pricing"],
        "quantity": item["quantity"],
        "quantity_decimal": item["quantity_decimal"],
        "subtotal": item["amount"],
        "_manual": "_taxes" in item,
        "taxes": item.get("_taxes") or [_tax(item["amount"], rate) for rate in item["tax_rates"]],
    }


def _tax(amount: int, rate: Record) -> Body:
    """One rate on one line, rounded half up to the minor unit."""
    share = Decimal(str(rate["percentage"])) / 100
    exact = amount - amount / (1 + share) if rate["inclusive"] else amount * share
    tax = int(Decimal(exact).quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return {
        "amount": tax,
        "tax_behavior": "inclusive" if rate["inclusive"] else "exclusive",
        "tax_rate_details": {"tax_rate": rate["id"]},
        "taxability_reason": "standard_rated" if share else "zero_rated",
        "taxable_amount": amount - tax if rate["inclusive"] else amount,
        "type": "tax_rate_details",
    }


def recounted(call: Call, invoice: Record) -> Record:
    """The draft with what its lines add up to now."""
    lines = lines_of(call.account, invoice["id"])
    taxes = _summed([tax for line in lines for tax in line["taxes"]])
    subtotal = sum(line["amount"] for line in lines)
    inclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "inclusive")
    exclusive = sum(tax["amount"] for tax in taxes if tax["tax_behavior"] == "exclusive")
    total = subtotal + exclusive
    now = {
        "amount_due": max(total, 0),
        "amount_remaining": max(total, 0),
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal - inclusive,
        "total": total,
        "total_excluding_tax": subtotal - inclusive,
        "total_taxes": taxes,
    }
    saved = call.account.save("invoice", invoice | now)
    call.announce("invoice.updated", saved, invoice)
    return saved


def _summed(taxes: list[Body]) -> list[Body]:
    """One entry per rate."""
    result: dict[str, Body] = {}
    for tax in taxes:
        rate = tax["tax_rate_details"]["tax_rate"]
        held = result.get(rate, tax | {"amount": 0, "taxable_amount": 0})
        sums = {name: held[name] + tax[name] for name in ("amount", "taxable_amount")}
        result[rate] = held | sums
    return list(result.values())


def draft(account: Account, invoice_id: str, param: str = "invoice") -> Record:
    invoice = account.require("invoice", invoice_id, param)
    message = "This invoice is no longer editable because it has already been finalized."
    listing.refuse_unless(invoice["status"] == "draft", message, "invoice_not_editable", param)
    return invoice


def _update(call: Call) -> Body:
    account = call.account
    held = account.require("invoiceitem", call.id)
    invoice = draft(account, held["invoice"]) if held["invoice"] else None
    record = changed(call, priced(call, held), "description", "discountable", "period")
    if "tax_rates" in call.given:
        record["tax_rates"] = [account.require("tax_rate", rate, "tax_rates") for rate in call.given["tax_rates"]]
    check_amount(record["amount"], record["currency"], "amount")
    account.save("invoiceitem", record)
    if invoice is not None:
        line = _line_of(account, held)
        account.save("line_item", line | _line_fields(account, record))
        recounted(call, invoice)
    return answered(call, record)


def _delete(call: Call) -> Body:
    account = call.account
    held = account.require("invoiceitem", call.id)
    invoice = draft(account, held["invoice"]) if held["invoice"] else None
    stub = listing.deletion(account, "invoiceitem", held, trace=False)
    call.announce("invoiceitem.deleted", held)
    if invoice is not None:
        account.remove("line_item", _line_of(account, held)["id"])
        recounted(call, invoice)
    return stub


def _line_of(account: Account, item: Record) -> Record:
    lines = lines_of(account, item["invoice"])
    return next(line for line in lines if line["parent"]["invoice_item_details"]["invoice_item"] == item["id"])


def pending(account: Account, customer_id: str, in_currency: str) -> list[Record]:
    """The customer's items that are on no invoice yet."""
    return account.find(
        "invoiceitem",
        lambda item: item["invoice"] is None and item["customer"] == customer_id and item["currency"] == in_currency,
    )


def _retrieve(call: Call) -> Body:
    return answered(call, call.account.require("invoiceitem", call.id))


def _list(call: Call) -> Body:
    given = call.given

    def matches(item: Record) -> bool:
        return (
            all(given.get(name, item[name]) == item[name] for name in ("customer", "invoice"))
            and given.get("pending", item["invoice"] is None) is (item["invoice"] is None)
            and listing.within(given.get("created"), item["_created"])
        )

    return listing.page(call, "/v1/invoiceitems", call.account.find("invoiceitem", matches), "invoiceitem")


def _lines(call: Call) -> Body:
    """In the order in which they were added, unlike every other list."""
    invoice = call.account.require("invoice", call.id)
    lines = [shown(call.account, line) for line in lines_of(call.account, invoice["id"])]
    return listing.page(call, f"/v1/invoices/{invoice['id']}/lines", lines[::-1], "line item")
