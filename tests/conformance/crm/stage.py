"""What the CRM suite needs of a vendor's stage: the connected CRM with the demo firm's sales, and what its users do."""

from abc import ABC, abstractmethod
from datetime import date
from typing import Any

import httpx
from serving import CONTROL

from demo.firm import Deal
from demo.morning import demo_firm
from system_apis.crm.port import Crm

FIRM = demo_firm(date(2026, 11, 23))


class Stage(ABC):
    """A vendor's sandbox, our connector to it, and what its users do. A deal's key is the demo firm's."""

    def __init__(self, http: httpx.AsyncClient, crm: Crm, vendor: str, settings: dict[str, Any]) -> None:
        self.vendor = vendor
        self.settings = settings
        self.http = http
        self.crm = crm
        self.firm = FIRM

    def deal(self, key: str) -> Deal:
        return next(deal for deal in (*self.firm.history, *self.firm.deals) if deal.key == key)

    async def fault(self, kind: str, **more: Any) -> None:
        (await self.http.post("/_sandbox/faults", json={"kind": kind} | more, headers=CONTROL)).raise_for_status()

    async def pass_time(self, seconds: float) -> None:
        """The vendor's clock goes on."""
        (await self.http.post("/_sandbox/clock", json={"offset_s": seconds}, headers=CONTROL)).raise_for_status()

    @abstractmethod
    async def opportunity_id(self, key: str) -> str:
        """The vendor's own id of a deal."""

    @abstractmethod
    async def win(self, key: str) -> str:
        """Returns the vendor's own id of the deal, as `reopen` does."""

    @abstractmethod
    async def reopen(self, key: str) -> str: ...

    @abstractmethod
    async def deliver_again(self, key: str) -> int:
        """The last change of the deal is told once more; says to how many subscribers."""

    @abstractmethod
    async def is_followed(self) -> bool:
        """Whether the change feed has a subscriber."""
