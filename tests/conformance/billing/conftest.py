"""Every vendor of the capability, connected to its sandbox over a real socket, with what a person can do beside it."""

import asyncio
import pkgutil
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from running_billing import Running, running_service
from starlette.types import ASGIApp

from sandboxkit.app import Context
from sandboxkit.server import DroppableConnection
from sandboxkit.store import Store
from servicekit.clock import SystemClock
from servicekit.settings import read
from system_apis import billing
from system_apis.billing import stripe
from system_apis.billing.port import Billing
from system_apis.billing.stripe.sandbox import create_sandbox_app

CONTROL = "control"
VENDORS = tuple(module.name for module in pkgutil.iter_modules(billing.__path__) if module.ispkg)


@dataclass
class Stage:
    """A connected billing platform of the legal entity DE01, and its administrator."""

    vendor: str
    settings: dict[str, Any]  # of the connection, as they stand in a settings file
    billing: Billing
    control: httpx.AsyncClient
    can_bill: Callable[[str, str], Awaitable[bool]]  # whether an item of a schedule can be put on an invoice
    register_hook: Callable[[str], Awaitable[None]]  # deliveries go to this address from now on
    desk: Any  # a person at the platform, who deals with invoices beside us

    async def fail(self, kind: str, **fault: Any) -> None:
        answer = await self.control.post("/_sandbox/faults", json={"kind": kind, **fault})
        assert 201 == answer.status_code, answer.text

    def served(self, app: ASGIApp) -> AbstractAsyncContextManager[str]:
        """The URL at which the platform can reach the application."""
        return served(app)

    async def mend(self) -> None:
        await self.control.delete("/_sandbox/faults")


@pytest.fixture(params=VENDORS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    async with STAGES[request.param]() as found:
        yield found


@pytest.fixture
async def here(stage: Stage, database_url: str) -> AsyncIterator[Running]:
    async with running_service(stage, database_url) as found:
        yield found


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """The URL of the application on a socket of its own, which listens before the server does."""
    # Named as TCP, or asyncio leaves Nagle's algorithm on and every answer waits 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.bind(("127.0.0.1", 0))
    listening.listen()
    config = uvicorn.Config(app, http=DroppableConnection, lifespan="off", log_level="critical", access_log=False)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def stripe_stage() -> AsyncIterator[Stage]:
    key, secret = "sk_test_german_account_0001", "whsec_of_the_endpoint"
    account: dict[str, Any] = {
        "id": "acct_DE01",
        "key": key,
        "webhook_secret": secret,
        "search_lag_s": 60,
        "rate_per_s": 1000,
    }
    account["invoice_prefix"] = "DE01"
    config = {"accounts": [account], "webhook_pauses_s": [0.01]}
    context = Context(store=Store(":memory:"), control_key=CONTROL, base_url="http://127.0.0.1", config=config)
    async with served(create_sandbox_app(context)) as url:
        settings = {"legal_entity_code": "DE01", "time_zone": "Europe/Berlin", "api_key": key}
        settings |= {"webhook_secret": secret, "base_url": url}
        connector = stripe.Connector.connect("billing-de", read(stripe.Settings, settings, {}), SystemClock())
        headers = {"Sandbox-Control-Key": CONTROL, "Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=url, headers=headers) as control:
            bills, hooks, desk = _can_bill(control), _register_hook(control), StripeDesk(control)
            yield Stage("stripe", settings, connector, control, bills, hooks, desk)
        await connector.close()
    context.store.close()


STAGES = {"stripe": stripe_stage}


class StripeDesk:
    """A person in the dashboard, who sees the account beside us."""

    def __init__(self, control: httpx.AsyncClient) -> None:
        self._control = control

    async def pay(self, invoice_id: str) -> None:
        await self._do(f"invoices/{invoice_id}/pay", paid_out_of_band="true")

    async def pay_part(self, invoice_id: str, units: int) -> None:
        """A part in the currency's minor units, by a payment that the sandbox cannot take: as it leaves the invoice."""
        kind = "/_sandbox/records/acct_DE01.invoice"
        held = next(one for one in (await self._control.get(kind)).json() if one["id"] == invoice_id)
        left = {"amount_paid": held["amount_paid"] + units, "amount_remaining": held["amount_remaining"] - units}
        await self._control.patch(f"{kind}/{invoice_id}", json=left)

    async def write_off(self, invoice_id: str) -> None:
        await self._do(f"invoices/{invoice_id}/mark_uncollectible")

    async def delete_draft(self, invoice_id: str) -> None:
        answer = await self._control.delete(f"/v1/invoices/{invoice_id}")
        assert 200 == answer.status_code, answer.text

    async def add_line(self, invoice_id: str, units: int) -> None:
        await self._do("invoiceitems", invoice=invoice_id, amount=str(units))

    async def take_line(self, invoice_id: str) -> None:
        """Without the draft's first line from now on."""
        lines = (await self._control.get(f"/v1/invoices/{invoice_id}/lines")).json()["data"]
        form = {"lines[0][id]": lines[0]["id"], "lines[0][behavior]": "delete"}
        await self._do(f"invoices/{invoice_id}/remove_lines", **form)

    async def double_line(self, invoice_id: str) -> None:
        """The draft's first line is there twice from now on, with all that marks it."""
        line = (await self._control.get(f"/v1/invoices/{invoice_id}/lines")).json()["data"][0]
        marks = {f"lines[0][metadata][{name}]": value for name, value in line["metadata"].items()}
        form = {"lines[0][amount]": str(line["amount"]), **marks}
        await self._do(f"invoices/{invoice_id}/add_lines", **form)

    async def bill_by_hand(self, account_id: str) -> str:
        """An invoice that nobody of ours asked for; returns its id."""
        form = {"customer": account_id, "collection_method": "send_invoice", "days_until_due": "30"}
        made: str = (await self._do("invoices", **form))["id"]
        await self._do("invoiceitems", invoice=made, amount="12345", description="By hand")
        await self._do(f"invoices/{made}/finalize")
        return made

    async def pass_time(self, seconds: float) -> None:
        await self._control.post("/_sandbox/clock", json={"offset_s": seconds})

    async def writes(self) -> list[str]:
        """The paths of what was written, in order."""
        journal = (await self._control.get("/_sandbox/journal")).json()
        return [one["path"] for one in journal if one["path"].startswith("/v1/")]

    async def _do(self, path: str, **form: str) -> Any:
        answer = await self._control.post(f"/v1/{path}", data=form)
        assert 200 == answer.status_code, answer.text
        return answer.json()


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
