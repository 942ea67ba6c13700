"""`make faults`: every strike at every vendor write; `make faults FAULT="kill-postgres --seed 3"`: that case alone."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import Sequence

from fault_cases import Machine, replay, report
from fault_harness import Case, played, say
from fault_strikes import STRIKES
from fault_world import MANY
from running_system import ROOT

from launcher import reports

# What parks runs for the strike to hit is played further seeds, so that every point is struck.
_AGAIN = ("kill-process-api", "kill-system-api", "kill-postgres", "empty-valkey", "lose-answers")
_ROUNDS = 24
# Struck at last at points that none has come to, since another one of their vendor was in the way.
_FURTHER = (
    "kill-process-api",
    "kill-system-api",
    "kill-process-api",
    "kill-postgres",
    "kill-process-api",
    "kill-system-api",
)
_UNTIL_S = 25 * 60.0  # no round is begun later: all must be over in half an hour


def long_form() -> list[Case]:
    """Every strike once, then those that any point can be struck with; a seed takes further points than the last."""
    names = [*STRIKES, *(_AGAIN[place % len(_AGAIN)] for place in range(_ROUNDS - len(STRIKES)))]
    return [Case(strike=name, seed=seed) for seed, name in enumerate(names)]


def asked(arguments: Sequence[str]) -> list[Case]:
    """The cases that a person asks for."""
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument("strikes", nargs="*", choices=[*STRIKES, []], metavar="STRIKE", help=", ".join(STRIKES))
    parser.add_argument("--seed", type=int, default=0, help="at which points")
    parser.add_argument(
        "--only", action="append", default=[], metavar="POINT", help="at this one, as the report has it"
    )
    told = parser.parse_args(arguments)
    return [Case(strike=name, seed=told.seed + place, only=tuple(told.only)) for place, name in enumerate(told.strikes)]


async def main(arguments: Sequence[str]) -> int:
    """Play, and leave the report. 1 when a case failed or was not played."""
    began, load = time.monotonic(), os.getloadavg()[0]
    cases = asked(arguments)
    made = await (played(cases, MANY) if cases else played(long_form(), MANY, _UNTIL_S, _FURTHER))
    machine = Machine(seconds=time.monotonic() - began, load=load)
    unplayed = [replay(case.strike, case.seed) for case in made.unplayed]
    told = report(made.rows, {one.point for one in made.found}, made.residual, MANY.runs, machine, unplayed)
    reports.write(ROOT / ".syncline" / "reports", "faults", told)
    points = f"{told.points_struck} of {told.points_found} points struck in {told.cases} cases"
    records = f"lost {told.lost}, doubled {told.doubled}, diverged {told.diverged}"
    say(f"{points}: {records}; stuck {told.stuck}, in doubt {told.in_doubt}")
    for one in unplayed:
        say(f"no time was left for: {one}")
    return 1 if told.failed or unplayed else 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main(sys.argv[1:])))
