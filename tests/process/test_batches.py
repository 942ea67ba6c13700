"""Batches: one bad project never stops the rest; paused, resumed, cancelled; approved at once within each limit."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
from firm import Firm
from running_money import APPROVER, CLERK, CUT_OFF, OWNER, RunningMoney
from running_onboarding import eventually

from canonical.batches import Batch, BatchApproval, BatchChange, NewBatch
from process_apis.invoice_release.batches import BatchRunner


def runner(money: RunningMoney, at_a_time: int = 8) -> BatchRunner:
    parts = money.release
    return BatchRunner(
        parts["database"],
        parts["systems"],
        parts["desk"].bindings,
        parts["starter"],
        money.clock,
        at_a_time=at_a_time,
    )


async def started(money: RunningMoney) -> str:
    batch: Batch = await money.release["batches"].create(
        NewBatch(legal_entity_code="GB01", cut_off=CUT_OFF), CLERK.actor
    )
    return batch.id


async def goes_on(money: RunningMoney, batch_id: str, running: BatchRunner, **wanted: int) -> Batch:
    """Rounds, until the batch has as many releases in each state as wanted."""

    async def reached() -> Batch | None:
        await running.round()
        batch: Batch = await money.release["batches"].one(batch_id)
        return batch if wanted.items() <= batch.states.items() else None

    found: Batch = await eventually(reached, f"{batch_id} to have {wanted}")
    return found


async def approve_all(money: RunningMoney, batch_id: str) -> list[Any]:
    results = []
    for caller in (OWNER, APPROVER):
        asked = BatchApproval(reason="reviewed line by line")
        results += await money.release["agreeing"].approve_batch(batch_id, asked, caller)
    return results


async def test_one_bad_project_never_stops_the_rest(money: RunningMoney, firm: Firm) -> None:
    """Nine are posted; the tenth waits for its rate, with an exception of its own."""
    for place in range(10):
        contract = money.agreed()
        rate = {"bill_rate": None, "role": "Architect"} if place == 4 else {}
        money.worked(contract, "8", date(2026, 12, 7), **rate)
    batch_id, running = await started(money), runner(money)
    batch = await goes_on(money, batch_id, running, waiting_for_approval=9, in_exception=1)
    assert (10, "8640.00") == (batch.total, batch.net[0].amount)
    results = await approve_all(money, batch_id)
    assert 18 == sum(one.result == "approved" for one in results)
    await goes_on(money, batch_id, running, posted=9, in_exception=1)
    assert 9 == len(firm.invoices)


async def test_a_retry_in_a_batch_reads_afresh(money: RunningMoney, firm: Firm) -> None:
    """What the batch had read for all is the past once somebody has mended something."""
    contract = money.agreed()
    entry = money.worked(contract, "8", date(2026, 12, 7), bill_rate=None, role="Architect")
    batch_id, running = await started(money), runner(money)
    await goes_on(money, batch_id, running, in_exception=1)
    firm.entries[entry.id] = msgspec.structs.replace(entry, role="Engineer")
    (item,), _ = await money.release["batches"].items(batch_id, 0, 10)
    run_id = (await money.release["releases"].one(item.release_id)).run_id
    await money.decide(run_id, "retry")
    await money.until(run_id, "waiting_for_approval")


async def test_the_work_of_all_projects_is_read_at_once(money: RunningMoney, firm: Firm) -> None:
    """A sweep of the PSA for the whole batch, and before each issue a look at what it bills: no question per entry."""
    for _ in range(5):
        contract = money.agreed()
        for day in range(1, 21):
            money.worked(contract, "8", date(2026, 12, day))
    batch_id, running = await started(money), runner(money)
    await goes_on(money, batch_id, running, waiting_for_approval=5)
    assert 2 == firm.reads.count("time_entries")  # approved, and submitted
    await approve_all(money, batch_id)
    await goes_on(money, batch_id, running, posted=5)
    assert (2 + 5, 1) == (firm.reads.count("time_entries"), firm.reads.count("expenses"))


async def test_a_paused_batch_begins_nothing_more(money: RunningMoney, firm: Firm) -> None:
    """What has begun goes on; resumed, the rest begins; cancelled, it never does."""
    for _ in range(6):
        money.worked(money.agreed(), "8")
    batch_id, running = await started(money), runner(money, at_a_time=2)
    batches = money.release["batches"]
    await running.round()  # collects
    await running.round()  # begins two
    await batches.change(batch_id, BatchChange(action="pause", reason="the month is not closed yet"), CLERK)
    paused = await goes_on(money, batch_id, running, waiting=4)
    assert ("paused", 4) == (paused.state, paused.states["waiting"])
    await batches.change(batch_id, BatchChange(action="resume", reason="now it is"), CLERK)
    await goes_on(money, batch_id, running, waiting_for_approval=6)
    await batches.change(batch_id, BatchChange(action="cancel", reason="enough for today"), CLERK)
    assert "cancelled" == (await batches.one(batch_id)).state
    items, following = await batches.items(batch_id, 0, 4)
    assert (4, 4, {"waiting_for_approval"}) == (len(items), following, {item.state for item in items})


async def test_a_batch_is_done_when_all_its_releases_are(money: RunningMoney, firm: Firm) -> None:
    """Contracts with nothing to bill end by themselves."""
    money.agreed()
    batch_id, running = await started(money), runner(money)
    await goes_on(money, batch_id, running, nothing_to_bill=1)
    await running.round()
    assert "done" == (await money.release["batches"].one(batch_id)).state
