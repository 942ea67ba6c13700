"""The invoice-release process API. Contract: contracts/openapi/process/invoice-release.v1.yaml."""

from datetime import date, datetime
from typing import Annotated

import msgspec
from litestar import Controller, Response, delete, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter

from canonical.ids import BatchId, ContractId, InvoiceId, ReleaseId
from canonical.paging import Page
from canonical.references import LegalEntityCode
from canonical.rehearsals import ReleaseRehearsal
from canonical.releases import (
    ApprovedValue,
    HoldRequest,
    Lineage,
    NarrativeRequest,
    NewCredit,
    NewRelease,
    PostingState,
    Preview,
    Release,
    ReleaseState,
    ReleaseStatistics,
    VoidedNumber,
    WriteDownRequest,
)
from canonical.work import ApprovalDecision, DiscardRequest, ExceptionDecision, RetryRequest
from process_apis.commands import IdempotencyKey, once
from process_apis.deciding import Deciding
from process_apis.invoice_release.adjusting import Adjusting
from process_apis.invoice_release.agreeing import Agreeing
from process_apis.invoice_release.correcting import only_posted
from process_apis.invoice_release.previewing import Previewing
from process_apis.invoice_release.rehearsing import Rehearsing
from process_apis.invoice_release.releases import Releases
from process_apis.invoice_release.starting import Starter
from process_apis.invoice_release.viewing import Viewing
from servicekit.answers import Answer, StoredAnswers
from servicekit.auth import Caller, requires
from servicekit.contract import documented
from servicekit.cursors import CursorSigner
from servicekit.etags import etag_of
from servicekit.failures import Kind

ETAG = ResponseHeader(name="ETag", documentation_only=True)
LOCATION = ResponseHeader(name="Location", documentation_only=True)
READ, WRITE = requires("invoice-release.releases.read"), requires("invoice-release.releases.write")
DECIDE = requires("invoice-release.releases.decide")
CHANGES = documented(Kind.MISSING, Kind.CONFLICT, Kind.INVALID)
ItemPath = Annotated[str, PathParameter(min_length=1, max_length=120)]


class ReleaseRoutes(Controller):
    """Invoices on their way, their corrections, and what people decide about them."""

    path = "/v1/releases"

    @post(
        "/",
        operation_id="startRelease",
        guards=[WRITE],
        status_code=202,
        response_headers=[LOCATION],
        responses=documented(Kind.INVALID, Kind.CONFLICT, Kind.UNAVAILABLE, Kind.TIMED_OUT),
    )
    async def start(
        self,
        data: JSONBody[NewRelease],
        starter: NamedDependency[Starter],
        releases: NamedDependency[Releases],
        answers: NamedDependency[StoredAnswers],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Release]:
        """Ask for the invoice of a contract's unbilled work. While one is under way, asking again gives the same."""

        async def carry_out() -> Answer:
            run_id = await starter.on_request(data, caller.actor)
            return await _accepted(releases, run_id)

        return await once(answers, caller, "startRelease", key, data, carry_out)  # type: ignore[return-value]

    @get("/", operation_id="listReleases", guards=[READ], responses=documented(Kind.GONE))
    async def many(
        self,
        releases: NamedDependency[Releases],
        cursors: NamedDependency[CursorSigner],
        wanted_state: Annotated[ReleaseState | None, QueryParameter(name="state")] = None,
        legal_entity_code: Annotated[LegalEntityCode | None, QueryParameter()] = None,
        contract_id: Annotated[ContractId | None, QueryParameter()] = None,
        batch_id: Annotated[BatchId | None, QueryParameter()] = None,
        posting_state: Annotated[PostingState | None, QueryParameter()] = None,
        limit: Annotated[int, QueryParameter(ge=1, le=200)] = 50,
        cursor: Annotated[str | None, QueryParameter()] = None,
    ) -> Page[Release]:
        """Releases, newest first, without draft and steps."""
        filters = {
            "state": wanted_state,
            "legal_entity_code": legal_entity_code,
            "contract_id": contract_id,
            "batch_id": batch_id,
            "posting_state": posting_state,
        }
        before = None if cursor is None else cursors.read(cursor, tuple[datetime, str], filters)
        found = await releases.many(filters, before, limit + 1)
        page = found[:limit]
        more = cursors.sign((page[-1].started_at, page[-1].id), filters) if len(found) > limit else None
        return Page(items=page, next=more)

    @get(
        "/{release_id:str}",
        operation_id="getRelease",
        guards=[READ],
        response_headers=[ETAG],
        responses=documented(Kind.MISSING),
    )
    async def one(self, release_id: FromPath[ReleaseId], releases: NamedDependency[Releases]) -> Response[Release]:
        """One release with its draft and the history of its steps."""
        release = await releases.one(release_id)
        return Response(release, headers={"ETag": etag_of(release)})

    @get(
        "/{release_id:str}/lineage",
        operation_id="getReleaseLineage",
        guards=[READ],
        responses=documented(Kind.MISSING, Kind.INVALID, Kind.UNAVAILABLE, Kind.TIMED_OUT),
    )
    async def lineage(self, release_id: FromPath[ReleaseId], viewing: NamedDependency[Viewing]) -> Lineage:
        """From each time entry and its approver to the lines in the ledger, which are read now."""
        return await viewing.lineage(release_id)

    @post(
        "/{release_id:str}/approvals", operation_id="decideRelease", guards=[DECIDE], status_code=202, responses=CHANGES
    )
    async def decide(
        self,
        release_id: FromPath[ReleaseId],
        data: JSONBody[ApprovalDecision],
        agreeing: NamedDependency[Agreeing],
        releases: NamedDependency[Releases],
        answers: NamedDependency[StoredAnswers],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Release]:
        """Approve or reject what waits for this person: a reason is asked for either way.

        403 `beyond_authority`, `own_work` or `own_request` where nothing of it is theirs to decide.
        """

        async def carry_out() -> Answer:
            await agreeing.decide(release_id, data, caller)
            return Answer(status=202, body=msgspec.json.encode(await releases.one(release_id)))

        return await once(answers, caller, f"decideRelease {release_id}", key, data, carry_out)  # type: ignore[return-value]

    @post("/{release_id:str}/holds", operation_id="holdItems", guards=[WRITE], status_code=202, responses=CHANGES)
    async def hold(
        self,
        release_id: FromPath[ReleaseId],
        data: JSONBody[HoldRequest],
        adjusting: NamedDependency[Adjusting],
        answers: NamedDependency[StoredAnswers],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Release]:
        """Keep items off the draft, with a reason. It is drafted anew and agreed to anew."""

        async def carry_out() -> Answer:
            return _changed(await adjusting.hold(release_id, data, caller))

        return await once(answers, caller, f"holdItems {release_id}", key, data, carry_out)  # type: ignore[return-value]

    @post("/{release_id:str}/write-downs", operation_id="writeDown", guards=[WRITE], status_code=202, responses=CHANGES)
    async def write_down(
        self,
        release_id: FromPath[ReleaseId],
        data: JSONBody[WriteDownRequest],
        adjusting: NamedDependency[Adjusting],
        answers: NamedDependency[StoredAnswers],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Release]:
        """Bill less of an item than it is worth, with a reason. It is drafted anew and agreed to anew."""

        async def carry_out() -> Answer:
            return _changed(await adjusting.write_down(release_id, data, caller))

        return await once(answers, caller, f"writeDown {release_id}", key, data, carry_out)  # type: ignore[return-value]

    @post(
        "/{release_id:str}/narratives", operation_id="editNarrative", guards=[WRITE], status_code=202, responses=CHANGES
    )
    async def say(
        self,
        release_id: FromPath[ReleaseId],
        data: JSONBody[NarrativeRequest],
        adjusting: NamedDependency[Adjusting],
        answers: NamedDependency[StoredAnswers],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Release]:
        """Say what was done in other words. It is drafted anew and agreed to anew."""

        async def carry_out() -> Answer:
            return _changed(await adjusting.say(release_id, data, caller))

        return await once(answers, caller, f"editNarrative {release_id}", key, data, carry_out)  # type: ignore[return-value]

    @post("/{release_id:str}/retries", operation_id="retryRelease", guards=[WRITE], status_code=202, responses=CHANGES)
    async def retry(
        self,
        release_id: FromPath[ReleaseId],
        data: JSONBody[RetryRequest],
        deciding: NamedDependency[Deciding],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Release]:
        """Try the step again that waits. The cause has been mended where it lay."""
        decision = ExceptionDecision(decision="retry", reason=data.reason)
        return await deciding.decide(release_id, decision, caller, key)

    @post(
        "/{release_id:str}/discards", operation_id="discardRelease", guards=[WRITE], status_code=202, responses=CHANGES
    )
    async def discard(
        self,
        release_id: FromPath[ReleaseId],
        data: JSONBody[DiscardRequest],
        deciding: NamedDependency[Deciding],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Release]:
        """Give the invoice up: drafts are discarded, a number that was given is voided, nothing stays claimed."""
        decision = ExceptionDecision(decision="discard", reason=data.reason)
        return await deciding.decide(release_id, decision, caller, key)

    @post(
        "/{release_id:str}/credits",
        operation_id="creditRelease",
        guards=[WRITE],
        status_code=202,
        response_headers=[LOCATION],
        responses=CHANGES,
    )
    async def credit(
        self,
        release_id: FromPath[ReleaseId],
        data: JSONBody[NewCredit],
        starter: NamedDependency[Starter],
        releases: NamedDependency[Releases],
        answers: NamedDependency[StoredAnswers],
        caller: NamedDependency[Caller],
        key: IdempotencyKey,
    ) -> Response[Release]:
        """Correct a posted invoice by a credit note, in whole or in lines, and bill it anew where that is asked for."""

        async def carry_out() -> Answer:
            release = await releases.one(release_id)
            only_posted(release.posting_state, release.reference)
            return await _accepted(releases, await starter.credit(release, data, caller.actor))

        return await once(answers, caller, f"creditRelease {release_id}", key, data, carry_out)  # type: ignore[return-value]


class InvoicingRoutes(Controller):
    """What is seen beside single releases."""

    path = "/v1"

    @get(
        "/release-previews",
        operation_id="previewRelease",
        guards=[READ],
        responses=documented(Kind.MISSING, Kind.INVALID, Kind.UNAVAILABLE, Kind.TIMED_OUT),
    )
    async def preview(
        self,
        previewing: NamedDependency[Previewing],
        contract_id: Annotated[ContractId, QueryParameter()],
        cut_off: Annotated[date, QueryParameter(description="up to but not including this day")],
        document_date: Annotated[date | None, QueryParameter()] = None,
    ) -> Preview:
        """What a release would bill now, line by line, and what stands in its way. Nothing is written."""
        return await previewing.preview(contract_id, cut_off, document_date)

    @get("/release-statistics", operation_id="getReleaseStatistics", guards=[READ])
    async def statistics(
        self,
        viewing: NamedDependency[Viewing],
        legal_entity_code: Annotated[LegalEntityCode | None, QueryParameter()] = None,
    ) -> ReleaseStatistics:
        """Invoices by their states, unbilled value by age, who is waited for, and postings that failed."""
        return await viewing.statistics(legal_entity_code)

    @get("/approved-values", operation_id="listApprovedValues", guards=[READ])
    async def approved_values(
        self,
        viewing: NamedDependency[Viewing],
        contract_id: Annotated[ContractId | None, QueryParameter()] = None,
        legal_entity_code: Annotated[LegalEntityCode | None, QueryParameter()] = None,
    ) -> Page[ApprovedValue]:
        """The identity of approved value by contract: where each approved amount went."""
        return Page(items=await viewing.approved_values(contract_id, legal_entity_code))

    @get("/rehearsals", operation_id="listReleaseRehearsals", guards=[READ])
    async def rehearsals(
        self,
        rehearsing: NamedDependency[Rehearsing],
        legal_entity_code: Annotated[LegalEntityCode, QueryParameter()],
        cut_off: Annotated[date, QueryParameter(description="up to but not including this day")],
    ) -> Page[ReleaseRehearsal]:
        """What mode `shadow` would have billed and posted, line by line against what was posted after it."""
        return Page(items=await rehearsing.rehearsals(legal_entity_code, cut_off))

    @get(
        "/invoices/{invoice_id:str}/release",
        operation_id="getReleaseOfInvoice",
        guards=[READ],
        responses=documented(Kind.MISSING),
    )
    async def of_invoice(self, invoice_id: FromPath[InvoiceId], releases: NamedDependency[Releases]) -> Release:
        """The release that issued an invoice."""
        return await releases.of_invoice(invoice_id)

    @get("/voided-numbers", operation_id="listVoidedNumbers", guards=[READ])
    async def voided(
        self,
        releases: NamedDependency[Releases],
        legal_entity_code: Annotated[LegalEntityCode, QueryParameter()],
    ) -> Page[VoidedNumber]:
        """The register of numbers that were given and voided, with the reason of each."""
        return Page(items=await releases.voided(legal_entity_code))

    @delete(
        "/holds/{item_id:str}",
        operation_id="letGo",
        guards=[WRITE],
        status_code=204,
        responses=documented(Kind.MISSING),
    )
    async def let_go(
        self,
        item_id: ItemPath,
        adjusting: NamedDependency[Adjusting],
        caller: NamedDependency[Caller],
        reason: Annotated[str, QueryParameter(min_length=3, max_length=500)],
    ) -> None:
        """Bill an item again that was held: the next release of its contract takes it."""
        await adjusting.let_go(item_id, reason, caller)


async def _accepted(releases: Releases, run_id: str) -> Answer:
    release = await releases.of_run(run_id)
    headers = {"Location": f"/v1/releases/{release.id}"}
    return Answer(status=202, headers=headers, body=msgspec.json.encode(release))


def _changed(release: Release) -> Answer:
    return Answer(status=202, body=msgspec.json.encode(release))
