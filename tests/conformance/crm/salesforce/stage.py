"""Salesforce on its stage: the demo firm's sales and salespeople, and a change feed that is held open."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from crm.stage import FIRM, Stage
from serving import CONTROL, running_sandbox

from demo.seeds import salesforce as seeds
from servicekit.clock import SystemClock
from servicekit.settings import read
from system_apis.crm import salesforce
from system_apis.crm.salesforce.sandbox import create_sandbox_app

ACCEPTS = {"consumer_key": "app", "consumer_secret": "the-secret", "username": "integration@demo.example"}
LIMITS = {"batch_size": 3, "feed_hold_s": 0.2}  # fewer rows at a time than asked for: Salesforce may do so


class SalesforceStage(Stage):
    """What salespeople do, in Salesforce's own API."""

    async def opportunity_id(self, key: str) -> str:
        return await seeds.opportunity_id(self.http, self.deal(key))

    async def win(self, key: str) -> str:
        return await seeds.win(self.http, self.deal(key))

    async def reopen(self, key: str) -> str:
        return await seeds.reopen(self.http, self.deal(key))

    async def deliver_again(self, key: str) -> int:
        return await seeds.deliver_again(self.http, "control", self.deal(key))

    async def is_followed(self) -> bool:
        answer = await self.http.post("/_sandbox/actions/subscribers", json={}, headers=CONTROL)
        return bool(answer.json())


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    async with (
        running_sandbox(create_sandbox_app, ACCEPTS | LIMITS, seeds.records(FIRM)) as sandbox,
        httpx.AsyncClient(base_url=sandbox.base_url) as http,
    ):
        told = {"login_url": sandbox.base_url, "consumer_key": "app", "consumer_secret": "the-secret"}
        settings = told | {"feed_hold_s": 2.0}
        await seeds.sign_in(http, "app", "the-secret")
        crm = salesforce.Connector.connect("crm-main", read(salesforce.Settings, settings, {}), SystemClock())
        yield SalesforceStage(http, crm, "salesforce", settings)
        await crm.close()
