"""Approvals of invoices, one by one or those of a whole batch: each is still decided by a person within their limit."""

from canonical.batches import ApprovalResult, BatchApproval
from canonical.work import ApprovalDecision
from process_apis.invoice_release.batches import Batches
from process_apis.invoice_release.releases import Releases
from process_apis.operations.approvals import Approvals
from servicekit.auth import Caller
from servicekit.failures import Failure, Kind


class Agreeing:
    """Takes decisions about drafts from persons with the authority."""

    def __init__(self, approvals: Approvals, releases: Releases, batches: Batches) -> None:
        self._approvals = approvals
        self._releases = releases
        self._batches = batches

    async def decide(self, release_id: str, decision: ApprovalDecision, caller: Caller) -> None:
        """Everything of the release that waits for this person. Raises what refused, where nothing was theirs.

        MISSING, CONFLICT `nothing_to_decide`, DENIED `beyond_authority`, `own_work`, `own_request`.
        """
        release = await self._releases.one(release_id)
        pending = [one for one in await self._approvals.of_run(release.run_id) if one.status == "pending"]
        if not pending:
            raise Failure(Kind.CONFLICT, f"the release is {release.state}", code="nothing_to_decide")
        refused: Failure | None = None
        decided = 0
        for approval in pending:
            try:
                await self._approvals.decide(approval.id, decision, caller)
                decided += 1
            except Failure as failure:
                refused = failure
        if not decided and refused is not None:
            raise refused

    async def approve_batch(self, batch_id: str, asked: BatchApproval, caller: Caller) -> tuple[ApprovalResult, ...]:
        """One result for each approval that waits; what is not theirs stays as it is. Raises MISSING."""
        decision = ApprovalDecision(decision="approve", reason=asked.reason)
        results = []
        for approval_id, release_id in await self._batches.waiting(batch_id):
            try:
                await self._approvals.decide(approval_id, decision, caller)
                results.append(ApprovalResult(release_id=release_id, result="approved", detail=None))
            except Failure as failure:
                results.append(ApprovalResult(release_id=release_id, result=failure.code, detail=failure.detail))
        return tuple(results)
