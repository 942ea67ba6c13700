"""The operations process API: what people see to. Contract: contracts/openapi/process/operations.v1.yaml."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from litestar import Controller, Response, get, patch, post, put
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, JSONBody, PathParameter, QueryParameter

from canonical.ids import ApprovalId, ExceptionId
from canonical.paging import Page
from canonical.references import LegalEntityCode
from canonical.work import (
    Approval,
    ApprovalDecision,
    AuditRecord,
    Binding,
    BindingChange,
    ExceptionCase,
    ExceptionChange,
    ExceptionDecision,
    ExceptionStatistics,
)
from process_apis.commands import IdempotencyKey, once
from process_apis.operations.desk import Desk
from servicekit.answers import Answer, StoredAnswers
from servicekit.auth import Caller, requires
from servicekit.contract import documented
from servicekit.cursors import CursorSigner
from servicekit.etags import etag_of
from servicekit.failures import Kind

ETAG = ResponseHeader(name="ETag", documentation_only=True)
Limit = Annotated[int, QueryParameter(ge=1, le=200)]
Cursor = Annotated[str | None, QueryParameter()]
Capability = Literal["crm", "psa", "hr", "billing", "erp", "identity"]
EntityPath = Annotated[str, PathParameter(pattern=r"^[A-Z][A-Z0-9]{1,9}$")]
IfMatch = Annotated[str | None, HeaderParameter(name="If-Match")]


class ExceptionRoutes(Controller):
    """The queue of what needs a person."""

    path = "/v1/exceptions"

    @get(
        "/",
        operation_id="listExceptions",
        guards=[requires("operations.exceptions.read")],
        responses=documented(Kind.GONE),
    )
    async def many(
        self,
        desk: NamedDependency[Desk],
        cursors: NamedDependency[CursorSigner],
        status: Annotated[str | None, QueryParameter(max_length=40)] = None,
        owner_team: Annotated[str | None, QueryParameter(max_length=80)] = None,
        run_id: Annotated[str | None, QueryParameter(max_length=200)] = None,
        open_only: Annotated[bool, QueryParameter()] = False,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[ExceptionCase]:
        """Exceptions, oldest first."""
        filters = {"status": status, "owner_team": owner_team, "run_id": run_id, "open_only": open_only}
        after = None if cursor is None else cursors.read(cursor, tuple[datetime, str], filters)
        found = await desk.cases.many(
            status=status, owner_team=owner_team, run_id=run_id, open_only=open_only, after=after, limit=limit + 1
        )
        page = found[:limit]
        more = cursors.sign((page[-1].raised_at, page[-1].id), filters) if len(found) > limit else None
        return Page(items=page, next=more)

    @get(
        "/{exception_id:str}",
        operation_id="getException",
        response_headers=[ETAG],
        guards=[requires("operations.exceptions.read")],
        responses=documented(Kind.MISSING),
    )
    async def one(self, exception_id: FromPath[ExceptionId], desk: NamedDependency[Desk]) -> Response[ExceptionCase]:
        """One exception: what, why, whose, and how to mend it."""
        case = await desk.cases.one(exception_id)
        return Response(case, headers={"ETag": etag_of(case)})

    @patch(
        "/{exception_id:str}",
        operation_id="changeException",
        response_headers=[ETAG],
        guards=[requires("operations.exceptions.write")],
        responses=documented(Kind.MISSING),
    )
    async def change(
        self,
        exception_id: FromPath[ExceptionId],
        data: JSONBody[ExceptionChange],
        desk: NamedDependency[Desk],
        caller: NamedDependency[Caller],
        if_match: IfMatch = None,
    ) -> Response[ExceptionCase]:
        """Assign it, or say something about it."""
        case = await desk.cases.change(exception_id, data, caller, if_match)
        return Response(case, headers={"ETag": etag_of(case)})

    @post(
        "/{exception_id:str}/decisions",
        operation_id="decideException",
        guards=[requires("operations.exceptions.write")],
        status_code=202,
        responses=documented(Kind.MISSING, Kind.CONFLICT, Kind.INVALID),
    )
    async def decide(
        self,
        exception_id: FromPath[ExceptionId],
        data: JSONBody[ExceptionDecision],
        desk: NamedDependency[Desk],
        answers: NamedDependency[StoredAnswers],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[ExceptionCase]:
        """Retry, edit and retry, discard the run, or call done what holds nothing up."""

        async def carry_out() -> Answer:
            await desk.decisions.decide(await desk.cases.one(exception_id), data, caller)
            return Answer(status=202, body=msgspec.json.encode(await desk.cases.one(exception_id)))

        scope = f"decideException {exception_id}"
        return await once(answers, caller, scope, key, data, carry_out)  # type: ignore[return-value]


class StatisticsRoutes(Controller):
    """Counts for screens."""

    path = "/v1/exception-statistics"

    @get("/", operation_id="getExceptionStatistics", guards=[requires("operations.exceptions.read")])
    async def statistics(self, desk: NamedDependency[Desk]) -> ExceptionStatistics:
        """Open exceptions by owner: how many, how old, and how much money they hold up."""
        return await desk.counting.exceptions()


class ApprovalRoutes(Controller):
    """What waits for somebody's agreement."""

    path = "/v1/approvals"

    @get(
        "/",
        operation_id="listApprovals",
        guards=[requires("operations.approvals.read")],
        responses=documented(Kind.GONE),
    )
    async def many(
        self,
        desk: NamedDependency[Desk],
        cursors: NamedDependency[CursorSigner],
        status: Annotated[str | None, QueryParameter(max_length=40)] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[Approval]:
        """Approvals, oldest first."""
        filters = {"status": status}
        after = None if cursor is None else cursors.read(cursor, tuple[datetime, str], filters)
        found = await desk.approvals.many(status, after, limit + 1)
        page = found[:limit]
        more = cursors.sign((page[-1].requested_at, page[-1].id), filters) if len(found) > limit else None
        return Page(items=page, next=more)

    @get(
        "/{approval_id:str}",
        operation_id="getApproval",
        response_headers=[ETAG],
        guards=[requires("operations.approvals.read")],
        responses=documented(Kind.MISSING),
    )
    async def one(self, approval_id: FromPath[ApprovalId], desk: NamedDependency[Desk]) -> Response[Approval]:
        """One approval: what is asked, of whom, and why."""
        approval = await desk.approvals.one(approval_id)
        return Response(approval, headers={"ETag": etag_of(approval)})

    @post(
        "/{approval_id:str}/decisions",
        operation_id="decideApproval",
        guards=[requires("operations.approvals.decide")],
        status_code=200,
        responses=documented(Kind.MISSING, Kind.CONFLICT, Kind.INVALID, Kind.DENIED),
    )
    async def decide(
        self,
        approval_id: FromPath[ApprovalId],
        data: JSONBody[ApprovalDecision],
        desk: NamedDependency[Desk],
        answers: NamedDependency[StoredAnswers],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Approval]:
        """Agree or refuse, as a person with the authority for entity, currency and amount."""

        async def carry_out() -> Answer:
            approval = await desk.approvals.decide(approval_id, data, caller)
            return Answer(status=200, body=msgspec.json.encode(approval))

        scope = f"decideApproval {approval_id}"
        return await once(answers, caller, scope, key, data, carry_out)  # type: ignore[return-value]


class BindingRoutes(Controller):
    """Which connection serves whom, and how far Syncline may go."""

    path = "/v1/bindings"

    @get("/", operation_id="listBindings", guards=[requires("operations.bindings.read")])
    async def many(
        self,
        desk: NamedDependency[Desk],
        legal_entity_code: Annotated[LegalEntityCode | None, QueryParameter()] = None,
    ) -> Page[Binding]:
        """All bindings, by entity, capability and date."""
        return Page(items=await desk.bindings.all(legal_entity_code))

    @put(
        "/{legal_entity_code:str}/{capability:str}",
        operation_id="putBinding",
        guards=[requires("operations.bindings.write")],
    )
    async def put(
        self,
        legal_entity_code: EntityPath,
        capability: FromPath[Capability],
        data: JSONBody[BindingChange],
        desk: NamedDependency[Desk],
        caller: NamedDependency[Caller],
    ) -> Binding:
        """Bind a connection from a date on, or change its mode: off, read, shadow or automatic."""
        return await desk.bindings.put(legal_entity_code, capability, data, caller)


class AuditRoutes(Controller):
    """Who did what."""

    path = "/v1/audit-records"

    @get(
        "/",
        operation_id="listAuditRecords",
        guards=[requires("operations.audit.read")],
        responses=documented(Kind.GONE),
    )
    async def many(
        self,
        desk: NamedDependency[Desk],
        cursors: NamedDependency[CursorSigner],
        subject: Annotated[str | None, QueryParameter(max_length=200)] = None,
        limit: Limit = 50,
        cursor: Cursor = None,
    ) -> Page[AuditRecord]:
        """The audit trail, oldest first."""
        after = 0 if cursor is None else cursors.read(cursor, int, {"subject": subject})
        found, last = await desk.audit.records(subject, after, limit)
        return Page(items=found, next=None if last is None else cursors.sign(last, {"subject": subject}))
