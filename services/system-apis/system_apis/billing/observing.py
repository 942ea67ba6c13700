"""What a billing platform tells by webhook: only which record to read again. A number that appears is `invoice-issued`.

An account or a schedule is re-read and its few observed fields are kept, so that a later transition can be seen.
"""

import asyncio
from datetime import datetime, timedelta

from litestar.datastructures import State

from canonical.events import InvoiceIssued
from canonical.invoicing import Invoice
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, Kind
from system_apis.billing.port import Billing
from system_apis.connections import Connections
from system_apis.directory import Directory
from system_apis.listing import Hint
from system_apis.observing import Fields, Observer, Transition
from system_apis.polling import Watermarks

WATCHED = "invoice watch"  # the watermark that never moves: since when a connection is watched


class Watches:
    """Makes the watch of each connection, which knows since when it is watched."""

    def __init__(
        self,
        connections: Connections[Billing],
        directory: Directory,
        observer: Observer,
        database: Database,
        clock: Clock,
        overlap: timedelta,
    ) -> None:
        self._connections = connections
        self._directory = directory
        self._observer = observer
        self._watermarks = Watermarks(database)
        self._clock = clock
        self._overlap = overlap

    async def of(self, connection: str) -> "BillingWatch":
        """Raises MISSING for a connection that is not bound."""
        billing = self._connections.get(connection)
        since = await self._watermarks.at(connection, WATCHED, self._clock.now()) - self._overlap
        return BillingWatch(connection, billing, self._directory, self._observer, self._clock, since)


class Roles:
    """The background role of the billing service."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def watch(self, state: State) -> None:
        """Connections are watched from the first start on, not only from the first delivery. Until cancelled."""
        for connection, _ in state["connections"]:
            await Watermarks(state["database"]).at(connection, WATCHED, self._clock.now())
        await asyncio.Event().wait()


class BillingWatch:
    """Shows one connection's records to the observer.

    Deliveries come together and in any order, and platforms tell a change by the second or not at all: the moment at
    which a reading began says which of two is the newer one. An invoice that was issued before `watched_since` is
    history: seen for the first time, for whatever reason it was touched, it raises no event.
    """

    def __init__(
        self,
        connection: str,
        billing: Billing,
        directory: Directory,
        observer: Observer,
        clock: Clock,
        watched_since: datetime,
    ) -> None:
        self._connection = connection
        self._billing = billing
        self._directory = directory
        self._observer = observer
        self._clock = clock
        self._watched_since = watched_since

    async def look_into(self, hint: Hint) -> None:
        """Read what a hint names, and observe it. What is gone, or was never ours, is passed over."""
        try:
            if hint.kind == "billing_schedule":
                await self._observe_schedule(hint.native_id)
            elif hint.kind == "billing_account":
                await self._observe_account(hint.native_id)
            elif hint.kind == "invoice":
                await self._observe_invoice(hint.native_id)
        except Failure as failure:
            if failure.kind is not Kind.MISSING:
                raise

    async def saw(self, invoice: Invoice, read_at: datetime) -> None:
        """An invoice as it was just read, with canonical ids: by a hint, or by the answer to our own command."""
        await self._observer.observe(
            connection=self._connection,
            canonical_id=invoice.id,
            version=read_at,
            fields={
                "number": invoice.number,
                "document_state": invoice.document_state,
                "payment_state": invoice.payment_state,
            },
            transitions=lambda former: self._issued(invoice, former),
        )

    def _issued(self, invoice: Invoice, former: Fields | None) -> list[Transition]:
        """Once, when the number appears."""
        if invoice.number is None or invoice.issued_at is None or invoice.document_date is None:
            return []
        if former is None and invoice.issued_at < self._watched_since:
            return []
        if former is not None and former.get("number") is not None:
            return []
        issued = InvoiceIssued(
            invoice_id=invoice.id,
            number=invoice.number,
            reference=invoice.reference,
            legal_entity_code=invoice.legal_entity_code,
            document_date=invoice.document_date,
            net=invoice.net,
            tax=invoice.tax,
            gross=invoice.gross,
            issued_at=invoice.issued_at,
        )
        return [Transition(event="invoice-issued", data=issued, legal_entity_code=invoice.legal_entity_code)]

    async def _observe_invoice(self, native_id: str) -> None:
        read_at = self._clock.now()
        await self.saw(await self._directory.adopt(await self._billing.invoice(native_id), self._connection), read_at)

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
