"""The CRM system API. Contract: contracts/openapi/system/crm.v1.yaml. No vendor is named here."""

from litestar import Controller, Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath

from canonical.ids import ContractId, CustomerId, OpportunityId
from canonical.paging import Page
from canonical.sales import Contract, Customer, Opportunity
from servicekit.auth import requires
from servicekit.contract import documented
from servicekit.cursors import CursorSigner
from servicekit.etags import etag_of
from servicekit.failures import Kind
from system_apis.connections import Connections
from system_apis.crm.port import Crm
from system_apis.directory import Directory
from system_apis.routing import ETAG, PLATFORM, ChangedSince, ConnectionParameter, Cursor, Limit, zoned


class OpportunityRoutes(Controller):
    """Sales being pursued."""

    path = "/v1/opportunities"
    tags = ("opportunities",)

    @get(
        "/",
        operation_id="listOpportunities",
        guards=[requires("crm.opportunities.read")],
        responses=documented(Kind.GONE, *PLATFORM),
    )
    async def many(
        self,
        connections: NamedDependency[Connections[Crm]],
        directory: NamedDependency[Directory],
        cursors: NamedDependency[CursorSigner],
        connection: ConnectionParameter,
        updated_after: ChangedSince = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[Opportunity]:
        """Opportunities of one connection by the moment of their last change, oldest first.

        What changed at `updated_after` is included. One that cannot be told of, such as a deal without a customer, is
        left out until it can.
        """
        since = zoned(updated_after)
        filters = {"connection": connection, "updated_after": since}
        place = None if cursor is None else cursors.read(cursor, str, filters)
        listing = await connections.get(connection).opportunities(since, place, limit)
        items = await directory.adopt_all(listing.items, connection)
        return Page(items=items, next=None if listing.cursor is None else cursors.sign(listing.cursor, filters))

    @get(
        "/{opportunity_id:str}",
        operation_id="getOpportunity",
        guards=[requires("crm.opportunities.read")],
        response_headers=[ETAG],
        responses=documented(Kind.INVALID, *PLATFORM),
    )
    async def one(
        self,
        opportunity_id: FromPath[OpportunityId],
        connections: NamedDependency[Connections[Crm]],
        directory: NamedDependency[Directory],
    ) -> Response[Opportunity]:
        """One opportunity, read afresh. 422 `record_incomplete` names what is empty in the CRM."""
        place = await directory.place("opportunity", opportunity_id)
        found = await connections.get(place.connection).opportunity(place.native_id)
        adopted = await directory.adopt(found, place.connection)
        return Response(adopted, headers={"ETag": etag_of(adopted)})


class CustomerRoutes(Controller):
    """Customers as sales knows them."""

    path = "/v1/customers"
    tags = ("customers",)

    @get(
        "/{customer_id:str}",
        operation_id="getCustomer",
        guards=[requires("crm.customers.read")],
        response_headers=[ETAG],
        responses=documented(Kind.INVALID, *PLATFORM),
    )
    async def one(
        self,
        customer_id: FromPath[CustomerId],
        connections: NamedDependency[Connections[Crm]],
        directory: NamedDependency[Directory],
    ) -> Response[Customer]:
        """One customer, read afresh. 422 `record_incomplete` names what is empty in the CRM."""
        place = await directory.place("customer", customer_id)
        found = await connections.get(place.connection).customer(place.native_id)
        adopted = await directory.adopt(found, place.connection)
        return Response(adopted, headers={"ETag": etag_of(adopted)})


class ContractRoutes(Controller):
    """What was agreed with customers."""

    path = "/v1/contracts"
    tags = ("contracts",)

    @get(
        "/{contract_id:str}",
        operation_id="getContract",
        guards=[requires("crm.contracts.read")],
        response_headers=[ETAG],
        responses=documented(Kind.INVALID, *PLATFORM),
    )
    async def one(
        self,
        contract_id: FromPath[ContractId],
        connections: NamedDependency[Connections[Crm]],
        directory: NamedDependency[Directory],
    ) -> Response[Contract]:
        """One contract with its lines, milestones and planned roles, read afresh.

        422 `record_incomplete` names what is empty in the CRM.
        """
        place = await directory.place("contract", contract_id)
        found = await connections.get(place.connection).contract(place.native_id)
        adopted = await directory.adopt(found, place.connection)
        return Response(adopted, headers={"ETag": etag_of(adopted)})
