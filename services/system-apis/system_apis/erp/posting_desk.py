"""Between routes and port for what is posted: rules that no ERP decides, ids both ways, claims of writes."""

from collections.abc import Awaitable, Callable
from datetime import date
from decimal import Decimal
from typing import TypeVar

import msgspec

from canonical.paging import Page
from canonical.postings import (
    AccountBalance,
    ExchangeRate,
    Journal,
    LedgerEntry,
    NewJournal,
    NewReceivable,
    Receivable,
    ReceivablePosting,
)
from servicekit.cursors import CursorSigner
from servicekit.failures import Failure, Kind
from system_apis.connections import Connections
from system_apis.directory import Directory
from system_apis.erp.port import Erp
from system_apis.writes import Settlement, Writes

T = TypeVar("T", bound=msgspec.Struct)

# What a document never credits: only the recognition of revenue moves value from a contract's balance to revenue.
NOT_INVOICED = "revenue"
LOOKING = Settlement(kind="unique_id")  # a look may be taken again


class PostingDesk:
    """What is posted in the ERPs of the firm, behind canonical ids."""

    def __init__(
        self, connections: Connections[Erp], directory: Directory, writes: Writes, cursors: CursorSigner
    ) -> None:
        self._connections = connections
        self._directory = directory
        self._writes = writes
        self._cursors = cursors

    async def exchange_rates(
        self, connection: str, legal_entity: str, from_currency: str, on_date: date, purpose: str
    ) -> Page[ExchangeRate]:
        """The one rate that holds, or none."""
        erp = self._connections.get(connection)
        found = await erp.exchange_rate(legal_entity, from_currency, on_date, purpose)
        return Page(items=() if found is None else (found,))

    async def receivables_of(self, connection: str, legal_entity: str, reference: str) -> Page[Receivable]:
        found = await self._connections.get(connection).receivables_of(legal_entity, reference)
        return Page(items=await self._directory.adopt_all(found, connection))

    async def receivable(self, receivable_id: str) -> Receivable:
        erp, native_id, connection = await self._placed("receivable", receivable_id)
        return await self._directory.adopt(await erp.receivable(native_id), connection)

    async def create_receivable(self, connection: str, key: str, new: NewReceivable) -> Receivable:
        """Raises INVALID `line_credits_revenue`, `several_currencies`, and what the port raises."""
        _require_contract_balances(new)
        erp = self._connections.get(connection)
        native = await self._directory.to_native(new, connection)
        return await self._written(
            "create_receivable",
            connection,
            key,
            new,
            send=lambda: erp.create_receivable(native, key),
            found=lambda: erp.created_receivable(native, key),
            returns=Receivable,
        )

    async def post_receivable(self, receivable_id: str, posting: ReceivablePosting) -> Receivable:
        erp, native_id, connection = await self._placed("receivable", receivable_id)
        return await self._directory.adopt(await erp.post_receivable(native_id, posting), connection)

    async def discard_receivable(self, receivable_id: str) -> Receivable:
        """The draft as it was before it was discarded, whoever asks how often: the ERP keeps nothing of it."""
        erp, native_id, connection = await self._placed("receivable", receivable_id)

        async def seen() -> Receivable:
            return await self._directory.adopt(await erp.receivable(native_id), connection)

        async def nothing() -> None:
            return None

        before = await self._writes.perform(
            f"look_before_discarding {connection}",
            receivable_id,
            None,
            settlement=LOOKING,
            send=seen,
            found=nothing,
            returns=Receivable,
        )
        await erp.discard_receivable(native_id)
        return msgspec.structs.replace(before, status="discarded")

    async def journals_of(self, connection: str, legal_entity: str, reference: str) -> Page[Journal]:
        found = await self._connections.get(connection).journals_of(legal_entity, reference)
        return Page(items=await self._directory.adopt_all(found, connection))

    async def journal(self, journal_id: str) -> Journal:
        erp, native_id, connection = await self._placed("journal", journal_id)
        return await self._directory.adopt(await erp.journal(native_id), connection)

    async def create_journal(self, connection: str, key: str, new: NewJournal) -> Journal:
        """Raises INVALID `unbalanced`, and what the port raises."""
        _require_balance(new)
        erp = self._connections.get(connection)
        return await self._written(
            "create_journal",
            connection,
            key,
            new,
            send=lambda: erp.create_journal(new, key),
            found=lambda: erp.created_journal(new, key),
            returns=Journal,
        )

    async def ledger_entries(
        self,
        connection: str,
        legal_entity: str,
        account_role: str | None,
        document_number: str | None,
        cursor: str | None,
        limit: int,
        *,
        project_number: str | None = None,
        posted_before: date | None = None,
    ) -> Page[LedgerEntry]:
        """A page of entries, oldest first. Cursors are signed and belong to the question they came from."""
        asked = (account_role, document_number, project_number, posted_before)
        filters = ("ledger_entry", connection, legal_entity, *(str(one or "") for one in asked))
        place = None if cursor is None else self._cursors.read(cursor, str, filters)
        erp = self._connections.get(connection)
        listing = await erp.ledger_entries(
            legal_entity,
            account_role,
            document_number,
            place,
            limit,
            project_number=project_number,
            posted_before=posted_before,
        )
        after = None if listing.cursor is None else self._cursors.sign(listing.cursor, filters)
        return Page(items=listing.items, next=after)

    async def account_balances(self, connection: str, legal_entity: str, as_of: date) -> Page[AccountBalance]:
        return Page(items=await self._connections.get(connection).account_balances(legal_entity, as_of))

    async def _placed(self, kind: str, canonical_id: str) -> tuple[Erp, str, str]:
        place = await self._directory.place(kind, canonical_id)
        return self._connections.get(place.connection), place.native_id, place.connection

    async def _written(
        self,
        operation: str,
        connection: str,
        key: str,
        new: msgspec.Struct,
        *,
        send: Callable[[], Awaitable[T]],
        found: Callable[[], Awaitable[T | None]],
        returns: type[T],
    ) -> T:
        """The record that the first effective try under the key made, with canonical ids."""

        async def sent() -> T:
            return await self._directory.adopt(await send(), connection)

        async def looked() -> T | None:
            record = await found()
            return None if record is None else await self._directory.adopt(record, connection)

        return await self._writes.perform(
            f"{operation} {connection}",
            key,
            new,
            settlement=self._connections.get(connection).settlements[operation],
            send=sent,
            found=looked,
            returns=returns,
        )


def _require_contract_balances(new: NewReceivable) -> None:
    if any(line.account_role == NOT_INVOICED for line in new.lines):
        detail = "a document credits the balance of its contract, never revenue"
        raise Failure(Kind.INVALID, detail, code="line_credits_revenue")
    if any(line.amount.currency != new.currency for line in new.lines):
        raise Failure(Kind.INVALID, "a document has one currency", code="several_currencies")


def _require_balance(new: NewJournal) -> None:
    if len({line.amount.currency for line in new.lines}) > 1:
        raise Failure(Kind.INVALID, "a journal has one currency", code="several_currencies")
    if sum((line.amount.value for line in new.lines), Decimal(0)) != 0:
        raise Failure(Kind.INVALID, "the lines of a journal add up to nothing", code="unbalanced")
