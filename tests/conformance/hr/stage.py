"""What the HR suite needs of a vendor's stage: our connector, the demo firm's people, and what people in HR do."""

from abc import ABC, abstractmethod
from datetime import date, datetime, timedelta
from typing import Any

import httpx
from serving import CONTROL

from canonical.people import Worker
from demo.firm import Colleague, Firm
from servicekit.clock import SettableClock
from system_apis.hr.port import Hr


class Stage(ABC):
    """A vendor's sandbox, our connector to it, one clock for both, and what people in HR do.

    `settings` are the connection's, as they stand in a settings file. `rights` can be taken from us one by one, and
    without any of them workers cannot be read; without the rights `of_money_and_absence`, cost rates and absences.
    """

    vendor: str
    rights: tuple[str, ...]
    of_money_and_absence: tuple[str, ...]

    def __init__(
        self, http: httpx.AsyncClient, hr: Hr, clock: SettableClock, firm: Firm, settings: dict[str, Any]
    ) -> None:
        self.http = http
        self.hr = hr
        self.clock = clock
        self.firm = firm
        self.settings = settings
        self._passed = timedelta()

    @property
    def today(self) -> date:
        return self.firm.today

    def colleague(self, number: str) -> Colleague:
        return next(colleague for colleague in self.firm.colleagues if colleague.number == number)

    async def worker(self, number: str) -> Worker:
        return await self.hr.worker(self.native_id(number))

    async def changed(self, since: datetime) -> set[str]:
        """The numbers of those who changed, all pages."""
        found: set[str] = set()
        cursor: str | None = None
        while True:
            page = await self.hr.workers(since, cursor, 2)
            found |= {worker.employment.number for worker in page.items}
            cursor = page.cursor
            if cursor is None:
                return found

    async def fault(self, kind: str, **more: Any) -> None:
        (await self.http.post("/_sandbox/faults", json={"kind": kind} | more, headers=CONTROL)).raise_for_status()

    async def pass_time(self, **by: float) -> None:
        """Time goes on, for us and for the vendor."""
        self._passed += timedelta(**by)
        self.clock.advance(timedelta(**by))
        offset = {"offset_s": self._passed.total_seconds()}
        (await self.http.post("/_sandbox/clock", json=offset, headers=CONTROL)).raise_for_status()

    @abstractmethod
    def native_id(self, number: str) -> str: ...

    @abstractmethod
    async def hire(self, colleague: Colleague) -> None: ...

    @abstractmethod
    async def move(self, number: str, cost_centre: str, effective: date) -> Any:
        """A person in HR enters a move now, for a day of its own; returns what `take_back` wants."""

    @abstractmethod
    async def take_back(self, entered: Any) -> None: ...

    @abstractmethod
    async def take_right(self, right: str) -> None: ...

    @abstractmethod
    async def give_right(self, right: str) -> None: ...

    @abstractmethod
    async def expire_tokens(self) -> None:
        """Every token that was given out is refused from now on."""
