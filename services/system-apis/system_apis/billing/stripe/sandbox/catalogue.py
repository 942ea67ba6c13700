"""Products and prices. Sources: docs.stripe.com/api/products, docs.stripe.com/api/prices."""

from dataclasses import replace
from decimal import Decimal
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
    check_amount,
    created,
    currency,
    decimal,
    listed,
    metadata,
    one_of,
    text,
    truth,
    whole,
)
from system_apis.billing.stripe.sandbox.refusals import Body, Refusal, invalid, missing_resource
from system_apis.billing.stripe.sandbox.rendering import answered

# The longest interval of a recurring price, by its unit: three years.
_LONGEST = {"day": 1095, "week": 156, "month": 36, "year": 3}
_RECURRING = Shape(
    "interval",
    interval=one_of("day", "week", "month", "year"),
    interval_count=whole(1),
    usage_type=one_of("licensed", "metered"),
)
_PRODUCT: dict[str, Reader] = {
    "active": truth,
    "description": text(40_000),
    "images": listed(text(), most=8),
    "metadata": metadata,
    "name": text(250, unset=False),
    "shippable": truth,
    "statement_descriptor": text(22),
    "tax_code": text(),
    "unit_label": text(12),
    "url": text(2048),
}
_TAX_BEHAVIOR = one_of("exclusive", "inclusive", "unspecified")
_PRICE_UPDATE: dict[str, Reader] = {
    "active": truth,
    "lookup_key": text(200),
    "metadata": metadata,
    "nickname": text(),
    "tax_behavior": _TAX_BEHAVIOR,
    "transfer_lookup_key": truth,
}
_PRODUCT_DATA = Shape(
    "name", id=text(), name=text(250, unset=False), active=truth, metadata=metadata, unit_label=text(12)
)
_PRICE_CREATE = Shape(
    "currency",
    **_PRICE_UPDATE,
    billing_scheme=one_of("per_unit"),
    currency=currency,
    product=text(unset=False),
    product_data=_PRODUCT_DATA,
    recurring=_RECURRING,
    unit_amount=whole(0, MAX_AMOUNT),
    unit_amount_decimal=decimal(),
)


def endpoints() -> list[Endpoint]:
    product_list = Shape(
        **PAGE,
        active=truth,
        created=created,
        ids=listed(text(unset=False)),
        shippable=truth,
        url=text(unset=False),
        type=one_of("service", "good"),
    )
    price_list = Shape(
        **PAGE,
        active=truth,
        created=created,
        currency=currency,
        lookup_keys=listed(text(unset=False), most=10),
        product=text(unset=False),
        recurring=Shape(interval=one_of(*_LONGEST), usage_type=one_of("licensed", "metered")),
        type=one_of("one_time", "recurring"),
    )
    return [
        Endpoint(
            "POST", "/v1/products", Shape("name", **_PRODUCT, id=text(unset=False), type=one_of("service")), _create
        ),
        Endpoint("GET", "/v1/products", product_list, _list),
        Endpoint("GET", "/v1/products/search", listing.SEARCH, lambda call: listing.found_page(call, "product")),
        Endpoint("GET", "/v1/products/{id}", NOTHING, _retrieve),
        Endpoint("POST", "/v1/products/{id}", Shape(**_PRODUCT, default_price=text(unset=False)), _update),
        Endpoint("DELETE", "/v1/products/{id}", NOTHING, _delete),
        Endpoint("POST", "/v1/prices", _PRICE_CREATE, _create_price),
        Endpoint("GET", "/v1/prices", price_list, _list_prices),
        Endpoint("GET", "/v1/prices/search", listing.SEARCH, lambda call: listing.found_page(call, "price")),
        Endpoint("GET", "/v1/prices/{id}", NOTHING, _retrieve_price),
        Endpoint("POST", "/v1/prices/{id}", Shape(**_PRICE_UPDATE), _update_price),
    ]


def _create(call: Call) -> Body:
    """The id may be the caller's own; it is unique for good."""
    record = _new_product(call, call.given, new_metadata(call))
    return answered(call, record)


def _new_product(call: Call, given: Any, with_metadata: dict[str, str]) -> Record:
    account = call.account
    record: Record = {
        "id": given.get("id") or account.new_id("prod", 14),
        "object": "product",
        "active": given.get("active", True),
        "created": account.now(),
        "default_price": None,
        "description": given.get("description"),
        "images": given.get("images", []),
        "livemode": account.livemode,
        "marketing_features": [],
        "metadata": with_metadata,
        "name": given["name"],
        "package_dimensions": None,
        "shippable": given.get("shippable"),
        "statement_descriptor": given.get("statement_descriptor"),
        "tax_code": given.get("tax_code"),
        "type": "service",
        "unit_label": given.get("unit_label"),
        "updated": account.now(),
        "url": given.get("url"),
    }
    account.insert("product", record)
    call.announce("product.created", record)
    return record


def _update(call: Call) -> Body:
    held = call.account.require("product", call.id)
    record = changed(call, held, *(_PRODUCT.keys() - {"metadata"}), "default_price")
    if "default_price" in call.given:
        price = call.account.require("price", call.given["default_price"], "default_price")
        listing.refuse_unless(price["product"] == held["id"], "The price is of another product.", param="default_price")
    record["updated"] = call.account.now()
    call.account.save("product", record)
    call.announce("product.updated", record, held)
    return answered(call, record)


def _retrieve(call: Call) -> Body:
    return answered(call, call.account.require("product", call.id))


def _list(call: Call) -> Body:
    given = call.given
    if "ids" in given and {"starting_after", "ending_before"} & given.keys():
        raise invalid("You cannot use ids together with starting_after or ending_before.", "ids")

    def matches(one: Record) -> bool:
        return (
            one["id"] in given.get("ids", (one["id"],))
            and all(given.get(name, one[name]) == one[name] for name in ("active", "shippable", "url", "type"))
            and listing.within(given.get("created"), one["created"])
        )

    return listing.page(call, "/v1/products", call.account.find("product", matches), "product")


def _delete(call: Call) -> Body:
    held = call.account.require("product", call.id)
    used = call.account.find("price", lambda price: price["product"] == held["id"])
    message = "This product cannot be deleted because it has one or more user-created prices."
    listing.refuse_unless(not used, message)
    call.announce("product.deleted", held)
    return listing.deletion(call.account, "product", held, trace=False)


def _create_price(call: Call) -> Body:
    account, given = call.account, call.given
    unit_amount, exact = _unit_amount(call)
    record: Record = {
        "id": account.new_id("price", 24),
        "object": "price",
        "active": given.get("active", True),
        "billing_scheme": "per_unit",
        "created": account.now(),
        "currency": given["currency"],
        "custom_unit_amount": None,
        "livemode": account.livemode,
        "lookup_key": None,
        "metadata": new_metadata(call),
        "nickname": given.get("nickname"),
        "product": _product_of(call),
        "recurring": _recurring(given.get("recurring")),
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if "recurring" in given else "one_time",
        "unit_amount": unit_amount,
        "unit_amount_decimal": exact,
    }
    record["lookup_key"] = _lookup_key(call, record["id"])
    account.insert("price", record)
    call.announce("price.created", record)
    return answered(call, record)


def inline_price(call: Call, data: Body, param: str) -> Record:
    """A price made on the way, for one line of an invoice: of a product that can be sold, and archived at once."""
    product = call.account.get("product", data["product"])
    if product is None:
        raise missing_resource("product", data["product"], param=f"{param}[product]")
    message = f"Product `{product['id']}` is not available to be purchased because it is not active."
    listing.refuse_unless(product["active"], message, None, f"{param}[product]")
    made = _create_price(replace(call, given={**data, "active": False}))
    return call.account.require("price", made["id"])


def _unit_amount(call: Call) -> tuple[int | None, str]:
    """The whole minor units (none for a fraction) and the exact number of them."""
    given = call.given
    if ("unit_amount" in given) == ("unit_amount_decimal" in given):
        both = "unit_amount" in given
        message = "You may only specify one of these parameters: unit_amount, unit_amount_decimal."
        neither = "Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set."
        raise invalid(message if both else neither, "unit_amount")
    exact = Decimal(given["unit_amount_decimal"]) if "unit_amount_decimal" in given else Decimal(given["unit_amount"])
    if not 0 <= exact <= MAX_AMOUNT:
        raise invalid("Invalid unit_amount_decimal: must be greater than or equal to 0", "unit_amount_decimal")
    whole_amount = int(exact) if exact == exact.to_integral_value() else None
    if "unit_amount" in given:
        check_amount(given["unit_amount"], given["currency"], "unit_amount")
    return whole_amount, given.get("unit_amount_decimal", str(given.get("unit_amount")))


def _product_of(call: Call) -> str:
    """An inactive product may get prices; it only cannot be sold."""
    given = call.given
    if ("product" in given) == ("product_data" in given):
        raise invalid("You must specify either `product` or `product_data` when creating a price.", "product")
    if "product" in given:
        return str(call.account.require("product", given["product"], "product")["id"])
    data = given["product_data"]
    return str(_new_product(call, data, merged_metadata({}, data.get("metadata", {})))["id"])


def _recurring(given: Body | None) -> Body | None:
    if given is None:
        return None
    count = given.get("interval_count", 1)
    if count > _LONGEST[given["interval"]]:
        message = "The maximum interval is three years (3 years, 36 months, or 156 weeks)."
        raise Refusal(message, param="recurring[interval_count]")
    fixed = {"meter": None, "trial_period_days": None}
    return {
        "interval": given["interval"],
        "interval_count": count,
        **fixed,
        "usage_type": given.get("usage_type", "licensed"),
    }


def _lookup_key(call: Call, price_id: str) -> str | None:
    """Unique in the account; transferred from the price that has it where that is wanted."""
    wanted: str | None = call.given.get("lookup_key")
    if wanted is None:
        return None
    for other in call.account.find("price", lambda price: price["lookup_key"] == wanted and price["id"] != price_id):
        if not call.given.get("transfer_lookup_key", False):
            message = f"A price (`{other['id']}`) already uses that lookup key."
            raise Refusal(message, param="lookup_key")
        bare = other | {"lookup_key": None}
        call.account.save("price", bare)
        call.announce("price.updated", bare, other)
    return wanted


def _update_price(call: Call) -> Body:
    """Amount, currency and interval never change."""
    held = call.account.require("price", call.id)
    fixed = held["tax_behavior"] != "unspecified" and call.given.get("tax_behavior", held["tax_behavior"])
    listing.refuse_unless(
        fixed in {False, held["tax_behavior"]},
        "The tax_behavior of a price cannot be changed once set.",
        None,
        "tax_behavior",
    )
    record = changed(call, held, "active", "nickname", "tax_behavior")
    if "lookup_key" in call.given:
        record["lookup_key"] = _lookup_key(call, held["id"])
    call.account.save("price", record)
    call.announce("price.updated", record, held)
    return answered(call, record)


def _retrieve_price(call: Call) -> Body:
    return answered(call, call.account.require("price", call.id))


def _list_prices(call: Call) -> Body:
    """Active or not: a price stays active when its product is archived."""
    given = call.given
    wanted = given.get("recurring", {})

    def matches(one: Record) -> bool:
        recurring = one["recurring"] or {}
        return (
            all(given.get(name, one[name]) == one[name] for name in ("active", "currency", "product", "type"))
            and one["lookup_key"] in given.get("lookup_keys", (one["lookup_key"],))
            and all(recurring.get(name) == value for name, value in wanted.items())
            and listing.within(given.get("created"), one["created"])
        )

    return listing.page(call, "/v1/prices", call.account.find("price", matches), "price")


def sellable(account: Account, price_id: str, param: str) -> Record:
    """The price, if it can be put on an invoice: an active price of an active product that is not recurring."""
    price = account.get("price", price_id)
    if price is None:
        raise missing_resource("price", price_id, param=param)
    listing.refuse_unless(price["active"], "The price specified is inactive. This field only accepts active prices.")
    message = f"Price `{price_id}` is not available to be purchased because its product is not active."
    listing.refuse_unless(account.require("product", price["product"], param)["active"], message, None, param)
    listing.refuse_unless(price["type"] == "one_time", "The price specified is set to `type=recurring`.", None, param)
    return price
