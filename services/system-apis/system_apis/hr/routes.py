"""The HR system API. Contract: contracts/openapi/system/hr.v1.yaml. No vendor is named here."""

from datetime import date
from typing import Annotated

import msgspec
from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from canonical.effective import as_of as holding_on
from canonical.ids import WorkerId
from canonical.paging import Page
from canonical.people import Absence, CostRate, Worker
from servicekit.auth import requires
from servicekit.contract import documented
from servicekit.cursors import CursorSigner
from servicekit.etags import etag_of
from servicekit.failures import Failure, FieldError, Kind
from system_apis.connections import Connections
from system_apis.directory import Directory
from system_apis.hr.port import Hr
from system_apis.routing import ETAG, PLATFORM, ChangedSince, ConnectionParameter, Cursor, Limit, zoned


class WorkerRoutes(Controller):
    """People in their employments."""

    path = "/v1/workers"
    tags = ("workers",)

    @get(
        "/",
        operation_id="listWorkers",
        guards=[requires("hr.workers.read")],
        responses=documented(Kind.GONE, *PLATFORM),
    )
    async def many(
        self,
        connections: NamedDependency[Connections[Hr]],
        directory: NamedDependency[Directory],
        cursors: NamedDependency[CursorSigner],
        connection: ConnectionParameter,
        updated_after: ChangedSince = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[Worker]:
        """Workers of one connection, leavers and those who are still to start included.

        `updated_after` looks at both clocks: what was entered since then, and what has become effective since then. A
        page may then be empty, and a worker may come twice. One whose record is incomplete is left out until it is not.
        """
        since = zoned(updated_after)
        filters = {"connection": connection, "updated_after": since}
        place = None if cursor is None else cursors.read(cursor, str, filters)
        listing = await connections.get(connection).workers(since, place, limit)
        items = await directory.adopt_all(listing.items, connection)
        return Page(items=items, next=None if listing.cursor is None else cursors.sign(listing.cursor, filters))

    @get(
        "/{worker_id:str}",
        operation_id="getWorker",
        guards=[requires("hr.workers.read")],
        response_headers=[ETAG],
        responses=documented(Kind.INVALID, *PLATFORM),
    )
    async def one(
        self,
        worker_id: FromPath[WorkerId],
        connections: NamedDependency[Connections[Hr]],
        directory: NamedDependency[Directory],
        as_of: Annotated[date | None, QueryParameter()] = None,
    ) -> Response[Worker]:
        """One worker, read afresh, with all dated terms; with `as_of` only the terms that hold on that day, if any.

        422 `record_incomplete` names what is empty in HR.
        """
        place = await directory.place("worker", worker_id)
        found = await connections.get(place.connection).worker(place.native_id)
        adopted = await directory.adopt(found, place.connection)
        if as_of is not None:
            terms = holding_on(adopted.terms, as_of)
            adopted = msgspec.structs.replace(adopted, terms=() if terms is None else (terms,))
        return Response(adopted, headers={"ETag": etag_of(adopted)})

    @get(
        "/{worker_id:str}/absences",
        operation_id="listAbsences",
        guards=[requires("hr.absences.read")],
        responses=documented(Kind.INVALID, *PLATFORM),
    )
    async def absences(
        self,
        worker_id: FromPath[WorkerId],
        connections: NamedDependency[Connections[Hr]],
        directory: NamedDependency[Directory],
        from_date: Annotated[date, QueryParameter()],
        to_date: Annotated[date, QueryParameter()],
    ) -> Page[Absence]:
        """Approved absence that touches the days from `from_date` to before `to_date`; never its kind or reason."""
        if to_date < from_date:
            wrong = FieldError(pointer="query:to_date", code="before_from_date", message="It lies before from_date.")
            raise Failure(Kind.INVALID, "The range ends before it starts.", errors=(wrong,))
        place = await directory.place("worker", worker_id)
        found = await connections.get(place.connection).absences(place.native_id, from_date, to_date)
        return Page(items=await directory.adopt_all(found, place.connection))

    @get(
        "/{worker_id:str}/cost-rates",
        operation_id="listCostRates",
        guards=[requires("hr.cost-rates.read")],
        responses=documented(Kind.INVALID, *PLATFORM),
    )
    async def cost_rates(
        self,
        worker_id: FromPath[WorkerId],
        connections: NamedDependency[Connections[Hr]],
        directory: NamedDependency[Directory],
    ) -> Page[CostRate]:
        """What an hour of the worker costs, by day; several for one day: the one recorded last holds."""
        place = await directory.place("worker", worker_id)
        found = await connections.get(place.connection).cost_rates(place.native_id)
        return Page(items=await directory.adopt_all(found, place.connection))
