"""The revenue-recognition process API. Contract: contracts/openapi/process/revenue-recognition.v1.yaml."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from litestar import Controller, Response, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter

from canonical.ids import ContractId, RecognitionId
from canonical.paging import Page
from canonical.recognition import (
    ContractBalance,
    NewRecognition,
    NewRecognitionRun,
    Recognition,
    RecognitionRun,
    RecognitionState,
    TieOut,
)
from canonical.references import LegalEntityCode
from canonical.rehearsals import RevenueRehearsal
from canonical.work import DiscardRequest, ExceptionDecision, RetryRequest
from process_apis.commands import IdempotencyKey, once
from process_apis.deciding import Deciding
from process_apis.revenue_recognition.recognitions import Recognitions
from process_apis.revenue_recognition.rehearsing import Rehearsing
from process_apis.revenue_recognition.starting import Starter
from process_apis.revenue_recognition.tieout import TyingOut
from servicekit.answers import Answer, StoredAnswers
from servicekit.auth import Caller, requires
from servicekit.contract import documented
from servicekit.cursors import CursorSigner
from servicekit.etags import etag_of
from servicekit.failures import Kind

ETAG = ResponseHeader(name="ETag", documentation_only=True)
LOCATION = ResponseHeader(name="Location", documentation_only=True)
READ = requires("revenue-recognition.recognitions.read")
WRITE = requires("revenue-recognition.recognitions.write")
CHANGES = documented(Kind.MISSING, Kind.CONFLICT, Kind.INVALID)
EntityPath = Annotated[str, PathParameter(pattern=r"^[A-Z][A-Z0-9]{1,9}$")]


class RecognitionRoutes(Controller):
    """What contracts have earned, period by period."""

    path = "/v1/recognitions"

    @post(
        "/",
        operation_id="startRecognition",
        guards=[WRITE],
        status_code=202,
        response_headers=[LOCATION],
        responses=documented(Kind.INVALID, Kind.CONFLICT, Kind.UNAVAILABLE, Kind.TIMED_OUT),
    )
    async def start(
        self,
        data: JSONBody[NewRecognition],
        starter: NamedDependency[Starter],
        recognitions: NamedDependency[Recognitions],
        answers: NamedDependency[StoredAnswers],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Recognition]:
        """Ask for the revenue of a contract up to the end of a period. A repeat finds nothing left to post."""

        async def carry_out() -> Answer:
            recognition = await recognitions.of_run(await starter.on_request(data, caller.actor))
            headers = {"Location": f"/v1/recognitions/{recognition.id}"}
            return Answer(status=202, headers=headers, body=msgspec.json.encode(recognition))

        return await once(answers, caller, "startRecognition", key, data, carry_out)  # type: ignore[return-value]

    @get("/", operation_id="listRecognitions", guards=[READ], responses=documented(Kind.GONE))
    async def many(
        self,
        recognitions: NamedDependency[Recognitions],
        cursors: NamedDependency[CursorSigner],
        wanted_state: Annotated[RecognitionState | None, QueryParameter(name="state")] = None,
        legal_entity_code: Annotated[LegalEntityCode | None, QueryParameter()] = None,
        contract_id: Annotated[ContractId | None, QueryParameter()] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, QueryParameter()] = None,
    ) -> Page[Recognition]:
        """Recognitions, newest first, without their steps."""
        filters = {"state": wanted_state, "legal_entity_code": legal_entity_code, "contract_id": contract_id}
        before = None if cursor is None else cursors.read(cursor, tuple[datetime, str], filters)
        found = await recognitions.many(filters, before, limit + 1)
        page = found[:limit]
        more = cursors.sign((page[-1].started_at, page[-1].id), filters) if len(found) > limit else None
        return Page(items=page, next=more)

    @get(
        "/{recognition_id:str}",
        operation_id="getRecognition",
        guards=[READ],
        response_headers=[ETAG],
        responses=documented(Kind.MISSING),
    )
    async def one(
        self, recognition_id: FromPath[RecognitionId], recognitions: NamedDependency[Recognitions]
    ) -> Response[Recognition]:
        """One recognition with what it was measured by, and the history of its steps."""
        recognition = await recognitions.one(recognition_id)
        return Response(recognition, headers={"ETag": etag_of(recognition)})

    @post(
        "/{recognition_id:str}/retries",
        operation_id="retryRecognition",
        guards=[WRITE],
        status_code=202,
        responses=CHANGES,
    )
    async def retry(
        self,
        recognition_id: FromPath[RecognitionId],
        data: JSONBody[RetryRequest],
        deciding: NamedDependency[Deciding],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Recognition]:
        """Try the step again that waits. The cause has been mended where it lay."""
        decision = ExceptionDecision(decision="retry", reason=data.reason)
        return await deciding.decide(recognition_id, decision, caller, key)

    @post(
        "/{recognition_id:str}/discards",
        operation_id="discardRecognition",
        guards=[WRITE],
        status_code=202,
        responses=CHANGES,
    )
    async def discard(
        self,
        recognition_id: FromPath[RecognitionId],
        data: JSONBody[DiscardRequest],
        deciding: NamedDependency[Deciding],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Recognition]:
        """Give the run up; the next one for the period measures anew."""
        decision = ExceptionDecision(decision="discard", reason=data.reason)
        return await deciding.decide(recognition_id, decision, caller, key)


class LedgerRoutes(Controller):
    """Whole entities: recognised together, and tied out against the ledger."""

    path = "/v1"

    @post(
        "/recognition-runs",
        operation_id="startRecognitionRun",
        guards=[WRITE],
        status_code=202,
        responses=documented(Kind.INVALID, Kind.CONFLICT, Kind.UNAVAILABLE, Kind.TIMED_OUT),
    )
    async def start_all(
        self,
        data: JSONBody[NewRecognitionRun],
        starter: NamedDependency[Starter],
        recognitions: NamedDependency[Recognitions],
        answers: NamedDependency[StoredAnswers],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[RecognitionRun]:
        """Ask for the revenue of every contract of an entity: one recognition each."""

        async def carry_out() -> Answer:
            run_ids = await starter.on_entity(data, caller.actor)
            ids = [(await recognitions.of_run(run_id)).id for run_id in run_ids]
            return Answer(status=202, body=msgspec.json.encode(RecognitionRun(recognition_ids=tuple(ids))))

        return await once(answers, caller, "startRecognitionRun", key, data, carry_out)  # type: ignore[return-value]

    @get("/contract-balances", operation_id="listContractBalances", guards=[READ], responses=documented(Kind.INVALID))
    async def balances(
        self,
        tying_out: NamedDependency[TyingOut],
        contract_id: Annotated[ContractId | None, QueryParameter()] = None,
        legal_entity_code: Annotated[LegalEntityCode | None, QueryParameter()] = None,
    ) -> Page[ContractBalance]:
        """Revenue, invoices and what is left between them, by contract: of one, or of all of an entity."""
        return Page(items=await tying_out.contract_balances(contract_id, legal_entity_code))

    @get("/rehearsals", operation_id="listRevenueRehearsals", guards=[READ])
    async def rehearsals(
        self,
        rehearsing: NamedDependency[Rehearsing],
        legal_entity_code: Annotated[LegalEntityCode, QueryParameter()],
        period_end: Annotated[date, QueryParameter(description="up to but not including this day")],
    ) -> Page[RevenueRehearsal]:
        """What mode `shadow` would have recognised, and each account's move against the ledger's."""
        return Page(items=await rehearsing.rehearsals(legal_entity_code, period_end))

    @get(
        "/tie-outs/{legal_entity_code:str}",
        operation_id="getTieOut",
        guards=[READ],
        responses=documented(Kind.INVALID, Kind.UNAVAILABLE, Kind.TIMED_OUT),
    )
    async def tie_out(
        self,
        legal_entity_code: EntityPath,
        tying_out: NamedDependency[TyingOut],
        period_end: Annotated[date, QueryParameter(description="up to but not including this day")],
    ) -> TieOut:
        """Approved, billed, posted, recognised, collected, and each control account against the ledger, read now."""
        return await tying_out.tie_out(legal_entity_code, period_end)
