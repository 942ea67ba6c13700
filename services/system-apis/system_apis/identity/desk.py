"""Between routes and port: finds the connection of a canonical id and translates ids both ways."""

from datetime import datetime

from canonical.delivery import Match, NewMatch
from canonical.paging import Page
from canonical.people import IdentityAccount
from servicekit.cursors import CursorSigner
from servicekit.failures import Failure, Kind
from system_apis.connections import Connections
from system_apis.directory import Directory
from system_apis.identity.matching import decided
from system_apis.identity.port import Identity


class Desk:
    """The identity providers of the firm behind canonical ids. Raises what the directory and the port raise."""

    def __init__(self, connections: Connections[Identity], directory: Directory, cursors: CursorSigner) -> None:
        self._connections = connections
        self._directory = directory
        self._cursors = cursors

    async def page(
        self, connection: str, updated_after: datetime | None, cursor: str | None, limit: int
    ) -> Page[IdentityAccount]:
        """Cursors are signed and belong to the question that they continue."""
        filters = (connection, updated_after)
        place = None if cursor is None else self._cursors.read(cursor, str, filters)
        listing = await self._connections.get(connection).accounts(updated_after, place, limit)
        after = None if listing.cursor is None else self._cursors.sign(listing.cursor, filters)
        return Page(items=await self._directory.adopt_all(listing.items, connection), next=after)

    async def account(self, account_id: str) -> IdentityAccount:
        place = await self._directory.place("identity_account", account_id)
        found = await self._connections.get(place.connection).account(place.native_id)
        return await self._directory.adopt(found, place.connection)

    async def match(self, connection: str, new: NewMatch) -> Match:
        """Link the worker to the one account that is certainly theirs. Raises CONFLICT when it is another worker's."""
        identity = self._connections.get(connection)
        linked = await self._linked(identity, connection, new.worker_id)
        verdict = decided(await identity.accounts_of(new.worker_number, new.email), new, linked)
        if verdict.account is None:
            return Match(worker_id=new.worker_id, result=verdict.result, matched_id=None, matched_by=None)
        await self._directory.link("worker", new.worker_id, connection, verdict.account.id)
        account = await self._directory.adopt(verdict.account, connection)
        return Match(worker_id=new.worker_id, result="linked", matched_id=account.id, matched_by=verdict.matched_by)

    async def _linked(self, identity: Identity, connection: str, worker_id: str) -> IdentityAccount | None:
        """The account at this provider that is linked to the worker. One that was deleted there binds nobody."""
        for place in await self._directory.places("worker", worker_id):
            if place.connection != connection:
                continue
            try:
                return await identity.account(place.id)
            except Failure as failure:
                if failure.kind is not Kind.MISSING:
                    raise
        return None
