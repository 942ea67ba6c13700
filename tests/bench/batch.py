"""`make batch`: hundreds of projects with thousands of approved time entries, released in one go, and again with kills.

The whole system is started afresh for each of the two, vendors played by the sandboxes, all on this machine. What a
naive integration would ask the vendors is reckoned: a read per entry, an invoice line per entry, a mark per entry.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import msgspec
from batch_end import Compared, End, compared, counts, expected_counts, read_end
from batch_firm import Plan, batch_firm, set_up
from batch_run import DRAFTING, POSTING, BatchRun, Carried, Strike
from running_system import ROOT, running_system

from launcher import reports
from launcher.problem import LaunchError
from servicekit.clock import SystemClock

PROJECTS, ENTRIES = 300, 12_000
NAIVE_CALLS_OF_AN_ENTRY = 3
_MOST_TOLD = 20


class Killed(msgspec.Struct, frozen=True, kw_only=True):
    """The batch with kills against the one without: records that it lacks or has twice, accounts that differ."""

    lost: int
    doubled: int
    diverged: int
    seconds: float
    struck: tuple[str, ...]


class BatchReport(msgspec.Struct, frozen=True, kw_only=True):
    """`load` is what the machine had to do in the minute before, in runnable processes."""

    projects: int
    entries: int
    seconds: float
    drafted_s: float
    releases_per_s: float
    peak_mib: int
    vendor_calls_per_invoice: float
    naive_calls_per_invoice: float
    posted: int
    in_exception: int
    calls: dict[str, int]
    load: float
    killed: Killed


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A batch that was carried out, and what the vendors hold at its end."""

    carried: Carried
    end: End
    struck: tuple[str, ...]


async def main(plan: Plan, folder: Path) -> int:
    """Both batches; the report goes to `batch.json` in the folder. 1 if anything is not as it has to be."""
    load = os.getloadavg()[0]
    whole = await _released(plan, ())
    carried = whole.carried
    _say(
        f"undisturbed: {carried.seconds:.1f} s, drafts {carried.drafted_s:.1f} s, {carried.peak_mib} MiB, "
        f"{carried.calls.total() / plan.good:.1f} calls an invoice, load before {load:.1f}: {carried.states}"
    )
    broken = await _released(plan, (DRAFTING, POSTING))
    difference = compared(whole.end, broken.end)
    report = _report(plan, load, whole, broken, difference)
    path = reports.write(folder, "batch", report)
    wrong = [*difference.lost, *difference.doubled, *difference.diverged, *_unexpected(plan, whole.end)]
    for line in wrong[:_MOST_TOLD]:
        _say(line)
    _say(
        f"{report.posted} posted, {report.in_exception} in exception; {report.releases_per_s} releases a second, "
        f"{report.vendor_calls_per_invoice} vendor calls an invoice (naive: {report.naive_calls_per_invoice}); "
        f"killed: {report.killed.lost} lost, {report.killed.doubled} doubled, {report.killed.diverged} diverged. "
        f"Report: {path}"
    )
    return 1 if wrong else 0


async def _released(plan: Plan, strikes: tuple[Strike, ...]) -> Ended:
    """A fresh system, its projects, their batch, and its end."""
    firm = batch_firm(SystemClock().now().date(), plan)
    with tempfile.TemporaryDirectory(prefix="sl") as folder:
        async with running_system(Path(folder)) as system:
            await set_up(system, firm, plan)
            run = BatchRun(system, firm, plan, strikes)
            carried = await run.carry_out()
            return Ended(carried=carried, end=await read_end(system, firm), struck=tuple(run.struck))


def _report(plan: Plan, load: float, whole: Ended, broken: Ended, difference: Compared) -> BatchReport:
    carried = whole.carried
    return BatchReport(
        projects=plan.projects,
        entries=plan.entries,
        seconds=round(carried.seconds, 1),
        drafted_s=round(carried.drafted_s, 1),
        releases_per_s=round(plan.projects / carried.seconds, 2),
        peak_mib=carried.peak_mib,
        vendor_calls_per_invoice=round(carried.calls.total() / plan.good, 1),
        naive_calls_per_invoice=float(NAIVE_CALLS_OF_AN_ENTRY * plan.entries_of_a_project),
        posted=carried.states.get("posted", 0),
        in_exception=carried.states.get("in_exception", 0),
        calls=dict(Counter(carried.calls).most_common()),
        load=round(load, 1),
        killed=Killed(
            lost=len(difference.lost),
            doubled=len(difference.doubled),
            diverged=len(difference.diverged),
            seconds=round(broken.carried.seconds, 1),
            struck=broken.struck,
        ),
    )


def _unexpected(plan: Plan, end: End) -> list[str]:
    """The undisturbed end against what was reckoned beforehand: two that are alike may both be wrong."""
    found = counts(end)
    wrong = [
        f"{kind}: {found[kind]}, not {count}" for kind, count in expected_counts(plan).items() if found[kind] != count
    ]
    issued, different = end.numbers
    return wrong if issued == different else [*wrong, f"{issued} invoices have {different} numbers"]


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _asked(arguments: list[str]) -> argparse.Namespace:
    asked = argparse.ArgumentParser(prog="batch", description=__doc__)
    asked.add_argument("--projects", type=int, default=PROJECTS)
    asked.add_argument("--entries", type=int, default=ENTRIES, help="of all projects together")
    asked.add_argument("--reports", type=Path, default=ROOT / ".syncline" / "reports", help="folder of the report")
    return asked.parse_args(arguments)


if __name__ == "__main__":
    told = _asked(sys.argv[1:])
    try:
        sys.exit(asyncio.run(main(Plan(projects=told.projects, entries=told.entries), told.reports)))
    except LaunchError as error:
        sys.exit(error.told())
