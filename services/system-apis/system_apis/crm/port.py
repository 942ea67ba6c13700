"""What Syncline asks of a CRM. In and out: the canonical model with the vendor's own ids in its id fields."""

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Protocol, runtime_checkable

from canonical.sales import Contract, Customer, Opportunity
from system_apis.listing import Hint, Listing


@runtime_checkable
class Crm(Protocol):
    """Reads raise MISSING for an unknown id; every call may raise UNAVAILABLE, THROTTLED or MISCONFIGURED."""

    async def opportunity(self, native_id: str) -> Opportunity: ...

    async def opportunities(
        self, changed_since: datetime | None, cursor: str | None, limit: int
    ) -> Listing[Opportunity]:
        """By the moment of the last change, oldest first; `changed_since` is included."""
        ...

    async def customer(self, native_id: str) -> Customer: ...

    async def contract(self, native_id: str) -> Contract: ...

    def changes(self) -> AsyncIterator[Hint]:
        """The CRM's change feed, for as long as it is read; reconnects by itself, repeats are normal."""
        ...

    async def check(self) -> None:
        """Raise what is wrong with the connection, if anything."""
        ...

    async def close(self) -> None: ...
