"""The whole system: how long each service takes to start and what memory it keeps; what the vendors are asked.

What a naive integration would ask is reckoned. For an invoice: a read, a line and a mark for each entry. For an
onboarding: for each record that Syncline wrote a look whether it is there, the write, and a look at what became of it.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from batch import NAIVE_CALLS_OF_AN_ENTRY
from batch_firm import Plan, batch_firm, set_up
from batch_run import BatchRun, vendor_calls
from figures import LOWER, Length, Result, Row
from running_system import RunningSystem, running_system, until

from demo import day
from demo.firm import Firm
from demo.syncline import signed_in
from demo.waiting import until as waited_for
from launcher import settings
from launcher.reports import memory_mib
from servicekit.clock import SystemClock

SERVICES = (
    settings.PORTAL,
    *(f"system-{capability}" for capability in settings.CAPABILITIES),
    *(f"process-{process}" for process in settings.PROCESSES),
    "experience",
)
PLAN = Plan(projects=10, entries=400)
NAIVE_CALLS_OF_A_WRITE = 3
#: What the demo's salespeople themselves ask Salesforce: two look-ups and the win, for each deal.
CALLS_OF_A_SALE = Counter({"GET": 2, "PATCH": 1})
QUIET_S = 5.0
READS = ("GET", "HEAD")
ALONE, TOGETHER = "alone", "all services at once, at the first start"
NAIVE = "naive integration"
LOAD = f"a running system, one batch of {PLAN.projects} projects with {PLAN.entries} entries, then the demo's wins"


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What the vendors were asked in a while, by vendor, method and kind of path."""

    calls: Counter[str]
    seconds: float

    def beyond(self, quiet: Asked) -> float:
        """The calls without those of the pollers, which ask as often when nothing happens."""
        return self.calls.total() - quiet.calls.total() / quiet.seconds * self.seconds

    @property
    def writes(self) -> int:
        """Calls that may change something; a token is no record."""
        return sum(n for what, n in self.calls.items() if what.split()[1] not in READS and "token" not in what)


async def measured(_length: Length) -> list[Result]:
    """A fresh system, set up, worked with, looked at, its services then restarted one by one."""
    firm = batch_firm(SystemClock().now().date(), PLAN)
    with tempfile.TemporaryDirectory(prefix="sl") as folder:
        async with running_system(Path(folder)) as system:
            await set_up(system, firm, PLAN)
            quiet = await _asked_while(system, asyncio.sleep(QUIET_S))
            invoices = await _asked_while(system, BatchRun(system, firm, PLAN).carry_out())
            onboardings = await _asked_while(system, _onboarded(system, firm))
            services = [row for name in SERVICES for row in await service(system, name)]
    return [*services, invoice(invoices, quiet, PLAN), onboarding(onboardings, quiet, len(firm.deals))]


async def service(system: RunningSystem, name: str) -> list[Result]:
    """Memory after the work, then the service is killed and its next start timed, the others staying up."""
    memory = memory_mib(system.process_id(name))
    first, known = system.starts.seconds[name][0], len(system.starts.seconds[name])
    await system.kill(name)

    async def again() -> float | None:
        found = system.starts.seconds[name]
        return found[-1] if len(found) > known else None

    alone = await until(again, f"{name} to be ready again")
    start = Row(name=f"{name}, start until ready", unit="s", better=LOWER, load="killed in a running system, once")
    kept = Row(name=f"{name}, memory", unit="MiB", better=LOWER, load=f"{LOAD}; PSS, once")
    return [start.of(ALONE, {ALONE: [alone], TOGETHER: [first]}), kept.of(ALONE, {ALONE: [float(memory)]})]


def invoice(asked: Asked, quiet: Asked, plan: Plan) -> Result:
    """Calls per posted invoice, the pollers' own taken away."""
    naive = NAIVE_CALLS_OF_AN_ENTRY * plan.entries_of_a_project
    load = f"{LOAD}; {plan.entries_of_a_project} entries an invoice, the pollers' own calls taken away"
    row = Row(name="vendor calls per invoice", unit="calls", better=LOWER, load=load)
    return row.of("ours", {"ours": [asked.beyond(quiet) / plan.good], NAIVE: [float(naive)]})


def onboarding(asked: Asked, quiet: Asked, wins: int) -> Result:
    """Calls per win, whatever became of it, the pollers' and the salespeople's own taken away."""
    naive = NAIVE_CALLS_OF_A_WRITE * (asked.writes - CALLS_OF_A_SALE["PATCH"] * wins) / wins
    ours = (asked.beyond(quiet) - CALLS_OF_A_SALE.total() * wins) / wins
    load = f"{LOAD}; {wins} wins, the pollers' and the salespeople's own calls taken away"
    row = Row(name="vendor calls per onboarding", unit="calls", better=LOWER, load=load)
    return row.of("ours", {"ours": [ours], NAIVE: [naive]})


async def _asked_while(system: RunningSystem, work: Any) -> Asked:
    before, began = await vendor_calls(system, system.told.platforms), time.monotonic()
    await work
    seconds, calls = time.monotonic() - began, await vendor_calls(system, system.told.platforms)
    calls.subtract(before)
    return Asked(calls=+calls, seconds=seconds)


async def _onboarded(system: RunningSystem, firm: Firm) -> None:
    """Every deal is won, and its run has ended or waits for a person."""
    await day.win_everything(system.told, firm)
    async with signed_in(system.told) as syncline:
        wanted = len(firm.deals)
        await waited_for(lambda: day.settled(syncline, wanted, system.told.director), f"{wanted} onboardings")
