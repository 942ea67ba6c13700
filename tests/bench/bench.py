"""`make bench`: what the house's parts cost beside bare ones, in one run, as medians of alternating rounds.

Everything runs on this machine, so the figures are worth their ratios; load comes from `load.py`, a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

import calling
import hopping
import reading
import telling
import uvloop
from figures import BenchReport, Length, table
from stand import ROOT, stand

from launcher import reports
from launcher.problem import LaunchError

CALLERS = (reading, hopping)  # measured in the processes that they call
LIBRARIES = (telling, calling)  # measured in this process, on the services' own event loop
SECONDS, ROUNDS = 3.0, 3


async def main(length: Length, folder: Path) -> int:
    """Measure part after part; the report goes to `bench.json` in the folder."""
    with tempfile.TemporaryDirectory(prefix="sl") as state:
        async with stand(Path(state)) as running:
            results = [result for part in CALLERS for result in await part.measured(running, length)]
            for part in LIBRARIES:
                results += await asyncio.to_thread(uvloop.run, part.measured(running, length))
    path = reports.write(folder, "bench", BenchReport(results=tuple(results)))
    sys.stdout.write(f"{table(results)}\n{length.rounds} rounds of {length.seconds:g} s a side. Report: {path}\n")
    return 0


def _asked(arguments: list[str]) -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="bench", description=__doc__)
    asked.add_argument("--seconds", type=float, default=SECONDS, help="how long each side is measured in a round")
    asked.add_argument("--rounds", type=int, default=ROUNDS)
    asked.add_argument("--reports", type=Path, default=ROOT / ".syncline" / "reports", help="folder of the report")
    return asked.parse_args(arguments)


if __name__ == "__main__":
    told = _asked(sys.argv[1:])
    try:
        sys.exit(asyncio.run(main(Length(seconds=told.seconds, rounds=told.rounds), told.reports)))
    except LaunchError as error:
        sys.exit(error.told())
