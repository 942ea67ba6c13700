"""What the ERP suite needs of a vendor's stage: the connected ERP with the demo firm's books, and the people in it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import httpx

from demo.morning import demo_firm
from system_apis.erp.port import Erp

FIRM = demo_firm(date(2026, 11, 23))


@dataclass
class Stage:
    """A connected ERP and what people can do beside it, in the vendor's own way."""

    vendor: str
    erp: Erp
    control: httpx.AsyncClient
    settings: dict[str, Any]
    open_cost_centre: Callable[[str, str], Awaitable[None]]  # (legal entity, code)
    block_customer: Callable[[str, str], Awaitable[None]]  # (legal entity, number)
    open_window: Callable[[str, date | None, date | None], Awaitable[None]]  # (legal entity, first and last day)
    pay: Callable[[str, str, str | None, date], Awaitable[None]]  # (legal entity, document number, amount, day)
    recognise: Callable[[str, date, dict[str, str]], Awaitable[None]]  # (document, day, amount by project), in DE01

    async def fail(self, kind: str, **fault: Any) -> None:
        answer = await self.control.post("/_sandbox/faults", json={"kind": kind, **fault})
        assert answer.status_code == 201, answer.text

    async def mend(self) -> None:
        await self.control.delete("/_sandbox/faults")
