"""Batches: many releases asked for at once. The work of all projects is read together, a few releases run at a time."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

import msgspec
import structlog
from sqlalchemy import text

from canonical.batches import Batch, BatchChange, BatchItem, NewBatch
from canonical.delivery import Project
from canonical.entries import Expense, TimeEntry
from canonical.ids import PREFIXES
from canonical.money import Money
from process_apis.invoice_release.reading import CAPABILITIES, Swept
from process_apis.invoice_release.starting import Starter, Wanted
from process_apis.operations.audit import Audit
from process_apis.operations.bindings import Bindings
from process_apis.systems.connecting import Systems
from servicekit.auth import Caller
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure, Kind
from servicekit.ids import mint
from servicekit.telemetry import continue_from, correlation_id, current_traceparent

_COLUMNS = "id, legal_entity_code, cut_off, document_date, state, requested_by, requested_at, ended_at"
_CREATE = text(
    f"insert into batch ({_COLUMNS}, trace_parent, correlation_id) values (:id, :legal_entity_code, :cut_off,"
    " :document_date, 'collecting', :requested_by, :now, null, :trace_parent, :correlation_id)"
)
_ONE = text(f"select {_COLUMNS} from batch where id = :id")
_LOCK = text("select state from batch where id = :id for update")
_SET = text("update batch set state = :state, ended_at = :ended_at where id = :id")
_COUNTS = text(
    "select coalesce(r.state, i.refusal, case when b.state = 'cancelled' then 'cancelled' else 'waiting' end) as state,"
    " count(*) as runs from batch_item i join batch b on b.id = i.batch_id left join run r using (run_id)"
    " where i.batch_id = :id group by 1 order by 1"
)
_NET = text(
    "select l.currency, sum(cast(l.draft->'net'->>'amount' as numeric)) as net"
    " from batch_item i join release l using (run_id) where i.batch_id = :id and l.draft is not null"
    " group by 1 order by 1"
)
_ITEMS = text(
    "select i.contract_id, i.name, l.id as release_id,"
    " coalesce(r.state, i.refusal, case when b.state = 'cancelled' then 'cancelled' else 'waiting' end) as state,"
    " (select detail from exception_case e where e.run_id = i.run_id and e.resolved_at is null and e.blocking limit 1)"
    " as detail, i.place from batch_item i join batch b on b.id = i.batch_id left join run r using (run_id)"
    " left join release l using (run_id) where i.batch_id = :id and i.place > :after order by i.place limit :limit"
)
_OPEN = text("select id, state, trace_parent, correlation_id from batch where state in ('collecting', 'running')")
_ADD = text(
    "insert into batch_item (batch_id, contract_id, name, place, work) values (:batch_id, :contract_id, :name, :place,"
    " cast(:work as jsonb)) on conflict do nothing"
)
_NEXT = text(
    "select contract_id from batch_item where batch_id = :id and run_id is null and refusal is null"
    " order by place limit :limit"
)
_BUSY = text(
    "select count(*) from batch_item i join run r using (run_id) where i.batch_id = :id and r.state = 'running'"
)
_STARTED = text(
    "update batch_item set run_id = :run_id, refusal = :refusal where batch_id = :id and contract_id = :contract_id"
)
_LEFT = text(
    "select count(*) from batch_item i left join run r using (run_id)"
    " where i.batch_id = :id and i.refusal is null and (i.run_id is null or r.ended_at is null)"
)
_WAITING = text(
    "select a.id, l.id as release_id from batch_item i join release l using (run_id) join approval a using (run_id)"
    " where i.batch_id = :id and a.status = 'pending' order by i.place, a.subject"
)
_STATES = {"pause": "paused", "resume": "running", "cancel": "cancelled"}
_FROM = {"pause": {"running"}, "resume": {"paused"}, "cancel": {"running", "paused", "collecting"}}


class Batches:
    """What people ask of batches."""

    def __init__(self, database: Database, audit: Audit, clock: Clock) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock

    async def create(self, new: NewBatch, actor: str) -> Batch:
        """Its releases begin by themselves."""
        batch_id = mint(PREFIXES["batch"])
        values = {
            **msgspec.structs.asdict(new),
            "id": batch_id,
            "requested_by": actor,
            "now": self._clock.now(),
            "trace_parent": current_traceparent(),
            "correlation_id": correlation_id(),
        }
        async with self._database.begin() as session:
            await session.execute(_CREATE, values)
        return await self.one(batch_id)

    async def one(self, batch_id: str) -> Batch:
        """Raises MISSING."""
        async with self._database.begin() as session:
            row = (await session.execute(_ONE, {"id": batch_id})).mappings().one_or_none()
            if row is None:
                raise Failure(Kind.MISSING, f"there is no batch {batch_id}")
            counts = (await session.execute(_COUNTS, {"id": batch_id})).all()
            nets = (await session.execute(_NET, {"id": batch_id})).all()
        shown = {name: value for name, value in row.items() if name != "document_date"}
        states = {count.state: int(count.runs) for count in counts}
        return Batch(
            total=sum(states.values()),
            states=states,
            net=tuple(Money.of(net.net, net.currency) for net in nets),
            **shown,
        )

    async def items(self, batch_id: str, after: int, limit: int) -> tuple[tuple[BatchItem, ...], int | None]:
        """Its contracts with what became of each, and where the next page begins. Raises MISSING."""
        await self.one(batch_id)
        async with self._database.begin() as session:
            values = {"id": batch_id, "after": after, "limit": limit + 1}
            rows = [dict(row) for row in (await session.execute(_ITEMS, values)).mappings()]
        places = [row.pop("place") for row in rows]
        return tuple(BatchItem(**row) for row in rows[:limit]), places[limit - 1] if len(rows) > limit else None

    async def change(self, batch_id: str, change: BatchChange, caller: Caller) -> Batch:
        """Raises MISSING, CONFLICT `batch_is_over` for what the batch's state does not allow."""
        async with self._database.begin() as session:
            state = (await session.execute(_LOCK, {"id": batch_id})).scalar_one_or_none()
            if state is None:
                raise Failure(Kind.MISSING, f"there is no batch {batch_id}")
            if state not in _FROM[change.action]:
                raise Failure(Kind.CONFLICT, f"the batch is {state}", code="batch_is_over")
            ended_at = self._clock.now() if change.action == "cancel" else None
            values = {"id": batch_id, "state": _STATES[change.action], "ended_at": ended_at}
            await session.execute(_SET, values)
            await self._audit.note(session, caller, f"batch.{change.action}", batch_id, change.reason)
        return await self.one(batch_id)

    async def waiting(self, batch_id: str) -> tuple[tuple[str, str], ...]:
        """The approvals that its releases wait for: (approval, release). Raises MISSING."""
        await self.one(batch_id)
        async with self._database.begin() as session:
            rows = (await session.execute(_WAITING, {"id": batch_id})).all()
        return tuple((row.id, row.release_id) for row in rows)


class BatchRunner:
    """Carries batches out, whoever asked. Any number of copies may run: what each does is claimed."""

    def __init__(
        self,
        database: Database,
        systems: Systems,
        bindings: Bindings,
        starter: Starter,
        clock: Clock,
        *,
        at_a_time: int = 8,
        every_s: float = 0.5,
    ) -> None:
        self._database = database
        self._systems = systems
        self._bindings = bindings
        self._starter = starter
        self._clock = clock
        self._at_a_time = at_a_time
        self._every_s = every_s

    async def run(self) -> None:
        """Until cancelled, through outages: a round that failed is followed by another."""
        while True:
            try:
                await self.round()
            except Exception as error:  # noqa: BLE001  whatever ended a round, the next one is due: nobody else goes on
                structlog.get_logger(__name__).warning("batch_round_failed", exc_info=error)
            await asyncio.sleep(self._every_s)

    async def round(self) -> None:
        """Every open batch goes on as far as it may now."""
        async with self._database.begin() as session:
            rows = (await session.execute(_OPEN)).all()
        for row in rows:
            with continue_from(row.trace_parent, name="batch", correlation=row.correlation_id):
                await self._go_on(row.id, row.state)

    async def _go_on(self, batch_id: str, state: str) -> None:
        async with self._database.begin() as session:
            batch = (await session.execute(_ONE, {"id": batch_id})).mappings().one()
        if state == "collecting":
            await self._collect(dict(batch))
            return
        async with self._database.begin() as session:
            busy = (await session.execute(_BUSY, {"id": batch_id})).scalar_one()
            room = {"id": batch_id, "limit": max(self._at_a_time - busy, 0)}
            following = (await session.execute(_NEXT, room)).scalars().all()
        await asyncio.gather(*(self._start(dict(batch), contract_id) for contract_id in following))
        async with self._database.begin() as session:
            if (await session.execute(_LEFT, {"id": batch_id})).scalar_one() == 0:
                await session.execute(_SET, {"id": batch_id, "state": "done", "ended_at": self._clock.now()})

    async def _start(self, batch: dict[str, Any], contract_id: str) -> None:
        """One that cannot even begin says why, and stops none of the others."""
        wanted = Wanted(
            contract_id=contract_id,
            cut_off=batch["cut_off"],
            document_date=batch["document_date"],
            batch_id=batch["id"],
        )
        run_id, refusal = None, None
        try:
            run_id = await self._starter.start(wanted, batch["requested_by"])
        except Failure as failure:
            if failure.kind is not Kind.INVALID:
                raise
            refusal = failure.code
        async with self._database.begin() as session:
            values = {"run_id": run_id, "refusal": refusal, "id": batch["id"], "contract_id": contract_id}
            await session.execute(_STARTED, values)

    async def _collect(self, batch: dict[str, Any]) -> None:
        """One sweep over the PSA for all projects of the entity, instead of one question per project."""
        entity, cut_off = batch["legal_entity_code"], batch["cut_off"]
        bound = await self._bindings.on(entity, self._clock.now().date(), CAPABILITIES)
        psa, connection = self._systems.psa, bound.connections["psa"]
        query = {"status": "approved", "billing_state": "unbilled"}
        day = cut_off.isoformat()
        projects, entries, unapproved, expenses = await asyncio.gather(
            psa.projects(connection),
            psa.time_entries(connection, **query, work_date_before=day),
            psa.time_entries(connection, status="submitted", work_date_before=day),
            psa.expenses(connection, **query, spend_date_before=day),
        )
        found = _items(projects, (entries, unapproved, expenses), entity, cut_off)
        async with self._database.begin() as session:
            for place, item in enumerate(found, 1):
                await session.execute(_ADD, {**item, "batch_id": batch["id"], "place": place})
            await session.execute(_SET, {"id": batch["id"], "state": "running", "ended_at": None})


def _items(
    projects: tuple[Project, ...],
    work: tuple[tuple[TimeEntry, ...], tuple[TimeEntry, ...], tuple[Expense, ...]],
    entity: str,
    cut_off: date,
) -> list[dict[str, Any]]:
    """The contracts of the entity's projects, each with the work that was swept for it."""
    approved, unapproved, expenses = (_by_project(records) for records in work)
    return [
        {
            "contract_id": project.contract_id,
            "name": f"{project.number} {project.name}",
            "work": msgspec.json.encode(
                Swept(
                    entries=tuple(approved[project.id]),
                    unapproved=tuple(unapproved[project.id]),
                    expenses=tuple(expenses[project.id]),
                )
            ).decode(),
        }
        for project in sorted(projects, key=lambda one: one.number)
        if project.legal_entity_code == entity
        and project.contract_id is not None
        and project.status in {"open_for_time", "closed_for_time"}
        and (project.start_date is None or project.start_date < cut_off)
    ]


def _by_project(records: Iterable[Any]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = defaultdict(list)
    for record in records:
        groups[record.project_id].append(record)
    return groups
