"""Mode `shadow`: what it would have posted is shown, held against what was posted, and nothing is written by it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import msgspec
import pytest
from firm import Firm
from running_money import CLERK, CUT_OFF, RunningMoney, gbp

from canonical.entries import TimeEntry
from canonical.recognition import Recognition
from canonical.rehearsals import ReleaseRehearsal, RevenueRehearsal
from canonical.sales import Contract
from canonical.work import BindingChange


@pytest.fixture(autouse=True)
async def automatic_afterwards(money: RunningMoney) -> AsyncIterator[None]:
    """Whatever a test leaves, the next one begins in mode automatic."""
    yield
    await bind(money, "automatic")


async def test_what_is_posted_as_rehearsed_is_the_same(money: RunningMoney, firm: Firm) -> None:
    """Every line and every account's move; the ledger's side is what the ledger says."""
    contract = money.agreed()
    money.worked(contract, "8")
    money.worked(contract, "2", date(2026, 12, 15))
    await rehearse(money, contract)
    assert ([], []) == (firm.calls, firm.ledger)
    assert ("not_posted", 2, None) == told(await rehearsal(money, contract))
    posted = await money.posted(contract)
    found = await rehearsal(money, contract)
    assert ("same", 2, posted.id) == told(found)
    assert [
        ("receivable", gbp("1440.00"), gbp("1440.00")),
        ("tax_payable", gbp("-240.00"), gbp("-240.00")),
        ("unbilled_receivable", gbp("-1200.00"), gbp("-1200.00")),
    ] == [(one.account_role, one.rehearsed, one.posted) for one in found.moves]


async def test_what_changed_since_differs_line_by_line(money: RunningMoney, firm: Firm) -> None:
    """The line that is new is named with both sides, and so are the totals; the line that stayed is not."""
    contract = money.agreed()
    money.worked(contract, "8")
    await rehearse(money, contract)
    money.worked(contract, "1", date(2026, 12, 22), narrative="Workshop")
    await money.posted(contract)
    found = await rehearsal(money, contract)
    named = {(one.subject, one.field): (one.rehearsed, one.posted) for one in found.differences}
    assert ("differs", 1) == (found.outcome, found.lines)
    assert (None, "120.00 GBP") == named["Workshop", "amount"]
    assert ("960.00 GBP", "1080.00 GBP") == named["document", "net"]
    assert {"document", "Workshop"} == {subject for subject, _ in named}
    assert (gbp("-960.00"), gbp("-1080.00")) == moved(found, "unbilled_receivable")


async def test_a_refused_rehearsal_says_what_stood_in_its_way(money: RunningMoney, firm: Firm) -> None:
    """It is given up, and does not count for what is posted once the cause is mended."""
    contract = money.agreed()
    entry = money.worked(contract, "8", role="Architect", bill_rate=None)
    await bind(money, "shadow")
    run_id = await money.start(contract)
    await money.open_case(run_id)
    await money.decide(run_id, "discard")
    await money.until(run_id, "discarded")
    mend(firm, entry)
    await bind(money, "automatic")
    posted = await money.posted(contract)
    found = await rehearsal(money, contract)
    assert ("refused", 0, posted.id) == told(found)
    assert ["missing_rate"] == [finding.code for finding in found.findings]


async def test_a_rehearsal_leaves_the_queue_to_what_is_real(money: RunningMoney, firm: Firm) -> None:
    """What people should see to is shown by the rehearsal, and becomes an exception with the release alone."""
    contract = money.agreed()
    money.worked(contract, "8")
    money.worked(contract, "3", status="submitted")
    run_id = await rehearse(money, contract)
    assert {} == await money.notices(run_id)
    assert ["time_missing"] == [finding.code for finding in (await rehearsal(money, contract)).findings]
    assert "time_missing" in await money.notices((await money.posted(contract)).run_id)


async def test_a_credit_afterwards_is_a_remark_and_no_difference(money: RunningMoney, firm: Firm) -> None:
    """The rehearsal is held against what was posted first, not against what was billed anew."""
    contract = money.agreed()
    money.worked(contract, "8")
    await rehearse(money, contract)
    posted = await money.posted(contract)
    credit = await money.credit(posted.run_id)
    await money.until(credit, "waiting_for_approval")
    await money.approve(credit)
    await money.until(credit, "credited")
    found = await rehearsal(money, contract)
    assert ("same", 1, posted.id) == told(found)
    assert [
        f"{posted.invoice_number} was credited afterwards: its credit, and what was billed anew, follow it"
    ] == list(found.remarks)


async def test_the_newest_rehearsal_counts(money: RunningMoney, firm: Firm) -> None:
    """A rehearsal is repeated until it is right."""
    contract = money.agreed()
    money.worked(contract, "8")
    await rehearse(money, contract)
    money.worked(contract, "1", date(2026, 12, 22))
    await rehearse(money, contract)
    posted = await money.posted(contract)
    assert ("same", 2, posted.id) == told(await rehearsal(money, contract))


async def test_revenue_is_rehearsed_with_its_journal(money: RunningMoney, firm: Firm) -> None:
    """What would be recognised is shown by account, and nothing is posted; then the same is."""
    contract = money.agreed()
    money.worked(contract, "10")
    shadowed = await rehearse_revenue(money, contract)
    assert ("shadowed", gbp("1200.00"), {}) == (shadowed.state, shadowed.revenue, firm.journals)
    assert "not_posted" == (await revenue_rehearsal(money, contract)).outcome
    posted = await money.recognised(contract, CUT_OFF)
    found = await revenue_rehearsal(money, contract)
    assert ("same", posted.id, posted.document_number) == (
        found.outcome,
        found.posted_recognition_id,
        found.document_number,
    )
    assert (gbp("-1200.00"), gbp("-1200.00")) == moved(found, "revenue")
    assert (gbp("1200.00"), gbp("1200.00")) == moved(found, "unbilled_receivable")


async def test_revenue_that_changed_since_differs(money: RunningMoney, firm: Firm) -> None:
    """By what was measured, and by what moved."""
    contract = money.agreed()
    money.worked(contract, "10")
    await rehearse_revenue(money, contract)
    money.worked(contract, "1")
    await money.recognised(contract, CUT_OFF)
    found = await revenue_rehearsal(money, contract)
    named = {one.field: (one.rehearsed, one.posted) for one in found.differences}
    assert ("differs", ("1200.00", "1320.00")) == (found.outcome, named["cumulative_required"])
    assert (gbp("-1200.00"), gbp("-1320.00")) == moved(found, "revenue")


async def test_nothing_to_recognise_is_the_same_as_nothing(money: RunningMoney, firm: Firm) -> None:
    """A contract on which nobody worked is rehearsed as well."""
    contract = money.agreed()
    await rehearse_revenue(money, contract)
    assert "nothing_to_post" == (await money.recognised(contract, CUT_OFF)).state
    found = await revenue_rehearsal(money, contract)
    assert ("same", (), gbp("0.00")) == (found.outcome, found.moves, found.revenue)


async def rehearse(money: RunningMoney, contract: Contract) -> str:
    """A release in mode shadow, to its end; afterwards the entity is automatic again."""
    await bind(money, "shadow")
    run_id = await money.start(contract)
    await money.until(run_id, "shadowed")
    await bind(money, "automatic")
    return run_id


async def rehearse_revenue(money: RunningMoney, contract: Contract) -> Recognition:
    await bind(money, "shadow")
    shadowed = await money.recognised(contract, CUT_OFF)
    await bind(money, "automatic")
    return shadowed


async def bind(money: RunningMoney, mode: str) -> None:
    change = BindingChange(connection="erp-main", from_date=date(2026, 1, 1), mode=mode, reason="rehearsal")  # type: ignore[arg-type]
    await money.desk.bindings.put("GB01", "erp", change, CLERK)


async def rehearsal(money: RunningMoney, contract: Contract) -> ReleaseRehearsal:
    found: tuple[ReleaseRehearsal, ...] = await money.release["rehearsing"].rehearsals("GB01", CUT_OFF)
    return next(one for one in found if one.contract_id == contract.id)


async def revenue_rehearsal(money: RunningMoney, contract: Contract) -> RevenueRehearsal:
    found: tuple[RevenueRehearsal, ...] = await money.revenue["rehearsing"].rehearsals("GB01", CUT_OFF)
    return next(one for one in found if one.contract_id == contract.id)


def told(found: ReleaseRehearsal) -> tuple[str, int, str | None]:
    return found.outcome, found.lines, found.posted_release_id


def moved(found: ReleaseRehearsal | RevenueRehearsal, role: str) -> tuple[Any, Any]:
    return next((one.rehearsed, one.posted) for one in found.moves if one.account_role == role)


def mend(firm: Firm, entry: TimeEntry) -> None:
    """The PSA is told what the work costs."""
    priced = {"role": "Engineer", "bill_rate": {"amount": "120", "currency": "GBP"}, "version": "priced"}
    firm.entries[entry.id] = msgspec.convert(msgspec.to_builtins(entry) | priced, TimeEntry)
