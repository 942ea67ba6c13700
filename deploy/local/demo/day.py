"""The day, played as the firm's own people would: deals are won, a director approves, finance opens a cost centre."""

import importlib
from dataclasses import replace
from typing import Any

import httpx

from canonical.work import ExceptionCase, Onboarding
from demo.checks import ACTIVATED, COUNTRY, Check, judge
from demo.firm import Deal, Firm
from demo.morning import demo_firm
from demo.platforms import read_all
from demo.seeds import business_central, salesforce, stripe, workday
from demo.surroundings import Surroundings
from demo.syncline import Syncline, signed_in
from demo.waiting import until
from servicekit.clock import Clock

FINANCE = "fiona.finance@northwind-advisory.example"
SETTLED = frozenset({"activated", "amended", "closed_without_project", "in_exception"})


async def play(told: Surroundings, clock: Clock) -> list[Check]:
    """The whole day; returns what was expected at its end and what was seen."""
    firm = demo_firm(clock.now().date())
    await seed(told, firm)
    async with signed_in(told) as syncline:
        people = f"{len(firm.entities)} entities, {len(firm.colleagues)} people"
        _say(f"{firm.name}: {people}, {len(firm.deals)} deals to win.")
        await go_live(told, firm, syncline)
        await hire_the_last(told, firm)
        await win_everything(told, firm)
        runs = await _until_settled(syncline, len(firm.deals), told.director)
        _tell(runs.values())
        await mend_the_cost_centre(told, firm, syncline, await syncline.open_exceptions())
        activated = await until(lambda: _activated(syncline), f"{len(ACTIVATED)} activated projects")
        _say(f"{len(activated)} projects are activated.")
        last = next(run for run in activated if run.refs.project_id)
        page = await syncline.project_page(last.refs.project_id or "")
        await until(lambda: _delivered(told), "Stripe's deliveries")
        return judge(firm, await read_all(told, firm), await syncline.overview(), page)


async def seed(told: Surroundings, firm: Firm) -> None:
    """Tell every platform about the firm, all but its newest colleague; what is known already stays the same."""
    headers = {"Sandbox-Control-Key": told.control_key}
    for name, platform in told.platforms.items():
        known = replace(firm, colleagues=firm.colleagues[:-1]) if name == "workday" else firm
        records = importlib.import_module(f"demo.seeds.{name}").records(known)
        async with httpx.AsyncClient(base_url=platform.address, headers=headers, timeout=60) as http:
            for kind, rows in records.items():
                (await http.post(f"/_sandbox/records/{kind}", json=rows)).raise_for_status()


async def hire_the_last(told: Surroundings, firm: Firm) -> None:
    """HR enters the newest colleague, who has a record in the PSA already: it must be found, not made again."""
    newest, platform = firm.colleagues[-1], told.platforms["workday"]
    headers = {"Sandbox-Control-Key": told.control_key}
    async with httpx.AsyncClient(base_url=platform.address, headers=headers, timeout=30) as http:
        kinds = (await http.get("/_sandbox/kinds")).raise_for_status().json()
        if kinds["worker"] < len(firm.colleagues):
            deed = workday.hire_deed(firm, newest)
            (await http.post("/_sandbox/actions/hire", json=deed)).raise_for_status()
            _say(f"HR entered {newest.first_name} {newest.last_name}.")


async def go_live(told: Surroundings, firm: Firm, syncline: Syncline) -> None:
    """Bind a connection of every capability for every entity; billing has an account for each."""
    await _subscribe(told)
    since = firm.today.replace(month=1, day=1)
    for entity in firm.entities:
        for capability, names in told.connections.items():
            await syncline.bind(entity.code, capability, connection_of(names, entity.code), since)


def connection_of(names: list[str], entity: str) -> str:
    """The entity's own connection of these, or the one that all share."""
    own = [name for name in names if name.endswith(f"-{COUNTRY[entity].lower()}")]
    return (own or names)[0]


async def _subscribe(told: Surroundings) -> None:
    """Have each Stripe account deliver its changes to the edge, once."""
    platform = told.platforms["stripe"]
    for account in platform.config["accounts"]:
        url = f"{told.edge}/hooks/stripe-{account['country'].lower()}"
        headers = {"Authorization": f"Bearer {account['key']}"}
        async with httpx.AsyncClient(base_url=platform.address, headers=headers, timeout=30) as http:
            known = (await http.get("/v1/webhook_endpoints")).raise_for_status().json()["data"]
            if url not in {endpoint["url"] for endpoint in known}:
                (await http.post("/v1/webhook_endpoints", data=stripe.hook_endpoint(url))).raise_for_status()


async def win_everything(told: Surroundings, firm: Firm) -> None:
    """Salespeople set their deals to won in Salesforce; Salesforce tells of each win twice."""
    platform = told.platforms["salesforce"]
    tokens = {username: token for token, username in platform.config["refresh_tokens"].items()}
    for entity in firm.entities:
        mine = [deal for deal in firm.deals if deal.entity == entity.code]
        async with httpx.AsyncClient(base_url=platform.address, timeout=30) as http:
            await salesforce.sign_in(
                http,
                platform.config["consumer_key"],
                platform.config["consumer_secret"],
                tokens[salesforce.sales_username(firm, entity.code)],
            )
            for deal in mine:
                await salesforce.win(http, deal)
                await salesforce.deliver_again(http, told.control_key, deal)
        _say(f"{entity.code}: {len(mine)} deals won, each told twice.")


async def _until_settled(syncline: Syncline, wanted: int, director: str) -> dict[str, Onboarding]:
    """Until every deal's run has ended or waits for a person."""

    async def found() -> dict[str, Onboarding] | None:
        return await settled(syncline, wanted, director)

    return await until(found, f"{wanted} onboardings to end or to wait")


async def settled(syncline: Syncline, wanted: int, director: str) -> dict[str, Onboarding] | None:
    """The runs by name once all *wanted* have ended or wait; the director approves what waits for approval."""
    for approval in await syncline.pending_approvals():
        await syncline.approve(approval.id, "the margin is sound", director)
        _say(f"{director} approved {approval.value.amount} {approval.value.currency}: {', '.join(approval.because)}.")
    runs = {run.name: run for run in await syncline.onboardings()}
    done = [run for run in runs.values() if run.state in SETTLED]
    return runs if len(done) == wanted else None


def _tell(runs: Any) -> None:
    for run in sorted(runs, key=lambda one: one.name):
        value = f"{run.value.amount} {run.value.currency}" if run.value else ""
        _say(f"  {run.name:<38} {value:>16}  {run.state}")


async def mend_the_cost_centre(
    told: Surroundings, firm: Firm, syncline: Syncline, cases: tuple[ExceptionCase, ...]
) -> None:
    """Finance opens the missing cost centre in Business Central, by hand, and has the run tried again."""
    for one in cases:
        _say(f"Exception for {one.owner_team}: {one.title}. {one.detail}. {one.suggested_fix}")
    case = next((one for one in cases if one.code == "unknown_cost_centre"), None)
    if case is None:
        return  # the day was played before, and it was mended then
    deal = _deal_of(firm, "D05")
    deed = business_central.cost_centre_deed(firm, deal.entity, deal.cost_centre, "Analytics Germany")
    platform = told.platforms["business_central"]
    async with httpx.AsyncClient(base_url=platform.address, timeout=30) as http:
        headers = {"Sandbox-Control-Key": told.control_key}
        answer = await http.post("/_sandbox/actions/create_dimension_value", json=deed, headers=headers)
        answer.raise_for_status()
    await syncline.retry(case.refs["onboarding_id"], f"{deal.cost_centre} was opened in the ERP", FINANCE)
    _say(f"{FINANCE} opened {deal.cost_centre} and had {deal.name} tried again.")


async def _activated(syncline: Syncline) -> list[Onboarding] | None:
    runs = [run for run in await syncline.onboardings() if run.state == "activated"]
    return runs if len(runs) == len(ACTIVATED) else None


async def _delivered(told: Surroundings) -> bool | None:
    """Whether Stripe has nothing left to deliver; None while it has."""
    platform = told.platforms["stripe"]
    for account in platform.config["accounts"]:
        headers = {"Authorization": f"Bearer {account['key']}"}
        async with httpx.AsyncClient(base_url=platform.address, headers=headers, timeout=30) as http:
            events = (await http.get("/v1/events", params={"limit": "100"})).raise_for_status().json()["data"]
        if any(event["pending_webhooks"] for event in events):
            return None
    return True


def _deal_of(firm: Firm, key: str) -> Deal:
    return next(deal for deal in firm.deals if deal.key == key)


def _say(text: str) -> None:
    print(text, flush=True)
