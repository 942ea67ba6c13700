"""Customers and tax rates. Sources: docs.stripe.com/api/customers, docs.stripe.com/api/tax_rates."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sandboxkit.store import Record
from system_apis.billing.stripe.sandbox import listing
from system_apis.billing.stripe.sandbox.accounts import Account, Call, changed, new_metadata
from system_apis.billing.stripe.sandbox.door import Endpoint
from system_apis.billing.stripe.sandbox.parameters import (
    ADDRESS,
    NOTHING,
    PAGE,
    Reader,
    Shape,
    created,
    decimal,
    listed,
    metadata,
    one_of,
    text,
    truth,
    whole,
)
from system_apis.billing.stripe.sandbox.refusals import Body, Refusal
from system_apis.billing.stripe.sandbox.rendering import answered

_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
_PREFIX = re.compile(r"[A-Z0-9]{3,12}")
_SETTINGS: Body = {
    "custom_fields": None,
    "default_payment_method": None,
    "footer": None,
    "rendering_options": None,
}
_CUSTOMER: dict[str, Reader] = {
    "address": ADDRESS,
    "balance": whole(),
    "description": text(),
    "email": text(512),
    "invoice_prefix": text(),
    "invoice_settings": Shape(default_payment_method=text(), footer=text()),
    "metadata": metadata,
    "name": text(256),
    "next_invoice_sequence": whole(1),
    "phone": text(20),
    "preferred_locales": listed(text()),
    "shipping": Shape("address", "name", address=ADDRESS, name=text(), phone=text()),
    "tax_exempt": one_of("none", "exempt", "reverse"),
}
_TAX_RATE: dict[str, Reader] = {
    "active": truth,
    "country": text(2),
    "description": text(),
    "display_name": text(100, unset=False),
    "jurisdiction": text(),
    "metadata": metadata,
    "state": text(2),
    "tax_type": one_of("vat", "gst", "hst", "pst", "qst", "sales_tax", "service_tax", "jct", "igst", unset=True),
}


def endpoints() -> list[Endpoint]:
    rate = Shape("display_name", "inclusive", "percentage", **_TAX_RATE, inclusive=truth, percentage=decimal(4))
    return [
        Endpoint("POST", "/v1/customers", Shape(**_CUSTOMER), _create),
        Endpoint("GET", "/v1/customers", Shape(**PAGE, created=created, email=text(512, unset=False)), _list),
        Endpoint("GET", "/v1/customers/search", listing.SEARCH, lambda call: listing.found_page(call, "customer")),
        Endpoint("GET", "/v1/customers/{id}", NOTHING, _retrieve),
        Endpoint("POST", "/v1/customers/{id}", Shape(**_CUSTOMER), _update),
        Endpoint("DELETE", "/v1/customers/{id}", NOTHING, _delete),
        Endpoint("POST", "/v1/tax_rates", rate, _create_rate),
        Endpoint("GET", "/v1/tax_rates", Shape(**PAGE, active=truth, created=created, inclusive=truth), _list_rates),
        Endpoint("GET", "/v1/tax_rates/{id}", NOTHING, _retrieve_rate),
        Endpoint("POST", "/v1/tax_rates/{id}", Shape(**_TAX_RATE), _update_rate),
    ]


def _create(call: Call) -> Body:
    account, given = call.account, call.given
    _check(call)
    record: Record = {
        "id": account.new_id("cus", 14),
        "object": "customer",
        "address": _address(given.get("address")),
        "balance": given.get("balance", 0),
        "created": account.now(),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": given.get("description"),
        "email": given.get("email"),
        "invoice_prefix": given.get("invoice_prefix") or account.new_id("", 8)[1:].upper(),
        "invoice_settings": _SETTINGS | given.get("invoice_settings", {}),
        "livemode": account.livemode,
        "metadata": new_metadata(call),
        "name": given.get("name"),
        "next_invoice_sequence": given.get("next_invoice_sequence") or 1,
        "phone": given.get("phone"),
        "preferred_locales": given.get("preferred_locales", []),
        "shipping": given.get("shipping"),
        "tax_exempt": given.get("tax_exempt", "none"),
        "test_clock": None,
    }
    account.insert("customer", record)
    call.announce("customer.created", record)
    return answered(call, record)


def _update(call: Call) -> Body:
    held = call.account.require("customer", call.id)
    _check(call)
    plain = _CUSTOMER.keys() - {"address", "invoice_settings", "metadata"}
    record = changed(call, held, *plain)
    if "address" in call.given:
        record["address"] = _address(call.given["address"])
    record["invoice_settings"] = held["invoice_settings"] | call.given.get("invoice_settings", {})
    call.account.save("customer", record)
    call.announce("customer.updated", record, held)
    return answered(call, record)


def _retrieve(call: Call) -> Body:
    """A deleted customer still answers, as a stub."""
    found = call.account.get("customer", call.id)
    return answered(call, found if found is not None else call.account.require("customer", call.id))


def _list(call: Call) -> Body:
    """By e-mail exactly, upper and lower case as written."""
    email = call.given.get("email")
    records = call.account.find(
        "customer",
        lambda one: email in {None, one["email"]} and listing.within(call.given.get("created"), one["created"]),
    )
    return listing.page(call, "/v1/customers", records, "customer")


def _delete(call: Call) -> Body:
    held = call.account.require("customer", call.id)
    call.announce("customer.deleted", held)
    return listing.deletion(call.account, "customer", held, trace=True)


def lock_currency(account: Account, customer: Record, currency: str) -> None:
    """The first invoice or invoice item fixes the customer's currency for good."""
    if customer["currency"] is None:
        account.save("customer", customer | {"currency": currency})
    elif customer["currency"] != currency:
        message = (
            "You cannot combine currencies on a single customer. This customer has had a subscription, coupon, or "
            f"invoice item with currency {customer['currency']}"
        )
        raise Refusal(message, param="currency")


def _check(call: Call) -> None:
    email, prefix = call.given.get("email"), call.given.get("invoice_prefix")
    if email is not None and not _EMAIL.fullmatch(email):
        raise Refusal(f"Invalid email address: {email}", code="email_invalid", param="email")
    if prefix is not None and not _PREFIX.fullmatch(prefix):
        raise Refusal("The invoice prefix has 3 to 12 uppercase letters or numbers.", param="invoice_prefix")


def _address(given: Body | None) -> Body | None:
    names = ("city", "country", "line1", "line2", "postal_code", "state")
    return {name: given.get(name) for name in names} if given else None


def _create_rate(call: Call) -> Body:
    record = new_rate(call, call.given, new_metadata(call))
    return answered(call, record)


def automatic_rate(call: Call, data: Body) -> Record:
    """The rate of an amount of tax that the caller reckoned: found by exactly the same data, or made and archived."""
    same = call.account.find("tax_rate", lambda rate: rate.get("_made_of") == data)
    return same[0] if same else new_rate(call, {**data, "active": False}, {}, made_of=data)


def new_rate(call: Call, given: Mapping[str, Any], with_metadata: dict[str, str], **own: Body) -> Record:
    account = call.account
    percentage = Decimal(given["percentage"])
    listing.refuse_unless(0 <= percentage <= 100, "Tax rate percentage is between 0 and 100.", param="percentage")
    record: Record = {
        "id": account.new_id("txr", 24),
        "object": "tax_rate",
        "active": given.get("active", True),
        "country": given.get("country"),
        "created": account.now(),
        "description": given.get("description"),
        "display_name": given["display_name"],
        "effective_percentage": float(percentage),
        "flat_amount": None,
        "inclusive": given["inclusive"],
        "jurisdiction": given.get("jurisdiction"),
        "jurisdiction_level": None,
        "livemode": account.livemode,
        "metadata": with_metadata,
        "percentage": float(percentage),
        "rate_type": "percentage",
        "state": given.get("state"),
        "tax_type": given.get("tax_type"),
        **{f"_{name}": value for name, value in own.items()},
    }
    account.insert("tax_rate", record)
    call.announce("tax_rate.created", record)
    return record


def _update_rate(call: Call) -> Body:
    """Percentage and inclusive never change: archive the rate and make another."""
    held = call.account.require("tax_rate", call.id)
    record = changed(call, held, *(_TAX_RATE.keys() - {"metadata"}))
    call.account.save("tax_rate", record)
    call.announce("tax_rate.updated", record, held)
    return answered(call, record)


def _retrieve_rate(call: Call) -> Body:
    return answered(call, call.account.require("tax_rate", call.id))


def _list_rates(call: Call) -> Body:
    given = call.given
    records = call.account.find(
        "tax_rate",
        lambda one: (
            given.get("active", one["active"]) is one["active"]
            and given.get("inclusive", one["inclusive"]) is one["inclusive"]
            and listing.within(given.get("created"), one["created"])
        ),
    )
    return listing.page(call, "/v1/tax_rates", records, "tax rate")
