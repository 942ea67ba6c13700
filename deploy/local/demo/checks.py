"""What must be true at the end of the day, platform by platform: nothing twice, nothing missing, in the right order."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec

from demo.firm import Deal, Firm
from demo.platforms import Record, Seen

ACTIVATED = ("D01", "D02", "D03", "D05", "D06", "D07", "D08", "D10", "D11", "D13", "D14")
STILL_REFUSED, EXTENSION, WITHOUT_SERVICES, SHORT_OF_SKILLS = "D04", "D12", "D09", "D08"
COUNTRY = {"DE01": "DE", "US01": "US", "GB01": "GB"}


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was expected, and what was seen."""

    name: str
    expected: str
    seen: str

    @property
    def ok(self) -> bool:
        return self.expected == self.seen


def check(name: str, expected: object, seen: object) -> Check:
    return Check(name=name, expected=str(expected), seen=str(seen))


def judge(firm: Firm, seen: Seen, overview: dict[str, Any], page: dict[str, Any]) -> list[Check]:
    """All checks, from the vendors' own data; the last ones are about what Syncline's screens say."""
    return [
        *_counts(firm, seen),
        *(one for key in ACTIVATED for one in _project(_deal(firm, key), seen)),
        *_people(firm, seen),
        *_special_cases(firm, seen),
        *_screens(overview, page),
    ]


def project_number(deal: Deal) -> str:
    return f"P-{deal.entity}-{deal.key}"


def _deal(firm: Firm, key: str) -> Deal:
    return next(deal for deal in (*firm.deals, *firm.history) if deal.key == key)


def _counts(firm: Firm, seen: Seen) -> Iterator[Check]:
    """Nothing twice, nothing missing: counted in the platforms."""
    set_up = len(ACTIVATED) + len(firm.history)
    yield check("salesforce: opportunities won", len(firm.deals) + len(firm.history), len(seen.won))
    yield check("kantata: projects", set_up, len(seen.workspaces))
    yield check("kantata: projects open for time", set_up, _count(seen.workspaces, stage="project", archived=False))
    titles = Counter(workspace["title"] for workspace in seen.workspaces)
    yield check("kantata: projects that exist twice", 0, sum(count > 1 for count in titles.values()))
    yield check("stripe: schedules", set_up, sum(len(products) for products in seen.products.values()))
    active = sum(_count(products, active=True) for products in seen.products.values())
    yield check("stripe: active schedules", set_up, active)
    keys = [price["lookup_key"] for prices in seen.prices.values() for price in prices if price["active"]]
    yield check("stripe: prices that exist twice", 0, len(keys) - len(set(keys)))
    told = [event for events in seen.stripe_events.values() for event in events]
    yield check(
        "stripe: changes that were not delivered to us", 0, sum(event["pending_webhooks"] > 0 for event in told)
    )
    yield check("business central: projects", set_up, sum(len(cards) for cards in seen.cards.values()))
    open_cards = sum(_count(cards, status="Open") for cards in seen.cards.values())
    yield check("business central: approved projects", set_up, open_cards)
    wanted = {(deal.entity, deal.client, deal.currency) for deal in (_deal(firm, key) for key in ACTIVATED)}
    known = {(entity, client.number, currency) for client in firm.clients for entity, currency in client.accounts}
    accounts = sum(len(customers) for customers in seen.bc_customers.values())
    yield check("business central: customer accounts", len(wanted | known), accounts)
    payers = sum(len(customers) for customers in seen.stripe_customers.values())
    past = {(deal.entity, deal.client, deal.currency) for deal in firm.history}
    yield check("stripe: customers", len(wanted | past), payers)


def _project(deal: Deal, seen: Seen) -> Iterator[Check]:
    """One activated project in its three platforms, and the order in which it came about."""
    number, country = project_number(deal), COUNTRY[deal.entity]
    workspace = _one(seen.workspaces, title=f"{number} {deal.name}")
    product = _one(seen.products[country], name=number) or _by_number(seen.products[country], number)
    card = _one(seen.cards[deal.entity], number=number)
    budget = None if workspace is None else Decimal(workspace["price_in_cents"]) / 100
    yield check(
        f"{deal.key} kantata: budget", f"{deal.amount} {deal.currency}", f"{budget} {_of(workspace, 'currency')}"
    )
    yield check(f"{deal.key} kantata: plan", _plan_expected(deal), _plan_seen(workspace, seen))
    yield check(f"{deal.key} stripe: prices", _prices_expected(deal), _prices_seen(product, seen.prices[country]))
    shell = " ".join(str(_of(card, name)) for name in ("globalDimension1Code", "currencyCode", "status"))
    yield check(f"{deal.key} business central: shell", f"{deal.cost_centre} {deal.currency} Open", shell)
    yield check(f"{deal.key} order of times", "kept", _in_order(workspace, product, card))


def _plan_expected(deal: Deal) -> str:
    tasks = len({role.role for role in deal.roles}) + 1
    assigned = len(deal.roles) - (1 if deal.key == SHORT_OF_SKILLS else 0)
    return f"{tasks} tasks, {len(deal.milestones)} milestones, {len(deal.roles)} requests, {assigned} assigned softly"


def _plan_seen(workspace: Record | None, seen: Seen) -> str:
    mine = [story for story in seen.stories if workspace and str(story.get("workspace_id")) == workspace["id"]]
    tasks = _count(mine, story_type="task")
    amounts = [one for one in seen.billing_milestones if workspace and str(one.get("workspace_id")) == workspace["id"]]
    resources = [one for one in seen.workspace_resources if workspace and str(one["workspace_id"]) == workspace["id"]]
    named = {one["id"] for one in resources if one.get("user_id")}
    softly = {
        str(one["workspace_resource_id"])
        for one in seen.allocations
        if str(one.get("workspace_resource_id")) in named and not one["hard"]
    }
    return f"{tasks} tasks, {len(amounts)} milestones, {len(resources)} requests, {len(softly)} assigned softly"


def _prices_expected(deal: Deal) -> str:
    """What is billed: the milestones' amounts, the period's amount, or the hourly rates."""
    if deal.milestones:
        amounts = [milestone.amount for milestone in deal.milestones]
    elif deal.retainer_amount is not None:
        amounts = [deal.retainer_amount]
    else:
        amounts = [role.rate for role in deal.roles]
    return f"{sorted(float(amount) for amount in amounts)} {deal.currency.lower()}"


def _prices_seen(product: Record | None, prices: list[Record]) -> str:
    mine = [price for price in prices if product and price["product"] == product["id"] and price["active"]]
    currencies = "/".join(sorted({price["currency"] for price in mine}))
    return f"{sorted(float(price['unit_amount_decimal']) / 100 for price in mine)} {currencies}"


def _in_order(workspace: Record | None, product: Record | None, card: Record | None) -> str:
    """Project, then schedule, then shell; the schedule made active after the shell; open for time last."""
    if workspace is None or product is None or card is None:
        return "a record is missing"
    times = (
        _moment(workspace["created_at"]),
        _second(product["created"]),
        _moment(card["lastModifiedDateTime"]),
        _second(product["updated"]),
        _moment(workspace["updated_at"]),
    )
    told = [time.replace(microsecond=0) for time in times]  # two of the three platforms tell whole seconds
    return "kept" if told == sorted(told) else ", ".join(time.isoformat() for time in told)


def _people(firm: Firm, seen: Seen) -> Iterator[Check]:
    """Known people were matched; nobody was made a second time."""
    yield check("workday: workers", len(firm.colleagues), seen.workers)
    in_psa = sum(colleague.in_psa for colleague in firm.colleagues)
    users = [user for user in seen.psa_users if not user["email_address"].startswith("syncline@")]
    yield check("kantata: people", in_psa, len(users))
    emails = Counter(user["email_address"] for user in users)
    yield check("kantata: people that exist twice", 0, sum(count > 1 for count in emails.values()))
    own = [account for account in seen.accounts if account["userName"].endswith(firm.domain) and account["active"]]
    yield check("scim: active accounts", sum(colleague.in_identity for colleague in firm.colleagues), len(own))


def _special_cases(firm: Firm, seen: Seen) -> Iterator[Check]:
    """The refused one, the one without services, the extension."""
    for key in (STILL_REFUSED, WITHOUT_SERVICES):
        deal = _deal(firm, key)
        number = project_number(deal)
        made = [
            *(workspace for workspace in seen.workspaces if workspace["title"].startswith(number)),
            *(product for product in seen.products[COUNTRY[deal.entity]] if _is_numbered(product, number)),
            *(card for card in seen.cards[deal.entity] if card["number"] == number),
        ]
        yield check(f"{key} nothing was made anywhere", 0, len(made))
    extension, former = _deal(firm, EXTENSION), _deal(firm, "H01")
    number = project_number(former)
    workspace = _one(seen.workspaces, title=f"{number} {former.name}")
    card = _one(seen.cards[former.entity], number=number)
    product = _by_number(seen.products[COUNTRY[former.entity]], number)
    yield check(f"{EXTENSION} kantata: new end", extension.end_date.isoformat(), _of(workspace, "due_date"))
    budget = None if workspace is None else Decimal(workspace["price_in_cents"]) / 100
    yield check(f"{EXTENSION} kantata: new budget", former.amount + extension.amount, budget)
    yield check(f"{EXTENSION} business central: new end", extension.end_date.isoformat(), _of(card, "endingDate"))
    rates = sorted(float(role.rate) for deal in (former, extension) for role in deal.roles)
    seen_prices = _prices_seen(product, seen.prices[COUNTRY[former.entity]])
    yield check(f"{EXTENSION} stripe: prices", f"{rates} gbp", seen_prices)


def _screens(overview: dict[str, Any], page: dict[str, Any]) -> Iterator[Check]:
    """What the firm's people see."""
    states = {one["state"]: one["count"] for one in overview["onboardings"]["states"] or ()}
    expected = {"activated": len(ACTIVATED), "amended": 1, "closed_without_project": 1, "in_exception": 1}
    yield check("overview: onboardings by state", expected, dict(sorted(states.items())))
    owners = {one["owner_team"]: one["count"] for one in overview["exceptions"]["owners"] or ()}
    yield check("overview: exceptions by owner", {"resource-management": 1, "tax": 1}, dict(sorted(owners.items())))
    cycle = overview["set_up_cycle_time"]["cycle_time"] or {}
    yield check("overview: set-ups timed", len(ACTIVATED), cycle.get("activated"))
    yield check("overview: set up right the first time", len(ACTIVATED) - 1, cycle.get("first_time_right"))
    systems = {one["system"]: one["state"] for one in page["systems"]["systems"] or ()}
    yield check(
        "project page: state in each system",
        {"billing": "active", "crm": "won", "erp": "approved", "psa": "open_for_time"},
        dict(sorted(systems.items())),
    )
    times = [hop["at"] for hop in page["hops"]["hops"]]
    yield check("project page: hops out of order", 0, sum(a > b for a, b in pairwise(times)))
    traces = {hop["trace_id"] for hop in page["hops"]["hops"] if hop["kind"] == "step"}
    yield check("project page: traces that its steps belong to", 1, len(traces))


def _by_number(products: list[Record], number: str) -> Record | None:
    return next((product for product in products if _is_numbered(product, number)), None)


def _is_numbered(product: Record, number: str) -> bool:
    return number in product["metadata"].values()


def _one(records: list[Record], **wanted: object) -> Record | None:
    found = [record for record in records if all(record.get(name) == value for name, value in wanted.items())]
    return found[0] if len(found) == 1 else None


def _count(records: list[Record], **wanted: object) -> int:
    return sum(all(record.get(name) == value for name, value in wanted.items()) for record in records)


def _of(record: Record | None, name: str) -> Any:
    return None if record is None else record.get(name)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _second(stamp: int) -> datetime:
    return datetime.fromtimestamp(stamp, UTC)
