"""What the billing suite needs of a vendor's stage: the connected platform of DE01, and the people who work in it."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any

import httpx
from serving import served
from starlette.types import ASGIApp

from system_apis.billing.port import Billing


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
