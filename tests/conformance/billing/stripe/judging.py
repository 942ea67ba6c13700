"""The Stripe sandbox under the vendor's own client: the account's client, the administrator, its keys."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import httpx
import pytest
import stripe
from serving import CONTROL

from sandboxkit.app import Context

KEY = "sk_test_german_account_0001"
OTHER_KEY = "sk_test_american_account_0002"
NUMBERING_KEY = "sk_test_british_account_0003"  # of an account that numbers its invoices itself
SECRET = "whsec_known_to_the_connection"
T = TypeVar("T")


class Judge:
    """The vendor's client for one account, and the sandbox's administrator."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.url = context.base_url
        self.client = self.with_key(KEY)
        self.v1: Any = self.client.v1  # what is judged is the wire, not the client's annotations

    def with_key(self, key: str) -> stripe.StripeClient:
        return stripe.StripeClient(key, base_addresses={"api": self.url})

    async def administer(self, path: str, body: Any) -> Any:
        async with httpx.AsyncClient(headers=CONTROL) as http:
            return (await http.post(f"{self.url}/_sandbox/{path}", json=body)).json()

    async def journal(self) -> list[Any]:
        async with httpx.AsyncClient(headers=CONTROL) as http:
            written: list[Any] = (await http.get(f"{self.url}/_sandbox/journal")).json()
        return written

    async def customer(self, **params: Any) -> stripe.Customer:
        return await call(lambda: self.v1.customers.create({"name": "ACME", "email": "ap@acme.example", **params}))


async def call(deed: Callable[[], T]) -> T:
    """The client waits for its answers, so it waits in a thread of its own."""
    return await asyncio.to_thread(deed)


async def refused(deed: Callable[[], object], kind: type[stripe.StripeError]) -> Any:
    with pytest.raises(kind) as caught:
        await call(deed)
    return caught.value
