"""A plain OData client before the Business Central sandbox, with the demo firm's books in it."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from typing import Any

import httpx
from serving import running_sandbox

from demo.morning import demo_firm
from demo.seeds import business_central as seeds
from system_apis.erp.business_central.sandbox import create_sandbox_app

TENANT = "0c8f1b2e-58f1-4f6e-9c07-6c1f6b0a7d11"
CONFIG = {
    "tenant": TENANT,
    "environment": "production",
    "client_id": "app",
    "client_secret": "the-secret",
    "notification_delay_s": 0.05,
}
TOKEN_FORM = {
    "grant_type": "client_credentials",
    "client_id": "app",
    "client_secret": "the-secret",
    "scope": "https://api.businesscentral.dynamics.com/.default",
}
CORRELATED = re.compile(r".*[^ ]  CorrelationId:  [0-9a-f-]{36}\.", re.DOTALL)
FIRM = demo_firm(date(2026, 11, 23))


class Judge:
    """An OData client that knows nothing of ours."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.api = f"/v2.0/{TENANT}/production/api/v2.0"
        self.cards = f"/v2.0/{TENANT}/production/api/syncline/projects/v1.0"

    async def company(self, name: str) -> str:
        found = (await self.http.get(f"{self.api}/companies", params={"$filter": f"name eq '{name}'"})).json()["value"]
        return f"companies({found[0]['id']})"

    async def walk(self, path: str, size: int, **options: str) -> list[list[dict[str, Any]]]:
        """The pages of a collection: nextLink is followed as it is, without a look inside."""
        headers = {"Prefer": f"odata.maxpagesize={size}"}
        answer = await self.http.get(f"{self.api}/{path}", params=options, headers=headers)
        pages: list[list[dict[str, Any]]] = []
        while True:
            assert answer.status_code == 200, answer.text
            pages.append(answer.json()["value"])
            link = answer.json().get("@odata.nextLink")
            if link is None:
                return pages
            answer = await self.http.get(link, headers=headers)


@asynccontextmanager
async def judged() -> AsyncIterator[Judge]:
    """The demo firm's books in a sandbox, and a client that is let in."""
    async with (
        running_sandbox(create_sandbox_app, CONFIG, seeds.records(FIRM)) as sandbox,
        httpx.AsyncClient(base_url=sandbox.base_url, timeout=10, verify=False) as http,
    ):
        token = (await http.post(f"/{TENANT}/oauth2/v2.0/token", data=TOKEN_FORM)).json()["access_token"]
        http.headers.update({"Authorization": f"Bearer {token}", "Accept": "application/json"})
        yield Judge(http)


def refusal(answer: httpx.Response, status: int) -> str:
    """The words of an answer that is a no, the CorrelationId taken off."""
    assert answer.status_code == status, answer.text
    message = answer.json()["error"]["message"]
    assert CORRELATED.fullmatch(message), message
    return str(message).partition("  CorrelationId:")[0]
