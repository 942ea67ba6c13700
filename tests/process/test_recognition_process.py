"""Revenue: earned minus posted. The posting matrix's worked examples, on the real engine, against a real ledger."""

from __future__ import annotations

from datetime import date

import msgspec
from firm import Firm
from running_money import RunningMoney, gbp

from canonical.sales import Retainer

ENDS = [date(2027, 1, 1), date(2027, 2, 1), date(2027, 3, 1)]


async def test_work_by_the_hour_is_earned_when_it_is_done(money: RunningMoney, firm: Firm) -> None:
    """Invoiced or not: what is done and not billed is an unbilled receivable, and what was billed is none any more."""
    contract = money.agreed()
    money.worked(contract, "10")
    first = await money.recognised(contract, ENDS[0])
    assert (gbp("1200.00"), "recognised") == (first.revenue, first.state)
    assert ("1200.00", "0.00") == ((held := await money.balance(contract)).unbilled_receivable, held.difference)
    await money.posted(contract)
    assert ("0.00", "1200.00") == (
        (held := await money.balance(contract)).unbilled_receivable,
        held.cumulative_net_invoices,
    )


async def test_a_repeat_posts_nothing(money: RunningMoney, firm: Firm) -> None:
    """Required cumulative minus posted is nothing the second time."""
    contract = money.agreed()
    money.worked(contract, "10")
    await money.recognised(contract, ENDS[0])
    again = await money.recognised(contract, ENDS[0])
    assert ("nothing_to_post", gbp("0.00"), 1) == (again.state, again.revenue, len(firm.journals))


async def test_a_fixed_fee_with_an_advance(money: RunningMoney, firm: Firm) -> None:
    """100,000; 30,000 in advance; 40 %, 70 %, 100 %: revenue 40/70/100, invoiced 30/30/100, asset 10/40/0."""
    milestones = (("M1", "Advance", 30000, date(2026, 12, 1)), ("M2", "Completion", 70000, date(2027, 2, 20)))
    contract = money.agreed("fixed_fee", 100000, milestones=milestones, planned_hours=100)
    seen = []
    for end, hours, day in zip(
        ENDS, ("40", "30", "30"), (date(2026, 12, 7), date(2027, 1, 7), date(2027, 2, 8)), strict=True
    ):
        money.worked(contract, hours, day)
        if end != ENDS[1]:
            await money.posted(contract, end)
        await money.recognised(contract, end)
        held = await money.balance(contract)
        seen.append(
            (held.cumulative_revenue, held.cumulative_net_invoices, held.contract_asset, held.contract_liability)
        )
        assert "0.00" == held.difference
    assert [
        ("40000.00", "30000.00", "10000.00", "0.00"),
        ("70000.00", "30000.00", "40000.00", "0.00"),
        ("100000.00", "100000.00", "0.00", "0.00"),
    ] == seen


async def test_a_prepaid_retainer_is_earned_as_it_is_used(money: RunningMoney, firm: Firm) -> None:
    """12,000 for 100 h at 120: 35 h used are 4,200 of revenue and leave a liability of 7,800; no second invoice."""
    retainer = Retainer(kind="prepaid_draw_down", period="P6M", amount=gbp(12000), included_hours=100)
    contract = money.agreed("prepaid_retainer", 12000, retainer=retainer)
    money.worked(contract, "35")
    await money.posted(contract)
    recognised = await money.recognised(contract, ENDS[0])
    held = await money.balance(contract)
    assert (gbp("4200.00"), "7800.00", "0.00") == (recognised.revenue, held.contract_liability, held.difference)
    assert 1 == len(firm.invoices)


async def test_availability_is_earned_day_by_day(money: RunningMoney, firm: Firm) -> None:
    """A month's fee is earned by its end; what was billed ahead of it is a liability."""
    retainer = Retainer(kind="fixed_availability", period="P1M", amount=gbp(6000))
    contract = money.agreed("fixed_availability", 36000, retainer=retainer)
    await money.posted(contract, date(2027, 1, 2))  # December, and January in advance
    recognised = await money.recognised(contract, ENDS[0])
    assert (gbp("6000.00"), "6000.00") == (recognised.revenue, (await money.balance(contract)).contract_liability)


async def test_a_correction_lands_in_the_open_period(money: RunningMoney, firm: Firm) -> None:
    """December is closed; what was withdrawn since is taken back in January, and nothing is reopened."""
    contract = money.agreed()
    money.worked(contract, "10")
    gone = money.worked(contract, "5", date(2026, 12, 9))
    await money.recognised(contract, ENDS[0])
    firm.entries[gone.id] = msgspec.structs.replace(gone, status="rejected")
    firm.open_from = date(2027, 1, 1)
    again = await money.recognised(contract, ENDS[0])
    assert (gbp("-600.00"), date(2027, 1, 1)) == (again.revenue, again.posting_date)


async def test_a_lost_answer_never_posts_a_second_journal(money: RunningMoney, firm: Firm) -> None:
    """The journal is asked for again under its own key."""
    firm.losses["post_journal"] = 1
    contract = money.agreed()
    money.worked(contract, "10")
    await money.recognised(contract, ENDS[0])
    assert (1, "-1200.00") == (len(firm.journals), f"{firm.balance('revenue'):.2f}")


async def test_a_contract_in_another_currency_balances_in_both(money: RunningMoney, firm: Firm) -> None:
    """The journal is in the entity's own currency, the identity in the contract's; each adds up by itself."""
    contract = money.agreed(currency="EUR")
    money.worked(contract, "10.25")
    await money.recognised(contract, ENDS[0])
    held = await money.balance(contract)
    assert ("1230.00", "EUR", "0.00") == (held.cumulative_revenue, held.currency, held.difference)
    assert "-1057.80" == f"{firm.balance('revenue'):.2f}"
    assert "0.00" == f"{sum(entry.amount.value for entry in firm.ledger):.2f}"


async def test_an_entity_ties_out_against_its_ledger(money: RunningMoney, firm: Firm) -> None:
    """Every control account of the ERP is what our own postings say it is."""
    contract = money.agreed()
    money.worked(contract, "10")
    await money.posted(contract)
    await money.recognised(contract, ENDS[0])
    everything = await money.release["postings"].of_entity("GB01", date(2028, 1, 1))
    own = [one for one in everything if one.contract_id == contract.id]
    assert {"invoice", "revenue"} == {one.kind for one in own}
    for role in ("receivable", "unbilled_receivable", "revenue", "tax_payable"):
        assert firm.balance(role) == sum(one.moved_in_base(role) for one in own)
