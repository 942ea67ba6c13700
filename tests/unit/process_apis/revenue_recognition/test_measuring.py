"""How much of a contract is earned, by the measure of each billing method (B1, and the examples of section C)."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from sold import ROLE, milestone
from worked import card, cost, delivered, entry, expense, money, rate, result, sold_by

from canonical.entries import TimeEntry
from canonical.recognition import Measured
from canonical.sales import Cap, Contract, ExpensePolicy, Retainer
from process_apis.revenue_recognition.measuring import measure
from process_apis.rules.reading import read_rules
from servicekit.failures import Failure, Kind

MEASURES = read_rules().revenue.measures
RETAINER = Retainer(kind="prepaid_draw_down", period="P1M", amount=money(12000), included_hours=100)
RETAINED = sold_by("prepaid_retainer", amount=72000, retainer=RETAINER)


def one(contract: Contract, measure_by: dict[str, str] | None = None, **facts: Any) -> Measured:
    (found,) = measure(delivered(contract, **facts), measure_by or MEASURES)
    return found


def earned(contract: Contract, **facts: Any) -> Decimal:
    return sum((part.cumulative.value for part in measure(delivered(contract, **facts), MEASURES)), Decimal(0))


def worked(hours: str, **changes: Any) -> tuple[TimeEntry, ...]:
    return (entry(hours=hours, **changes),)


@pytest.mark.parametrize(("hours", "revenue"), [("240", "40000.00"), ("420", "70000.00"), ("600", "100000.00")])
def test_a_fixed_fee_is_earned_by_progress(hours: str, revenue: str) -> None:
    """100,000 for 600 hours: 40 % done are 40,000, 70 % are 70,000, all is all, whatever was invoiced (C)."""
    found = one(sold_by("fixed_fee", amount=100000), entries=worked(hours))
    assert ("effort", money(revenue)) == (found.measure, found.cumulative)


def test_progress_is_made_by_hours_that_nobody_bills_too() -> None:
    """And more hours than planned are never more than the whole."""
    contract = sold_by("milestone", amount=100000)
    unbilled = (entry(hours="100", kind="non_billable"), entry("tim_2", hours="50", kind="internal"))
    assert ("25", money(25000)) == (
        one(contract, entries=unbilled).percent_complete,
        one(contract, entries=unbilled).cumulative,
    )
    assert money(100000) == one(contract, entries=worked("900")).cumulative


def test_a_third_of_the_hours_is_rounded_once() -> None:
    """33.3333 % is what is shown; what is earned is not reckoned from that."""
    found = one(sold_by("fixed_fee", amount=100000), entries=worked("200"))
    assert ("33.3333", money("33333.33")) == (found.percent_complete, found.cumulative)


def test_without_planned_hours_progress_cannot_be_told() -> None:
    """Nothing planned and nothing done is no hundred per cent."""
    with pytest.raises(Failure) as caught:
        one(sold_by("fixed_fee", roles=()))
    assert (Kind.INVALID, "measure_lacks_facts") == (caught.value.kind, caught.value.code)


def test_cost_to_cost_goes_by_the_cost_on_the_work_date() -> None:
    """300 hours, half at 50 and half at 70: 18,000 of 36,000 at the average so far, so half of the fee."""
    entries = (entry(hours="150"), entry("tim_2", hours="150", work_date=date(2026, 12, 20)))
    rates = {"res_1": (cost("50", ends=date(2026, 12, 15)), cost("70", begins=date(2026, 12, 15)))}
    found = one(sold_by("fixed_fee"), {"fixed_fee": "cost_to_cost"}, entries=entries, cost_rates=rates)
    assert ("50", money(43500)) == (found.percent_complete, found.cumulative)
    assert ("18000.00", "18000.00") == (found.facts["cost_to_date"], found.facts["estimate_to_complete"])


def test_cost_to_cost_of_nothing_done_is_nothing() -> None:
    """No cost yet, no progress."""
    assert money(0) == one(sold_by("fixed_fee"), {"fixed_fee": "cost_to_cost"}).cumulative


@pytest.mark.parametrize(
    "rates",
    [
        {},
        {"res_1": (cost("50", begins=date(2026, 12, 8)),)},
        {"res_1": (cost("50"),), "res_2": (cost("55", currency="CHF"),)},
    ],
)
def test_cost_that_is_not_known_stops_the_measure(rates: dict[str, Any]) -> None:
    """An empty cost would be a margin of 100 %, and two currencies are never added."""
    entries = (entry(), entry("tim_2", resource_id="res_2")) if "res_2" in rates else (entry(),)
    with pytest.raises(Failure) as caught:
        one(sold_by("fixed_fee"), {"fixed_fee": "cost_to_cost"}, entries=entries, cost_rates=rates)
    assert "measure_lacks_facts" == caught.value.code


def test_work_by_the_hour_is_earned_as_it_is_done() -> None:
    """Approved billable work at its price, each entry rounded as it is claimed, with its expenses and their mark-up."""
    contract = sold_by("time_and_materials", expense_policy=ExpensePolicy(markup_percent="10"))
    entries = (entry(hours="8"), entry("tim_2", hours="4", kind="non_billable"))
    assert Decimal("1160.00") == earned(contract, entries=entries)
    assert Decimal("1270.00") == earned(contract, entries=entries, expenses=(expense(), expense(billable=False)))


def test_a_price_concession_takes_back_revenue() -> None:
    """Writing work down is no loss on a receivable (B34)."""
    assert Decimal("1000.00") == earned(sold_by("time_and_materials"), entries=worked("8"), written_down=Decimal(160))


@pytest.mark.parametrize(("hard", "revenue"), [(True, "1000"), (False, "1160")])
def test_work_beyond_a_hard_cap_is_not_earned(hard: bool, revenue: str) -> None:
    """Nobody will pay for it without a change order (B23)."""
    contract = sold_by("capped_time_and_materials", cap=Cap(amount=money(1000), hard=hard))
    assert Decimal(revenue) == earned(contract, entries=worked("8"))


def test_work_without_a_price_stops_the_measure() -> None:
    """All of it is told at once."""
    contract = sold_by("time_and_materials", roles=())
    with pytest.raises(Failure) as caught:
        one(contract, entries=(entry("tim_1", price=None), entry("tim_2", price=None)))
    assert (Kind.INVALID, "missing_rate", 2) == (caught.value.kind, caught.value.code, len(caught.value.errors))


def test_a_drifting_price_does_not_stop_the_measure() -> None:
    """The frozen price counts: whether it is the agreed one is asked before it is billed."""
    found = one(sold_by("time_and_materials"), entries=worked("8", price="999"), rate_cards=(card("project", "1"),))
    assert money(7992) == found.cumulative


def test_an_expense_in_another_currency_stops_the_measure() -> None:
    """Its number is no amount in the contract's."""
    with pytest.raises(Failure) as caught:
        one(sold_by("time_and_materials"), expenses=(expense(currency="CHF"),))
    assert (Kind.INVALID, "currency_not_allowed") == (caught.value.kind, caught.value.code)


def test_work_that_two_lines_bill_is_earned_once() -> None:
    """Two lines by the hour are one measure of the same work."""
    contract = sold_by("time_and_materials", "capped_time_and_materials")
    assert Decimal("1160.00") == earned(contract, entries=worked("8"))


@pytest.mark.parametrize("method", ["fixed_fee", "milestone"])
def test_expenses_are_earned_whatever_the_method(method: str) -> None:
    """They are billed beside the fee, and a concession on a fee takes revenue back as well."""
    contract = sold_by(method, amount=100000)
    assert Decimal("40100.00") == earned(contract, entries=worked("240"), expenses=(expense(),))
    assert Decimal("39000.00") == earned(contract, entries=worked("240"), written_down=Decimal(1000))


def test_each_method_of_a_contract_is_measured() -> None:
    """A fee by progress beside another one: each by the amount of its own lines."""
    found = measure(delivered(sold_by("fixed_fee", "milestone", amount=1000), entries=worked("300")), MEASURES)
    assert [("effort", money(500)), ("effort", money(500))] == [(part.measure, part.cumulative) for part in found]


def test_prepaid_hours_are_earned_as_they_are_used() -> None:
    """12,000 for 100 hours: 35 used are 4,200, and 7,800 of it stay a liability (C, second example)."""
    found = one(RETAINED, entries=worked("35", price="120"))
    assert ("hours_used", money(4200)) == (found.measure, found.cumulative)
    assert {"hours_prepaid": "100", "hours_used": "35", "hours_beyond": "0"} == found.facts


def test_hours_beyond_the_prepaid_ones_are_earned_at_their_price() -> None:
    """The later ones, as they are billed: the first 100 are covered, 5 at 200 are 1,000."""
    entries = (entry(hours="100", price="100"), entry("tim_2", hours="5", price="200", work_date=date(2026, 12, 20)))
    assert money(13000) == one(replace(RETAINED, roles=()), entries=entries).cumulative


def test_hours_beyond_stay_beyond_when_the_next_period_begins() -> None:
    """They were billed: the next period's hours do not cover them, and revenue never falls."""
    december = worked("105", price="150")
    assert money(12750) == one(RETAINED, entries=december).cumulative
    assert money(12750) == one(RETAINED, entries=december, period_end=date(2027, 2, 1)).cumulative
    later = (*december, entry("tim_2", hours="10", price="120", work_date=date(2027, 1, 5)))
    assert money(13950) == one(RETAINED, entries=later, period_end=date(2027, 2, 1)).cumulative


def test_unused_hours_are_available_in_later_periods() -> None:
    """35 of the first hundred, then 150 of the 165 that are there: nothing is beyond."""
    entries = (entry(hours="35", price="120"), entry("tim_2", hours="150", work_date=date(2027, 1, 5), price="120"))
    assert money(22200) == one(RETAINED, entries=entries, period_end=date(2027, 2, 1)).cumulative


def test_unused_hours_are_earned_when_the_contract_ends() -> None:
    """They expire: six periods of 12,000, of which 35 hours were used."""
    entries = worked("35", price="120")
    assert money(4200) == one(RETAINED, entries=entries, period_end=date(2027, 5, 31)).cumulative
    assert money(72000) == one(RETAINED, entries=entries, period_end=date(2027, 6, 1)).cumulative


def test_prepaid_hours_need_to_be_said() -> None:
    """Without their number there is no price of one."""
    for retainer in (None, replace(RETAINER, included_hours=None)):
        with pytest.raises(Failure) as caught:
            one(replace(RETAINED, retainer=retainer))
        assert "measure_lacks_facts" == caught.value.code


@pytest.mark.parametrize(
    ("period_end", "revenue", "days"),
    [
        (date(2026, 12, 1), "0.00", "0"),
        (date(2027, 1, 1), "3100.00", "31"),
        (date(2027, 1, 16), "4600.00", "46"),
        (date(2027, 3, 1), "9300.00", "90"),
        (date(2027, 6, 1), "18600.00", "182"),
        (date(2028, 1, 1), "18600.00", "182"),
    ],
)
def test_availability_is_earned_evenly_over_each_period(period_end: date, revenue: str, days: str) -> None:
    """3,100 a month: half of January's 31 days are 15 of them, and February's fee has 28 days."""
    retainer = Retainer(kind="fixed_availability", period="P1M", amount=money(3100))
    found = one(sold_by("fixed_availability", amount=18600, retainer=retainer), period_end=period_end)
    assert (money(revenue), {"days": days}) == (found.cumulative, found.facts)


def test_availability_is_never_earned_beyond_the_agreed_amount() -> None:
    """What is not billed is not earned."""
    retainer = Retainer(kind="fixed_availability", period="P1M", amount=money(3100))
    contract = sold_by("fixed_availability", amount=5000, retainer=retainer)
    assert money(5000) == one(contract, period_end=date(2027, 6, 1)).cumulative


def test_by_acceptance_a_milestone_is_earned_when_the_customer_accepts_it() -> None:
    """Completion earns nothing, nor does what was accepted after the period."""
    parts = (milestone("M1", 30000), milestone("M2", 57000))
    contract = sold_by("milestone", milestones=parts)
    seen = (result(), result("Part M2", "57000", accepted=False, accepted_at=None))
    assert money(30000) == one(contract, {"milestone": "acceptance"}, milestones=seen).cumulative
    assert (
        money(0)
        == one(contract, {"milestone": "acceptance"}, milestones=seen, period_end=date(2026, 12, 15)).cumulative
    )


@pytest.mark.parametrize(("currency", "price", "revenue"), [("JPY", "15001", "112508"), ("KWD", "45.1234", "338.426")])
def test_revenue_has_the_decimals_of_the_currency(currency: str, price: str, revenue: str) -> None:
    """Seven and a half hours in yen and in dinars."""
    contract = sold_by("time_and_materials", currency=currency, roles=(replace(ROLE, bill_rate=rate(price, currency)),))
    found = one(contract, entries=worked("7.5", price=price, currency=currency))
    assert money(revenue, currency) == found.cumulative
