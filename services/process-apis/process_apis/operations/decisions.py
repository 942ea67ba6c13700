"""What people decide about a run that waits: retry, edit, discard, or call done what holds nothing up."""

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.work import ExceptionCase, ExceptionDecision, OnboardingEdits
from process_apis.operations.audit import Audit
from process_apis.operations.cases import Cases
from process_apis.operations.waking import wake_row
from servicekit.auth import Caller
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, FieldError, Kind

_DECIDE = text(
    "insert into decision (run_id, case_id, decision, edits, reason, by_actor, at)"
    " values (:run_id, :case_id, :decision, cast(:edits as jsonb), :reason, :by, :at)"
)
_LOCK = text("select status, resolved_at from exception_case where id = :id for update")
_RETRYING = text("update exception_case set status = 'retrying', updated_at = :now where id = :id")
_NEXT = text(
    "select n, decision, edits, reason, by_actor from decision where run_id = :run_id and n > :after order by n limit 1"
)


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A decision as the run reads it; `n` tells which it has seen."""

    n: int
    decision: str
    reason: str
    by_actor: str
    edits: OnboardingEdits | None = None


class Decisions:
    """Takes decisions from people and hands them to runs."""

    def __init__(self, database: Database, cases: Cases, audit: Audit, clock: Clock) -> None:
        self._database = database
        self._cases = cases
        self._audit = audit
        self._clock = clock

    async def decide(self, case: ExceptionCase, decision: ExceptionDecision, caller: Caller) -> None:
        """Raises CONFLICT when nothing waits for a decision (any more), INVALID for one that does not fit."""
        _check_fit(case, decision)
        async with self._database.begin() as session:
            row = (await session.execute(_LOCK, {"id": case.id})).one()
            if row.resolved_at is not None or row.status == "retrying":
                raise Failure(Kind.CONFLICT, f"the exception is {row.status}", code="nothing_to_decide")
            await self._audit.note(session, caller, f"exception.{decision.decision}", case.id, decision.reason)
            if decision.decision == "resolve":
                await self._cases.resolve(session, case.run_id, case.step, "retried")
                return
            await self._write(session, case, decision, caller.actor)

    async def retry_by_itself(self, session: AsyncConnection, case: ExceptionCase) -> None:
        """A technical exception tries again without a person."""
        decision = ExceptionDecision(decision="retry", reason="the platform may answer again")
        await self._write(session, case, decision, "syncline")

    async def next_of(self, run_id: str, after: int) -> Decided | None:
        """The first decision for a run that it has not seen yet, or none."""
        async with self._database.begin() as session:
            row = (await session.execute(_NEXT, {"run_id": run_id, "after": after})).mappings().one_or_none()
        return None if row is None else msgspec.convert(dict(row), Decided)

    async def _write(
        self, session: AsyncConnection, case: ExceptionCase, decision: ExceptionDecision, actor: str
    ) -> None:
        now = self._clock.now()
        edits = None if decision.edits is None else msgspec.json.encode(decision.edits).decode()
        values = {
            "run_id": case.run_id,
            "case_id": case.id,
            "decision": decision.decision,
            "edits": edits,
            "reason": decision.reason,
            "by": actor,
            "at": now,
        }
        await session.execute(_DECIDE, values)
        await session.execute(_RETRYING, {"id": case.id, "now": now})
        await wake_row(session, case.process, case.run_id, now)


def _check_fit(case: ExceptionCase, decision: ExceptionDecision) -> None:
    if decision.decision == "edit" and decision.edits is None:
        raise _unfit("/edits", "an edit says what changes")
    if decision.decision != "edit" and decision.edits is not None:
        raise _unfit("/edits", f"a {decision.decision} changes nothing")
    if decision.decision == "resolve" and case.blocking:
        raise _unfit("/decision", "the run waits for this exception: retry, edit or discard")
    if decision.decision != "resolve" and not case.blocking:
        raise _unfit("/decision", "no run waits for this exception: resolve it when it is done")


def _unfit(pointer: str, message: str) -> Failure:
    error = FieldError(pointer=pointer, code="does_not_fit", message=message)
    return Failure(Kind.INVALID, "the decision does not fit the exception", "decision_does_not_fit", (error,))
