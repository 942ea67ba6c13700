"""The records of steps: as people see them, and as whoever takes a run up again reads them (`history`).

Those that come at the same time are written by one statement. Each run waits for its own, as if it had written alone.
"""

import asyncio
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text

from servicekit.database import Database
from servicekit.failures import Failure

BEGUN = "running"

# Only the newest execution of a run writes; where an older one came between, the newer one's result stays.
_WRITE = text(
    "with told as (select * from json_to_recordset(cast(:told as json)) as one ("
    " run_id text, execution integer, name text, state text, at timestamptz, system text, trace_id text,"
    " detail text, n integer, result json, failure json)),"
    " taken as (select told.* from told join run using (run_id) where run.execution = told.execution),"
    " begun as ("
    " insert into step (run_id, name, place, state, system, attempts, started_at, trace_id)"
    " select run_id, name, (select count(*) from step where step.run_id = taken.run_id), state, system, 1, at, trace_id"
    f" from taken where state = '{BEGUN}'"
    " on conflict (run_id, name) do update set state = excluded.state, attempts = step.attempts + 1, ended_at = null),"
    " ended as ("
    " update step set state = taken.state, ended_at = taken.at, detail = taken.detail"
    f" from taken where taken.state <> '{BEGUN}' and step.run_id = taken.run_id and step.name = taken.name),"
    " kept as ("
    " insert into history (run_id, n, execution, name, result, failure)"
    " select run_id, n, execution, name, result, failure from taken where n is not null"
    " on conflict (run_id, n) do update"
    " set execution = excluded.execution, name = excluded.name, result = excluded.result, failure = excluded.failure"
    " where history.execution <= excluded.execution)"
    " select run_id, execution from taken"
)


class StepChange(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a step in an execution of a run.

    With a `state` people see it: begun (once more), or ended. With an `n` it is the n-th thing that the run has done,
    and is not done again: what came of it is `result` or `failure`, both JSON.
    """

    run_id: str
    execution: int
    name: str
    at: datetime
    state: str | None = None
    system: str | None = None
    trace_id: str | None = None
    detail: str | None = None
    n: int | None = None
    result: msgspec.Raw | None = None
    failure: msgspec.Raw | None = None


class StepRecords:
    """Writes them for all runs of a process, one statement at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[StepChange, asyncio.Future[bool]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, change: StepChange) -> bool:
        """Returns once the change is kept; false: it is not, for the run goes on in a newer execution.

        Raises what the database says of it.
        """
        kept: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, kept))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_waiting())
        return await kept

    async def _write_waiting(self) -> None:
        while self._waiting:
            told, self._waiting = self._waiting, []
            if len(told) == 1 or not await self._written_together(told):
                for one in told:
                    await self._write_alone(*one)

    async def _written_together(self, told: list[tuple[StepChange, asyncio.Future[bool]]]) -> bool:
        """Whether they could be; else each is tried by itself, so that none fails for another's sake."""
        taken: set[tuple[str, int]] | Failure
        try:
            taken = await self._execute([change for change, _ in told])
        except Failure as failure:  # the database is away, and for all of them
            taken = failure
        except Exception:  # noqa: BLE001  whatever it is, whoever it concerns meets it again alone
            return False
        for change, kept in told:
            _settle(change, kept, taken)
        return True

    async def _write_alone(self, change: StepChange, kept: asyncio.Future[bool]) -> None:
        try:
            taken = await self._execute([change])
        except Exception as error:  # noqa: BLE001  handed to the run that waits for it
            _settle(change, kept, error)
        else:
            _settle(change, kept, taken)

    async def _execute(self, changes: list[StepChange]) -> set[tuple[str, int]]:
        """The executions whose changes were kept."""
        told: dict[str, Any] = {"told": msgspec.json.encode(changes).decode()}
        async with self._database.alone() as session:
            return {(row.run_id, row.execution) for row in (await session.execute(_WRITE, told)).all()}


def _settle(change: StepChange, kept: asyncio.Future[bool], taken: set[tuple[str, int]] | Exception) -> None:
    """Tell the run, unless it has been stopped meanwhile."""
    if kept.done():
        return
    if isinstance(taken, Exception):
        kept.set_exception(taken)
    else:
        kept.set_result((change.run_id, change.execution) in taken)
