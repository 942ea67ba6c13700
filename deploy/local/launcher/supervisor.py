"""Starts components when what they need is ready, restarts what dies, stops all in reverse order."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from launcher.problem import LaunchError, from_system
from launcher.processes import Command, Register, spawn
from launcher.readiness import Probe

LOG_CAP = 20 * 1024 * 1024  # bytes; one older log of the same size is kept beside it


class Unit(msgspec.Struct, frozen=True, kw_only=True):
    """One component, ready to start. Without a probe it is a task: it must end well before others may need it."""

    name: str
    layer: str  # units of one layer stop together, layers in the reverse of the order they are given in
    command: Command
    log: Path
    ready: Probe | None
    needs: tuple[str, ...] = ()


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """How patient the supervisor is, in seconds."""

    ready_s: float = 90.0  # a slow disk and two cores: the slowest start seen is a tenth of it
    first_pause_s: float = 0.5  # before the first restart; doubles with each further one
    longest_pause_s: float = 30.0
    steady_s: float = 60.0  # up for so long, an earlier death is forgotten
    probe_s: float = 0.05
    stop_s: float = 10.0
    log_check_s: float = 5.0


class Onlooker(Protocol):
    """Who is told what happens; the console, or a test."""

    def starting(self, unit: Unit) -> None: ...

    def ready(self, unit: Unit, seconds: float) -> None: ...

    def died(self, unit: Unit, ending: str, pause_s: float) -> None: ...


class Supervisor:
    """Owns the processes of one run."""

    def __init__(self, units: Sequence[Unit], register: Register, onlooker: Onlooker, pace: Pace | None = None) -> None:
        self._units, self._register, self._onlooker = tuple(units), register, onlooker
        self._pace = pace or Pace()
        self._ready = {unit.name: asyncio.Event() for unit in units}
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self.failure: asyncio.Future[None]  # ends with an error that no restart can mend

    async def start(self) -> None:
        """Return when every unit is ready. Raises LaunchError for the first that cannot be started."""
        self.failure = asyncio.get_running_loop().create_future()
        for unit in self._units:
            rotate(unit.log)
        self._tasks = [asyncio.create_task(self._keep(unit), name=unit.name) for unit in self._units]
        self._tasks.append(asyncio.create_task(self._cap_logs()))
        for task in self._tasks:
            task.add_done_callback(self._notice)
        all_ready = asyncio.create_task(self._all_ready())
        await asyncio.wait((all_ready, self.failure), return_when=asyncio.FIRST_COMPLETED)
        if self.failure.done():
            all_ready.cancel()
            self.failure.result()

    async def stop(self) -> None:
        """Ask each layer to end, the last first; what has not ended when its share of the time is over is killed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        layers = list(dict.fromkeys(unit.layer for unit in reversed(self._units)))
        deadline = asyncio.get_running_loop().time() + self._pace.stop_s
        for number, layer in enumerate(layers):
            left = max(0.0, deadline - asyncio.get_running_loop().time())
            units = [unit for unit in self._units if unit.layer == layer]
            await asyncio.gather(*(self._end(unit, left / (len(layers) - number)) for unit in units))

    def kill(self) -> None:
        """End everything at once."""
        for process in self._processes.values():
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def process_id(self, name: str) -> int | None:
        """The process of a unit that runs, else None."""
        process = self._processes.get(name)
        return process.pid if process is not None and process.returncode is None else None

    async def _all_ready(self) -> None:
        for event in self._ready.values():
            await event.wait()

    def _notice(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None and not self.failure.done():
            self.failure.set_exception(error)

    async def _keep(self, unit: Unit) -> None:
        for need in unit.needs:
            await self._ready[need].wait()
        loop, deaths = asyncio.get_running_loop(), 0
        while True:
            began = loop.time()
            try:
                ending = await self._live(unit)
            except LaunchError as error:
                if not self._ready[unit.name].is_set():
                    raise
                ending = error.sentence
            if unit.ready is None and self._ready[unit.name].is_set():
                return
            if not self._ready[unit.name].is_set():
                raise LaunchError(f"{unit.name} could not be started: it {ending}.", unit.log)
            deaths = 0 if loop.time() - began >= self._pace.steady_s else deaths
            pause = min(self._pace.longest_pause_s, self._pace.first_pause_s * 2.0**deaths)
            deaths += 1
            self._onlooker.died(unit, ending, pause)
            await asyncio.sleep(pause)

    async def _live(self, unit: Unit) -> str:
        """One life of a unit: start it, tell when it is ready, wait for its end. Returns how it ended."""
        began = asyncio.get_running_loop().time()
        self._onlooker.starting(unit)
        try:
            process = await spawn(unit.command, unit.log)
        except OSError as error:
            raise from_system(error) from error
        self._processes[unit.name] = process
        self._register.add(unit.name, process.pid)
        end = asyncio.ensure_future(process.wait())
        if await self._becomes_ready(unit, process.pid, end):
            self._ready[unit.name].set()
            self._onlooker.ready(unit, asyncio.get_running_loop().time() - began)
        code = await end
        self._register.remove(unit.name)
        return ended(code)

    async def _becomes_ready(self, unit: Unit, pid: int, end: asyncio.Future[int]) -> bool:
        if unit.ready is None:
            return await asyncio.shield(end) == 0
        try:
            async with asyncio.timeout(self._pace.ready_s):
                while not end.done():
                    if await unit.ready(pid):
                        return not end.done()
                    await asyncio.wait({end}, timeout=self._pace.probe_s)
        except TimeoutError as error:
            os.killpg(pid, signal.SIGKILL)
            await end
            sentence = f"{unit.name} was not ready after {self._pace.ready_s:.0f} s and was ended."
            raise LaunchError(sentence, unit.log) from error
        return False

    async def _end(self, unit: Unit, within_s: float) -> None:
        process = self._processes.get(unit.name)
        if process is None:
            return
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(unit.command.stop)
            try:
                async with asyncio.timeout(within_s):
                    await process.wait()
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        self._register.remove(unit.name)

    async def _cap_logs(self) -> None:
        while True:
            await asyncio.sleep(self._pace.log_check_s)
            for unit in self._units:
                cap(unit.log, LOG_CAP)


def ended(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-code).name}"
    return f"was ended by signal {-code}"


def rotate(log: Path) -> None:
    """Begin a new log and keep the former run's beside it."""
    if log.exists():
        log.replace(_older(log))


def cap(log: Path, size: int) -> None:
    """Move a log's content aside when it has grown past `size` bytes; its writer appends, and goes on at the start."""
    if log.exists() and log.stat().st_size > size:
        shutil.copyfile(log, _older(log))
        os.truncate(log, 0)


def _older(log: Path) -> Path:
    return log.with_name(log.name + ".1")
