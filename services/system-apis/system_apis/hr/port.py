"""What Syncline asks of an HR system. In and out: the canonical model with the vendor's own ids in its id fields."""

from datetime import date, datetime
from typing import Protocol, runtime_checkable

from canonical.people import Absence, CostRate, Worker
from system_apis.listing import Listing


@runtime_checkable
class Hr(Protocol):
    """Reads raise MISSING for an unknown id. A field that HR hides from us is a MISCONFIGURED, never an empty value."""

    async def worker(self, native_id: str) -> Worker:
        """With all dated terms that HR knows: past, present and those already entered for later."""
        ...

    async def workers(self, changed_since: datetime | None, cursor: str | None, limit: int) -> Listing[Worker]:
        """All workers incl. leavers and future starters, by id.

        `changed_since` is included and looks at both clocks of HR: what was entered since then, and what has become
        effective since then.
        """
        ...

    async def absences(self, native_id: str, from_date: date, to_date: date) -> tuple[Absence, ...]:
        """Approved absence that touches the range (half-open), without kind or reason."""
        ...

    async def cost_rates(self, native_id: str) -> tuple[CostRate, ...]: ...

    async def check(self) -> None:
        """Raise what is wrong with the connection: also a known worker whose mapped fields do not all arrive."""
        ...

    async def close(self) -> None: ...
