"""Polling: what a platform changed since the last look, one poller per connection and kind, its place in PostgreSQL."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar

import sqlalchemy as sa
import structlog

from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.failures import Failure
from system_apis.directory import METADATA

T = TypeVar("T")

WATERMARK = sa.Table(
    "watermark",
    METADATA,
    sa.Column("connection", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("at", sa.DateTime(timezone=True), nullable=False),
)
_log = structlog.get_logger(__name__)


class Watermarks:
    """How far each poller has looked."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def at(self, connection: str, kind: str, first: datetime) -> datetime:
        """The moment that is kept for the kind; `first`, kept from now on, where there is none yet."""
        table = WATERMARK
        insert = sa.text(
            "insert into watermark (connection, kind, at) values (:connection, :kind, :at) on conflict do nothing"
        )
        query = sa.select(table.c.at).where(table.c.connection == connection, table.c.kind == kind)
        async with self._database.begin() as session:
            await session.execute(insert, {"connection": connection, "kind": kind, "at": first})
            found: datetime = (await session.execute(query)).scalar_one()
        return found

    async def move(self, connection: str, kind: str, former: datetime, to: datetime) -> bool:
        """Compare and set: False, and nothing moved, where it is no longer at `former`."""
        table = WATERMARK
        statement = (
            sa.update(table)
            .where(table.c.connection == connection, table.c.kind == kind, table.c.at == former)
            .values(at=to)
        )
        async with self._database.begin() as session:
            return (await session.execute(statement)).rowcount == 1


class Holdable(Protocol):
    """What lets one process at a time work: `servicekit.leases.Lease`."""

    async def hold(self, work: Callable[[], Awaitable[None]]) -> None: ...


class Poller(Generic[T]):
    """Looks for changes of one kind at one connection and shows each record to `observe`, which takes repeats.

    `fetch_changed_since` yields what changed at or after a moment, in any order. `changed_at` tells a record's own
    moment of change, by the platform's clock: then the watermark follows the newest record. Without it the watermark is
    the moment, by our clock, at which the last complete poll began. Each poll looks `overlap` further back, for changes
    that were committed late with an earlier stamp, and for clocks that differ. The first poll begins at the present.
    """

    def __init__(
        self,
        connection: str,
        kind: str,
        *,
        fetch_changed_since: Callable[[datetime], AsyncIterator[T]],
        observe: Callable[[T], Awaitable[object]],
        watermarks: Watermarks,
        lease: Holdable,
        clock: Clock,
        interval_s: float,
        overlap: timedelta,
        changed_at: Callable[[T], datetime] | None = None,
    ) -> None:
        self._connection = connection
        self._kind = kind
        self._fetch = fetch_changed_since
        self._observe = observe
        self._watermarks = watermarks
        self._lease = lease
        self._clock = clock
        self._interval_s = interval_s
        self._overlap = overlap
        self._changed_at = changed_at

    async def run(self, stop: asyncio.Event) -> None:
        """Waits for the lease, then polls until `stop`, or until it is cancelled; returns when the lease is lost."""
        holding = asyncio.ensure_future(self._lease.hold(lambda: self._keep_polling(stop)))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({holding, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if holding.done():
                holding.result()
        finally:
            for task in (holding, stopping):
                task.cancel()
            await asyncio.gather(holding, stopping, return_exceptions=True)

    async def poll(self) -> int:
        """One look; returns how many records were shown. The watermark moves only when all of them were observed."""
        began = self._clock.now()
        former = await self._watermarks.at(self._connection, self._kind, began)
        newest, seen = former, 0
        async for record in self._fetch(former - self._overlap):
            await self._observe(record)
            seen += 1
            if self._changed_at is not None:
                newest = max(newest, self._changed_at(record))
        to = max(former, began) if self._changed_at is None else newest
        if to > former and not await self._watermarks.move(self._connection, self._kind, former, to):
            _log.warning("watermark_moved_by_another", connection=self._connection, kind=self._kind)
        return seen

    async def _keep_polling(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            pause_s = await self._poll_or_wait()
            if _is_cancelled():
                return
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), pause_s)

    async def _poll_or_wait(self) -> float:
        """Polls and returns the seconds until the next poll: more where the platform asked for patience."""
        try:
            await self.poll()
        except Failure as failure:
            _log.warning(
                "poll_failed",
                connection=self._connection,
                kind=self._kind,
                code=failure.code,
                reason=failure.vendor_detail,
            )
            return max(self._interval_s, failure.retry_after_s or 0.0)
        return self._interval_s


def _is_cancelled() -> bool:
    """The HTTP transport loses a cancellation that comes in the moment of the answer; the task still knows of it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
