"""Between routes and port: finds the connection of a canonical id, translates ids both ways, claims every write."""

from collections.abc import Awaitable, Callable

import msgspec

from canonical.billing import (
    BillingAccount,
    BillingSchedule,
    NewBillingAccount,
    NewBillingSchedule,
    ScheduleAmendment,
)
from canonical.invoicing import CreditNote, Invoice, NewCreditNote, NewInvoice
from canonical.paging import Page
from servicekit.cursors import CursorSigner
from servicekit.failures import Failure, Kind
from system_apis.billing.port import Billing
from system_apis.connections import Connections
from system_apis.directory import Directory, Place
from system_apis.writes import Writes


class _Only(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer has one billing account for."""

    customer_id: str
    legal_entity_code: str
    currency: str


class Desk:
    """The billing platforms of the firm behind canonical ids. Raises what directory, writes and port raise."""

    def __init__(
        self, connections: Connections[Billing], directory: Directory, writes: Writes, cursors: CursorSigner
    ) -> None:
        self._connections = connections
        self._directory = directory
        self._writes = writes
        self._cursors = cursors

    async def account(self, account_id: str) -> BillingAccount:
        place = await self._directory.place("billing_account", account_id)
        found = await self._connections.get(place.connection).account(place.native_id)
        return await self._directory.adopt(found, place.connection)

    async def ensure_account(self, connection: str, key: str, new: NewBillingAccount) -> BillingAccount:
        """The customer's account in the currency, found or created, and linked to the customer from now on.

        Two callers who ask for the same account at the same time, each under a key of its own, get the same one.
        """
        billing = self._connections.get(connection)

        async def found() -> BillingAccount | None:
            record = await self._standing(billing, connection, new)
            return None if record is None else await self._linked(record, new, connection)

        async def sent() -> BillingAccount:
            return await found() or await self._create_account(billing, connection, new)

        return await self._writes.perform(
            f"ensure_account {connection}",
            key,
            new,
            settlement=billing.settlements["create_account"],
            send=sent,
            found=found,
            returns=BillingAccount,
        )

    async def _create_account(self, billing: Billing, connection: str, new: NewBillingAccount) -> BillingAccount:
        """Claimed by what makes the account the customer's only one. BUSY while another caller creates it."""
        only = _Only(customer_id=new.customer_id, legal_entity_code=new.legal_entity_code, currency=new.currency)
        key = f"{only.customer_id}:{only.legal_entity_code}:{only.currency}"

        async def found() -> BillingAccount | None:
            record = await billing.created_account(new, key)
            return None if record is None else await self._linked(record, new, connection)

        async def sent() -> BillingAccount:
            return await self._linked(await billing.create_account(new, key), new, connection)

        return await self._writes.perform(
            f"create_account {connection}",
            key,
            only,
            settlement=billing.settlements["create_account"],
            send=sent,
            found=found,
            returns=BillingAccount,
        )

    async def schedules(self, connection: str, cursor: str | None, limit: int) -> Page[BillingSchedule]:
        """A page of a connection's schedules. Cursors are signed and belong to the connection."""
        filters = ("billing_schedule", connection)
        place = None if cursor is None else self._cursors.read(cursor, str, filters)
        listing = await self._connections.get(connection).schedules(place, limit)
        after = None if listing.cursor is None else self._cursors.sign(listing.cursor, filters)
        return Page(items=await self._directory.adopt_all(listing.items, connection), next=after)

    async def schedule_of_project(self, connection: str, project_number: str) -> Page[BillingSchedule]:
        """The one schedule, or none."""
        found = await self._connections.get(connection).schedule_of_project(project_number)
        return Page(items=() if found is None else (await self._directory.adopt(found, connection),))

    async def with_schedule(
        self, schedule_id: str, work: Callable[[Billing, str], Awaitable[BillingSchedule]]
    ) -> BillingSchedule:
        """What `work` makes of the schedule on its own platform, with canonical ids."""
        place = await self._directory.place("billing_schedule", schedule_id)
        schedule = await work(self._connections.get(place.connection), place.native_id)
        return await self._directory.adopt(schedule, place.connection)

    async def create_schedule(self, connection: str, key: str, new: NewBillingSchedule) -> BillingSchedule:
        billing = self._connections.get(connection)
        native = await self._directory.to_native(new, connection)

        async def found() -> BillingSchedule | None:
            record = await billing.created_schedule(native, key)
            return None if record is None else await self._directory.adopt(record, connection)

        async def sent() -> BillingSchedule:
            return await self._directory.adopt(await billing.create_schedule(native, key), connection)

        return await self._writes.perform(
            f"create_schedule {connection}",
            key,
            new,
            settlement=billing.settlements["create_schedule"],
            send=sent,
            found=found,
            returns=BillingSchedule,
        )

    async def amend_schedule(self, schedule_id: str, key: str, amendment: ScheduleAmendment) -> BillingSchedule:
        place = await self._directory.place("billing_schedule", schedule_id)
        billing = self._connections.get(place.connection)

        async def found() -> BillingSchedule | None:
            record = await billing.amended_schedule(place.native_id, key)
            return None if record is None else await self._directory.adopt(record, place.connection)

        async def sent() -> BillingSchedule:
            record = await billing.amend_schedule(place.native_id, amendment, key)
            return await self._directory.adopt(record, place.connection)

        return await self._writes.perform(
            f"amend_schedule {schedule_id}",
            key,
            amendment,
            settlement=billing.settlements["amend_schedule"],
            send=sent,
            found=found,
            returns=BillingSchedule,
        )

    async def invoices(self, connection: str, cursor: str | None, limit: int) -> Page[Invoice]:
        """A page of a connection's invoices. Cursors are signed and belong to the connection."""
        filters = ("invoice", connection)
        place = None if cursor is None else self._cursors.read(cursor, str, filters)
        listing = await self._connections.get(connection).invoices(place, limit)
        after = None if listing.cursor is None else self._cursors.sign(listing.cursor, filters)
        return Page(items=await self._directory.adopt_all(listing.items, connection), next=after)

    async def invoice_of(self, connection: str, reference: str) -> Page[Invoice]:
        """The one invoice, or none."""
        found = await self._connections.get(connection).invoice_of(reference)
        return Page(items=() if found is None else (await self._directory.adopt(found, connection),))

    async def invoice_at(self, invoice_id: str) -> Place:
        """Which connection has the invoice, and under which id."""
        return await self._directory.place("invoice", invoice_id)

    async def with_invoice(self, invoice_id: str, work: Callable[[Billing, str], Awaitable[Invoice]]) -> Invoice:
        """What `work` makes of the invoice on its own platform, with canonical ids."""
        place = await self.invoice_at(invoice_id)
        invoice = await work(self._connections.get(place.connection), place.native_id)
        return await self._directory.adopt(invoice, place.connection)

    async def create_invoice(self, connection: str, key: str, new: NewInvoice) -> Invoice:
        billing = self._connections.get(connection)
        native = await self._directory.to_native(new, connection)

        async def found() -> Invoice | None:
            record = await billing.created_invoice(native, key)
            return None if record is None else await self._directory.adopt(record, connection)

        async def sent() -> Invoice:
            return await self._directory.adopt(await billing.create_invoice(native, key), connection)

        return await self._writes.perform(
            f"create_invoice {connection}",
            key,
            new,
            settlement=billing.settlements["create_invoice"],
            send=sent,
            found=found,
            returns=Invoice,
        )

    async def discard_invoice(self, invoice_id: str) -> Invoice:
        """Remembered: of a draft that is gone the platform may tell nothing any more."""
        place = await self.invoice_at(invoice_id)
        billing = self._connections.get(place.connection)

        async def sent() -> Invoice:
            return await self._directory.adopt(await billing.discard_invoice(place.native_id), place.connection)

        return await self._writes.perform(
            "discard_invoice",
            invoice_id,
            None,
            settlement=billing.settlements["discard_invoice"],
            send=sent,
            found=_nothing,
            returns=Invoice,
        )

    async def credit_notes(self, invoice_id: str) -> Page[CreditNote]:
        """All of an invoice's, on one page."""
        place = await self.invoice_at(invoice_id)
        found = await self._connections.get(place.connection).credit_notes(place.native_id)
        return Page(items=await self._directory.adopt_all(found, place.connection))

    async def create_credit_note(self, invoice_id: str, key: str, new: NewCreditNote) -> CreditNote:
        place = await self.invoice_at(invoice_id)
        billing = self._connections.get(place.connection)

        async def found() -> CreditNote | None:
            record = await billing.created_credit_note(place.native_id, new, key)
            return None if record is None else await self._directory.adopt(record, place.connection)

        async def sent() -> CreditNote:
            record = await billing.create_credit_note(place.native_id, new, key)
            return await self._directory.adopt(record, place.connection)

        return await self._writes.perform(
            f"create_credit_note {invoice_id}",
            key,
            new,
            settlement=billing.settlements["create_credit_note"],
            send=sent,
            found=found,
            returns=CreditNote,
        )

    async def _standing(self, billing: Billing, connection: str, new: NewBillingAccount) -> BillingAccount | None:
        """The account that is linked to the customer already. A platform's own search may not see it yet."""
        for place in await self._directory.places("customer", new.customer_id):
            if place.connection != connection or place.currency != new.currency:
                continue
            try:
                return await billing.account(place.id)
            except Failure as failure:
                if failure.kind is not Kind.MISSING:  # somebody deleted it there
                    raise
        return None

    async def _linked(self, record: BillingAccount, new: NewBillingAccount, connection: str) -> BillingAccount:
        """Raises CONFLICT `already_linked` for an account that is another customer's."""
        entity, currency = record.legal_entity_code, record.currency
        await self._directory.link("customer", new.customer_id, connection, record.id, entity, currency)
        return await self._directory.adopt(record, connection)


async def _nothing() -> None:
    """What can be done again in any case need not be looked for."""
