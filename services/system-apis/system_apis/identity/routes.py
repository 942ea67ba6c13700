"""The identity system API: accounts, and whose they are. Contract: contracts/openapi/system/identity.v1.yaml."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Controller, Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency, Provide
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter

from canonical.delivery import Match, NewMatch
from canonical.moments import Moment
from canonical.paging import Page
from canonical.people import IdentityAccount
from servicekit.auth import requires
from servicekit.contract import documented
from servicekit.cursors import CursorSigner
from servicekit.etags import etag_of, unchanged
from servicekit.failures import Failure, FieldError, Kind
from system_apis.connections import Connections
from system_apis.directory import Directory
from system_apis.identity.desk import Desk
from system_apis.identity.port import Identity

Connection = Annotated[
    str, QueryParameter(pattern=r"^[a-z][a-z0-9-]{1,40}$", description="The bound platform instance.")
]
AccountPath = Annotated[str, PathParameter(pattern=r"^acc_[0-9a-f]{32}$")]
ChangedSince = Annotated[
    Moment | None, QueryParameter(description="Only what changed at this moment or later; RFC 3339 with a zone.")
]
Cursor = Annotated[str | None, QueryParameter(description="`next` of the page before.", min_length=1)]
Limit = Annotated[int, QueryParameter(ge=1, le=200)]
IfNoneMatch = Annotated[str | None, HeaderParameter(name="If-None-Match")]

READ_FAILURES = (Kind.MISSING, Kind.BAD_UPSTREAM, Kind.UNAVAILABLE, Kind.TIMED_OUT)
ETAG = ResponseHeader(name="ETag", documentation_only=True)


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
        responses=documented(*READ_FAILURES, Kind.GONE),
    )
    async def many(
        self,
        desk: NamedDependency[Desk],
        connection: Connection,
        updated_after: ChangedSince = None,
        cursor: Cursor = None,
        limit: Limit = 50,
    ) -> Page[IdentityAccount]:
        """Accounts, oldest first, deactivated ones too. A page may be short; `next` says whether more come."""
        return await desk.page(connection, _zoned(updated_after), cursor, limit)

    @get(
        "/{account_id:str}",
        operation_id="getAccount",
        guards=[requires("identity.accounts.read")],
        responses=documented(*READ_FAILURES),
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
        responses=documented(*READ_FAILURES, Kind.CONFLICT),
        status_code=200,
    )
    async def match(self, desk: NamedDependency[Desk], connection: Connection, data: JSONBody[NewMatch]) -> Match:
        """The worker's account at the identity provider, linked if it is certain.

        The worker number decides, else e-mail and name together. No account is ever created; the same match twice links
        once; an account that is another worker's is refused (409 `already_linked`).
        """
        return await desk.match(connection, data)


def _zoned(moment: datetime | None) -> datetime | None:
    """Raises MALFORMED for a moment without a zone: the framework reads one as it stands."""
    if moment is None or moment.tzinfo is not None:
        return moment
    wrong = FieldError(pointer="query:updated_after", code="invalid", message="a moment needs a zone, such as Z")
    raise Failure(Kind.MALFORMED, "The request is not well-formed.", errors=(wrong,))
