"""The runs of all processes and their steps, as people ask about them. The engine keeps its own record beside it."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec
import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from canonical.ids import PREFIXES
from canonical.money import Money
from canonical.work import StepRecord
from process_apis.engine.runtime import superseded
from process_apis.operations.history import Done, History, HistoryError
from process_apis.operations.steps import StepChange, StepRecords
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, Kind
from servicekit.ids import mint

WAITING_STATES = frozenset({"in_exception", "waiting_for_approval"})
ENDED_STATES = frozenset(
    {
        *("activated", "amended", "closed_without_project", "validated", "shadowed", "discarded"),
        *("posted", "nothing_to_bill", "credited", "recognised", "nothing_to_post"),
    }
)

# What runs can be asked for by.
FILTERS = ("state", "legal_entity_code", "business_key", "project_id", "contract_id")

V = TypeVar("V")

_CLAIM = text(
    "insert into run (run_id, id, process, business_key, n, trigger, name, state, amount, currency, legal_entity_code,"
    " actor, trace_parent, correlation_id, request, arose_at, started_at, updated_at)"
    " select :process || ':' || :business_key || ':' || m, :id, :process, :business_key, m, :trigger, :name, 'running',"
    " :amount, :currency, :legal_entity_code, :actor, :trace_parent, :correlation_id,"
    " cast(:request as jsonb), :arose_at, :now, :now"
    " from (select coalesce(max(n), 0) + 1 as m from run"
    " where process = :process and business_key = :business_key) as next"
    " on conflict do nothing returning run_id"
)
_CLAIMED = text(
    "select run_id from run where process = :process and business_key = :business_key and trigger = :trigger"
)
_CHANGE = text(
    "update run set state = :state, updated_at = :now,"
    " name = coalesce(:name, name), kind = coalesce(:kind, kind), mode = coalesce(:mode, mode),"
    " legal_entity_code = coalesce(:legal_entity_code, legal_entity_code),"
    " plan = coalesce(cast(:plan as jsonb), plan), refs = refs || cast(:refs as jsonb),"
    " activated_at = coalesce(:activated_at, activated_at), ended_at = coalesce(:ended_at, ended_at),"
    " waiting_s = waiting_s + coalesce(extract(epoch from cast(:now as timestamptz) - waiting_since), 0),"
    " waiting_since = case when :waiting then cast(:now as timestamptz) else null end"
    " where run_id = :run_id"
)
_COLUMNS = (
    "run_id, id, business_key, name, state, kind, mode, legal_entity_code, amount, currency, refs, arose_at,"
    " started_at, activated_at, ended_at, updated_at, waiting_s, trace_parent, plan, request, actor"
)
_ONE = text(f"select {_COLUMNS} from run where process = :process and id = :id")
_MANY = text(
    f"select {_COLUMNS} from run where process = :process"
    " and (cast(:state as text) is null or state = :state)"
    " and (cast(:legal_entity_code as text) is null or legal_entity_code = :legal_entity_code)"
    " and (cast(:business_key as text) is null or business_key = :business_key)"
    " and (cast(:project_id as text) is null or refs->>'project_id' = :project_id)"
    " and (cast(:contract_id as text) is null or refs->>'contract_id' = :contract_id)"
    " and (cast(:started_before as timestamptz) is null or (started_at, id) < (:started_before, :id_before))"
    " order by started_at desc, id desc limit :limit"
)
_STEPS = text(
    "select name, state, system, attempts, started_at, ended_at, detail, trace_id from step"
    " where run_id = :run_id order by started_at, place"
)
_OPEN = text(
    "with mine as (update run set execution = execution + 1 where run_id = :run_id"
    " returning run_id, state, execution)"
    " select state, execution, n, name, cast(result as text) as result, cast(failure as text) as failure"
    " from mine left join lateral"
    " (select n, name, result, failure from history where history.run_id = mine.run_id) as done on true"
)
_UNLAUNCHED = text(
    "select run_id, id, business_key, actor, trace_parent, correlation_id, request from run"
    " where process = :process and not launched and (cast(:run_id as text) is null or run_id = :run_id)"
    " order by started_at limit 100"
)


class Claim(msgspec.Struct, frozen=True, kw_only=True):
    """What is needed to claim a run: the business key, what triggered it, and what is known already.

    `arose_at` is the moment of the matter itself (a win, the end of a period); `request` is what was asked for besides.
    """

    business_key: str
    trigger: str
    name: str
    value: Money | None = None
    legal_entity_code: str | None
    actor: str
    trace_parent: str
    correlation_id: str
    arose_at: datetime
    request: dict[str, str] = {}


class Launch(msgspec.Struct, frozen=True, kw_only=True):
    """The input of a workflow: who asked, and where its trace began."""

    run_id: str
    id: str
    business_key: str
    actor: str
    trace_parent: str
    correlation_id: str
    request: dict[str, str] = {}


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """All that is kept of a run; each process shows of it what its people know it by."""

    run_id: str
    id: str
    business_key: str
    name: str
    state: str
    kind: str | None
    mode: str | None
    legal_entity_code: str | None
    value: Money | None
    refs: dict[str, str]
    request: dict[str, str]
    actor: str
    arose_at: datetime
    started_at: datetime
    activated_at: datetime | None
    ended_at: datetime | None
    updated_at: datetime
    waiting_s: float
    trace_id: str | None
    plan: msgspec.Raw | None
    steps: tuple[StepRecord, ...] = ()


class RunChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became known of a run; absent fields stay as they are."""

    state: str
    name: str | None = None
    kind: str | None = None
    mode: str | None = None
    legal_entity_code: str | None = None
    plan: msgspec.Raw | None = None
    refs: dict[str, str] = {}
    activated_at: datetime | None = None


class Runs(Generic[V]):
    """The runs of one process, shown as *view* makes them. *kind* is what a run is called (canonical.ids.PREFIXES)."""

    def __init__(
        self, database: Database, process: str, clock: Clock, kind: str, view: Callable[[RunRecord], V]
    ) -> None:
        self._database = database
        self._process = process
        self._clock = clock
        self._kind = kind
        self._view = view
        self._step_records = StepRecords(database)

    async def claim(self, wanted: Claim) -> str:
        """The run id for this trigger: a new one (process:business key:n), or the one that the trigger got before."""
        values = msgspec.structs.asdict(wanted) | {
            "process": self._process,
            "id": mint(PREFIXES[self._kind]),
            "amount": None if wanted.value is None else wanted.value.amount,
            "currency": None if wanted.value is None else wanted.value.currency,
            "request": msgspec.json.encode(wanted.request).decode(),
            "now": self._clock.now(),
        }
        while True:
            async with self._database.alone() as session:
                new = (await session.execute(_CLAIM, values)).scalar_one_or_none()
                found = new or (await session.execute(_CLAIMED, values)).scalar_one_or_none()
            if found is not None:
                return str(found)

    async def unlaunched(self, run_id: str | None = None) -> tuple[Launch, ...]:
        """Claimed runs that the engine may not know yet, oldest first; with *run_id* only that one, if it is."""
        async with self._database.alone() as session:
            rows = (await session.execute(_UNLAUNCHED, {"process": self._process, "run_id": run_id})).mappings().all()
        return tuple(Launch(**row) for row in rows)

    async def launched(self, run_id: str) -> None:
        async with self._database.alone() as session:
            await session.execute(text("update run set launched = true where run_id = :run_id"), {"run_id": run_id})

    async def opened(self, run_id: str) -> History:
        """The next execution of a run begins: from now on no other one writes.

        Raises HistoryError for one that has ended and whose history is forgotten: it would do everything again.
        """
        async with self._database.alone() as session:
            rows = (await session.execute(_OPEN, {"run_id": run_id})).all()
        done = {row.n: Done(name=row.name, result=row.result, failure=row.failure) for row in rows if row.n is not None}
        if not done and rows[0].state in ENDED_STATES:
            structlog.get_logger(__name__).error("history_forgotten", run=run_id)
            raise HistoryError(f"what {run_id} has done is forgotten")
        return History(run_id, rows[0].execution, done)

    async def write_step(self, change: StepChange) -> None:
        """What became of a step. Raises `superseded` when the run goes on in a newer execution."""
        if not await self._step_records.write(change):
            raise superseded(change.run_id)

    async def change(self, session: AsyncConnection, run_id: str, change: RunChange) -> None:
        """Within the caller's transaction; reckons the time that people let the run wait."""
        now = self._clock.now()
        values: dict[str, Any] = msgspec.structs.asdict(change) | {
            "run_id": run_id,
            "now": now,
            "plan": None if change.plan is None else bytes(change.plan).decode(),
            "refs": msgspec.json.encode(change.refs).decode(),
            "ended_at": now if change.state in ENDED_STATES else None,
            "waiting": change.state in WAITING_STATES,
        }
        await session.execute(_CHANGE, values)

    async def one(self, run_key: str) -> V:
        """The run with this id of its own (not the engine's), with its steps. Raises MISSING."""
        return self._view(await self.record(run_key))

    async def record(self, run_key: str) -> RunRecord:
        """As `one`, all that is kept."""
        async with self._database.begin() as session:
            values = {"process": self._process, "id": run_key}
            row = (await session.execute(_ONE, values)).mappings().one_or_none()
            if row is None:
                raise Failure(Kind.MISSING, f"there is no {self._kind} {run_key}")
            steps = (await session.execute(_STEPS, {"run_id": row["run_id"]})).mappings().all()
        return _record(dict(row), tuple(StepRecord(**step) for step in steps))

    async def of_run(self, run_id: str) -> V:
        """What the engine knows by *run_id*. Raises MISSING."""
        async with self._database.begin() as session:
            found = await session.execute(text("select id from run where run_id = :run_id"), {"run_id": run_id})
            run_key = found.scalar_one_or_none()
        if run_key is None:
            raise Failure(Kind.MISSING, f"there is no run {run_id}")
        return await self.one(run_key)

    async def plan(self, run_key: str) -> msgspec.Raw | None:
        """What the run prepared to write, or none while it has prepared nothing."""
        return (await self.record(run_key)).plan

    async def many(
        self, filters: Mapping[str, str | None], before: tuple[datetime, str] | None, limit: int
    ) -> tuple[V, ...]:
        """Newest first, without steps; `before` is where the former page ended."""
        values = {
            "process": self._process,
            **dict.fromkeys(FILTERS),
            **filters,
            "started_before": before[0] if before else None,
            "id_before": before[1] if before else None,
            "limit": limit,
        }
        async with self._database.begin() as session:
            rows = (await session.execute(_MANY, values)).mappings().all()
        return tuple(self._view(_record(dict(row), ())) for row in rows)


def _record(row: dict[str, Any], steps: tuple[StepRecord, ...]) -> RunRecord:
    amount, currency, trace_parent, plan = (row.pop(name) for name in ("amount", "currency", "trace_parent", "plan"))
    return RunRecord(
        value=Money(amount=amount, currency=currency) if amount else None,
        trace_id=trace_parent.split("-")[1] if trace_parent else None,
        plan=None if plan is None else msgspec.Raw(msgspec.json.encode(plan)),
        steps=steps,
        **row,
    )
