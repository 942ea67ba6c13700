"""The relay: copies the event log to a Redis stream, in order, once, and starts over wherever Redis lost its memory.

The stream's ids are the log's positions (`<position>-1`), so the stream itself says how far it is: adding is atomic
with checking that, and neither two relays nor a flush can disorder or skip anything.
Sources: valkey.io/commands/xadd, /xinfo-stream, /xtrim; postgresql.org/docs/18 "NOTIFY".
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import msgspec
import psycopg
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from servicekit.clock import Clock
from servicekit.database import Database, driver_url
from servicekit.eventlog import CHANNEL, COLUMNS, Recorded, to_recorded
from servicekit.leases import Lease

STREAM = "syncline:events"
#: Held by a relay that waits to be woken; the append function knows it by the same numbers.
SLEEPER_LOCK = "1526726656, 0"
FROZEN_S = 30
PARTITIONS_AHEAD = 3
PARTITIONS_EVERY = timedelta(hours=12)

# Both answer with the stream's last position, or -1 when Redis does not know it (flushed, evicted, never filled).
_LAST = """
local function last()
    local info = redis.pcall('XINFO', 'STREAM', KEYS[1])
    if info.err or redis.call('EXISTS', KEYS[2]) == 0 then return -1 end
    for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then return tonumber(string.match(info[i + 1], '^%d+')) end
    end
end
"""
# ARGV: the last position we know of, then position and event in turn.
_ADD = (
    _LAST
    + """
local at = last()
if at ~= tonumber(ARGV[1]) then return at end
for i = 2, #ARGV, 2 do redis.call('XADD', KEYS[1], ARGV[i] .. '-1', 'event', ARGV[i + 1]) end
return tonumber(ARGV[#ARGV - 1])
"""
)
# ARGV: where an unknown stream begins.
_START = (
    _LAST
    + """
local at = last()
if at >= 0 then return at end
redis.call('DEL', KEYS[1])
redis.call('XADD', KEYS[1], ARGV[1] .. '-1', 'start', '')
redis.call('SET', KEYS[2], ARGV[1])
return tonumber(ARGV[1])
"""
)
# ARGV: everything up to this position may go.
_TRIM = """
local from = redis.call('GET', KEYS[2])
if not from then return -1 end
if tonumber(from) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[2], ARGV[1])
return redis.call('XTRIM', KEYS[1], 'MINID', '~', ARGV[1] .. '-2')
"""
_READ = f"select {COLUMNS} from events.read(%s, %s)"

_log = structlog.get_logger(__name__)


def stream_keys(stream: str) -> list[str]:
    """The stream, and the key that says from which position on it is complete; without that nothing in it counts.

    The braces keep both on one node of a cluster.
    """
    return [stream, f"{{{stream}}}:from"]


class Relay:
    """One active relay per database, by lease. `position` is the last one copied."""

    def __init__(
        self,
        database: Database,
        redis: Redis,
        clock: Clock,
        *,
        stream: str = STREAM,
        batch: int = 500,
        poll_s: float = 0.5,
        trim_s: float = 10.0,
        back_off_s: float = 5.0,
    ) -> None:
        self.position = -1
        self._url = driver_url(database.url)
        self._lease = Lease(database.url, "relay", on_lost=_nothing)
        self._clock = clock
        self._redis = redis
        self._keys = stream_keys(stream)
        self._batch = batch
        self._poll_s = poll_s
        self._trim_s = trim_s
        self._back_off_s = back_off_s
        self._partitions_due = clock.now()
        self._add, self._start, self._trim = (redis.register_script(script) for script in (_ADD, _START, _TRIM))

    async def run(self) -> None:
        """Copies until cancelled, through failures of Redis and of the database."""
        wait_s = 0.1
        while True:
            try:
                await self._lease.hold(self._copy)
            except (psycopg.Error, RedisError, OSError) as error:
                _log.warning("relay interrupted", reason=type(error).__name__, retry_in_s=wait_s)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, self._back_off_s)
            else:
                wait_s = 0.1

    async def _copy(self) -> None:
        connection = await psycopg.AsyncConnection.connect(
            self._url,
            autocommit=True,
            application_name="syncline relay",
            # A frozen relay must not go on looking like a sleeping one.
            options=f"-c idle_session_timeout={int(self._poll_s) + FROZEN_S}s",
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
        )
        async with connection:
            await connection.execute(f"listen {CHANNEL}")
            await self._resume(connection)
            await self._follow(connection)

    async def _resume(self, connection: psycopg.AsyncConnection) -> None:
        """Finds out where the stream ends; an unknown one begins after the lowest position any group is done with."""
        lowest, head = await _bounds(connection)
        self.position = int(await self._start(keys=self._keys, args=[lowest]))
        if self.position > head:  # the database was restored to an earlier state: the stream is of another history
            await self._redis.delete(*self._keys)
            self.position = int(await self._start(keys=self._keys, args=[lowest]))

    async def _follow(self, connection: psycopg.AsyncConnection) -> None:
        loop = asyncio.get_running_loop()
        tidy_at = loop.time()
        while True:
            if loop.time() >= tidy_at:
                await self._tidy(connection)
                tidy_at = loop.time() + self._trim_s
            found = await self._next(connection)
            if not found:
                await self._sleep(connection)
            elif await self._add(keys=self._keys, args=self._arguments(found)) == found[-1].position:
                self.position = found[-1].position
            else:
                await self._resume(connection)

    async def _next(self, connection: psycopg.AsyncConnection) -> list[Recorded]:
        rows = await connection.execute(_READ, (self.position, self._batch), prepare=True)
        return [to_recorded(row) for row in await rows.fetchall()]

    def _arguments(self, found: Sequence[Recorded]) -> list[int | bytes]:
        arguments: list[int | bytes] = [self.position]
        for recorded in found:
            arguments += (recorded.position, msgspec.json.encode(recorded.event))
        return arguments

    async def _sleep(self, connection: psycopg.AsyncConnection) -> None:
        """Waits for news. Appenders notify only while we hold the sleeper's lock, and we get it only between them."""
        rows = await connection.execute(f"select pg_try_advisory_lock({SLEEPER_LOCK})")
        row = await rows.fetchone()
        if row is None or not row[0]:
            await asyncio.sleep(0.005)  # somebody is about to commit
            return
        try:
            if not await self._next(connection):
                async for _ in connection.notifies(timeout=self._poll_s, stop_after=1):
                    pass
        finally:
            await connection.execute(f"select pg_advisory_unlock({SLEEPER_LOCK})")

    async def _tidy(self, connection: psycopg.AsyncConnection) -> None:
        """Trims what every group is done with, and makes the coming months' partitions."""
        lowest, _ = await _bounds(connection)
        if int(await self._trim(keys=self._keys, args=[min(lowest, self.position)])) < 0:
            await self._resume(connection)
        now = self._clock.now()
        if now >= self._partitions_due:
            await connection.execute("select events.keep_partitions(%s, %s)", (now, PARTITIONS_AHEAD))
            self._partitions_due = now + PARTITIONS_EVERY


async def _bounds(connection: psycopg.AsyncConnection) -> tuple[int, int]:
    """What every group is done with, and the last position taken."""
    row = await (await connection.execute("select lowest, head from events.bounds()")).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def _nothing() -> None:
    """The lease's own event is watched: a lost one only ends the copying, which the stream's ids make safe."""
