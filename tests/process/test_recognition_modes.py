"""Who calculates revenue is a setting of the entity. GB02: the PSA's figure is posted; GB03: the ledger's is read."""

from __future__ import annotations

from datetime import date

import msgspec
import pytest
from firm import Firm
from running_money import RunningMoney, gbp

from canonical.money import Money
from canonical.recognition import Measured, Recognition
from process_apis.rules.reading import RevenueRules

DECEMBER, JANUARY, FEBRUARY = date(2026, 12, 1), date(2027, 1, 1), date(2027, 2, 1)


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


def test_a_calculator_that_nobody_knows_is_refused_at_the_start() -> None:
    """A rule file with a misspelt calculator does not start."""
    said = {"measures": {}, "calculated_by": {"default": "journal", "GB01": "oracle"}}
    with pytest.raises(msgspec.ValidationError, match="oracle"):
        msgspec.convert(said, RevenueRules)
