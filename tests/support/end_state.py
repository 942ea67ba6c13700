"""What the platforms hold, without ids and times: two days that went the same way have equal end states."""

from __future__ import annotations

from collections import Counter
from typing import Any

from demo.platforms import Record, Seen

# What an end state says of each kind of record; everything else is an id, a time or the platform's own business.
_WORKSPACE = ("title", "stage", "archived", "currency", "price_in_cents", "start_date", "due_date")
_STORY = ("title", "story_type", "state", "billable", "start_date", "due_date")
_MILESTONE = ("title", "amount_in_cents", "billing_type")
_PRODUCT = ("name", "active")
_PRICE = ("lookup_key", "active", "currency", "unit_amount_decimal", "type")
_CARD = ("number", "displayName", "billToCustomerNumber", "status", "globalDimension1Code", "currencyCode")
_DATES = ("startingDate", "endingDate")
_CUSTOMER = ("number", "displayName", "currencyCode", "blocked")
_PAYER = ("name", "email")


def end_state(seen: Seen) -> dict[str, Counter[tuple[Any, ...]]]:
    """How often each record stands in each platform, in the words that a person would compare."""
    titles = {workspace["id"]: workspace["title"] for workspace in seen.workspaces}
    resources = {one["id"]: one for one in seen.workspace_resources}
    return {
        "kantata workspaces": _counted(seen.workspaces, _WORKSPACE),
        "kantata stories": _counted(seen.stories, _STORY, lambda one: titles[str(one["workspace_id"])]),
        "kantata milestones": _counted(
            seen.billing_milestones, _MILESTONE, lambda one: titles[str(one["workspace_id"])]
        ),
        "kantata resources": _counted(
            seen.workspace_resources,
            ("role_name", "user_id"),
            lambda one: titles[str(one["workspace_id"])],
        ),
        "kantata allocations": _counted(
            seen.allocations,
            ("start_date", "end_date", "minutes", "hard"),
            lambda one: resources[str(one["workspace_resource_id"])].get("user_id"),
        ),
        "kantata people": _counted(seen.psa_users, ("email_address",)),
        "stripe products": _by_account(seen.products, _PRODUCT),
        "stripe prices": _by_account(seen.prices, _PRICE),
        "stripe customers": _by_account(seen.stripe_customers, _PAYER),
        "business central projects": _by_account(seen.cards, (*_CARD, *_DATES)),
        "business central customers": _by_account(seen.bc_customers, _CUSTOMER),
        "scim accounts": _counted(seen.accounts, ("userName", "active")),
    }


def _counted(records: list[Record], names: tuple[str, ...], more: Any = None) -> Counter[tuple[Any, ...]]:
    def told(record: Record) -> tuple[Any, ...]:
        shown = tuple(record.get(name) for name in names)
        return shown if more is None else (more(record), *shown)

    return Counter(told(record) for record in records)


def _by_account(records: dict[str, list[Record]], names: tuple[str, ...]) -> Counter[tuple[Any, ...]]:
    return Counter(
        (account, *(record.get(name) for name in names)) for account, mine in records.items() for record in mine
    )
