"""A first proof of what crashes do: nothing is lost, nothing is there twice, and the day ends as it would have."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from end_state import lost_and_doubled
from fault_cases import Case
from played_day import PlayedDay
from running_system import RunningSystem, running_system, until

from canonical.work import Onboarding
from demo import day
from demo.checks import ACTIVATED
from demo.firm import Firm
from demo.morning import demo_firm
from demo.platforms import Seen, read_all
from demo.syncline import signed_in
from servicekit.clock import SystemClock

# Where the process API is when it is killed: vendor writes held before and after their effect.
HELD: tuple[Mapping[str, Any], ...] = (
    {"vendor": "kantata", "kind": "hold_before", "method": "POST", "path": r"/workspaces(\.json)?$"},
    {"vendor": "kantata", "kind": "hold_after", "method": "POST", "path": r"/workspaces(\.json)?$", "skip": 1},
    {"vendor": "stripe", "kind": "hold_before", "method": "POST", "path": r"/v1/products$"},
    {"vendor": "stripe", "kind": "hold_after", "method": "POST", "path": r"/v1/prices$"},
    {"vendor": "business_central", "kind": "hold_before", "method": "POST", "path": r"/projectCards$"},
    {"vendor": "business_central", "kind": "hold_after", "method": "POST", "path": r"/customers$"},
)
# Each vendor loses one answer: a write's where it takes writes, a read's where it does not.
LOST_WRITES: tuple[Mapping[str, Any], ...] = (
    {"vendor": "kantata", "method": "POST", "path": r"/stories(\.json)?$"},
    {"vendor": "stripe", "method": "POST", "path": r"/v1/customers$"},
    {"vendor": "business_central", "method": "POST", "path": r"/projectCards$", "skip": 3},
)
LOST_READS: tuple[Mapping[str, Any], ...] = (
    {"vendor": "salesforce", "method": "GET", "path": "/services/data"},
    {"vendor": "workday", "method": "GET", "path": "."},
    {"vendor": "scim", "method": "GET", "path": "/Users"},
)


async def test_a_killed_process_a_flushed_queue_and_lost_answers_change_nothing(
    whole_day: PlayedDay, case: Case
) -> None:
    """Kill -9 at held writes, an empty Valkey, an answer lost by each vendor: the day ends as it would have."""
    with tempfile.TemporaryDirectory(prefix="sl") as folder:
        async with running_system(Path(folder)) as system:
            disturbed = await _disturbed_day(system, case)
    lost, doubled = lost_and_doubled(whole_day.seen, disturbed)
    case.ended(lost, doubled)
    assert ([], []) == (lost, doubled)


async def _disturbed_day(system: RunningSystem, case: Case) -> Seen:
    """Win everything, strike while writes are held, let go, and see the day to its end."""
    firm = demo_firm(SystemClock().now().date())
    await day.seed(system.told, firm)
    async with signed_in(system.told) as syncline:
        await day.go_live(system.told, firm, syncline)
    for fault in HELD:
        await _switch(system, fault)
    for fault in LOST_WRITES:
        await _lose(system, fault)
    await day.hire_the_last(system.told, firm)
    await day.win_everything(system.told, firm)
    for fault in LOST_READS:  # not before: the firm's own people read there too
        await _lose(system, fault)
    await _strike(system, case)
    await _see_to_the_end(system, firm)
    await _all_have_struck(system, case)
    return await read_all(system.told, firm)


async def _lose(system: RunningSystem, fault: Mapping[str, Any]) -> None:
    await _switch(system, {"kind": "lose_answer", **fault})


async def _all_have_struck(system: RunningSystem, case: Case) -> None:
    """No vendor still waits to go wrong: a fault that met no request would have proved nothing."""

    async def none_left() -> bool | None:
        left = [fault for vendor in system.told.platforms for fault in await system.faults(vendor)]
        return None if left else True

    await until(none_left, "every fault to strike")
    for fault in (*LOST_WRITES, *LOST_READS):
        case.struck(f"{fault['vendor']} lost the answer of {fault['method']} {fault['path']}")


async def _switch(system: RunningSystem, fault: Mapping[str, Any]) -> None:
    told = {name: value for name, value in fault.items() if name != "vendor"}
    await system.control(fault["vendor"], "POST", "faults", json=told)


async def _strike(system: RunningSystem, case: Case) -> None:
    """Kill the process API each time that further writes are held, throw Valkey's data away, and let go of them."""
    seen = 0
    while seen < len(HELD):

        async def any_held() -> list[tuple[str, int]] | None:
            vendors = ("kantata", "stripe", "business_central")
            found = [(vendor, held["id"]) for vendor in vendors for held in await system.held(vendor)]
            return found or None

        found = await until(any_held, f"a held write, {seen} of {len(HELD)} seen")
        await system.kill("process-project-onboarding")
        await system.flush_valkey()
        case.struck(f"process API killed and Valkey emptied, writes held at {', '.join(vendor for vendor, _ in found)}")
        for vendor, held_id in found:
            await system.control(vendor, "POST", f"held/{held_id}/release")
        seen += len(found)


async def _see_to_the_end(system: RunningSystem, firm: Firm) -> None:
    """As the firm's people do: approve, open the cost centre, try again; until everything is set up."""

    async def settled() -> bool | None:
        async with signed_in(system.told) as syncline:
            runs = await day.settled(syncline, len(firm.deals), system.told.director)
            return None if runs is None else True

    await until(settled, "every run to end or to wait for a person")
    async with signed_in(system.told) as syncline:
        await day.mend_the_cost_centre(system.told, firm, syncline, await syncline.open_exceptions())

    async def activated() -> list[Onboarding] | None:
        async with signed_in(system.told) as syncline:
            runs = [run for run in await syncline.onboardings() if run.state == "activated"]
            return runs if len(runs) == len(ACTIVATED) else None

    await until(activated, "the activated projects")
