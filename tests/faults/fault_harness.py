"""Plays rounds on one running system: one undisturbed, then one for each case, which must end like it."""

from __future__ import annotations

import asyncio
import contextlib
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import fault_points as points
import msgspec
from fault_cases import Row, replay, told
from fault_points import Found
from fault_residual import residual
from fault_round import PATIENCE_S, Matters, OpenRun, Parked, park
from fault_state import Differences, Own, Round, State, between, compared, own_state, vendor_state
from fault_strikes import STRIKES, Strike, back, workers
from fault_world import Keys, set_up, world
from running_system import RunningSystem, running_system, until

from demo.firm import Firm
from servicekit.clock import SystemClock

WARMING, UNDISTURBED, FIRST = 0, 1, 2  # rounds; the first one learns what all share, such as who is a resource
_SETTLING_S = 45.0  # polls, hooks and events come after the last run's end
_LOOK_AGAIN_S = 1.5
_PREPARED_S = 600.0
_MOST_TOLD = 40


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A strike, and at which points: those of its seed, or `only` those of these names."""

    strike: str
    seed: int
    only: tuple[str, ...] = ()


class Harness:
    """The rounds of one system. `found` are the crash points of the undisturbed one, `residual` what stays open."""

    def __init__(self, system: RunningSystem, firm: Firm, contracts: dict[str, str], keys: Keys) -> None:
        self.found: list[Found] = []
        self.residual: tuple[str, ...] = ()
        self._system, self._firm, self._contracts, self._keys = system, firm, contracts, keys
        self._state: State = {}
        self._healed: Counter[str] = Counter()
        self._undisturbed = Round(came={}, went={})

    async def begin(self, cases: int) -> None:
        """Bring about what the rounds start from, and play the undisturbed one."""
        keys = self._keys
        warming, *rounds = [self._matters(n) for n in range(FIRST + cases)]
        await asyncio.gather(warming.learn(), *(one.release(keys.credited) for one in rounds))
        learnt = len(keys.new) + len(keys.recognised) + len(keys.released)
        await until(lambda: warming.ended(learnt), "what all rounds share", _PREPARED_S)
        for one in rounds:
            await until(lambda one=one: one.ended(len(keys.credited)), "what rounds will credit", _PREPARED_S)
        await self._settled()
        matters = self._matters(UNDISTURBED)
        await matters.ask_for_drafts()
        await matters.ask_for_the_rest()
        await until(lambda: matters.ended(keys.runs), "the undisturbed round", PATIENCE_S)
        self._undisturbed = await self._settled()
        traces = {run.trace for run in await matters.runs()}
        self.residual = await residual(self._system)
        self.found = points.found_in(await points.written(self._system), traces)

    async def play(self, n: int, case: Case) -> tuple[Row, Differences]:
        """The round of that number under the case's strike."""
        began, strike, matters = time.monotonic(), STRIKES[case.strike], self._matters(n)
        async with workers(self._system, strike):
            parked, struck_at = await self._struck(matters, strike, case)
            due = await points.to_come(self._system)
            stuck = await self._ended(matters)
            lost = strike.at_points == "lose_answer"
            struck = await points.used_up(self._system, parked.picked) if lost else parked.struck
            met = len(struck) if lost else due - await points.to_come(self._system)
        await points.release(self._system)
        await back(self._system)
        traces = [one.trace for one in parked.held]
        progress = await asyncio.to_thread(matters.first_progress, traces, struck_at)
        differences = await self._like_the_undisturbed()
        row = Row(
            strike=case.strike,
            seed=case.seed,
            does=strike.does,
            points=tuple(sorted(map(str, struck))),
            missed=not (met if strike.lasting else parked.held),
            parked=len({*traces}),
            takeover_s=None if progress is None else round((progress - struck_at).total_seconds(), 1),
            lost=len(differences.lost),
            doubled=len(differences.doubled),
            diverged=len(differences.diverged),
            stuck=tuple(f"{run.name}: {run.state}, {run.engine}" for run in stuck if not run.in_doubt),
            in_doubt=tuple(f"{run.name}: {run.state}" for run in stuck if run.in_doubt),
            healed=dict(self._healed),
            seconds=round(time.monotonic() - began, 1),
            replay=replay(case.strike, case.seed, case.only),
        )
        return row, differences

    async def _struck(self, matters: Matters, strike: Strike, case: Case) -> tuple[Parked, datetime]:
        """Everything begins, parks, and is struck."""
        await matters.ask_for_drafts(strike.asked)
        picked = self._picked(case) if strike.at_points else []
        await points.switch(self._system, picked, strike.at_points)
        await matters.ask_for_the_rest(strike.asked)
        parked = await park(matters, picked, holds=strike.at_points == "hold")
        struck_at = datetime.now(UTC)
        await strike.blow(self._system, case.seed)
        if not strike.lasting:
            await points.release(self._system)
        return parked, struck_at

    def _picked(self, case: Case) -> list[tuple[Found, int]]:
        return points.named(self.found, case.only) if case.only else points.chosen(self.found, case.seed)

    async def _ended(self, matters: Matters) -> list[OpenRun]:
        """The runs that have not ended after all patience."""
        with contextlib.suppress(AssertionError):
            await until(lambda: matters.ended(self._keys.runs), "the round's end", PATIENCE_S)
        return [run for run in await matters.runs() if run.engine != "SUCCESS"]

    async def _settled(self) -> Round:
        """What came and went since the last look, once it comes and goes no more."""
        before, found = self._state, await self._look()
        while True:
            await asyncio.sleep(_LOOK_AGAIN_S)  # the system is other processes: nothing here can be awaited
            again = await self._look()
            if again == found:
                self._state = found
                return between(before, found)
            found = again

    async def _like_the_undisturbed(self) -> Differences:
        """How the round differs from the undisturbed one, when it had time not to."""
        deadline = time.monotonic() + _SETTLING_S
        while True:
            found = await self._look()
            differences = compared(self._undisturbed, between(self._state, found))
            if not differences or time.monotonic() > deadline:
                self._state = found
                return differences
            await asyncio.sleep(_LOOK_AGAIN_S)  # the system is other processes: nothing here can be awaited

    async def _look(self) -> State:
        own: Own = await asyncio.to_thread(own_state, self._system)
        self._healed = own.healed
        return {**own.rows, **await vendor_state(self._system, self._firm)}

    def _matters(self, n: int) -> Matters:
        return Matters(self._system, self._firm, self._contracts, self._keys, n)


@asynccontextmanager
async def harness(cases: int, keys: Keys) -> AsyncIterator[Harness]:
    """A fresh system with a world for so many cases, the undisturbed round played."""
    firm = world(SystemClock().now().date(), FIRST + cases, keys)
    with tempfile.TemporaryDirectory(prefix="sl") as folder:
        async with running_system(Path(folder)) as system:
            made = Harness(system, firm, await set_up(system, firm), keys)
            await made.begin(cases)
            yield made


class Played(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the cases."""

    rows: list[Row]
    found: list[Found]
    residual: tuple[str, ...]
    unplayed: tuple[Case, ...] = ()  # there was no time left for them


async def played(cases: Sequence[Case], keys: Keys, until_s: float = math.inf, further: Sequence[str] = ()) -> Played:
    """Each case in its round, then each *further* strike at points that none came to; none is begun after that time."""
    began = time.monotonic()
    rows: list[Row] = []
    async with harness(len(cases) + len(further), keys) as made:
        passed = f"{keys.runs} runs, {len(made.found)} points"
        say(f"{time.monotonic() - began:6.0f} s  the undisturbed round: {passed}")
        for n, case in enumerate(_with_further(cases, further, made.found, rows), FIRST):
            if time.monotonic() - began > until_s:
                unplayed = tuple(cases[len(rows) :])
                return Played(rows=rows, found=made.found, residual=made.residual, unplayed=unplayed)
            row, differences = await made.play(n, case)
            rows.append(row)
            _tell(row, differences, time.monotonic() - began)
        return Played(rows=rows, found=made.found, residual=made.residual)


def _with_further(
    cases: Sequence[Case], further: Sequence[str], found: Sequence[Found], rows: Sequence[Row]
) -> Iterator[Case]:
    """*rows* grow while the cases are played: they tell which points were struck."""
    yield from cases
    tried: set[str] = set()
    for place, strike in enumerate(further):
        only = points.left_over(found, tried.union(*(row.points for row in rows)))
        if not only:
            return
        tried.update(only)
        yield Case(strike=strike, seed=len(cases) + place, only=only)


def _tell(row: Row, differences: Differences, at_s: float) -> None:
    verdict = "FAILED" if row.failed else "ok"
    took = "-" if row.takeover_s is None else f"{row.takeover_s} s"
    stood = f"{len(row.points)} points, {row.parked} parked, went on after {took}"
    say(f"{at_s:6.0f} s  {verdict:<6} {row.strike} {row.seed}: {stood}, {row.seconds} s")
    if row.failed:
        lines = [*told(differences)[:_MOST_TOLD], *(f"  stuck: {one}" for one in row.stuck), f"  again: {row.replay}"]
        say("\n".join(["  nothing was struck"] * row.missed + lines))
    for one in row.in_doubt:
        say(f"  in doubt, with a person: {one}")


def say(text: str) -> None:
    """To whoever looks on."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
