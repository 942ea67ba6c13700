"""What each billing method puts on an invoice: caps, retainers, milestones, fixed fees, availability, expenses."""

from __future__ import annotations

from datetime import date

import msgspec
from firm import Firm
from running_money import RunningMoney, gbp

from canonical.sales import Cap, ContractLine, ExpensePolicy, Retainer


async def test_a_hard_cap_is_filled_and_never_exceeded(money: RunningMoney, firm: Firm) -> None:
    """What fits is billed; the rest is above the cap until a change order raises it (B23)."""
    contract = money.agreed("capped_time_and_materials", 1000, cap=Cap(amount=gbp(1000)))
    money.worked(contract, "6")
    money.worked(contract, "6", date(2026, 12, 8))
    release = await money.posted(contract)
    assert gbp("999.60") == release.net  # 6 h and 2.33 h at 120
    assert ["above_cap"] == [left.reason for left in release.draft.left_out] if release.draft else []
    assert "cap_exceeded" in await money.notices(release.run_id)


async def test_a_soft_cap_holds_nothing_back(money: RunningMoney, firm: Firm) -> None:
    """Only a hard cap needs a change order."""
    contract = money.agreed("capped_time_and_materials", 1000, cap=Cap(amount=gbp(1000), hard=False))
    money.worked(contract, "12")
    assert gbp("1440.00") == (await money.posted(contract)).net


async def test_prepaid_hours_are_covered_and_what_goes_beyond_is_billed(money: RunningMoney, firm: Firm) -> None:
    """The first invoice is the advance; used hours draw it down, further ones are billed at the rate (B24)."""
    retainer = Retainer(kind="prepaid_draw_down", period="P12M", amount=gbp(1200), included_hours=10)
    contract = money.agreed("prepaid_retainer", 1200, retainer=retainer)
    money.worked(contract, "7")
    first = await money.posted(contract)
    assert first.draft is not None
    assert gbp("1200.00") == first.net
    assert [("covered", "7")] == [(left.reason, left.quantity) for left in first.draft.left_out]
    money.worked(contract, "5", date(2026, 12, 20))
    second = await money.posted(contract)
    assert gbp("240.00") == second.net
    value = await money.approved_value(contract)
    assert ("1440.00", "240.00", "1200.00", "0.00") == (value.approved, value.invoiced, value.covered, value.difference)


async def test_only_covered_work_makes_no_invoice(money: RunningMoney, firm: Firm) -> None:
    """Nothing to bill: the hours stay drawn down all the same."""
    retainer = Retainer(kind="prepaid_draw_down", period="P12M", amount=gbp(1200), included_hours=10)
    contract = money.agreed("prepaid_retainer", 1200, retainer=retainer)
    await money.posted(contract)
    money.worked(contract, "4")
    run_id = await money.start(contract)
    await money.until(run_id, "nothing_to_bill")
    assert "480.00" == (await money.approved_value(contract)).covered


async def test_milestones_are_billed_on_acceptance(money: RunningMoney, firm: Firm) -> None:
    """Completed is the team's word, accepted the customer's (B22)."""
    milestones = (("M1", "Blueprint", 24000, date(2026, 12, 15)), ("M2", "Go-live", 40000, date(2026, 12, 20)))
    contract = money.agreed("milestone", 64000, milestones=milestones)
    project = money.project_of(contract)
    blueprint, live = firm.milestones[project.id]
    firm.milestones[project.id] = [
        msgspec.structs.replace(blueprint, completed=True, accepted=True),
        msgspec.structs.replace(live, completed=True),
    ]
    release = await money.posted(contract)
    assert gbp("24000.00") == release.net
    waits = (await money.notices(release.run_id))["milestone_not_accepted"]
    assert ("delivery", gbp("40000.00")) == (waits.owner_team, waits.value_at_stake)


async def test_fixed_fees_are_billed_by_date_and_their_hours_are_not(money: RunningMoney, firm: Firm) -> None:
    """The advance is due, the completion is not; hours are paid by the amounts."""
    milestones = (("M1", "Advance", 30000, date(2026, 12, 1)), ("M2", "Completion", 70000, date(2027, 5, 31)))
    contract = money.agreed("fixed_fee", 100000, milestones=milestones)
    money.worked(contract, "40")
    release = await money.posted(contract)
    assert release.draft is not None
    assert (gbp("30000.00"), ["contract_liability"]) == (
        release.net,
        [line.account_role for line in release.draft.lines],
    )
    assert ["part_of_fixed_fee"] == [left.reason for left in release.draft.left_out]


async def test_availability_is_billed_by_period_in_advance(money: RunningMoney, firm: Firm) -> None:
    """Each period once, the first on the first day."""
    retainer = Retainer(kind="fixed_availability", period="P1M", amount=gbp(6000))
    contract = money.agreed("fixed_availability", 36000, retainer=retainer)
    assert gbp("6000.00") == (await money.posted(contract)).net
    assert gbp("6000.00") == (await money.posted(contract, date(2027, 1, 2))).net


async def test_expenses_reach_the_client_with_the_contracts_mark_up(money: RunningMoney, firm: Firm) -> None:
    """At cost plus the mark-up on the net amount (B32)."""
    contract = money.agreed(expense_policy=ExpensePolicy(markup_percent="7.5"))
    money.spent(contract, "182.40")
    money.spent(contract, "50.00", billable=False)
    assert gbp("196.08") == (await money.posted(contract)).net


async def test_two_lines_of_methods_are_one_invoice(money: RunningMoney, firm: Firm) -> None:
    """Work by the hour and an availability fee of one contract stand on one document."""
    lines = (
        ContractLine(key="1", description="Services", method="time_and_materials", amount=gbp(44000)),
        ContractLine(key="2", description="Support", method="fixed_availability", amount=gbp(6000)),
    )
    retainer = Retainer(kind="fixed_availability", period="P6M", amount=gbp(6000))
    contract = money.agreed(lines=lines, retainer=retainer)
    money.worked(contract, "1")
    release = await money.posted(contract)
    assert release.draft is not None
    assert (gbp("6120.00"), 2) == (release.net, len(release.draft.lines))
