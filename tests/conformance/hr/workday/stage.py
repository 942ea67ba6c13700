"""Workday on its stage: the demo firm's people, and the rights that a tenant's administrator gives and takes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from typing import Any

import httpx
from hr.stage import Stage
from serving import CONTROL, running_sandbox

from demo.firm import Colleague
from demo.morning import demo_firm
from demo.seeds import workday as seeds
from servicekit.clock import SettableClock
from servicekit.settings import read
from system_apis.hr import workday
from system_apis.hr.workday.sandbox import create_sandbox_app

ACCEPTS = {
    "tenant": "demo",
    "client_id": "syncline",
    "client_secret": "the-secret",
    "refresh_token": "the-refresh-token",
    "username": "ISU_Syncline",
    "password": "the-password",
}


class WorkdayStage(Stage):
    """What people in HR and the tenant's administrator do, by the sandbox's actions."""

    vendor = "workday"
    rights = (
        "Worker Data: Service Dates",
        "Worker Data: Skills",
        "Worker Data: Qualifications",
        "Worker Data: Current Staffing Information",
        "Person Data: Work Contact Information",
    )
    of_money_and_absence = ("Worker Data: Compensation", "Worker Data: Leave of Absence")

    def native_id(self, number: str) -> str:
        return seeds.worker_wid(self.colleague(number))

    async def hire(self, colleague: Colleague) -> None:
        await self.act("hire", seeds.hire_deed(self.firm, colleague))

    async def move(self, number: str, cost_centre: str, effective: date) -> Any:
        return await self.act("enter", seeds.move_deed(self.firm, self.colleague(number), cost_centre, effective))

    async def take_back(self, entered: Any) -> None:
        body = {"worker": entered["worker"], "type": "Rescind", "rescinds": entered["id"]}
        await self.act("enter", body | {"effective": entered["effective"]})

    async def take_right(self, right: str) -> None:
        await self.act("revoke_domain", {"domain": right})

    async def give_right(self, right: str) -> None:
        await self.act("grant_domain", {"domain": right})

    async def expire_tokens(self) -> None:
        await self.act("expire_tokens", {})

    async def act(self, action: str, body: Any) -> Any:
        answer = await self.http.post(f"/_sandbox/actions/{action}", json=body, headers=CONTROL)
        answer.raise_for_status()
        return answer.json()

    def reconnected(self, **changes: Any) -> workday.Connector:
        """Another connection, some settings changed."""
        return workday.Connector.connect("hr-main", read(workday.Settings, self.settings | changes, {}), self.clock)


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    clock = SettableClock(datetime.now(UTC))
    firm = demo_firm(clock.now().date())
    async with (
        running_sandbox(create_sandbox_app, ACCEPTS, seeds.records(firm)) as sandbox,
        httpx.AsyncClient(base_url=sandbox.base_url) as http,
    ):
        settings = {"base_url": sandbox.base_url, "known_workers": list(seeds.KNOWN_WORKERS)} | ACCEPTS
        hr = workday.Connector.connect("hr-main", read(workday.Settings, settings, {}), clock)
        yield WorkdayStage(http, hr, clock, firm, settings)
        await hr.close()
