"""A run that its process left behind goes on in the next one as if nothing had happened."""

import asyncio
from collections.abc import Mapping
from typing import Any

from process_apis.engine.runtime import Engine, EngineSettings

RUN = "some-process:some-contract:1"


class Life:
    """One life of a process: its engine, and a workflow that waits to be woken, then tells on which loop it runs."""

    def __init__(self, database_url: str) -> None:
        self.engine = Engine("some-process", database_url, EngineSettings(schema="engine_test"))
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
