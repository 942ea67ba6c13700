"""Approvals: who must agree, who may, and what they said. The row is the truth; waking the run is a courtesy."""

from datetime import date, datetime, timedelta
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
    "id, process, run_id, subject, required_role, because, barred, legal_entity_code, amount, currency, requested_by,"
    " requested_at, due_at, reminded_at, status, decided_by, decided_at, reason"
)
_REQUEST = text(
    "insert into approval (id, process, run_id, subject, required_role, because, barred, legal_entity_code, amount,"
    " currency, requested_by, requested_at, due_at, status) values (:id, :process, :run_id, :subject, :required_role,"
    " cast(:because as jsonb), cast(:barred as jsonb), :legal_entity_code, :amount, :currency, :requested_by, :now,"
    " :due_at, 'pending') on conflict (run_id, subject) do nothing"
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


_REMIND = text(
    "update approval set reminded_at = :now where run_id = :run_id and subject = :subject and status = 'pending'"
)
_EXPIRE = text(
    "update approval set status = 'expired' where run_id = :run_id and subject = :subject and status = 'pending'"
)
_TAKE_BACK = text("update approval set status = 'withdrawn' where run_id = :run_id and status = 'pending'")


class Authority(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of the delegation-of-authority matrix: this person, in this role, up to this amount of this currency.

    A delegate's line says whom it stands in for, and on which days (half-open).
    """

    actor: str
    role: str
    currency: str
    limit: Decimal
    legal_entity_codes: tuple[str, ...]
    delegate_of: str | None = None
    from_date: date | None = None
    to_date: date | None = None

    def covers(self, approval: Approval, day: date) -> bool:
        if (self.from_date and day < self.from_date) or (self.to_date and self.to_date <= day):
            return False
        return (
            self.role == approval.required_role
            and self.currency == approval.value.currency
            and approval.value.value <= self.limit
            and approval.legal_entity_code in self.legal_entity_codes
        )


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An approval to be asked for; `subject` names it within its run. `barred` may not decide: it is their own work."""

    process: str
    run_id: str
    subject: str
    required_role: str
    because: tuple[str, ...]
    legal_entity_code: str
    value: Money
    requested_by: str
    within: timedelta
    barred: tuple[str, ...] = ()


class Approvals:
    """Asks for approvals and takes decisions from those who have the authority."""

    def __init__(self, database: Database, audit: Audit, authorities: tuple[Authority, ...], clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._authorities = authorities
        self._clock = clock

    async def request(self, session: AsyncConnection, wanted: Wanted) -> None:
        """Ask once, however often this is repeated. A reminder falls due half-way, the expiry at the end."""
        now = self._clock.now()
        values = {
            "id": mint("apr"),
            "now": now,
            "due_at": now + wanted.within,
            "amount": wanted.value.amount,
            "currency": wanted.value.currency,
            "because": msgspec.json.encode(wanted.because).decode(),
            "barred": msgspec.json.encode(wanted.barred).decode(),
            **{name: getattr(wanted, name) for name in ("process", "run_id", "subject", "required_role")},
            "legal_entity_code": wanted.legal_entity_code,
            "requested_by": wanted.requested_by,
        }
        await session.execute(_REQUEST, values)
        for kind, at in (("approval_reminder", now + wanted.within / 2), ("approval_expiry", now + wanted.within)):
            await due_row(session, wanted.process, wanted.run_id, kind, wanted.subject, at)

    async def fallen(self, session: AsyncConnection, run_id: str, kind: str, subject: str) -> None:
        """Half the time is over: remind. All of it: nobody can decide any more, and the run says so."""
        statement = _EXPIRE if kind == "approval_expiry" else _REMIND
        values = {"run_id": run_id, "subject": subject, "now": self._clock.now()}
        await session.execute(statement, values)

    async def take_back(self, session: AsyncConnection, run_id: str) -> None:
        """What was asked is no longer the question: the matter has changed, and will be asked anew."""
        await session.execute(_TAKE_BACK, {"run_id": run_id})

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
        """Raises MISSING, CONFLICT `already_decided`, DENIED `own_request`, `own_work` and `beyond_authority`.

        Nobody decides what they asked for themselves, and no machine decides at all: the actor is a person of the
        delegation-of-authority matrix.
        """
        async with self._database.begin() as session:
            approval = await _locked(session, approval_id)
            if approval.status != "pending":
                raise Failure(Kind.CONFLICT, f"it is {approval.status} already", code="already_decided")
            if caller.actor == approval.requested_by:
                raise Failure(Kind.DENIED, "nobody approves what they asked for themselves", code="own_request")
            if caller.actor in approval.barred:
                raise Failure(Kind.DENIED, "nobody approves what they have worked on themselves", code="own_work")
            today = self._clock.now().date()
            mine = [authority for authority in self._authorities if authority.actor == caller.actor]
            if not any(authority.covers(approval, today) for authority in mine):
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
    because, barred = tuple(row.pop("because")), tuple(row.pop("barred"))
    return Approval(value=Money(amount=amount, currency=currency), because=because, barred=barred, **row)
