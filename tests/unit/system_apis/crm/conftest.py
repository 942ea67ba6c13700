"""A Salesforce sandbox behind a real socket, empty but for what a test puts into it."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from serving import CONTROL, running_sandbox

from sandboxkit.app import Context
from servicekit.clock import SystemClock
from servicekit.settings import Secret
from system_apis.crm.salesforce import Connector, Settings
from system_apis.crm.salesforce.sandbox import create_sandbox_app
from system_apis.crm.salesforce.sandbox.identifiers import record_id

STAMP = "2026-11-01T08:00:00.000+0000"


class Org:
    """The organisation, its administrator's door, and connectors to it."""

    def __init__(self, context: Context, http: httpx.AsyncClient) -> None:
        self.context = context
        self.http = http
        self.connectors: list[Connector] = []

    def connector(self, **changes: Any) -> Connector:
        told: dict[str, Any] = {
            "login_url": self.context.base_url,
            "consumer_key": "app",
            "consumer_secret": Secret("the-secret"),
            "feed_hold_s": 5.0,
        }
        made = Connector.connect("crm-main", Settings(**(told | changes)), SystemClock())
        self.connectors.append(made)
        return made

    def put(self, kind: str, prefix: str, number: int, **fields: Any) -> str:
        """A record as Salesforce holds it; returns its id."""
        row_id = record_id(prefix, number)
        fixed = {"Id": row_id, "IsDeleted": False, "CreatedDate": STAMP, "SystemModstamp": STAMP}
        self.context.store.put(kind, row_id, fixed | fields)
        return row_id

    def put_deal(self, number: int, **fields: Any) -> str:
        told = {
            "Name": f"Deal {number}",
            "AccountId": record_id("001", 1),
            "StageName": "Negotiation",
            "IsWon": False,
            "IsClosed": False,
            "Amount": 1000.0,
            "CurrencyIsoCode": "EUR",
            "CloseDate": "2026-12-31",
            "Syncline_Kind__c": "New",
        }
        return self.put("Opportunity", "006", number, **(told | fields))

    async def stage(self, row_id: str, name: str) -> None:
        """Move a deal to a stage, as a person does."""
        path = f"/services/data/v67.0/sobjects/Opportunity/{row_id}"
        (await self.http.patch(path, json={"StageName": name})).raise_for_status()

    async def act(self, action: str, **wanted: Any) -> Any:
        answer = await self.http.post(f"/_sandbox/actions/{action}", json=wanted, headers=CONTROL)
        return answer.raise_for_status().json()

    async def fault(self, kind: str, **more: Any) -> None:
        (await self.http.post("/_sandbox/faults", json={"kind": kind} | more, headers=CONTROL)).raise_for_status()

    async def clear_faults(self) -> None:
        (await self.http.delete("/_sandbox/faults", headers=CONTROL)).raise_for_status()

    async def pass_time(self, seconds: float) -> None:
        (await self.http.post("/_sandbox/clock", json={"offset_s": seconds}, headers=CONTROL)).raise_for_status()

    async def sign_in(self) -> None:
        form = {"grant_type": "client_credentials", "client_id": "app", "client_secret": "the-secret"}
        answer = (await self.http.post("/services/oauth2/token", data=form)).raise_for_status()
        self.http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


@pytest.fixture
def sandbox_config() -> dict[str, Any]:
    """What the sandbox is configured with; a module's own fixture may say otherwise."""
    return {}


@pytest.fixture
async def org(sandbox_config: dict[str, Any]) -> AsyncIterator[Org]:
    config = {"consumer_key": "app", "consumer_secret": "the-secret", "username": "u@firm.example", "feed_hold_s": 0.2}
    async with (
        running_sandbox(create_sandbox_app, config | sandbox_config) as sandbox,
        httpx.AsyncClient(base_url=sandbox.base_url) as http,
    ):
        ready = Org(sandbox, http)
        await ready.sign_in()
        yield ready
        for connector in ready.connectors:
            await connector.close()
