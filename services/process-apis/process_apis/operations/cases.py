"""Exceptions: raised by a run, seen to by people, resolved when the step passes. One open case per run and step."""

from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.events import ExceptionRaised, ExceptionResolved
from canonical.money import Money
from canonical.work import Comment, ExceptionCase, ExceptionChange, Finding
from process_apis.operations.announcing import Announcer
from process_apis.operations.audit import Audit
from process_apis.rules.reading import Rules
from servicekit.auth import Caller
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.etags import etag_of, require_match
from servicekit.failures import Failure, Kind
from servicekit.ids import mint

_COLUMNS = (
    "id, class, code, title, detail, process, run_id, step, blocking, legal_entity_code, owner_team, assignee,"
    " priority, amount, currency, raised_at, due_at, resolved_at, status, findings, suggested_fix, refs, comments,"
    " updated_at"
)
_RAISE = text(
    "insert into exception_case (id, class, code, title, detail, process, run_id, step, blocking, legal_entity_code,"
    " owner_team, priority, amount, currency, raised_at, due_at, status, findings, suggested_fix, refs, updated_at)"
    " values (:id, :class, :code, :title, :detail, :process, :run_id, :step, :blocking, :legal_entity_code,"
    " :owner_team, :priority, :amount, :currency, :now, :due_at, 'open', cast(:findings as jsonb), :suggested_fix,"
    " cast(:refs as jsonb), :now)"
    " on conflict (run_id, step) where resolved_at is null do update set class = excluded.class, code = excluded.code,"
    " title = excluded.title, detail = excluded.detail, owner_team = excluded.owner_team, findings = excluded.findings,"
    " suggested_fix = excluded.suggested_fix, status = 'open', occurrences = exception_case.occurrences + 1,"
    " updated_at = excluded.updated_at"
    f" returning {_COLUMNS}, occurrences"
)
_RESOLVE = text(
    "update exception_case set status = :status, resolved_at = :now, updated_at = :now"
    " where run_id = :run_id and (cast(:step as text) is null or step = :step) and resolved_at is null"
    f" returning {_COLUMNS}"
)
_ONE = text(f"select {_COLUMNS} from exception_case where id = :id")
_HELD = text(f"select {_COLUMNS} from exception_case where id = :id for update")
_MANY = text(
    f"select {_COLUMNS} from exception_case where true"
    " and (cast(:status as text) is null or status = :status)"
    " and (cast(:open_only as boolean) is not true or resolved_at is null)"
    " and (cast(:owner_team as text) is null or owner_team = :owner_team)"
    " and (cast(:run_id as text) is null or run_id = :run_id)"
    " and (cast(:raised_after as timestamptz) is null or (raised_at, id) > (:raised_after, :id_after))"
    " order by raised_at, id limit :limit"
)
_CHANGE = text(
    "update exception_case set assignee = coalesce(:assignee, assignee),"
    " status = case when cast(:assignee as text) is not null and status = 'open' then 'assigned' else status end,"
    f" comments = comments || cast(:comments as jsonb), updated_at = :now where id = :id returning {_COLUMNS}"
)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What a run says when it needs a person."""

    run_id: str
    process: str
    step: str
    failure_class: str
    code: str
    detail: str
    findings: tuple[Finding, ...]
    blocking: bool
    legal_entity_code: str | None
    value: Money | None
    refs: dict[str, str]


class Cases:
    """The queue of exceptions, owned jointly by IT and operations."""

    def __init__(self, database: Database, announcer: Announcer, rules: Rules, audit: Audit, clock: Clock) -> None:
        self._database = database
        self._announcer = announcer
        self._rules = rules
        self._audit = audit
        self._clock = clock

    async def raise_case(self, session: AsyncConnection, problem: Problem) -> ExceptionCase:
        """Open a case, or open it again with new evidence when the same step fails again. Announces a new one."""
        rule = self._rules.exception(problem.code)
        now = self._clock.now()
        values = {
            "id": mint("exc"),
            "class": problem.failure_class,
            "code": problem.code,
            "title": rule.title,
            "detail": problem.detail,
            "process": problem.process,
            "run_id": problem.run_id,
            "step": problem.step,
            "blocking": problem.blocking,
            "legal_entity_code": problem.legal_entity_code,
            "owner_team": rule.owner_team,
            "priority": rule.priority,
            "amount": problem.value.amount if problem.value else None,
            "currency": problem.value.currency if problem.value else None,
            "now": now,
            "due_at": now + timedelta(hours=rule.due_hours),
            "findings": msgspec.json.encode(problem.findings).decode(),
            "suggested_fix": rule.fix,
            "refs": msgspec.json.encode(problem.refs).decode(),
        }
        row = dict((await session.execute(_RAISE, values)).mappings().one())
        first = row.pop("occurrences") == 1
        case = _case(row)
        if first:
            await self._announcer.announce(session, "exception-raised", case.id, _raised(case), case.legal_entity_code)
        return case

    async def resolve(self, session: AsyncConnection, run_id: str, step: str | None, resolution: str) -> None:
        """Close the open case of a step, or of the whole run; nothing happens where there is none."""
        status = "discarded" if resolution == "discarded" else "resolved"
        values = {"run_id": run_id, "step": step, "status": status, "now": self._clock.now()}
        for row in (await session.execute(_RESOLVE, values)).mappings().all():
            case = _case(dict(row))
            data = ExceptionResolved(
                exception_id=case.id,
                code=case.code,
                run_id=run_id,
                resolution=resolution,
                resolved_at=self._clock.now(),
            )
            await self._announcer.announce(session, "exception-resolved", case.id, data, case.legal_entity_code)

    async def one(self, case_id: str) -> ExceptionCase:
        """Raises MISSING."""
        async with self._database.begin() as session:
            row = (await session.execute(_ONE, {"id": case_id})).mappings().one_or_none()
        if row is None:
            raise Failure(Kind.MISSING, f"there is no exception {case_id}")
        return _case(dict(row))

    async def many(
        self,
        *,
        status: str | None = None,
        open_only: bool = False,
        owner_team: str | None = None,
        run_id: str | None = None,
        after: tuple[datetime, str] | None = None,
        limit: int = 200,
    ) -> tuple[ExceptionCase, ...]:
        """Oldest first; `after` is where the former page ended."""
        values = {
            "status": status,
            "open_only": open_only,
            "owner_team": owner_team,
            "run_id": run_id,
            "raised_after": after[0] if after else None,
            "id_after": after[1] if after else None,
            "limit": limit,
        }
        async with self._database.begin() as session:
            rows = (await session.execute(_MANY, values)).mappings().all()
        return tuple(_case(dict(row)) for row in rows)

    async def change(
        self, case_id: str, change: ExceptionChange, caller: Caller, if_match: str | None
    ) -> ExceptionCase:
        """Assign or comment. Raises MISSING; PRECONDITION_REQUIRED or STALE unless *if_match* is the case's own tag."""
        now = self._clock.now()
        said = [] if change.comment is None else [Comment(by=caller.actor, at=now, text=change.comment)]
        values = {
            "id": case_id,
            "assignee": change.assignee,
            "comments": msgspec.json.encode(said).decode(),
            "now": now,
        }
        async with self._database.begin() as session:
            # Held until the change is written: of two with one tag, the second reads what the first has left.
            held = (await session.execute(_HELD, {"id": case_id})).mappings().one_or_none()
            if held is None:
                raise Failure(Kind.MISSING, f"there is no exception {case_id}")
            require_match(if_match, etag_of(_case(dict(held))))
            row = (await session.execute(_CHANGE, values)).mappings().one()
            await self._audit.note(session, caller, "exception.change", case_id, change.reason)
        return _case(dict(row))


def _raised(case: ExceptionCase) -> ExceptionRaised:
    return ExceptionRaised(
        exception_id=case.id,
        code=case.code,
        exception_class=case.exception_class,
        process=case.process,
        run_id=case.run_id,
        step=case.step,
        owner_team=case.owner_team,
        value_at_stake=case.value_at_stake,
        raised_at=case.raised_at,
    )


def _case(row: dict[str, Any]) -> ExceptionCase:
    amount, currency = row.pop("amount"), row.pop("currency")
    return ExceptionCase(
        exception_class=row.pop("class"),
        value_at_stake=Money(amount=amount, currency=currency) if amount else None,
        findings=msgspec.convert(row.pop("findings"), tuple[Finding, ...]),
        comments=msgspec.convert(row.pop("comments"), tuple[Comment, ...]),
        **row,
    )
