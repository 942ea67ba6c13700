"""`make run`: set up the copy, start everything, play the day, report, and stay up until somebody stops it."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Sequence
from pathlib import Path
from typing import TypeVar

from launcher import components, day, places, reports, settings
from launcher.console import Console
from launcher.places import Places
from launcher.ports import Claims
from launcher.preparing import prepare
from launcher.problem import LaunchError, from_system
from launcher.processes import Register, stop_all
from launcher.reports import Check, RunReport, Seconds
from launcher.runlock import only_run
from launcher.site import Site
from launcher.supervisor import Supervisor

INTERRUPTED = 130  # what shells report for a command that Ctrl-C ended


T = TypeVar("T")


class _Stopped(Exception):  # noqa: N818 - it is a wish, not an error
    """Somebody asked us to stop."""


async def run(clone: Path, *, once: bool, keep: bool) -> int:
    """The whole command: a new morning of the demo firm, unless *keep* goes on with the last run's data.

    Returns the exit code: 0 if every check held, or if a person stopped it after they did.
    """
    asked = settings.asked()
    console = Console.of_the_person()
    here = places.find(clone)
    here.make()
    try:
        with only_run(here.state / "run.lock"):
            return await _Run(here, console, asked).whole(once=once, fresh=not keep)
    except OSError as error:
        raise from_system(error) from error


class _Run:
    """One run from its first line to its last."""

    def __init__(self, here: Places, console: Console, asked: settings.Asked) -> None:
        self._here, self._console, self._asked = here, console, asked
        self._register = Register(here.state / "processes.json")
        self._claims = Claims(here.claims)
        self._install_s = round(reports.install_seconds(here.reports), 1)
        self._began = asyncio.get_running_loop().time()
        self._start_s = self._play_s = 0.0
        self._memory_mib = 0
        self._supervisor: Supervisor | None = None
        self._stop_wish = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._wish_to_stop)

    async def whole(self, *, once: bool, fresh: bool) -> int:
        self._console.say(f"Syncline starts in {self._here.clone} (Ctrl-C stops it).")
        passed: bool | None = None
        try:
            site = await self._prepare(fresh=fresh)
            self._supervisor = self._supervise(site)
            passed = self._conclude(site, await self._start_and_play(site, self._supervisor))
            if not once:
                self._console.say("It stays up until Ctrl-C.")
                await self._unless_stopped(self._supervisor.failure)
        except _Stopped:
            if passed is None:
                self._report("failed", problem="stopped before the day was over")
                return INTERRUPTED
        except LaunchError as error:
            self._report("failed", problem=error.explained())
            raise
        finally:
            await self._stop()
        return 0 if passed else 1

    async def _prepare(self, *, fresh: bool) -> Site:
        left = self._register.left_behind()
        if left:
            names = await asyncio.to_thread(stop_all, left)
            self._console.say(f"  A former run had left {', '.join(names)} running; stopped.")
        return await prepare(self._here, self._asked, self._claims, fresh=fresh)

    def _supervise(self, site: Site) -> Supervisor:
        units = [components.unit(component, site) for component in components.COMPONENTS]
        self._console.expect(units)
        return Supervisor(units, self._register, self._console)

    async def _start_and_play(self, site: Site, supervisor: Supervisor) -> Sequence[Check]:
        loop = asyncio.get_running_loop()
        with self._console.moving():
            await self._unless_stopped(supervisor.start())
        self._start_s = round(loop.time() - self._began, 1)
        self._console.say(f"Everything is ready after {self._start_s:.1f} s. The day is played.")
        began = loop.time()
        checks = await self._unless_stopped(day.play(site))
        self._play_s = round(loop.time() - began, 1)
        self._memory_mib = await asyncio.to_thread(reports.memory_mib, os.getpid())
        return checks

    def _conclude(self, site: Site, checks: Sequence[Check]) -> bool:
        """Print the checks and the addresses, leave the report. Whether every check held, of at least one."""
        width = max((len(check.name) for check in checks), default=0)
        for check in checks:
            mark = self._console.good("ok  " if check.ok else "FAIL", good=check.ok)
            self._console.say(f"  {mark}  {check.name:<{width}}  expected {check.expected}, seen {check.seen}")
        held = sum(check.ok for check in checks)
        passed = bool(checks) and held == len(checks)
        report = self._report("passed" if passed else "failed", checks)
        words = f"{held} of {len(checks)} checks held"
        self._console.say(
            f"{self._console.good(words, good=passed)}: install {self._install_s:.1f} s, start {self._start_s:.1f} s, "
            f"day {self._play_s:.1f} s, {self._memory_mib} MiB. Report: {report}"
        )
        self._console.say(f"Open {site.origin}/docs for every API. The logs are in {self._here.logs}.")
        return passed

    def _report(self, status: str, checks: Sequence[Check] = (), problem: str = "") -> Path:
        report = RunReport(
            status=status,
            seconds=Seconds(install=self._install_s, start=self._start_s, play=self._play_s),
            checks=checks,
            memory_mib=self._memory_mib,
            problem=problem,
        )
        return reports.write(self._here.reports, "run", report)

    async def _unless_stopped(self, work: Awaitable[T]) -> T:
        """The result of `work`, unless somebody asks us to stop before it is there."""
        working, wish = asyncio.ensure_future(work), asyncio.create_task(self._stop_wish.wait())
        try:
            await asyncio.wait((working, wish), return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                return working.result()
            raise _Stopped
        finally:
            wish.cancel()
            working.cancel()
            await asyncio.wait((working,))

    async def _stop(self) -> None:
        if self._supervisor is None:
            self._claims.release()
            return
        began = asyncio.get_running_loop().time()
        self._console.say("Stopping.")
        await self._supervisor.stop()
        self._claims.release()
        self._console.say(f"Stopped after {asyncio.get_running_loop().time() - began:.1f} s.")

    def _wish_to_stop(self) -> None:
        """The first wish stops in good order, the second one at once."""
        if self._stop_wish.is_set() and self._supervisor is not None:
            self._supervisor.kill()
        self._stop_wish.set()
