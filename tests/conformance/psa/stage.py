"""What the PSA suite needs of a vendor's stage: the connected PSA, its control door, and the people who work in it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import httpx

from system_apis.psa.port import Psa

WORK_DAY = "2026-12-03"


class Hands(Protocol):
    """The people of the stage: Ada works as an engineer, Eva is her manager. Ids are the vendor's own."""

    async def work(self, project: str, minutes: int = 90, day: str = WORK_DAY, **more: Any) -> str:
        """Ada's time entry, billable unless told otherwise."""
        ...

    async def spend(self, project: str, amount: str, day: str = WORK_DAY, **more: Any) -> str: ...

    async def submit(self, entries: Sequence[str]) -> str:
        """A timesheet of Ada's entries of one project."""
        ...

    async def submit_expenses(self, expenses: Sequence[str]) -> str: ...

    async def approve(self, timesheet: str) -> None:
        """Eva lets it pass."""
        ...

    async def approve_expenses(self, report: str) -> None: ...
    async def reject(self, timesheet: str) -> None: ...

    async def withdraw(self, timesheet: str) -> None:
        """An approval is taken back."""
        ...

    async def change(self, entry: str, **changes: Any) -> None: ...
    async def delete(self, entry: str) -> None: ...
    async def set_rate(self, entry: str, cents: int) -> None: ...
    async def complete(self, milestone: str) -> None: ...
    async def accept(self, milestone: str, day: str, person: str) -> None: ...
    async def internal_project(self) -> str:
        """A project without a customer, open for time."""
        ...

    async def recognise(self, project: str, first: str, last: str, amount: str | None, **more: Any) -> str:
        """Finance enters the revenue of a period, in euro; both its days are within it."""
        ...

    async def unrecognise(self, record: str) -> None: ...


@dataclass
class Stage:
    """A connected PSA and what a person can do beside it.

    People 41 (worker W1, Ada Brandt), 42 (Ben Vogel), 43 (disabled), 44 (a manager); roles Engineer, Consultant.
    """

    vendor: str
    settings: dict[str, Any]  # of the connection, as they stand in a settings file
    psa: Psa
    control: httpx.AsyncClient
    enter_time: Callable[[str], Awaitable[bool]]  # on a project, in the vendor's own way: whether it was taken
    hands: Hands  # the people who work and decide in it
    moved_s: float = 0.0

    async def fail(self, kind: str, **fault: Any) -> None:
        answer = await self.control.post("/_sandbox/faults", json={"kind": kind, **fault})
        assert answer.status_code == 201, answer.text

    async def faults(self) -> list[Any]:
        found: list[Any] = (await self.control.get("/_sandbox/faults")).json()
        return found

    async def later(self, seconds: float) -> None:
        """The vendor's clock goes on by so much."""
        self.moved_s += seconds
        await self.control.post("/_sandbox/clock", json={"offset_s": self.moved_s})

    async def now(self) -> datetime:
        """By the vendor's clock."""
        answer = await self.control.post("/_sandbox/clock", json={"offset_s": self.moved_s})
        return datetime.fromisoformat(answer.json()["now"])

    async def mend(self) -> None:
        await self.control.delete("/_sandbox/faults")
