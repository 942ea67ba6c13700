"""Who calculates revenue is a setting of the entity. GB02: the PSA's figure is posted; GB03: the ledger's is read."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from firm import Firm
from running_money import CLERK, RunningMoney, gbp

from canonical.money import Money
from canonical.recognition import Measured, Recognition
from canonical.work import BindingChange
from process_apis.rules.reading import RevenueRules

DECEMBER, JANUARY, FEBRUARY = date(2026, 12, 1), date(2027, 1, 1), date(2027, 2, 1)
LAST_OF_DECEMBER = date(2026, 12, 31)


def measured(recognition: Recognition) -> Measured:
    assert recognition.measured is not None
    return recognition.measured


async def test_the_psa_s_figure_is_posted(money: RunningMoney, firm: Firm) -> None:
    """Not our own: that is shown beside it, with the difference. A repeat posts nothing."""
    contract = money.agreed(legal_entity_code="GB02")
    money.worked(contract, "10")
    money.entered_in_psa(contract, DECEMBER, JANUARY, "1000.00")
    money.entered_in_psa(contract, DECEMBER, JANUARY, "150.00")
    money.entered_in_psa(contract, JANUARY, FEBRUARY, "999.00")
    first = await money.recognised(contract, JANUARY)
    assert ("recognised", gbp("1150.00"), gbp("1150.00")) == (first.state, first.revenue, first.cumulative_required)
    assert ("psa_records", "2", "2026-12-31", "1200.00", "-50.00", "10") == (
        measured(first).measure,
        *(
            measured(first).facts[name]
            for name in ("records", "through", "control", "control_difference", "control.hours")
        ),
    )
    held = await money.balance(contract)
    assert ("1150.00", "1150.00", "0.00") == (held.cumulative_revenue, held.unbilled_receivable, held.difference)
    assert "-1150.00" == f"{firm.balance('revenue'):.2f}"
    again = await money.recognised(contract, JANUARY)
    assert ("nothing_to_post", gbp("0.00"), 1) == (again.state, again.revenue, len(firm.journals))
    later = await money.recognised(contract, FEBRUARY)
    assert (gbp("999.00"), gbp("2149.00"), 2) == (later.revenue, later.cumulative_required, len(firm.journals))


async def test_a_correction_in_the_psa_is_posted(money: RunningMoney, firm: Firm) -> None:
    """The difference to what is posted, also when it is negative."""
    contract = money.agreed(legal_entity_code="GB02")
    money.entered_in_psa(contract, DECEMBER, JANUARY, "1000.00")
    await money.recognised(contract, JANUARY)
    money.entered_in_psa(contract, DECEMBER, JANUARY, "-300.00")
    again = await money.recognised(contract, JANUARY)
    assert (gbp("-300.00"), "700.00") == (again.revenue, (await money.balance(contract)).cumulative_revenue)


async def test_a_period_without_a_record_waits_for_finance(money: RunningMoney, firm: Firm) -> None:
    """What was entered for another period is none for this; once it is entered, also as nothing, the run goes on."""
    contract = money.agreed(legal_entity_code="GB02")
    money.worked(contract, "10")
    money.entered_in_psa(contract, DECEMBER, JANUARY, "1200.00")
    waiting = await money.recognised(contract, FEBRUARY)
    case = await money.open_case(waiting.run_id)
    assert ("in_exception", "psa_revenue_missing", "finance-operations", 0) == (
        waiting.state,
        case.code,
        case.owner_team,
        len(firm.journals),
    )
    money.entered_in_psa(contract, JANUARY, FEBRUARY, "0.00")
    await money.decide(waiting.run_id, "retry")
    ended = await money.ended(waiting.run_id, "recognised")
    assert gbp("1200.00") == ended.revenue


async def test_a_contract_that_has_ended_needs_no_further_records(money: RunningMoney, firm: Firm) -> None:
    """The last record reaches to its end: nobody enters nothing every month from then on."""
    contract = money.agreed(legal_entity_code="GB02", end_date=JANUARY)
    money.entered_in_psa(contract, DECEMBER, JANUARY, "1000.00")
    assert gbp("1000.00") == (await money.recognised(contract, FEBRUARY)).revenue


async def test_the_psa_s_currency_is_the_contract_s(money: RunningMoney, firm: Firm) -> None:
    """Another one is refused, and nothing is posted; in the contract's own, the journal is in the entity's."""
    contract = money.agreed(legal_entity_code="GB02", currency="EUR")
    money.entered_in_psa(contract, DECEMBER, JANUARY, "1000.00", "GBP")
    waiting = await money.recognised(contract, JANUARY)
    assert ("psa_revenue_currency", 0) == ((await money.open_case(waiting.run_id)).code, len(firm.journals))
    firm.recognised.clear()
    money.entered_in_psa(contract, DECEMBER, JANUARY, "1000.00")
    await money.decide(waiting.run_id, "retry")
    ended = await money.ended(waiting.run_id, "recognised")
    assert (Money.of("1000.00", "EUR"), "-860.00") == (ended.revenue, f"{firm.balance('revenue'):.2f}")


async def test_a_control_that_cannot_be_measured_holds_nothing_up(money: RunningMoney, firm: Firm) -> None:
    """The PSA is the master: what our own measure lacks is nobody's exception."""
    contract = money.agreed(legal_entity_code="GB02", roles=())
    money.worked(contract, "10", bill_rate=None)
    money.entered_in_psa(contract, DECEMBER, JANUARY, "1000.00")
    recognition = await money.recognised(contract, JANUARY)
    assert ("recognised", "not_measured") == (recognition.state, measured(recognition).facts["control"])


async def test_the_ledger_s_revenue_is_kept_and_nothing_is_posted(money: RunningMoney, firm: Firm) -> None:
    """Its document is what balances and tie-out know; our own measure is beside it, and holds nothing up."""
    contract = money.agreed(legal_entity_code="GB03")
    money.worked(contract, "10")
    await money.posted(contract)
    money.recognised_in_ledger(contract, "WIP-0001", LAST_OF_DECEMBER, "1150.00")
    first = await money.recognised(contract, JANUARY)
    assert ("recognised", gbp("1150.00"), "WIP-0001", LAST_OF_DECEMBER) == (
        first.state,
        first.revenue,
        first.document_number,
        first.posting_date,
    )
    facts = measured(first).facts
    assert ("erp_entries", "1200.00", "-50.00", "WIP-0001", "1") == (
        measured(first).measure,
        *(facts[name] for name in ("control", "control_difference", "documents", "entries")),
    )
    held = await money.balance(contract)
    assert ("1150.00", "1200.00", "-50.00", "0.00", 0) == (
        held.cumulative_revenue,
        held.cumulative_net_invoices,
        held.unbilled_receivable,
        held.difference,
        len(firm.journals),
    )
    own = await money.release["postings"].of_contract(contract.id)
    for role in ("receivable", "unbilled_receivable", "revenue", "tax_payable"):
        assert firm.balance(role) == sum(one.moved_in_base(role) for one in own)


async def test_a_repeat_reads_the_ledger_once(money: RunningMoney, firm: Firm) -> None:
    """Nothing new is nothing to post; what came later, also under the same number, is kept by itself."""
    contract = money.agreed(legal_entity_code="GB03")
    money.worked(contract, "10")
    money.recognised_in_ledger(contract, "WIP-0002", LAST_OF_DECEMBER, "1150.00")
    await money.recognised(contract, JANUARY)
    again = await money.recognised(contract, JANUARY)
    assert ("nothing_to_post", gbp("0.00"), gbp("1150.00")) == (again.state, again.revenue, again.cumulative_required)
    money.recognised_in_ledger(contract, "WIP-0002", LAST_OF_DECEMBER, "50.00")
    more = await money.recognised(contract, JANUARY)
    assert ("recognised", gbp("50.00"), gbp("1200.00")) == (more.state, more.revenue, more.cumulative_required)
    assert "nothing_to_post" == (await money.recognised(contract, JANUARY)).state
    kept = [one for one in await money.release["postings"].of_contract(contract.id) if one.kind == "revenue"]
    assert ["-1150.00", "-50.00"] == [one.entered["revenue"] for one in kept]


async def test_a_period_is_what_the_ledger_dates_in_it(money: RunningMoney, firm: Firm) -> None:
    """What is dated later belongs to the next recognition."""
    contract = money.agreed(legal_entity_code="GB03")
    money.recognised_in_ledger(contract, "WIP-0003", LAST_OF_DECEMBER, "100.00")
    money.recognised_in_ledger(contract, "WIP-0004", JANUARY, "20.00")
    first = await money.recognised(contract, JANUARY)
    second = await money.recognised(contract, FEBRUARY)
    assert (gbp("100.00"), gbp("20.00"), gbp("120.00")) == (first.revenue, second.revenue, second.cumulative_required)
    earlier = await money.recognised(contract, JANUARY)
    assert ("nothing_to_post", gbp("100.00")) == (earlier.state, earlier.cumulative_required)


async def test_work_that_the_ledger_does_not_recognise_is_waited_for(money: RunningMoney, firm: Firm) -> None:
    """A person is told; once the ledger has it the run goes on. Its former revenue does not stand for the period's."""
    contract = money.agreed(legal_entity_code="GB03")
    money.worked(contract, "10")
    money.recognised_in_ledger(contract, "WIP-0005", LAST_OF_DECEMBER, "1000.00")
    await money.recognised(contract, JANUARY)
    money.worked(contract, "5", JANUARY)
    waiting = await money.recognised(contract, FEBRUARY)
    case = await money.open_case(waiting.run_id)
    assert ("in_exception", "revenue_not_in_ledger", "general-ledger") == (waiting.state, case.code, case.owner_team)
    money.recognised_in_ledger(contract, "WIP-0006", date(2027, 1, 31), "600.00")
    await money.decide(waiting.run_id, "retry")
    assert gbp("600.00") == (await money.ended(waiting.run_id, "recognised")).revenue


async def test_a_period_without_work_waits_for_nothing(money: RunningMoney, firm: Firm) -> None:
    """The ledger has nothing for it, and nothing was earned: also where both differ from former periods."""
    contract = money.agreed(legal_entity_code="GB03")
    money.worked(contract, "10")
    money.recognised_in_ledger(contract, "WIP-0007", LAST_OF_DECEMBER, "1000.00")
    await money.recognised(contract, JANUARY)
    assert "nothing_to_post" == (await money.recognised(contract, FEBRUARY)).state


async def test_the_ledger_s_amounts_are_told_in_the_contract_s_currency(money: RunningMoney, firm: Firm) -> None:
    """By the rate of the posting day; both currencies balance, and the ledger's own is what the ledger says."""
    contract = money.agreed(legal_entity_code="GB03", currency="EUR")
    money.worked(contract, "10")
    money.recognised_in_ledger(contract, "WIP-0008", LAST_OF_DECEMBER, "1000.00")
    recognition = await money.recognised(contract, JANUARY)
    assert Money.of("1162.79", "EUR") == recognition.revenue
    held = await money.balance(contract)
    assert ("1162.79", "1162.79", "0.00") == (held.cumulative_revenue, held.unbilled_receivable, held.difference)
    (kept,) = await money.release["postings"].of_contract(contract.id)
    assert {"revenue": "-1000.00", "unbilled_receivable": "1000.00"} == kept.accounted


async def test_a_ledger_that_books_against_anything_is_not_believed(money: RunningMoney, firm: Firm) -> None:
    """An account without a role would leave the contract's balance open: a person says what it is."""
    contract = money.agreed(legal_entity_code="GB03")
    money.recognised_in_ledger(contract, "WIP-0009", LAST_OF_DECEMBER, "100.00", against="suspense")
    waiting = await money.recognised(contract, JANUARY)
    case = await money.open_case(waiting.run_id)
    assert ("account_without_role", True) == (case.code, "A-suspense" in case.detail)
    await money.decide(waiting.run_id, "discard")
    assert "discarded" == (await money.ended(waiting.run_id, "discarded")).state
    assert () == await money.release["postings"].of_contract(contract.id)


async def bind(money: RunningMoney, mode: str) -> None:
    change = BindingChange(connection="erp-main", from_date=date(2026, 1, 1), mode=mode, reason="a trial of it")  # type: ignore[arg-type]
    await money.desk.bindings.put("GB03", "erp", change, CLERK)


async def test_a_ledger_that_is_only_looked_at_is_not_kept(money: RunningMoney, firm: Firm) -> None:
    """In shadow the figures are shown, nothing is kept, and nobody is made to wait."""
    contract = money.agreed(legal_entity_code="GB03")
    money.worked(contract, "10")
    await bind(money, "shadow")
    looked = await money.recognised(contract, JANUARY)
    await bind(money, "automatic")
    assert ("shadowed", "1200.00") == (looked.state, measured(looked).facts["control"])
    assert () == await money.release["postings"].of_contract(contract.id)


def test_a_calculator_that_nobody_knows_is_refused_at_the_start() -> None:
    """A rule file with a misspelt calculator does not start."""
    said = {"measures": {}, "calculated_by": {"default": "journal", "GB01": "oracle"}}
    with pytest.raises(msgspec.ValidationError, match="oracle"):
        msgspec.convert(said, RevenueRules)
