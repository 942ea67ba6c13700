"""A consumer group: hands events to their handlers, in order, at least once, and remembers in PostgreSQL how far it is.

Redis only makes it quick: what the stream does not hold (trimmed, flushed, unreachable, not relayed) is read from the
log itself.
Source: valkey.io/commands/xread, /xrange.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import msgspec
import psycopg
import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from canonical.envelope import Event
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.eventlog import EventLog, Recorded
from servicekit.failures import Failure
from servicekit.leases import Lease
from servicekit.relay import STREAM, stream_keys
from servicekit.telemetry import continue_from

Handler = Callable[[Event], Awaitable[None]]

ACKNOWLEDGE_S = 1.0  # a slow batch is acknowledged on the way, so that a crash repeats little

# ARGV: our position, how many at most. False when the stream is not known to hold everything after our position.
_READ = """
local from = redis.call('GET', KEYS[2])
if not from or tonumber(from) > tonumber(ARGV[1]) then return false end
local reply = {}
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '(' .. ARGV[1] .. '-1', '+', 'COUNT', ARGV[2])) do
    reply[#reply + 1] = string.match(entry[1], '^%d+')
    reply[#reply + 1] = entry[2][2]
end
return reply
"""
_decoder = msgspec.json.Decoder(Event)
_log = structlog.get_logger(__name__)


class Consumer:
    """One group. Handlers must bear repeats; types without a handler are passed over."""

    def __init__(
        self,
        group: str,
        redis: Redis,
        database: Database,
        handlers: Mapping[str, Handler],
        clock: Clock,
        *,
        stream: str = STREAM,
        start_after: int = 0,
        batch: int = 500,
        block_s: float = 2.0,
        poll_s: float = 0.2,
        attempts: int = 30,
        back_off_s: tuple[float, float] = (0.2, 60.0),
    ) -> None:
        self.group = group
        self.position = -1
        self._redis = redis
        self._log = EventLog(database, clock)
        self._lease = Lease(database.url, f"consumer:{group}", on_lost=_nothing)
        self._handlers = handlers
        self._read = redis.register_script(_READ)
        self._stream = stream
        self._start_after = start_after
        self._batch = batch
        self._block_s = block_s
        self._poll_s = poll_s
        self._attempts = attempts
        self._back_off_s = back_off_s

    async def run(self) -> None:
        """Handles until cancelled, through failures of Redis and of the database."""
        shortest_s, longest_s = self._back_off_s
        wait_s = shortest_s
        while True:
            try:
                await self._lease.hold(self._consume)
            except (psycopg.Error, Failure, OSError) as error:
                _log.warning("consumer interrupted", group=self.group, reason=type(error).__name__, retry_in_s=wait_s)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, longest_s)
            else:
                wait_s = shortest_s

    async def _consume(self) -> None:
        self.position = await self._log.join_group(self.group, self._start_after)
        while True:
            await self._handle_all(await self._next())

    async def _next(self) -> list[Recorded]:
        """What comes after our position: from the stream when that is complete from there on, else from the log."""
        try:
            found = await self._streamed()
            if found is not None and not found:
                await self._redis.xread({self._stream: f"{self.position}-1"}, count=1, block=int(self._block_s * 1000))
                found = await self._streamed()
        except (RedisError, OSError) as error:
            _log.warning("stream unreachable, reading the log", group=self.group, reason=type(error).__name__)
            found = None
        if found:
            return found
        # Also read when the stream is complete and silent: a relay may be missing.
        logged = await self._log.read(self.position, self._batch)
        if not logged and found is None:
            await asyncio.sleep(self._poll_s)
        return logged

    async def _streamed(self) -> list[Recorded] | None:
        """What the stream holds after our position; None when it may lack some of it."""
        reply = await self._read(keys=stream_keys(self._stream), args=[self.position, self._batch])
        if reply is None:
            return None
        pairs = zip(reply[::2], reply[1::2], strict=True)
        return [Recorded(int(position), _decoder.decode(event)) for position, event in pairs]

    async def _handle_all(self, batch: list[Recorded]) -> None:
        """Acknowledges at the end, on the way when it takes long, and what is done when it is stopped."""
        loop = asyncio.get_running_loop()
        acknowledged, acknowledged_at = self.position, loop.time()
        try:
            for recorded in batch:
                await self._handle(recorded)
                self.position = recorded.position
                if loop.time() - acknowledged_at >= ACKNOWLEDGE_S:
                    await self._acknowledge()
                    acknowledged, acknowledged_at = self.position, loop.time()
        finally:
            if self.position != acknowledged:
                await self._acknowledge()

    async def _acknowledge(self) -> None:
        """Is finished even when the consumer is stopped meanwhile, so that an orderly stop repeats nothing."""
        acknowledging = asyncio.ensure_future(self._log.acknowledge(self.group, self.position))
        try:
            await asyncio.shield(acknowledging)
        except asyncio.CancelledError:
            await asyncio.wait({acknowledging})
            raise

    async def _handle(self, recorded: Recorded) -> None:
        """Handles one event, retrying with back-off; what cannot be handled becomes a dead letter."""
        handler = self._handlers.get(recorded.event.type)
        if handler is None:
            return
        wait_s, longest_s = self._back_off_s
        for attempt in range(1, self._attempts + 1):
            problem = await self._attempt(handler, recorded.event)
            if problem is None:
                return
            reason, retryable = problem
            _log.warning(
                "event not handled", group=self.group, position=recorded.position, reason=reason, attempt=attempt
            )
            if not retryable or attempt == self._attempts:
                await self._log.bury(self.group, recorded, reason)
                return
            await asyncio.sleep(wait_s)
            wait_s = min(wait_s * 2, longest_s)

    async def _attempt(self, handler: Handler, event: Event) -> tuple[str, bool] | None:
        """None when handled, else why not (safe to show) and whether trying again may help."""
        try:
            with continue_from(
                event.traceparent or "", name=f"{self.group} {event.type}", correlation=event.correlationid or ""
            ):
                await handler(event)
        except Failure as failure:
            return str(failure), failure.kind.retryable
        except Exception as error:  # noqa: BLE001  the boundary of the handler: a bug in it must not stop the others' events
            _log.exception("handler failed", group=self.group, type=event.type)
            return f"unexpected {type(error).__name__}", True
        return None


def _nothing() -> None:
    """The lease's own event is watched: a lost one only ends the handling, and handlers bear repeats."""
