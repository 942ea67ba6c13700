"""Leases: a session lock in PostgreSQL that its holder loses when it dies, freezes or is cut off.

The connection must be direct, never through a pooler that shares sessions.
Source: postgresql.org/docs/18, "Advisory Locks" and `idle_session_timeout`.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import psycopg
import structlog

from servicekit.database import driver_url

LOST_EXIT_CODE = 70  # EX_SOFTWARE of sysexits: the supervisor starts the process again
PING_S = 1.0
IDLE_S = 4.0  # a frozen holder's session ends after this long without a ping
RETRY_S = 0.5
CANCEL_AGAIN_S = 1.0

_log = structlog.get_logger(__name__)


def lock_key(name: str) -> int:
    """The 64-bit signed key of PostgreSQL's advisory lock for *name*."""
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big", signed=True)


def exit_process() -> None:
    """Ends the process at once: nothing may go on in the name of a lease that is gone."""
    os._exit(LOST_EXIT_CODE)


class Lease:
    """The first free of some names, held by this process alone until released or lost; usually there is one name.

    When the session breaks, `lost` is set and then *on_lost* called, from another thread; by default the process ends.
    """

    def __init__(
        self,
        url: str,
        *names: str,
        on_lost: Callable[[], None] = exit_process,
        ping_s: float = PING_S,
        idle_s: float = IDLE_S,
    ) -> None:
        self.lost = asyncio.Event()
        self.name = ""
        self._url = url
        self._names = names
        self._on_lost = on_lost
        self._ping_s = ping_s
        self._idle_s = idle_s
        self._keeper: _Keeper | None = None

    @property
    def held(self) -> bool:
        return self._keeper is not None and not self.lost.is_set()

    async def try_acquire(self) -> bool:
        """Takes a lock if one is free now. Raises psycopg.Error when the database cannot be reached."""
        return await self._acquire(None)

    async def acquire(self, *, retry_s: float = RETRY_S) -> str:
        """Waits until a lock is free, takes it and returns its name. Raises psycopg.Error like try_acquire."""
        await self._acquire(retry_s)
        return self.name

    async def release(self) -> None:
        """Gives the lock up; nothing happens when none is held."""
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.stop.set()
            await keeper.ended

    async def hold(self, work: Callable[[], Awaitable[None]]) -> None:
        """Waits for the lease and does *work* under it; cancels it when the lease is lost, releases it in the end."""
        await self.acquire()
        working = asyncio.ensure_future(work())
        losing = asyncio.ensure_future(self.lost.wait())
        try:
            await asyncio.wait({working, losing}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
        finally:
            await _end(working, losing)
            await self.release()

    async def _acquire(self, retry_s: float | None) -> bool:
        assert self._keeper is None, "release the lease before taking it again"
        self.lost.clear()
        loop = asyncio.get_running_loop()

        def report_loss() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to tell
                loop.call_soon_threadsafe(self.lost.set)
            _log.error("lease lost", lease=self.name)
            self._on_lost()

        keeper = _Keeper(self._session, self._names, ping_s=self._ping_s, retry_s=retry_s, on_lost=report_loss)
        keeper.start()
        try:
            name = await keeper.taken
        except asyncio.CancelledError:
            keeper.stop.set()  # it lets go of what it may have taken
            raise
        if name is None:
            return False
        self.name, self._keeper = name, keeper
        return True

    def _session(self) -> psycopg.Connection:
        patience_ms = int(self._idle_s * 1000)
        return psycopg.connect(
            driver_url(self._url),
            autocommit=True,
            application_name="syncline lease",
            options=f"-c idle_session_timeout={patience_ms}ms",
            connect_timeout=5,
            keepalives_idle=2,
            keepalives_interval=1,
            keepalives_count=3,
            tcp_user_timeout=patience_ms,
        )


async def _end(*tasks: asyncio.Future[Any]) -> None:
    """Cancels until all have ended: asyncio.wait_for, which drivers use, may swallow a cancellation in Python 3.11."""
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=CANCEL_AGAIN_S)
    await asyncio.gather(*tasks, return_exceptions=True)


class Slots(Lease):
    """The lowest free of `<prefix>-1` ... `<prefix>-<count>`: a number for each of several like processes."""

    def __init__(
        self,
        url: str,
        prefix: str,
        count: int,
        *,
        on_lost: Callable[[], None] = exit_process,
        ping_s: float = PING_S,
        idle_s: float = IDLE_S,
    ) -> None:
        names = (f"{prefix}-{number}" for number in range(1, count + 1))
        super().__init__(url, *names, on_lost=on_lost, ping_s=ping_s, idle_s=idle_s)


class _Keeper(threading.Thread):
    """Takes a lock and keeps its session alive: a thread of its own, which a busy event loop cannot hold up.

    `taken` becomes the lock's name, or None when none is free and there is no *retry_s*; `ended` is done at the end.
    """

    def __init__(
        self,
        session: Callable[[], psycopg.Connection],
        names: tuple[str, ...],
        *,
        ping_s: float,
        retry_s: float | None,
        on_lost: Callable[[], None],
    ) -> None:
        super().__init__(name="lease", daemon=True)
        self.stop = threading.Event()
        self._loop = asyncio.get_running_loop()
        self.taken: asyncio.Future[str | None] = self._loop.create_future()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._session = session
        self._names = names
        self._ping_s = ping_s
        self._retry_s = retry_s
        self._on_lost = on_lost

    def run(self) -> None:
        try:
            with self._session() as connection:
                name = self._take(connection)
                self._tell(self.taken, name)
                if name is not None:
                    self._keep(connection)
        except psycopg.Error as error:
            self._tell(self.taken, error)
        finally:
            self._tell(self.ended, None)

    def _take(self, connection: psycopg.Connection) -> str | None:
        while True:
            for name in self._names:
                row = connection.execute("select pg_try_advisory_lock(%s)", (lock_key(name),)).fetchone()
                if row is not None and row[0]:
                    return name
            if self._retry_s is None or self.stop.wait(self._retry_s):
                return None

    def _keep(self, connection: psycopg.Connection) -> None:
        while not self.stop.wait(self._ping_s):
            try:
                connection.execute("select 1")
            except psycopg.Error:
                self._on_lost()
                return

    def _tell(self, future: asyncio.Future[Any], outcome: object) -> None:
        def settle() -> None:
            if future.done():  # whoever waited has gone
                return
            if isinstance(outcome, psycopg.Error):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

        with contextlib.suppress(RuntimeError):  # the loop has ended: nobody is left to tell
            self._loop.call_soon_threadsafe(settle)
