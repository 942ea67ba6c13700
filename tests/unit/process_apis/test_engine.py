"""A run that its process left behind goes on in the next one; steps take turns, and are tried while they may heal."""

import asyncio
from collections.abc import Mapping
from itertools import islice
from typing import Any

import pytest

from process_apis.engine.runtime import Engine, EngineSettings, growing
from servicekit.failures import Failure, Kind

RUN = "some-process:some-contract:1"


class Life:
    """One life of a process: its engine, and a workflow that waits to be woken, then tells on which loop it runs."""

    def __init__(self, database_url: str) -> None:
        self.engine = Engine("some-process", database_url, EngineSettings(schema="engine_test", slot_idle_s=600))
        self.waiting = asyncio.Event()
        self.went_on = asyncio.Event()
        self.loop: asyncio.AbstractEventLoop | None = None
        self.run = self.engine.workflow("some-process", self._wait)

    async def _wait(self, _: Mapping[str, Any]) -> None:
        self.loop = asyncio.get_running_loop()
        self.waiting.set()
        await self.engine.sleep_until_woken()
        self.went_on.set()


async def test_a_resumed_run_works_on_the_loop_of_its_process(database_url: str) -> None:
    """The database and the clients of a process belong to its loop: on another one they break once they are busy."""
    async with asyncio.timeout(60):
        first = Life(database_url)
        await first.engine.launch()
        await first.engine.start(RUN, first.run, {})
        await first.waiting.wait()
        await first.engine.stop()
        second = Life(database_url)
        await second.engine.launch()
        await second.engine.wake(RUN, "look")
        await second.went_on.wait()
        await second.engine.stop()
    assert asyncio.get_running_loop() is second.loop


async def test_a_loop_has_threads_after_its_engine_has_stopped(database_url: str) -> None:
    """What is closed after the engine may need one: the engine ends its own threads, which it had made the loop's."""
    engine = Engine("stopped", database_url, EngineSettings(schema="engine_test", slot_idle_s=600))
    await engine.launch()
    await engine.stop()
    assert 3 == await asyncio.to_thread(lambda: 1 + 2)


async def test_an_engine_that_stops_leaves_no_run_at_work(database_url: str) -> None:
    """Not even one that passes over the first word of it, as a call does whose answer comes in that moment."""
    engine = Engine("left", database_url, EngineSettings(schema="engine_test", slot_idle_s=600))
    begun, heard = asyncio.Event(), 0

    async def run(_: Mapping[str, Any]) -> None:
        nonlocal heard
        begun.set()
        while heard < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                heard += 1
        raise asyncio.CancelledError

    workflow = engine.workflow("left", run)
    async with asyncio.timeout(60):
        await engine.launch()
        await engine.start("left:1", workflow, {})
        await begun.wait()
        await engine.stop()
    assert 2 == heard


async def test_no_more_steps_run_at_once_than_there_is_room(database_url: str) -> None:
    """Hundreds of runs may be woken in one moment: platforms and database see a few of them at a time."""
    engine = Engine("crowded", database_url, EngineSettings(schema="engine_test", steps_at_once=2, slot_idle_s=600))
    running, most, ended, all_started = 0, 0, asyncio.Semaphore(0), asyncio.Event()

    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await all_started.wait()
        running -= 1

    async def run(_: Mapping[str, Any]) -> None:
        await engine.step(work)
        ended.release()

    workflow = engine.workflow("crowded", run)
    async with asyncio.timeout(60):
        await engine.launch()
        for n in range(6):
            await engine.start(f"crowded:{n}", workflow, {})
        all_started.set()
        for _ in range(6):
            await ended.acquire()
        await engine.stop()
    assert 2 == most


class Tries:
    """A step that fails so many times, each time alike."""

    def __init__(self, kind: Kind, failures: int) -> None:
        self.count = 0
        self._kind = kind
        self._failures = failures

    async def step(self) -> str:
        self.count += 1
        if self.count <= self._failures:
            raise Failure(self._kind, "no")
        return "done"


def engine_of(database_url: str) -> Engine:
    """One that tries twice more, and is not launched: steps need no engine under them."""
    settings = EngineSettings(schema="engine_test", retries=2, retry_first_s=0.001)
    return Engine("tries", database_url, settings)


@pytest.mark.parametrize(("kind", "tries"), [(Kind.UNAVAILABLE, 3), (Kind.INVALID, 1)])
async def test_a_step_is_tried_again_while_it_may_heal(database_url: str, kind: Kind, tries: int) -> None:
    """As often as the settings say; a refusal is told at once."""
    refused = Tries(kind, 3)
    with pytest.raises(Failure, match="no"):
        await engine_of(database_url).step(refused.step)
    assert tries == refused.count
    healed = Tries(Kind.UNAVAILABLE, 2)
    assert "done" == await engine_of(database_url).step(healed.step)


def test_pauses_grow_up_to_a_longest() -> None:
    """In seconds."""
    assert [1.0, 1.5, 2.25, 3.0, 3.0] == [*islice(growing(1.0, 1.5, 3.0), 5)]
