"""What Syncline asks of an identity provider. In and out: the canonical model with the vendor's own ids as ids."""

from datetime import datetime
from typing import Protocol, runtime_checkable

from canonical.people import IdentityAccount
from system_apis.listing import Listing


@runtime_checkable
class Identity(Protocol):
    """Reads raise MISSING for an unknown id; deactivated accounts are still read.

    `worker_id` of an account holds the native id; the directory knows which worker is linked to it.
    """

    async def account(self, native_id: str) -> IdentityAccount: ...

    async def accounts(
        self, changed_since: datetime | None, cursor: str | None, limit: int
    ) -> Listing[IdentityAccount]:
        """Oldest first; what changed at `changed_since` is included, and a page may hold fewer than `limit`."""
        ...

    async def accounts_of(self, worker_number: str, email: str | None) -> tuple[tuple[IdentityAccount, str], ...]:
        """Whose account this may be, each with what it was found by.

        `worker_number`; `email`, where nobody carries the number; `other_worker`: the e-mail of an account that carries
        another worker's number.
        """
        ...

    async def check(self) -> None:
        """Raise what is wrong with the connection, if anything."""
        ...

    async def close(self) -> None: ...
