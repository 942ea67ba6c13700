"""The records of steps, as people see them. Those that come at the same time are written by one statement.

Each run waits for its own records, as if it had written them alone. With a statement for each of them the records cost
as much as the engine's own (measured, `make bench`).
"""

import asyncio
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import text

from servicekit.database import Database
from servicekit.failures import Failure

BEGUN = "running"

_WRITE = text(
    "with told as (select * from json_to_recordset(cast(:told as json)) as one ("
    " run_id text, name text, state text, at timestamptz, system text, trace_id text, detail text)),"
    " begun as ("
    " insert into step (run_id, name, place, state, system, attempts, started_at, trace_id)"
    " select run_id, name, (select count(*) from step where step.run_id = told.run_id), state, system, 1, at, trace_id"
    f" from told where state = '{BEGUN}'"
    " on conflict (run_id, name) do update set state = excluded.state, attempts = step.attempts + 1, ended_at = null)"
    " update step set state = told.state, ended_at = told.at, detail = told.detail"
    f" from told where told.state <> '{BEGUN}' and step.run_id = told.run_id and step.name = told.name"
)


class StepChange(msgspec.Struct, frozen=True, kw_only=True):
    """A step has begun (once more), or has ended in a state."""

    run_id: str
    name: str
    state: str
    at: datetime
    system: str | None = None
    trace_id: str | None = None
    detail: str | None = None


class StepRecords:
    """Writes them for all runs of a process, one statement at a time."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: list[tuple[StepChange, asyncio.Future[None]]] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, change: StepChange) -> None:
        """Returns when the change is kept. Raises what the database says of it."""
        kept = asyncio.get_running_loop().create_future()
        self._waiting.append((change, kept))
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_waiting())
        await kept

    async def _write_waiting(self) -> None:
        while self._waiting:
            told, self._waiting = self._waiting, []
            if len(told) == 1 or not await self._written_together(told):
                for one in told:
                    await self._write_alone(*one)

    async def _written_together(self, told: list[tuple[StepChange, asyncio.Future[None]]]) -> bool:
        """Whether they could be; else each is tried by itself, so that none fails for another's sake."""
        away: Failure | None = None
        try:
            await self._execute([change for change, _ in told])
        except Failure as failure:  # the database is away, and for all of them
            away = failure
        except Exception:  # noqa: BLE001  whatever it is, whoever it concerns meets it again alone
            return False
        for _, kept in told:
            _settle(kept, away)
        return True

    async def _write_alone(self, change: StepChange, kept: asyncio.Future[None]) -> None:
        try:
            await self._execute([change])
        except Exception as error:  # noqa: BLE001  handed to the run that waits for it
            _settle(kept, error)
        else:
            _settle(kept, None)

    async def _execute(self, changes: list[StepChange]) -> None:
        told: dict[str, Any] = {"told": msgspec.json.encode(changes).decode()}
        async with self._database.alone() as session:
            await session.execute(_WRITE, told)


def _settle(kept: asyncio.Future[None], error: Exception | None) -> None:
    """Tell the run, unless it has been stopped meanwhile."""
    if kept.done():
        return
    if error is None:
        kept.set_result(None)
    else:
        kept.set_exception(error)
