"""What strikes a round: each strike is one small function, done once while many runs stand parked at vendors.

A strike hits every service of its layer, found among the components: a new one is struck by being there.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import fault_points as points
import msgspec
from running_system import RunningSystem, until

from launcher.components import COMPONENTS
from launcher.settings import FLOWS

# Longer than any time-out between two of our services (40 s), than a write's lease (30 s) and a worker's slot (4 s).
FROZEN_S = 45.0
DOWN_S = 30.0
_REFUSED = 12  # requests of each vendor
_BETWEEN = 25  # requests that pass between two tokens' ends

Blow = Callable[["RunningSystem", int], Awaitable[None]]


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """One row. `at_points` is what is switched on at the crash points; `asked`: how often each trigger comes, at once.

    `workers`: each process with workflows has two. `lasting`: what is switched on at vendors stays until it was met.
    """

    blow: Blow
    does: str
    at_points: str = "hold"
    asked: int = 1
    workers: int = 1
    lasting: bool = False


def units(layer: str) -> tuple[str, ...]:
    """The components of a layer."""
    return tuple(component.name for component in COMPONENTS if component.layer == layer)


PROCESSES, SYSTEMS = units("process"), units("system")
WORKERS = tuple(f"process-{flow}" for flow in FLOWS)


async def _kill_processes(system: RunningSystem, _seed: int) -> None:
    await system.kill(*PROCESSES)


async def _kill_systems(system: RunningSystem, _seed: int) -> None:
    await system.kill(*SYSTEMS)


async def _kill_postgres(system: RunningSystem, _seed: int) -> None:
    await system.kill("postgres")


async def _empty_valkey(system: RunningSystem, _seed: int) -> None:
    """Its files are gone before it starts again: it comes back with nothing."""
    await system.kill("valkey")
    folder = system.site.places.valkey
    await asyncio.to_thread(shutil.rmtree, folder)
    folder.mkdir()


async def _kill_edge(system: RunningSystem, _seed: int) -> None:
    await system.kill("edge")


async def _nothing(_system: RunningSystem, _seed: int) -> None:
    """What was switched on at the points is the strike."""


async def _vendor_down(system: RunningSystem, seed: int) -> None:
    """One vendor answers nothing but its own 5xx for a while; what it holds has come before."""
    names = sorted(system.told.platforms)
    vendor = names[seed % len(names)]
    await points.release(system)
    await system.control(vendor, "POST", "faults", json={"kind": "outage", "times": None})
    await asyncio.sleep(DOWN_S)  # so long is what is being tried
    await points.release(system)


async def _throttled(system: RunningSystem, _seed: int) -> None:
    """Every vendor refuses the next so many requests; what it holds has come before."""
    await points.release(system)
    for vendor in system.told.platforms:
        await system.control(vendor, "POST", "faults", json={"kind": "throttle", "times": _REFUSED})


async def _tokens_expired(system: RunningSystem, _seed: int) -> None:
    """Twice a request is refused, and passes with a new token. A second refusal would be for people.

    Where a key is fixed, one that is refused has been withdrawn, and that is for people at once.
    """
    await points.release(system)
    for vendor in await _giving_tokens(system):
        for skip in (0, _BETWEEN):
            await system.control(vendor, "POST", "faults", json={"kind": "expire_token", "skip": skip})


async def _giving_tokens(system: RunningSystem) -> list[str]:
    """The vendors that were asked for a token."""
    asked = {vendor: (await system.control(vendor, "GET", "requests")).json() for vendor in system.told.platforms}
    return [vendor for vendor, paths in asked.items() if any("token" in path for path in paths)]


async def _freeze_processes(system: RunningSystem, _seed: int) -> None:
    await _frozen(system, *PROCESSES)


async def _freeze_systems(system: RunningSystem, _seed: int) -> None:
    await _frozen(system, *SYSTEMS)


async def _frozen(system: RunningSystem, *names: str) -> None:
    """Vendors go on meanwhile, and answer to nobody."""
    await system.freeze(*names)
    await points.release(system)
    await asyncio.sleep(FROZEN_S)  # past every time-out is what is being tried
    await system.thaw(*names)


async def _two_workers(system: RunningSystem, _seed: int) -> None:
    """The first of each dies, the second stands still and wakes when its work has gone to another."""
    second = system.second
    assert second is not None
    names = [f"{name}-second" for name in WORKERS]
    await second.freeze(*names)
    await system.kill(*WORKERS)
    await points.release(system)
    await asyncio.sleep(FROZEN_S)  # past every time-out is what is being tried
    await second.thaw(*names)


STRIKES: Mapping[str, Strike] = {
    "kill-process-api": Strike(blow=_kill_processes, does="kill -9 of every process API"),
    "kill-system-api": Strike(blow=_kill_systems, does="kill -9 of every system API"),
    "kill-postgres": Strike(blow=_kill_postgres, does="kill -9 of PostgreSQL"),
    "empty-valkey": Strike(blow=_empty_valkey, does="kill -9 of Valkey, its data thrown away"),
    "kill-edge": Strike(blow=_kill_edge, does="kill -9 of the edge"),
    "lose-answers": Strike(blow=_nothing, does="the answers of writes are lost", at_points="lose_answer", lasting=True),
    "vendor-down": Strike(blow=_vendor_down, does="one vendor is down for 30 s"),
    "throttle": Strike(blow=_throttled, does="every vendor answers 429 with Retry-After", lasting=True),
    "expire-tokens": Strike(blow=_tokens_expired, does="the tokens that vendors gave out have expired", lasting=True),
    "tell-twice": Strike(blow=_nothing, does="every trigger comes twice and at once", asked=2),
    "freeze-process-api": Strike(blow=_freeze_processes, does="SIGSTOP of every process API for 45 s, then SIGCONT"),
    "freeze-system-api": Strike(blow=_freeze_systems, does="SIGSTOP of every system API for 45 s, then SIGCONT"),
    "two-workers": Strike(
        blow=_two_workers, does="of two workers one is killed, one frozen for 45 s and woken", workers=2
    ),
}


@asynccontextmanager
async def workers(system: RunningSystem, strike: Strike) -> AsyncIterator[None]:
    """The workers that the strike asks for, for as long as the round lasts."""
    if strike.workers == 1:
        yield
        return
    async with system.second_workers(*WORKERS):
        yield


async def back(system: RunningSystem) -> None:
    """Until every service answers again."""

    async def ready() -> bool | None:
        return True if await system.all_ready() else None

    await until(ready, "all services to be back")
