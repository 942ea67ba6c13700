"""The event path, append to relay to consumer, beside what others make of a stream; all in this one process."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import defaultdict
from contextlib import AsyncExitStack

import paths
from figures import AT_LEAST, HIGHER, LOWER, Gate, Length, Result, Row, in_turn
from paths import AT_ONCE, WRITERS, Path
from peers import FASTSTREAM
from redis.asyncio import Redis
from stand import Stand

PACE = 100.0  # events per second, for the latency
MANY, ONE = f"log + relay + consumer, {AT_ONCE} in a transaction", "log + relay + consumer, one in a transaction"
PIPELINED, ALONE = f"raw XADD in pipelines of {AT_ONCE}, XREAD", "raw XADD one by one, XREAD"
PLAIN = "plain redis-py: XADD, XREADGROUP, XACK"
TOGETHER = "writers, relay and reader in this one process"
LOAD = f"{TOGETHER}; {WRITERS} writes at a time, one pipeline at a time"
BATCHED = Row(
    name=f"event path, {AT_ONCE} events in a transaction, events per second",
    unit="1/s",
    better=HIGHER,
    load=LOAD,
    gates=(Gate(PIPELINED, AT_LEAST, 0.2), Gate(FASTSTREAM, AT_LEAST, 5.0)),
)
SINGLE = Row(name="event path, one event in a transaction, events per second", unit="1/s", better=HIGHER, load=LOAD)
CPU = Row(
    name=f"event path, {AT_ONCE} events in a transaction, CPU per event",
    unit="us",
    better=LOWER,
    load=f"{LOAD}; without what PostgreSQL and Valkey use",
)
P50 = Row(
    name="event path, p50 from write to handler",
    unit="us",
    better=LOWER,
    load=f"{TOGETHER}; {PACE:g} a second, one in a transaction",
)
# Which sides a row has, ours first.
FAST = (MANY, PIPELINED, PLAIN, FASTSTREAM)
SLOW = (ONE, PLAIN, FASTSTREAM)
PACED = (ONE, ALONE, PLAIN, FASTSTREAM)


async def measured(stand: Stand, length: Length) -> list[Result]:
    """Events per second and CPU as fast as they can be written; p50 from write to handler at a fixed rate."""
    absent = stand.peers.absent(FASTSTREAM)
    rate: dict[str, list[float]] = defaultdict(list)
    cpu: dict[str, list[float]] = defaultdict(list)
    p50: dict[str, list[float]] = defaultdict(list)
    async with AsyncExitStack() as stack:
        found = await _opened(stand, stack, absent)
        for number in range(length.rounds):
            for name in in_turn([*found], number):
                if name != ALONE:
                    per_second, used_us = await _written(found[name], length.seconds)
                    rate[name].append(per_second)
                    cpu[name].append(used_us)
                if name in PACED:
                    p50[name].append(await _p50_us(found[name], length.seconds))
    return [
        BATCHED.of(MANY, _of(rate, FAST), absent),
        CPU.of(MANY, _of(cpu, FAST), absent),
        SINGLE.of(ONE, _of(rate, SLOW), absent),
        P50.of(ONE, _of(p50, PACED), absent),
    ]


async def _opened(stand: Stand, stack: AsyncExitStack, absent: dict[str, str]) -> dict[str, Path]:
    """Every path, open from end to end."""
    redis = await stack.enter_async_context(Redis.from_url(stand.site.redis_url))
    many, one = await stack.enter_async_context(paths.ours(stand, redis))
    pipelined, alone = await stack.enter_async_context(paths.raw(redis))
    found = {MANY: many, PIPELINED: pipelined, ONE: one, ALONE: alone}
    found[PLAIN] = await stack.enter_async_context(paths.plain(redis))
    if FASTSTREAM not in absent:
        found[FASTSTREAM] = await stack.enter_async_context(paths.faststream(stand.site.redis_url))
    return found


def _of(rounds: dict[str, list[float]], sides: tuple[str, ...]) -> dict[str, list[float]]:
    return {name: rounds[name] for name in sides if name in rounds}


async def _written(path: Path, seconds: float) -> tuple[float, float]:
    """All that is written in the time, by the time until the last of it is handled; and CPU in us per event."""
    ids: list[str] = []
    began, used = time.perf_counter(), time.process_time()

    async def keep_writing() -> None:
        while time.perf_counter() - began < seconds:
            events = [paths.event() for _ in range(path.at_once)]
            await path.write(events)
            ids.extend(event.id for event in events)

    await asyncio.gather(*(keep_writing() for _ in range(path.writers)))
    took = max(await path.inbox.arrivals(ids)) - began
    return len(ids) / took, (time.process_time() - used) / len(ids) * 1e6


async def _p50_us(path: Path, seconds: float) -> float:
    """From before the write to the handler."""
    loop = asyncio.get_running_loop()
    began, sent = loop.time(), dict[str, float]()
    for number in range(max(1, int(seconds * PACE))):
        await asyncio.sleep(began + number / PACE - loop.time())
        event = paths.event()
        sent[event.id] = time.perf_counter()
        await path.write([event])
    arrived = await path.inbox.arrivals(list(sent))
    return statistics.median(there - then for there, then in zip(arrived, sent.values(), strict=True)) * 1e6
