"""What a billing platform tells by webhook: only which record to read again. No canonical event comes of it so far.

An account or a schedule is re-read and its few observed fields are kept, so that a later transition can be seen.
"""

from servicekit.clock import Clock
from servicekit.failures import Failure, Kind
from system_apis.billing.port import Billing
from system_apis.directory import Directory
from system_apis.listing import Hint
from system_apis.observing import Fields, Observer, Transition


class BillingWatch:
    """Shows one connection's records to the observer.

    Deliveries come together and in any order, and platforms tell a change by the second or not at all: the moment at
    which a reading began says which of two is the newer one.
    """

    def __init__(
        self, connection: str, billing: Billing, directory: Directory, observer: Observer, clock: Clock
    ) -> None:
        self._connection = connection
        self._billing = billing
        self._directory = directory
        self._observer = observer
        self._clock = clock

    async def look_into(self, hint: Hint) -> None:
        """Read what a hint names, and observe it. What is gone, or was never ours, is passed over."""
        try:
            if hint.kind == "billing_schedule":
                await self._observe_schedule(hint.native_id)
            elif hint.kind == "billing_account":
                await self._observe_account(hint.native_id)
        except Failure as failure:
            if failure.kind is not Kind.MISSING:
                raise

    async def _observe_schedule(self, native_id: str) -> None:
        read_at = self._clock.now()
        found = await self._directory.adopt(await self._billing.schedule(native_id), self._connection)
        await self._observer.observe(
            connection=self._connection,
            canonical_id=found.id,
            version=read_at,
            fields={
                "status": found.status,
                "total": found.total.amount,
                "currency": found.currency,
                "items": str(len(found.items)),
            },
            transitions=_none,
        )

    async def _observe_account(self, native_id: str) -> None:
        read_at = self._clock.now()
        found = await self._directory.adopt(await self._billing.account(native_id), self._connection)
        await self._observer.observe(
            connection=self._connection,
            canonical_id=found.id,
            version=read_at,
            fields={"customer_id": found.customer_id, "currency": found.currency},
            transitions=_none,
        )


def _none(_: Fields | None) -> list[Transition]:
    return []
