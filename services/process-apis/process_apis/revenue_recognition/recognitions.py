"""The recognitions as they are kept and shown: a row beside the run."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

import msgspec
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.money import Money
from canonical.recognition import Measured, Recognition
from canonical.work import StepRecord
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, Kind

_SHOWN = (
    "c.id, c.run_id, c.reference, c.contract_id, c.contract_number, c.legal_entity_code, c.currency, c.method,"
    " c.measure, c.period_end, c.posting_date, c.measured, c.cumulative_required, c.cumulative_posted, c.revenue,"
    " c.document_number, r.state, r.mode, r.actor as requested_by, r.started_at, r.ended_at,"
    " greatest(c.updated_at, r.updated_at) as updated_at, r.trace_parent"
)
_FROM = "from recognition c join run r using (run_id)"
_CREATE = text(
    "insert into recognition (id, run_id, reference, contract_id, contract_number, legal_entity_code, currency, method,"
    " measure, period_end, updated_at) values (:id, :run_id, :reference, :contract_id, :contract_number,"
    " :legal_entity_code, :currency, :method, :measure, :period_end, :now) on conflict do nothing"
)
_MEASURED = text(
    "update recognition set measured = cast(:measured as jsonb), cumulative_required = :required,"
    " cumulative_posted = :posted, revenue = :revenue, updated_at = :now where run_id = :run_id"
)
_POSTED = text(
    "update recognition set posting_date = :posting_date, journal_id = :journal_id, document_number = :document_number,"
    " updated_at = :now where run_id = :run_id"
)
_ONE = text(f"select {_SHOWN} {_FROM} where c.id = :id")
_OF_RUN = text(f"select {_SHOWN} {_FROM} where c.run_id = :run_id")
_STEPS = text(
    "select name, state, system, attempts, started_at, ended_at, detail, trace_id from step"
    " where run_id = :run_id order by started_at, place"
)
FILTERS = ("state", "legal_entity_code", "contract_id")
_MANY = text(
    f"select {_SHOWN} {_FROM} where (cast(:state as text) is null or r.state = :state)"
    + "".join(f" and (cast(:{name} as text) is null or c.{name} = :{name})" for name in FILTERS[1:])
    + " and (cast(:started_before as timestamptz) is null or (r.started_at, c.id) < (:started_before, :id_before))"
    " order by r.started_at desc, c.id desc limit :limit"
)


class NewRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a recognition is from its first moment on."""

    id: str
    run_id: str
    reference: str
    contract_id: str
    contract_number: str
    legal_entity_code: str
    currency: str
    method: str
    measure: str
    period_end: date


class Recognitions:
    """All recognitions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def create(self, row: NewRow) -> None:
        """Once, however often."""
        async with self._database.begin() as session:
            await session.execute(_CREATE, {**msgspec.structs.asdict(row), "now": self._clock.now()})

    async def keep_measured(
        self, session: AsyncConnection, run_id: str, measured: Measured, posted: Money, revenue: Money
    ) -> None:
        values = {
            "measured": msgspec.json.encode(measured).decode(),
            "required": measured.cumulative.amount,
            "posted": posted.amount,
            "revenue": revenue.amount,
            "run_id": run_id,
            "now": self._clock.now(),
        }
        await session.execute(_MEASURED, values)

    async def keep_posted(
        self, session: AsyncConnection, run_id: str, journal_id: str | None, document_number: str, posting_date: date
    ) -> None:
        values = {"journal_id": journal_id, "document_number": document_number, "posting_date": posting_date}
        await session.execute(_POSTED, {**values, "run_id": run_id, "now": self._clock.now()})

    async def one(self, recognition_id: str) -> Recognition:
        """With its steps. Raises MISSING."""
        return await self._found(_ONE, {"id": recognition_id}, f"recognition {recognition_id}")

    async def of_run(self, run_id: str) -> Recognition:
        """Raises MISSING."""
        return await self._found(_OF_RUN, {"run_id": run_id}, f"recognition of {run_id}")

    async def many(
        self, filters: Mapping[str, str | None], before: tuple[datetime, str] | None, limit: int
    ) -> tuple[Recognition, ...]:
        """Newest first, without steps; `before` is where the former page ended."""
        values = {
            **dict.fromkeys(FILTERS),
            **filters,
            "started_before": before[0] if before else None,
            "id_before": before[1] if before else None,
            "limit": limit,
        }
        async with self._database.begin() as session:
            rows = (await session.execute(_MANY, values)).mappings().all()
        return tuple(_recognition(dict(row), ()) for row in rows)

    async def _found(self, statement: Any, values: dict[str, Any], what: str) -> Recognition:
        async with self._database.begin() as session:
            row = (await session.execute(statement, values)).mappings().one_or_none()
            if row is None:
                raise Failure(Kind.MISSING, f"there is no {what}")
            steps = (await session.execute(_STEPS, {"run_id": row["run_id"]})).mappings().all()
        return _recognition(dict(row), tuple(StepRecord(**step) for step in steps))


def _recognition(row: dict[str, Any], steps: tuple[StepRecord, ...]) -> Recognition:
    trace_parent, measured = row.pop("trace_parent"), row.pop("measured")
    for name in ("cumulative_required", "cumulative_posted", "revenue"):
        row[name] = None if row[name] is None else Money(amount=row[name], currency=row["currency"])
    return Recognition(
        measured=None if measured is None else msgspec.convert(measured, Measured),
        trace_id=trace_parent.split("-")[1] if trace_parent else None,
        steps=steps,
        **row,
    )
