"""Between routes and port: finds the connection of a canonical id, translates ids both ways, claims every write."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec

from canonical.delivery import Match, NewMatch, Project, Resource
from canonical.paging import Page
from servicekit.cursors import CursorSigner
from servicekit.failures import Failure, Kind
from system_apis.connections import Connections
from system_apis.directory import Directory
from system_apis.listing import Listing
from system_apis.psa.matching import decided
from system_apis.psa.port import Psa
from system_apis.writes import Writes

T = TypeVar("T", bound=msgspec.Struct)
N = TypeVar("N", bound=msgspec.Struct)

Create = Callable[[Psa, N], Awaitable[T]]
Find = Callable[[Psa, N], Awaitable[T | None]]
CreateInProject = Callable[[Psa, str, N], Awaitable[T]]
FindInProject = Callable[[Psa, str, N], Awaitable[T | None]]


class Desk:
    """The PSAs of the firm behind canonical ids. Raises what the directory, the writes and the port raise."""

    def __init__(
        self, connections: Connections[Psa], directory: Directory, writes: Writes, cursors: CursorSigner
    ) -> None:
        self._connections = connections
        self._directory = directory
        self._writes = writes
        self._cursors = cursors

    async def page(
        self,
        connection: str,
        cursor: str | None,
        read: Callable[[Psa, str | None], Awaitable[Listing[T]]],
        kind: type[T],
        query: object = None,
    ) -> Page[T]:
        """A page of a connection's records. Cursors are signed and belong to one kind, connection and query."""
        filters = (kind.__name__, connection, query)
        place = None if cursor is None else self._cursors.read(cursor, str, filters)
        listing = await read(self._connections.get(connection), place)
        after = None if listing.cursor is None else self._cursors.sign(listing.cursor, filters)
        return Page(items=await self._directory.adopt_all(listing.items, connection), next=after)

    async def native_project(self, connection: str, project_id: str | None) -> str | None:
        """What the connection calls the project. Raises MISSING where it does not have it."""
        if project_id is None:
            return None
        places = await self._directory.places("project", project_id)
        found = next((place.id for place in places if place.connection == connection), None)
        if found is None:
            raise Failure(Kind.MISSING, f"there is no project {project_id} at {connection}")
        return found

    async def project_of_contract(self, connection: str, contract_number: str) -> Page[Project]:
        found = await self._connections.get(connection).project_of_contract(contract_number)
        return Page(items=() if found is None else (await self._directory.adopt(found, connection),))

    async def resource_of_worker(self, connection: str, worker_id: str) -> Page[Resource]:
        """The record that is linked to the worker, if one is."""
        psa = self._connections.get(connection)
        native_id = await self._linked(connection, worker_id)
        if native_id is None:
            return Page(items=())
        return Page(items=(await self._directory.adopt(await psa.resource(native_id), connection),))

    async def with_record(self, kind: str, canonical_id: str, work: Callable[[Psa, str], Awaitable[T]]) -> T:
        """What `work` makes of the record in its own PSA, with canonical ids."""
        place = await self._directory.place(kind, canonical_id)
        record = await work(self._connections.get(place.connection), place.native_id)
        return await self._directory.adopt(record, place.connection)

    async def of_project(self, project_id: str, read: Callable[[Psa, str], Awaitable[tuple[T, ...]]]) -> Page[T]:
        """All that a project has of something, on one page."""
        place = await self._directory.place("project", project_id)
        records = await read(self._connections.get(place.connection), place.native_id)
        return Page(items=await self._directory.adopt_all(records, place.connection))

    async def create(
        self,
        operation: str,
        connection: str,
        key: str,
        new: N,
        returns: type[T],
        send: Create[N, T],
        found: Find[N, T],
        scope: str = "",
    ) -> T:
        """The record that the first effective try under the key made. `scope` is what the key is unique in."""
        psa = self._connections.get(connection)
        native = await self._directory.to_native(new, connection)

        async def sent() -> T:
            return await self._directory.adopt(await send(psa, native), connection)

        async def looked_for() -> T | None:
            record = await found(psa, native)
            return None if record is None else await self._directory.adopt(record, connection)

        return await self._writes.perform(
            f"{operation} {scope or connection}",
            key,
            new,
            settlement=psa.settlements[operation],
            send=sent,
            found=looked_for,
            returns=returns,
        )

    async def create_in_project(
        self,
        operation: str,
        project_id: str,
        key: str,
        new: N,
        returns: type[T],
        send: CreateInProject[N, T],
        found: FindInProject[N, T],
    ) -> T:
        place = await self._directory.place("project", project_id)
        return await self.create(
            operation,
            place.connection,
            key,
            new,
            returns,
            lambda psa, native: send(psa, place.native_id, native),
            lambda psa, native: found(psa, place.native_id, native),
            scope=project_id,
        )

    async def match(self, connection: str, new: NewMatch) -> Match:
        """Link the worker to the one record that is certainly theirs. Raises CONFLICT when that is another worker's."""
        psa = self._connections.get(connection)
        linked_id = await self._linked(connection, new.worker_id)
        linked = None if linked_id is None else await psa.resource(linked_id)
        verdict = decided(await psa.resources_of(new.worker_number, new.email), new, linked)
        if verdict.resource is None:
            return Match(worker_id=new.worker_id, result=verdict.result, matched_id=None, matched_by=None)
        await self._directory.link("worker", new.worker_id, connection, verdict.resource.id)
        resource = await self._directory.adopt(verdict.resource, connection)
        return Match(worker_id=new.worker_id, result="linked", matched_id=resource.id, matched_by=verdict.matched_by)

    async def _linked(self, connection: str, worker_id: str) -> str | None:
        """The native id of the worker's record in this PSA, if one is linked."""
        places = await self._directory.places("worker", worker_id)
        return next((place.id for place in places if place.connection == connection), None)
