"""The identity system API: accounts, and whose they are. Contract: contracts/openapi/system/identity.v1.yaml."""

from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, PathParameter

from canonical.delivery import Match, NewMatch
from canonical.paging import Page
from canonical.people import IdentityAccount
from servicekit.auth import requires
from servicekit.contract import documented
from servicekit.cursors import CursorSigner
from servicekit.etags import etag_of, unchanged
from servicekit.failures import Kind
from system_apis.connections import Connections
from system_apis.directory import Directory
from system_apis.identity.desk import Desk
from system_apis.identity.port import Identity
from system_apis.routing import ETAG, PLATFORM, ChangedSince, ConnectionParameter, Cursor, IfNoneMatch, Limit, zoned

AccountPath = Annotated[str, PathParameter(pattern=r"^acc_[0-9a-f]{32}$")]


def at_desk(
    connections: NamedDependency[Connections[Identity]],
    directory: NamedDependency[Directory],
    cursors: NamedDependency[CursorSigner],
) -> Desk:
    """The dependency `desk` of the routes below."""
    return Desk(connections, directory, cursors)


DESK = {"desk": Provide(at_desk, sync_to_thread=False)}


class AccountRoutes(Controller):
    """Accounts at the identity provider."""

    path = "/v1/accounts"
    tags = ("accounts",)
    dependencies = DESK

    @get(
        "/",
        operation_id="listAccounts",
        guards=[requires("identity.accounts.read")],
        responses=documented(*PLATFORM, Kind.GONE),
    )
    async def many(
        self,
        desk: NamedDependency[Desk],
        connection: ConnectionParameter,
        updated_after: ChangedSince = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[IdentityAccount]:
        """Accounts, oldest first, deactivated ones too. A page may be short; `next` says whether more come."""
        return await desk.page(connection, zoned(updated_after), cursor, limit)

    @get(
        "/{account_id:str}",
        operation_id="getAccount",
        guards=[requires("identity.accounts.read")],
        responses=documented(*PLATFORM),
        response_headers=[ETAG],
    )
    async def one(
        self, desk: NamedDependency[Desk], account_id: AccountPath, if_none_match: IfNoneMatch = None
    ) -> Response[IdentityAccount]:
        """One account, read from the platform now. `worker_id` is absent until the account is matched."""
        account = await desk.account(account_id)
        tag = etag_of(account)
        if unchanged(if_none_match, tag):
            nothing: Response[Any] = Response(None, status_code=304, headers={"ETag": tag})
            return nothing
        return Response(account, headers={"ETag": tag})


class AccountMatchRoutes(Controller):
    """Whose account is whose."""

    path = "/v1/account-matches"
    tags = ("accounts",)
    dependencies = DESK

    @post(
        "/",
        operation_id="matchAccount",
        guards=[requires("identity.account-matches.write")],
        responses=documented(*PLATFORM, Kind.CONFLICT),
        status_code=200,
    )
    async def match(
        self, desk: NamedDependency[Desk], connection: ConnectionParameter, data: JSONBody[NewMatch]
    ) -> Match:
        """The worker's account at the identity provider, linked if it is certain.

        The worker number decides, else e-mail and name together. No account is ever created; the same match twice links
        once; an account that is another worker's is refused (409 `already_linked`).
        """
        return await desk.match(connection, data)
