"""The demo firm as its Stripe accounts hold it on the morning of the day: what the old projects are billed by.

An account per legal entity; kinds are `<account id>.<object>` (system_apis/billing/stripe/sandbox). An old project has
its customer and its schedule: a product with a price for each role, marked as the billing connection marks them. The
customers of the day's deals are not there yet.
"""

from datetime import UTC, date, datetime
from typing import Any

from demo.firm import Client, Deal, Firm, RolePlan

# What a person ticks for the webhook endpoint in the dashboard.
HOOK_EVENTS = (
    *("customer.updated", "customer.deleted", "product.updated", "price.created", "price.updated"),
    *("invoice.finalized", "invoice.paid", "invoice.voided", "invoice.marked_uncollectible", "invoice_payment.paid"),
    *("credit_note.created", "credit_note.voided"),
)
_CENTS = 100  # of euro, dollar and pound

Record = dict[str, Any]
Rows = dict[str, list[Record]]


def records(firm: Firm) -> Rows:
    """What `POST /_sandbox/records/{kind}` takes, by kind."""
    rows: Rows = {}
    for deal in firm.history:
        account, client = account_id(firm, deal.entity), firm.client(deal.client)
        described = (_customer(deal, client), _product(deal, client), *(_price(deal, role) for role in deal.roles))
        for record in described:
            rows.setdefault(f"{account}.{record['object']}", []).append({"id": record["id"], "body": record})
    return rows


def account_id(firm: Firm, entity_code: str) -> str:
    """The Stripe account of a legal entity."""
    return f"acct_demo_{firm.entity(entity_code).country.lower()}"


def project_number(deal: Deal) -> str:
    """The number under which a deal of the past has its project in every system."""
    return f"P-{deal.entity}-{deal.key}"


def hook_endpoint(url: str) -> dict[str, str]:
    """The form that a person fills in once per account, `POST /v1/webhook_endpoints`, so that changes are delivered."""
    return {"url": url} | {f"enabled_events[{place}]": event for place, event in enumerate(HOOK_EVENTS)}


def _customer(deal: Deal, client: Client) -> Record:
    """Not linked yet: the customer's id of ours is unknown to the person who entered it."""
    address = {"city": client.city, "country": client.country, "line1": client.street, "line2": None}
    return {
        "id": _customer_id(deal, client),
        "object": "customer",
        "address": address | {"postal_code": client.postal_code, "state": None},
        "balance": 0,
        "created": _second(deal.start_date),
        "currency": deal.currency.lower(),
        "default_source": None,
        "delinquent": False,
        "description": None,
        "email": client.email,
        "invoice_prefix": f"{client.number}{deal.currency}",
        "invoice_settings": dict.fromkeys(
            ("custom_fields", "default_payment_method", "footer", "rendering_options"), None
        ),
        "livemode": False,
        "metadata": {"syncline_currency": deal.currency, "syncline_legal_entity": deal.entity},
        "name": client.name,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def _product(deal: Deal, client: Client) -> Record:
    """The schedule, active since the project began."""
    number = project_number(deal)
    marks = {
        "kind": "billing_schedule",
        "project_number": number,
        "contract_number": deal.key,
        "billing_account": _customer_id(deal, client),
        "legal_entity": deal.entity,
        "currency": deal.currency,
        "method": deal.method,
        "total": f"{deal.amount:.2f}",
        "status": "active",
        "items": str(len(deal.roles)),
    }
    unset = ("default_price", "description", "package_dimensions", "shippable", "statement_descriptor", "tax_code")
    return {
        "id": _product_id(deal),
        "object": "product",
        "active": True,
        "created": _second(deal.start_date),
        **dict.fromkeys(unset),
        "images": [],
        "livemode": False,
        "marketing_features": [],
        "metadata": {f"syncline_{name}": value for name, value in marks.items()},
        "name": number,
        "type": "service",
        "unit_label": None,
        "updated": _second(deal.start_date),
        "url": None,
    }


def _price(deal: Deal, role: RolePlan) -> Record:
    """An hour of a role."""
    number, cents = project_number(deal), int(role.rate * _CENTS)
    position = deal.roles.index(role)
    marks = {"item_key": role.key, "title": role.role, "due_rule": "as_worked", "unit": "hour", "position": position}
    unset = ("custom_unit_amount", "recurring", "tiers_mode", "transform_quantity")
    return {
        "id": f"price_{deal.entity}{deal.key}{role.key}",
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": _second(deal.start_date),
        "currency": deal.currency.lower(),
        **dict.fromkeys(unset),
        "livemode": False,
        "lookup_key": f"{number}:{role.key}",
        "metadata": {f"syncline_{name}": str(value) for name, value in marks.items()},
        "nickname": role.role,
        "product": _product_id(deal),
        "tax_behavior": "unspecified",
        "type": "one_time",
        "unit_amount": cents,
        "unit_amount_decimal": str(cents),
    }


def _customer_id(deal: Deal, client: Client) -> str:
    return f"cus_{client.number}{deal.currency}"


def _product_id(deal: Deal) -> str:
    """The id under which the billing connection looks for the project's schedule."""
    return f"syncline_{project_number(deal)}"


def _second(day: date) -> int:
    """Seconds since 1970 at the start of the day."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
