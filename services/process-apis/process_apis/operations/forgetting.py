"""What a run has done is forgotten a while after its end: nobody takes it up then, and results are business data."""

import asyncio
from datetime import timedelta

import structlog
from sqlalchemy import text

from process_apis.operations.runs import ENDED_STATES
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure

KEPT_FOR = timedelta(days=30)

_FORGET = text(
    "delete from history using run where run.run_id = history.run_id"
    " and run.state = any(:ended) and run.ended_at < :before"
)


class Forgetting:
    """Of all processes' histories. What people see of runs and steps stays."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def forget(self) -> int:
        """Returns how many results were forgotten."""
        values = {"ended": sorted(ENDED_STATES), "before": self._clock.now() - KEPT_FOR}
        async with self._database.begin() as session:
            return (await session.execute(_FORGET, values)).rowcount

    async def keep_forgetting(self, every_s: float = 3600.0) -> None:
        """Until cancelled, through outages of the database."""
        while True:
            try:
                await self.forget()
            except Failure as failure:
                structlog.get_logger(__name__).warning("history_not_forgotten", reason=failure.code)
            await asyncio.sleep(every_s)
