"""Approvals: who must agree, who may, and what they said. The row is the truth; waking the run is a courtesy."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.money import Money
from canonical.work import Approval, ApprovalDecision
from process_apis.operations.audit import Audit
from process_apis.operations.waking import due_row, wake_row
from servicekit.auth import Caller
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, Kind
from servicekit.ids import mint

_COLUMNS = (
    "id, process, run_id, subject, required_role, because, legal_entity_code, amount, currency, requested_by,"
    " requested_at, due_at, status, decided_by, decided_at, reason"
)
_REQUEST = text(
    "insert into approval (id, process, run_id, subject, required_role, because, legal_entity_code, amount, currency,"
    " requested_by, requested_at, due_at, status) values (:id, :process, :run_id, :subject, :required_role,"
    " cast(:because as jsonb), :legal_entity_code, :amount, :currency, :requested_by, :now, :due_at, 'pending')"
    " on conflict (run_id, subject) do nothing"
)
_ONE = text(f"select {_COLUMNS} from approval where id = :id for update")
_OF_RUN = text(f"select {_COLUMNS} from approval where run_id = :run_id order by subject")
_MANY = text(
    f"select {_COLUMNS} from approval where (cast(:status as text) is null or status = :status)"
    " and (cast(:requested_after as timestamptz) is null or (requested_at, id) > (:requested_after, :id_after))"
    " order by requested_at, id limit :limit"
)
_DECIDE = text(
    "update approval set status = :status, decided_by = :decided_by, decided_at = :now, reason = :reason"
    f" where id = :id returning {_COLUMNS}"
)


class Authority(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the delegation-of-authority matrix: this person, in this role, up to this amount of this currency."""

    actor: str
    role: str
    currency: str
    limit: Decimal
    legal_entity_codes: tuple[str, ...]

    def covers(self, approval: Approval) -> bool:
        return (
            self.role == approval.required_role
            and self.currency == approval.value.currency
            and approval.value.value <= self.limit
            and approval.legal_entity_code in self.legal_entity_codes
        )


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An approval to be asked for; `subject` names it within its run."""

    process: str
    run_id: str
    subject: str
    required_role: str
    because: tuple[str, ...]
    legal_entity_code: str
    value: Money
    requested_by: str
    within: timedelta


class Approvals:
    """Asks for approvals and takes decisions from those who have the authority."""

    def __init__(self, database: Database, audit: Audit, authorities: tuple[Authority, ...], clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._authorities = authorities
        self._clock = clock

    async def request(self, session: AsyncConnection, wanted: Wanted) -> None:
        """Ask once, however often this is repeated; a reminder falls due when the time to answer is over."""
        now = self._clock.now()
        values = {
            "id": mint("apr"),
            "now": now,
            "due_at": now + wanted.within,
            "amount": wanted.value.amount,
            "currency": wanted.value.currency,
            "because": msgspec.json.encode(wanted.because).decode(),
            **{name: getattr(wanted, name) for name in ("process", "run_id", "subject", "required_role")},
            "legal_entity_code": wanted.legal_entity_code,
            "requested_by": wanted.requested_by,
        }
        await session.execute(_REQUEST, values)
        await due_row(session, wanted.process, wanted.run_id, "approval_expiry", wanted.subject, now + wanted.within)

    async def of_run(self, run_id: str) -> tuple[Approval, ...]:
        async with self._database.begin() as session:
            rows = (await session.execute(_OF_RUN, {"run_id": run_id})).mappings().all()
        return tuple(_approval(dict(row)) for row in rows)

    async def one(self, approval_id: str) -> Approval:
        """Raises MISSING."""
        async with self._database.begin() as session:
            return await _locked(session, approval_id)

    async def many(self, status: str | None, after: tuple[datetime, str] | None, limit: int) -> tuple[Approval, ...]:
        values = {
            "status": status,
            "requested_after": after[0] if after else None,
            "id_after": after[1] if after else None,
            "limit": limit,
        }
        async with self._database.begin() as session:
            rows = (await session.execute(_MANY, values)).mappings().all()
        return tuple(_approval(dict(row)) for row in rows)

    async def decide(self, approval_id: str, decision: ApprovalDecision, caller: Caller) -> Approval:
        """Raises MISSING, CONFLICT `already_decided`, DENIED `own_request` and `beyond_authority`.

        Nobody decides what they asked for themselves, and no machine decides at all: the actor is a person of the
        delegation-of-authority matrix.
        """
        async with self._database.begin() as session:
            approval = await _locked(session, approval_id)
            if approval.status != "pending":
                raise Failure(Kind.CONFLICT, f"it is {approval.status} already", code="already_decided")
            if caller.actor == approval.requested_by:
                raise Failure(Kind.DENIED, "nobody approves what they asked for themselves", code="own_request")
            mine = [authority for authority in self._authorities if authority.actor == caller.actor]
            if not any(authority.covers(approval) for authority in mine):
                detail = f"this needs a {approval.required_role} with a limit of {approval.value.amount} or more"
                raise Failure(Kind.DENIED, detail, code="beyond_authority")
            status = "approved" if decision.decision == "approve" else "rejected"
            values = {
                "id": approval_id,
                "status": status,
                "decided_by": caller.actor,
                "reason": decision.reason,
                "now": self._clock.now(),
            }
            row = (await session.execute(_DECIDE, values)).mappings().one()
            await self._audit.note(session, caller, f"approval.{decision.decision}", approval_id, decision.reason)
            await wake_row(session, approval.process, approval.run_id, self._clock.now())
        return _approval(dict(row))


async def _locked(session: AsyncConnection, approval_id: str) -> Approval:
    row = (await session.execute(_ONE, {"id": approval_id})).mappings().one_or_none()
    if row is None:
        raise Failure(Kind.MISSING, f"there is no approval {approval_id}")
    return _approval(dict(row))


def _approval(row: dict[str, Any]) -> Approval:
    amount, currency = row.pop("amount"), row.pop("currency")
    because = tuple(row.pop("because"))
    return Approval(value=Money(amount=amount, currency=currency), because=because, **row)
