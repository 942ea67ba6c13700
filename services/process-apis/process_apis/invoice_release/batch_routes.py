"""Batches of releases, as part of the invoice-release process API."""

from typing import Annotated

import msgspec
from litestar import Controller, Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter

from canonical.batches import Batch, BatchApproval, BatchApprovalResults, BatchChange, BatchItem, NewBatch
from canonical.ids import BatchId
from canonical.paging import Page
from process_apis.commands import IdempotencyKey, once
from process_apis.invoice_release.agreeing import Agreeing
from process_apis.invoice_release.batches import Batches
from servicekit.answers import Answer, StoredAnswers
from servicekit.auth import Caller, requires
from servicekit.contract import documented
from servicekit.cursors import CursorSigner
from servicekit.failures import Kind

LOCATION = ResponseHeader(name="Location", documentation_only=True)
READ, WRITE = requires("invoice-release.releases.read"), requires("invoice-release.releases.write")
DECIDE = requires("invoice-release.releases.decide")


class BatchRoutes(Controller):
    """Everything that is due of a legal entity, released together. One that fails never stops the others."""

    path = "/v1/batches"

    @post(
        "/",
        operation_id="startBatch",
        guards=[WRITE],
        status_code=202,
        response_headers=[LOCATION],
        responses=documented(Kind.INVALID, Kind.CONFLICT),
    )
    async def start(
        self,
        data: JSONBody[NewBatch],
        batches: NamedDependency[Batches],
        answers: NamedDependency[StoredAnswers],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Batch]:
        """Ask for all invoices of an entity up to a day. Its work is read once for all of them."""

        async def carry_out() -> Answer:
            batch = await batches.create(data, caller.actor)
            headers = {"Location": f"/v1/batches/{batch.id}"}
            return Answer(status=202, headers=headers, body=msgspec.json.encode(batch))

        return await once(answers, caller, "startBatch", key, data, carry_out)  # type: ignore[return-value]

    @get("/{batch_id:str}", operation_id="getBatch", guards=[READ], responses=documented(Kind.MISSING))
    async def one(self, batch_id: FromPath[BatchId], batches: NamedDependency[Batches]) -> Batch:
        """How far it is: its releases by state, and what they bill by currency."""
        return await batches.one(batch_id)

    @get(
        "/{batch_id:str}/items",
        operation_id="listBatchItems",
        guards=[READ],
        responses=documented(Kind.MISSING, Kind.GONE),
    )
    async def items(
        self,
        batch_id: FromPath[BatchId],
        batches: NamedDependency[Batches],
        cursors: NamedDependency[CursorSigner],
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, QueryParameter()] = None,
    ) -> Page[BatchItem]:
        """Each contract of the batch and what became of it."""
        after = 0 if cursor is None else cursors.read(cursor, int, (batch_id,))
        found, following = await batches.items(batch_id, after, limit)
        return Page(items=found, next=None if following is None else cursors.sign(following, (batch_id,)))

    @post(
        "/{batch_id:str}/changes",
        operation_id="changeBatch",
        guards=[WRITE],
        status_code=202,
        responses=documented(Kind.MISSING, Kind.CONFLICT, Kind.INVALID),
    )
    async def change(
        self,
        batch_id: FromPath[BatchId],
        data: JSONBody[BatchChange],
        batches: NamedDependency[Batches],
        answers: NamedDependency[StoredAnswers],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Batch]:
        """Pause, resume or cancel: what has begun goes on either way."""

        async def carry_out() -> Answer:
            return Answer(status=202, body=msgspec.json.encode(await batches.change(batch_id, data, caller)))

        return await once(answers, caller, f"changeBatch {batch_id}", key, data, carry_out)  # type: ignore[return-value]

    @post(
        "/{batch_id:str}/approvals",
        operation_id="approveBatch",
        guards=[DECIDE],
        status_code=202,
        responses=documented(Kind.MISSING, Kind.CONFLICT, Kind.INVALID),
    )
    async def approve(
        self,
        batch_id: FromPath[BatchId],
        data: JSONBody[BatchApproval],
        agreeing: NamedDependency[Agreeing],
        answers: NamedDependency[StoredAnswers],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[BatchApprovalResults]:
        """Agree to every draft of the batch that waits for this person, each within their limit: a result for each."""

        async def carry_out() -> Answer:
            results = await agreeing.approve_batch(batch_id, data, caller)
            return Answer(status=202, body=msgspec.json.encode(BatchApprovalResults(items=results)))

        return await once(answers, caller, f"approveBatch {batch_id}", key, data, carry_out)  # type: ignore[return-value]
