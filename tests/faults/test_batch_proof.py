"""A batch whose process is killed on the way ends as one that nobody disturbed. `make batch` is the long form."""

from __future__ import annotations

import tempfile
from pathlib import Path

from batch_end import End, compared, counts, expected_counts, read_end
from batch_firm import Plan, batch_firm, set_up
from batch_run import POSTING, BatchRun, Strike
from fault_cases import Case
from running_system import running_system

from servicekit.clock import SystemClock

PLAN = Plan(projects=20, entries=400)
VENDOR_CALLS_OF_AN_INVOICE = 60  # as many as its entries would take one by one, at three calls each; the pollers' too


async def test_a_batch_that_is_killed_ends_as_one_that_is_not(case: Case) -> None:
    """Nothing is lost and nothing is there twice: invoices, posted documents, ledger entries, marks, balances."""
    whole = await _end(())
    assert expected_counts(PLAN) == counts(whole)
    disturbed = await _end((POSTING,), case)
    difference = compared(whole, disturbed)
    case.ended(difference.lost, difference.doubled)
    assert ((), (), ()) == (difference.lost, difference.doubled, difference.diverged)


async def _end(strikes: tuple[Strike, ...], case: Case | None = None) -> End:
    """A batch on a system of its own; every bad release waits for a person while the others are posted."""
    firm = batch_firm(SystemClock().now().date(), PLAN)
    with tempfile.TemporaryDirectory(prefix="sl") as folder:
        async with running_system(Path(folder)) as system:
            await set_up(system, firm, PLAN)
            run = BatchRun(system, firm, PLAN, strikes)
            carried = await run.carry_out()
            assert {"posted": PLAN.good, "in_exception": PLAN.bad} == carried.states
            assert VENDOR_CALLS_OF_AN_INVOICE > carried.calls.total() / PLAN.good
            for struck in run.struck if case is not None else ():
                case.struck(struck)
            return await read_end(system, firm)
