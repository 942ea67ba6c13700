"""Business Central on its stage: the demo firm's books, and what people do in them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import httpx
from erp.business_central.ledger import BusinessCentralLedger
from erp.stage import FIRM, Stage
from serving import CONTROL, running_sandbox

from demo.seeds import business_central as seeds
from servicekit.clock import SystemClock
from servicekit.settings import read
from system_apis.erp import business_central
from system_apis.erp.business_central.sandbox import create_sandbox_app

CONFIG = {"tenant": "tenant-1", "environment": "production", "client_id": "app", "client_secret": "the-secret"}


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    async with running_sandbox(create_sandbox_app, CONFIG, seeds.records(FIRM)) as sandbox:
        url = sandbox.base_url
        settings = CONFIG | {
            "api_url": url,
            "login_url": url,
            "companies": _with_project_dimension(seeds.company_settings(FIRM)),
            "settle_after_s": 0.0,
            "timeout_s": 5.0,
        }
        told = read(business_central.Settings, settings, {})
        connector = business_central.Connector.connect("erp-main", told, SystemClock())
        async with httpx.AsyncClient(base_url=url, headers=CONTROL, timeout=10, verify=False) as control:
            yield Stage("business_central", connector, control, settings, **_hands(control))
        await connector.close()


def _with_project_dimension(companies: dict[str, Any]) -> dict[str, Any]:
    """DE01's connection says which dimension holds the project; GB01's does not."""
    german = companies["DE01"]
    return companies | {"DE01": german | {"dimensions": german["dimensions"] | {"project": "PROJECT"}}}


def _hands(control: httpx.AsyncClient) -> dict[str, Any]:
    """What people do in Business Central itself."""

    async def act(action: str, deed: dict[str, Any]) -> None:
        answer = await control.post(f"/_sandbox/actions/{action}", json=deed)
        assert "error" not in answer.json(), answer.text

    async def open_cost_centre(entity: str, code: str) -> None:
        await act("create_dimension_value", seeds.cost_centre_deed(FIRM, entity, code, "New"))

    async def block_customer(entity: str, number: str) -> None:
        await act("block_customer", {"company": FIRM.entity(entity).name, "number": number, "blocked": "All"})

    async def open_window(entity: str, first: date | None, last: date | None) -> None:
        await act("open_posting_window", seeds.window_deed(FIRM, entity, first, last))

    async def pay(entity: str, document: str, amount: str | None, day: date) -> None:
        deed = seeds.payment_deed(FIRM, entity, document, amount, day)
        await act("register_customer_payment", deed)

    return {
        "open_cost_centre": open_cost_centre,
        "block_customer": block_customer,
        "open_window": open_window,
        "pay": pay,
        "recognise": BusinessCentralLedger(control, CONFIG).recognise,
    }
