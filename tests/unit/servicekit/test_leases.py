"""Leases: one holder at a time, who loses his lock when he dies, freezes or is cut off."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from servicekit.database import driver_url
from servicekit.leases import LOST_EXIT_CODE, Lease, Slots, lock_key

PATIENCE_S = 20.0
HOLDER = """
import asyncio, sys
from servicekit.leases import Slots

async def main() -> None:
    print(await Slots(sys.argv[1], "slot", 3, ping_s=0.2, idle_s=1.0).acquire(), flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


class Alarm:
    """Called when a lease is lost, from the lease's thread."""

    def __init__(self) -> None:
        self.rung = threading.Event()

    def __call__(self) -> None:
        self.rung.set()


def lease(url: str, name: str = "relay", on_lost: Alarm | None = None) -> Lease:
    return Lease(url, name, on_lost=on_lost or Alarm(), ping_s=0.05, idle_s=2.0)


def end_sessions(url: str) -> None:
    """What a restart of the server does to those who are connected."""
    with psycopg.connect(driver_url(url), autocommit=True) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'syncline lease'"
            " and datname = current_database()"
        )


@asynccontextmanager
async def holder(url: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Another process that holds a slot, and the slot's name."""
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLDER, url, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        name = (await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)).decode().strip()
        yield process, name
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        process._transport.close()  # type: ignore[attr-defined]


def test_a_name_has_one_64_bit_key() -> None:
    """The key is the same in every process and version."""
    assert 1104270772047196464 == lock_key("relay")
    assert lock_key("relay") != lock_key("Relay")


async def test_a_lease_has_one_holder(database_url: str) -> None:
    """The second gets it when the first lets go."""
    first, second = lease(database_url), lease(database_url)
    assert await first.try_acquire()
    assert not await second.try_acquire()
    assert (True, False) == (first.held, second.held)
    await first.release()
    assert await second.try_acquire()
    assert (False, True) == (first.held, second.held)
    await second.release()


async def test_who_waits_is_given_the_lease(database_url: str) -> None:
    """Acquire returns once the holder has let go."""
    first, second = lease(database_url), lease(database_url)
    await first.acquire()
    waiting = asyncio.create_task(second.acquire(retry_s=0.05))
    assert (set(), {waiting}) == await asyncio.wait({waiting}, timeout=0.3)
    await first.release()
    assert "relay" == await asyncio.wait_for(waiting, PATIENCE_S)
    await second.release()


async def test_who_stops_waiting_takes_nothing(database_url: str) -> None:
    """A cancelled acquire leaves the lease to others, even when it was being granted."""
    first, second, third = lease(database_url), lease(database_url), lease(database_url)
    await first.acquire()
    waiting = asyncio.create_task(second.acquire(retry_s=0.05))
    await asyncio.wait({waiting}, timeout=0.2)
    waiting.cancel()
    await first.release()
    assert "relay" == await asyncio.wait_for(third.acquire(retry_s=0.05), PATIENCE_S)
    await third.release()


async def test_a_broken_session_is_a_lost_lease(database_url: str) -> None:
    """The holder is told, by event and by callback; then he may take it again."""
    alarm = Alarm()
    held = lease(database_url, on_lost=alarm)
    await held.acquire()
    end_sessions(database_url)
    await asyncio.wait_for(held.lost.wait(), PATIENCE_S)
    assert await asyncio.to_thread(alarm.rung.wait, PATIENCE_S)
    assert not held.held
    await held.release()
    assert await held.try_acquire()
    assert (True, False) == (held.held, held.lost.is_set())
    await held.release()


async def test_pings_keep_an_idle_lease(database_url: str) -> None:
    """A holder that does nothing else for longer than the idle limit still holds; so does one with a blocked loop."""
    held = Lease(database_url, "relay", on_lost=Alarm(), ping_s=0.1, idle_s=0.5)
    await held.acquire()
    threading.Event().wait(1.2)  # nothing else runs on this event loop meanwhile
    await asyncio.sleep(0)
    assert held.held
    assert not await lease(database_url).try_acquire()
    await held.release()


async def test_an_unreachable_database_is_told_at_once(database_url: str) -> None:
    """Acquiring without a server raises, it does not wait for ever."""
    nowhere = lease(database_url.replace("host=", "host=/nonexistent"))
    with pytest.raises(psycopg.OperationalError):
        await nowhere.acquire()


async def test_work_under_a_lease_is_cancelled_when_it_is_lost(database_url: str) -> None:
    """Hold ends the work, gives up the lease and can be called again."""
    held = lease(database_url)
    steps: list[str] = []
    started = asyncio.Event()

    async def work() -> None:
        steps.append("started")
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            steps.append("ended")

    holding = asyncio.create_task(held.hold(work))
    await started.wait()
    end_sessions(database_url)
    await asyncio.wait_for(holding, PATIENCE_S)
    assert ["started", "ended"] == steps
    with pytest.raises(ZeroDivisionError):
        await held.hold(_failing)
    assert await held.try_acquire()
    await held.release()


async def test_work_that_misses_a_cancellation_is_cancelled_again(database_url: str) -> None:
    """A driver may swallow one; the lease is not given up before the work has ended."""
    held = lease(database_url)
    missed: list[str] = []
    started = asyncio.Event()

    async def work() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            missed.append("once")
        await asyncio.Event().wait()

    holding = asyncio.create_task(held.hold(work))
    await started.wait()
    holding.cancel()
    await asyncio.wait({holding}, timeout=PATIENCE_S)
    assert (True, ["once"], False) == (holding.cancelled(), missed, held.held)


async def _failing() -> None:
    raise ZeroDivisionError


async def test_slots_are_numbered_from_the_lowest_free(database_url: str) -> None:
    """Each process has a number of its own; a freed one is taken first; there are no more than agreed."""
    slots = [Slots(database_url, "slot", 2, on_lost=Alarm()) for _ in range(3)]
    assert [True, True, False] == [await slot.try_acquire() for slot in slots]
    assert ["slot-1", "slot-2"] == [slot.name for slot in slots[:2]]
    await slots[0].release()
    assert "slot-1" == await slots[2].acquire()
    await slots[1].release()
    await slots[2].release()


async def test_a_killed_holder_frees_its_slot(database_url: str) -> None:
    """The server ends the session of a process that is gone."""
    mine = Slots(database_url, "slot", 1, on_lost=Alarm())
    async with holder(database_url) as (process, name):
        assert "slot-1" == name
        assert not await mine.try_acquire()
        process.kill()
        assert "slot-1" == await asyncio.wait_for(mine.acquire(retry_s=0.05), PATIENCE_S)
    await mine.release()


async def test_a_frozen_holder_loses_its_slot_and_ends_when_it_wakes(database_url: str) -> None:
    """SIGSTOP keeps the connection open, yet the slot is free within seconds; woken, the process exits by itself."""
    mine = Slots(database_url, "slot", 1, on_lost=Alarm())
    async with holder(database_url) as (process, _):
        os.kill(process.pid, signal.SIGSTOP)
        assert "slot-1" == await asyncio.wait_for(mine.acquire(retry_s=0.05), 5.0)
        os.kill(process.pid, signal.SIGCONT)
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == LOST_EXIT_CODE
    await mine.release()
