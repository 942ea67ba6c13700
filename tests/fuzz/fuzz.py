"""`make fuzz`: every API as every caller, on a system of its own, at least 20,000 cases; report `fuzz`."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from apis import CONTRACTS
from fuzzing import Depth, FuzzReport, Run, fuzz, plans
from played_day import played_day

from launcher import reports

LEAST_CASES = 20_000
EXAMPLES = 50  # per operation and phase, as the caller with all scopes
SHARE = 5  # the others have a part of it


async def main(examples: int, seed: int) -> int:
    """The long form: the demo firm's day is played, so that there is something to read, then everything is asked."""
    wanted = list(plans(Depth(examples=examples), Depth(examples=max(1, examples // SHARE))))
    with tempfile.TemporaryDirectory(prefix="sl") as folder:
        async with played_day(Path(folder)) as played:
            report = await fuzz(played.system, wanted, seed, _tell)
    path = reports.write(CONTRACTS.parent / ".syncline" / "reports", "fuzz", report)
    return _told(report, path, least=LEAST_CASES if examples >= EXAMPLES else 0)


def _tell(run: Run) -> None:
    answers = ", ".join(f"{count} x {status}" for status, count in run.statuses.items())
    _say(f"{run.api} as {run.caller}: {run.cases} cases; {answers}")
    if run.told:
        _say(run.told)


def _told(report: FuzzReport, path: Path, least: int) -> int:
    kept = all(run.sound for run in report.runs)
    few = report.cases < least
    verdict = "all promises kept" if kept else "NOT all promises kept"
    _say(
        f"{report.cases} cases in {len(report.runs)} runs: {report.server_errors} server errors,"
        f" {report.undocumented} undocumented answers, {report.violations} other violations. {verdict}"
        f"{f', but fewer than {least} cases' if few else ''}. Seed {report.seed}. Report: {path}"
    )
    return 0 if kept and not few else 1


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _asked(arguments: list[str]) -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="fuzz", description=__doc__)
    asked.add_argument("examples", type=int, nargs="?", default=EXAMPLES, help="per operation and phase")
    asked.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)), help="makes the same cases again")
    return asked.parse_args(arguments)


if __name__ == "__main__":
    told = _asked(sys.argv[1:])
    sys.exit(asyncio.run(main(told.examples, told.seed)))
