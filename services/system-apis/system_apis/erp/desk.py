"""Between routes and port: finds the connection of a canonical id, translates ids both ways, claims every write."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from canonical.ids import CustomerId
from canonical.ledger import CustomerAccount, LegalEntity, NewCustomerAccount, NewProjectShell, ProjectShell
from canonical.paging import Page
from servicekit.cursors import CursorSigner
from system_apis.connections import Connections
from system_apis.directory import Directory
from system_apis.erp.port import Erp
from system_apis.writes import Writes

T = TypeVar("T", bound=msgspec.Struct)


class _Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Whose account it is: the account's native id, which the directory replaces by the customer linked to it."""

    customer_id: CustomerId | None


class Desk:
    """The ERPs of the firm behind canonical ids. Raises what the directory, the writes and the port raise."""

    def __init__(
        self, connections: Connections[Erp], directory: Directory, writes: Writes, cursors: CursorSigner
    ) -> None:
        self._connections = connections
        self._directory = directory
        self._writes = writes
        self._cursors = cursors

    async def legal_entities(self, connection: str) -> Page[LegalEntity]:
        found = await self._connections.get(connection).legal_entities()
        return Page(items=await self._directory.adopt_all(found, connection))

    async def reference_data(self, connection: str, read: Callable[[Erp], Awaitable[tuple[T, ...]]]) -> Page[T]:
        """All of something that has codes and no ids, on one page."""
        return Page(items=await read(self._connections.get(connection)))

    async def account_of(
        self, connection: str, legal_entity: str, customer_number: str, currency: str
    ) -> Page[CustomerAccount]:
        """The one account that fits, or none."""
        found = await self._connections.get(connection).customer_account_of(legal_entity, customer_number, currency)
        return Page(items=() if found is None else (await self._adopted_account(found, connection),))

    async def account(self, account_id: str) -> CustomerAccount:
        place = await self._directory.place("customer_account", account_id)
        found = await self._connections.get(place.connection).customer_account(place.native_id)
        return await self._adopted_account(found, place.connection)

    async def ensure_account(self, connection: str, key: str, new: NewCustomerAccount) -> CustomerAccount:
        """The customer's account, found or created, and linked to the customer from now on."""
        erp = self._connections.get(connection)

        async def found() -> CustomerAccount | None:
            record = await erp.created_customer_account(new, key)
            return None if record is None else await self._linked_account(record, new, connection)

        async def sent() -> CustomerAccount:
            standing = await erp.customer_account_of(new.legal_entity_code, new.customer_number, new.currency)
            record = standing or await erp.create_customer_account(new, key)
            return await self._linked_account(record, new, connection)

        return await self._writes.perform(
            f"create_customer_account {connection}",
            key,
            new,
            settlement=erp.settlements["create_customer_account"],
            send=sent,
            found=found,
            returns=CustomerAccount,
        )

    async def shells(self, connection: str, legal_entity: str, cursor: str | None, limit: int) -> Page[ProjectShell]:
        """A page of an entity's shells by number. Cursors are signed and belong to the connection and entity."""
        filters = ("project_shell", connection, legal_entity)
        place = None if cursor is None else self._cursors.read(cursor, str, filters)
        listing = await self._connections.get(connection).project_shells(legal_entity, place, limit)
        after = None if listing.cursor is None else self._cursors.sign(listing.cursor, filters)
        return Page(items=await self._directory.adopt_all(listing.items, connection), next=after)

    async def shell_of(self, connection: str, legal_entity: str, number: str) -> Page[ProjectShell]:
        found = await self._connections.get(connection).project_shell_of(legal_entity, number)
        return Page(items=() if found is None else (await self._directory.adopt(found, connection),))

    async def with_shell(self, shell_id: str, work: Callable[[Erp, str], Awaitable[ProjectShell]]) -> ProjectShell:
        """What `work` makes of the shell in its own ERP, with canonical ids."""
        place = await self._directory.place("project_shell", shell_id)
        shell = await work(self._connections.get(place.connection), place.native_id)
        return await self._directory.adopt(shell, place.connection)

    async def create_shell(self, connection: str, key: str, new: NewProjectShell) -> ProjectShell:
        erp = self._connections.get(connection)
        native = await self._directory.to_native(new, connection)

        async def found() -> ProjectShell | None:
            record = await erp.created_project_shell(native, key)
            return None if record is None else await self._directory.adopt(record, connection)

        async def sent() -> ProjectShell:
            return await self._directory.adopt(await erp.create_project_shell(native, key), connection)

        return await self._writes.perform(
            f"create_project_shell {connection}",
            key,
            new,
            settlement=erp.settlements["create_project_shell"],
            send=sent,
            found=found,
            returns=ProjectShell,
        )

    async def _linked_account(
        self, record: CustomerAccount, new: NewCustomerAccount, connection: str
    ) -> CustomerAccount:
        """Raises CONFLICT `already_linked` for an account that is another customer's."""
        entity, currency = record.legal_entity_code, record.currency
        await self._directory.link("customer", new.customer_id, connection, record.id, entity, currency)
        return await self._adopted_account(record, connection)

    async def _adopted_account(self, record: CustomerAccount, connection: str) -> CustomerAccount:
        owner = await self._directory.adopt(_Owner(customer_id=record.id), connection)
        adopted = await self._directory.adopt(record, connection)
        return msgspec.structs.replace(adopted, customer_id=owner.customer_id)
