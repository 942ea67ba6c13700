"""`make bench`: what the house's parts cost beside others' and bare ones, in one run, as medians of alternating rounds.

Everything runs on this machine, so the figures are worth their ratios; load comes from `load.py`, a process of its own.
The exit code is 3 when a gate is missed; in the short form, whose times mean nothing, the gates decide nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import calling
import hopping
import reading
import telling
import uvloop
import working
from figures import BenchReport, Length, Result, missed, table
from peers import Peers
from stand import ROOT, Stand, stand

from launcher import reports
from launcher.problem import LaunchError

CALLERS = {"service": reading, "edge": hopping, "workflow": working}  # measured in the processes that they call
LIBRARIES = {"events": telling, "outbound": calling}  # measured in this process, on the services' own event loop
WHOLE = "whole"  # needs a system of its own
PARTS = (*CALLERS, *LIBRARIES, WHOLE)
STANDARD = Length(seconds=3.0, rounds=3)
SHORT = Length(seconds=0.2, rounds=1)
GATE_MISSED = 3


async def main(parts: Sequence[str], length: Length, folder: Path, *, short: bool) -> int:
    """Measure part after part; the report goes to `bench.json` in the folder."""
    load_before = os.getloadavg()[0]
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="sl") as state:
        async with stand(Path(state), Peers(wanted=not short)) as running:
            results += await _side_by_side(running, parts, length)
    if WHOLE in parts:
        import whole

        results += await whole.measured(length)
    below = missed(results)
    report = BenchReport(
        status="missed" if below else "passed",
        rounds=length.rounds,
        seconds=length.seconds,
        load_before=round(load_before, 2),
        load_after=round(os.getloadavg()[0], 2),
        results=tuple(results),
    )
    path = reports.write(folder, "bench", report)
    verdict = "".join(f"missed: {line}\n" for line in below) or "every gate that was measured holds\n"
    sys.stdout.write(
        f"{table(results)}\n{verdict}{length.rounds} rounds of {length.seconds:g} s a side. Report: {path}\n"
    )
    return GATE_MISSED if below and not short else 0


async def _side_by_side(running: Stand, parts: Sequence[str], length: Length) -> list[Result]:
    results: list[Result] = []
    for name, part in CALLERS.items():
        if name in parts:
            results += await part.measured(running, length)
    for name, part in LIBRARIES.items():
        if name in parts:
            results += await asyncio.to_thread(uvloop.run, part.measured(running, length))
    return results


def _asked(arguments: list[str]) -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="bench", description=__doc__)
    asked.add_argument("parts", nargs="*", metavar="part", help=f"{', '.join(PARTS)}; all, if none is named")
    asked.add_argument("--seconds", type=float, help="how long each side is measured in a round")
    asked.add_argument("--rounds", type=int)
    asked.add_argument("--short", action="store_true", help="a moment a side, no peers of others, no gate decides")
    asked.add_argument("--reports", type=Path, default=ROOT / ".syncline" / "reports", help="folder of the report")
    found = asked.parse_args(arguments)
    if unknown := [name for name in found.parts if name not in PARTS]:
        asked.error(f"there is no part {', '.join(unknown)}")
    return found


if __name__ == "__main__":
    told = _asked(sys.argv[1:])
    default = SHORT if told.short else STANDARD
    chosen = Length(seconds=told.seconds or default.seconds, rounds=told.rounds or default.rounds)
    try:
        sys.exit(asyncio.run(main(told.parts or PARTS, chosen, told.reports, short=told.short)))
    except LaunchError as error:
        sys.exit(error.told())
