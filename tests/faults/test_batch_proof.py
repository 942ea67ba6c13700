"""A batch whose process is killed on the way ends as one that nobody disturbed. `make batch` is the long form."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

from batch_end import End, compared, counts, expected_counts, read_end
from batch_firm import Plan, batch_firm, set_up
from batch_run import POSTING, BatchRun, Strike
from fault_cases import Case
from running_system import running_system

from servicekit.clock import SystemClock

PLAN = Plan(projects=20, entries=400)
# One call each for an invoice, however many entries it bills.
WRITES = (
    "stripe POST /v1/invoices",
    "stripe POST /v1/invoices/{id}/add_lines",
    "business_central POST /v2.0/{id}/production/api/v2.0/companies()/salesInvoices",
    "kantata POST /api/v1/invoices",
)


async def test_a_batch_that_is_killed_ends_as_one_that_is_not(case: Case) -> None:
    """Nothing is lost and nothing is there twice: invoices, posted documents, ledger entries, marks, balances."""
    whole, calls = await _end(())
    assert [PLAN.good] * len(WRITES) == [calls[write] for write in WRITES]
    assert 0 == calls["kantata GET /api/v1/time_entries/{id}"]
    assert expected_counts(PLAN) == counts(whole)
    disturbed, _ = await _end((POSTING,), case)
    difference = compared(whole, disturbed)
    case.ended(difference.lost, difference.doubled)
    assert ((), (), ()) == (difference.lost, difference.doubled, difference.diverged)


async def _end(strikes: tuple[Strike, ...], case: Case | None = None) -> tuple[End, Counter[str]]:
    """A batch on a system of its own; every bad release waits for a person while the others are posted."""
    firm = batch_firm(SystemClock().now().date(), PLAN)
    with tempfile.TemporaryDirectory(prefix="sl") as folder:
        async with running_system(Path(folder)) as system:
            await set_up(system, firm, PLAN)
            run = BatchRun(system, firm, PLAN, strikes)
            carried = await run.carry_out()
            assert {"posted": PLAN.good, "in_exception": PLAN.bad} == carried.states
            for struck in run.struck if case is not None else ():
                case.struck(struck)
            return await read_end(system, firm), carried.calls
