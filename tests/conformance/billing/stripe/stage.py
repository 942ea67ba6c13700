"""Stripe on its stage: the account of DE01, which numbers its invoices by itself and is found with a lag."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
from billing.stage import Stage
from billing.stripe.desk import StripeDesk
from serving import CONTROL, running_sandbox

from servicekit.clock import SystemClock
from servicekit.settings import read
from system_apis.billing import stripe
from system_apis.billing.stripe.sandbox import create_sandbox_app

KEY, SECRET = "sk_test_german_account_0001", "whsec_of_the_endpoint"
ACCOUNT = {
    "id": "acct_DE01",
    "key": KEY,
    "webhook_secret": SECRET,
    "search_lag_s": 60,
    "rate_per_s": 1000,
    "invoice_prefix": "DE01",
}


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    config = {"accounts": [ACCOUNT], "webhook_pauses_s": [0.01]}
    async with running_sandbox(create_sandbox_app, config) as sandbox:
        settings = {"legal_entity_code": "DE01", "time_zone": "Europe/Berlin", "api_key": KEY}
        settings |= {"webhook_secret": SECRET, "base_url": sandbox.base_url}
        connector = stripe.Connector.connect("billing-de", read(stripe.Settings, settings, {}), SystemClock())
        headers = CONTROL | {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=sandbox.base_url, headers=headers) as control:
            bills, hooks, desk = _can_bill(control), _register_hook(control), StripeDesk(control)
            yield Stage("stripe", settings, connector, control, bills, hooks, desk)
        await connector.close()


def _can_bill(control: httpx.AsyncClient) -> Callable[[str, str], Awaitable[bool]]:
    async def can_bill(schedule: str, item_key: str) -> bool:
        prices = (await control.get("/v1/prices", params={"product": schedule, "limit": "100"})).json()["data"]
        price = next(one for one in prices if item_key == one["metadata"]["syncline_item_key"])
        customer = (await control.post("/v1/customers", data={"name": "Walk-in"})).json()["id"]
        item = {"customer": customer, "pricing[price]": price["id"]}
        return (await control.post("/v1/invoiceitems", data=item)).status_code == 200

    return can_bill


def _register_hook(control: httpx.AsyncClient) -> Callable[[str], Awaitable[None]]:
    async def register_hook(url: str) -> None:
        answer = await control.post("/v1/webhook_endpoints", data={"url": url, "enabled_events[]": "*"})
        assert 200 == answer.status_code, answer.text

    return register_hook
