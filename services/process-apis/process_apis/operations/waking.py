"""Rows that wake runs: `wake` for now, `due` for later by our own clock. A sweep sends them to the engine."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from process_apis.engine.runtime import Engine
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.ids import mint

_WAKE = text("insert into wake (process, run_id, at) values (:process, :run_id, :at)")
_DUE = text(
    "insert into due (id, process, run_id, kind, subject, at) values (:id, :process, :run_id, :kind, :subject, :at)"
    " on conflict (run_id, kind, subject) do update set at = excluded.at, done_at = null"
)
_UNSENT = text("select n, run_id from wake where process = :process and sent_at is null order by n limit 100")
_SENT = text("update wake set sent_at = :now where n = :n")
_FALLEN = text(
    "update due set done_at = :now where process = :process and done_at is null and at <= :now"
    " returning run_id, kind, subject"
)


async def wake_row(session: AsyncConnection, process: str, run_id: str, at: datetime) -> None:
    """Ask, in this transaction, for the run to be woken."""
    await session.execute(_WAKE, {"process": process, "run_id": run_id, "at": at})


async def due_row(session: AsyncConnection, process: str, run_id: str, kind: str, subject: str, at: datetime) -> None:
    """Ask, in this transaction, for something to be done with the run at a later moment; a repeat moves the moment."""
    values = {"id": mint("due"), "process": process, "run_id": run_id, "kind": kind, "subject": subject, "at": at}
    await session.execute(_DUE, values)


class Waker:
    """The sweep of one process: launches what is claimed, turns due rows into wakes, sends wakes to the engine."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        process: str,
        clock: Clock,
        *,
        launch: Callable[[], Awaitable[None]],
        fallen: Callable[[AsyncConnection, str, str, str], Awaitable[None]],
        every_s: float,
    ) -> None:
        self._database = database
        self._engine = engine
        self._process = process
        self._clock = clock
        self._launch = launch
        self._fallen = fallen
        self._every_s = every_s

    async def run(self) -> None:
        """Sweep until cancelled, through outages of the database."""
        while True:
            try:
                await self.sweep()
            except Exception as error:  # noqa: BLE001  whatever ended a round, the next one is due: nobody else wakes runs
                structlog.get_logger(__name__).warning("sweep_failed", process=self._process, exc_info=error)
            await asyncio.sleep(self._every_s)

    async def sweep(self) -> None:
        """One round."""
        await self._launch()
        await self._let_fall()
        async with self._database.begin() as session:
            waiting = (await session.execute(_UNSENT, {"process": self._process})).all()
        for row in waiting:
            await self._engine.wake(row.run_id, f"wake:{row.n}")
            async with self._database.begin() as session:
                await session.execute(_SENT, {"n": row.n, "now": self._clock.now()})

    async def _let_fall(self) -> None:
        """What has fallen due: `fallen` writes what follows from it, then the run looks again."""
        now = self._clock.now()
        async with self._database.begin() as session:
            rows = (await session.execute(_FALLEN, {"process": self._process, "now": now})).all()
            for row in rows:
                await self._fallen(session, row.run_id, row.kind, row.subject)
                await wake_row(session, self._process, row.run_id, now)
