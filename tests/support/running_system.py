"""Syncline as `make run` starts it, every service and store and the sandboxes, in a folder of its own."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
import msgspec
from redis.asyncio import Redis

from demo.surroundings import Surroundings
from launcher import clean, components, places, settings
from launcher.components import Component
from launcher.day import surroundings
from launcher.ports import FIRST, LAST, Claims
from launcher.preparing import prepare
from launcher.processes import Register
from launcher.readiness import answers
from launcher.site import Site
from launcher.supervisor import Pace, Supervisor, Unit

T = TypeVar("T")

ROOT = Path(__file__).parents[2]
PATIENCE_S = 90.0
_PACE = Pace(steady_s=10.0)  # what is killed again and again by a test is no failing service


class Starts:
    """Looks on in silence, and notes how long each start of a unit took until it was ready."""

    def __init__(self) -> None:
        self.seconds: dict[str, list[float]] = defaultdict(list)

    def starting(self, unit: Unit) -> None: ...

    def ready(self, unit: Unit, seconds: float) -> None:
        self.seconds[unit.name].append(seconds)

    def died(self, unit: Unit, ending: str, pause_s: float) -> None: ...


class RunningSystem:
    """The started system, and what a test does to it."""

    def __init__(
        self, site: Site, units: Sequence[Unit], supervisor: Supervisor, claims: Claims, starts: Starts
    ) -> None:
        self.site = site
        self.starts = starts
        self.second: RunningSystem | None = None  # the second workers, while there are any
        self._units = units
        self._supervisor = supervisor
        self._claims = claims

    @property
    def told(self) -> Surroundings:
        return surroundings(self.site)

    async def all_ready(self) -> bool:
        """Whether everything that runs says that it is ready."""
        asked = [(unit.ready, self._supervisor.process_id(unit.name)) for unit in self._units if unit.ready is not None]
        return all([process_id is not None and await ready(process_id) for ready, process_id in asked])

    async def kill(self, *names: str) -> None:
        """`kill -9` of each, once it runs again after the last one; the supervisor starts it again."""
        await self._signal(signal.SIGKILL, *names)

    async def freeze(self, *names: str) -> None:
        """`kill -STOP`: they stand still, and their connections stay open."""
        await self._signal(signal.SIGSTOP, *names)

    async def thaw(self, *names: str) -> None:
        """`kill -CONT`."""
        await self._signal(signal.SIGCONT, *names)

    async def _signal(self, number: signal.Signals, *names: str) -> None:
        for process_id in [await self._process_id(name) for name in names]:
            os.kill(process_id, number)

    async def _process_id(self, name: str) -> int:
        async def running() -> int | None:
            return self._supervisor.process_id(name)

        return await until(running, f"{name} to run")

    @asynccontextmanager
    async def second_workers(self, *names: str) -> AsyncIterator[None]:
        """One more process of each of these services, on a port of its own, which nobody is sent to."""
        rows = [component for component in components.COMPONENTS if component.name in names]
        units = [components.unit(self._second(row), self.site) for row in rows]
        register = Register(self.site.places.state / "second-processes.json")
        starts = Starts()
        supervisor = Supervisor(units, register, starts, _PACE)
        try:
            await supervisor.start()
            self.second = RunningSystem(self.site, units, supervisor, self._claims, starts)
            yield
        finally:
            self.second = None
            await supervisor.stop()

    def _second(self, row: Component) -> Component:
        """The same service, told everything that the first one is told but its port."""
        port = next(port for port in range(FIRST, LAST) if self._claims.take(port))
        site = msgspec.structs.replace(self.site, ports={**self.site.ports, row.name: port})
        return msgspec.structs.replace(
            row,
            settings=None if row.settings is None else lambda _site, _name: row.settings(site, row.name),
            name=f"{row.name}-second",
            ready=lambda _site: answers(f"{site.address(row.name)}/health/ready"),
            needs=(),
        )

    def process_id(self, name: str) -> int:
        """The process of a unit, which has to be running."""
        found = self._supervisor.process_id(name)
        assert found is not None, f"{name} does not run"
        return found

    async def flush_valkey(self) -> None:
        """Throw everything away that Valkey holds."""
        redis = Redis.from_url(self.site.redis_url)
        await redis.flushall()
        await redis.aclose()

    async def control(self, vendor: str, method: str, path: str, **more: Any) -> httpx.Response:
        """The control door of a vendor's sandbox."""
        platform = self.told.platforms[vendor]
        headers = {"Sandbox-Control-Key": self.told.control_key}
        async with httpx.AsyncClient(base_url=platform.address, headers=headers, timeout=30) as http:
            return (await http.request(method, f"/_sandbox/{path}", **more)).raise_for_status()

    async def held(self, vendor: str) -> list[dict[str, Any]]:
        """The requests that the vendor holds."""
        found: list[dict[str, Any]] = (await self.control(vendor, "GET", "held")).json()
        return found

    async def faults(self, vendor: str) -> list[dict[str, Any]]:
        """The faults of the vendor that have not struck yet."""
        found: list[dict[str, Any]] = (await self.control(vendor, "GET", "faults")).json()
        return found


@asynccontextmanager
async def running_system(folder: Path) -> AsyncIterator[RunningSystem]:
    """A fresh system whose state is below *folder*; stopped in good order at the end."""
    (folder / "contracts").symlink_to(ROOT / "contracts")
    here = places.find(folder)
    here.make()
    inherited = {name: value for name, value in os.environ.items() if name != settings.PORT_VARIABLE}
    claims = Claims(here.claims)
    site = await prepare(here, settings.asked(inherited), claims, fresh=True)
    units = [components.unit(component, site) for component in components.COMPONENTS]
    starts = Starts()
    supervisor = Supervisor(units, Register(here.state / "processes.json"), starts, _PACE)
    try:
        await supervisor.start()
        yield RunningSystem(site, units, supervisor, claims, starts)
    finally:
        await supervisor.stop()
        claims.release()
        await asyncio.to_thread(clean.clean, folder)


async def until(found: Callable[[], Awaitable[T | None]], what: str, patience_s: float = PATIENCE_S) -> T:
    """What *found* returns once it returns anything; failures of a service that is being restarted are waited out."""
    last = ""
    try:
        async with asyncio.timeout(patience_s):
            while True:
                try:
                    value = await found()
                except (httpx.HTTPError, RuntimeError) as error:
                    value, last = None, str(error)
                if value is not None:
                    return value
                await asyncio.sleep(0.2)  # the system is other processes: nothing here can be awaited
    except TimeoutError as error:
        raise AssertionError(f"waited {patience_s:.0f} s in vain for {what}; last: {last[:300]}") from error
