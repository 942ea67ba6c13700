"""What there is to bill, by the method of the contract: hours, expenses, milestones, dates and periods."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace
from sold import CONTRACT, ENTITY, HEX, milestone
from worked import card, entry, expense, matter, money, result, sold_by

from canonical.sales import Contract, ExpensePolicy, Retainer
from process_apis.invoice_release.collecting import collect, included_hours, planned_total
from process_apis.invoice_release.facts import Item, Matter

NONE = Decimal(0)
RETAINER = Retainer(kind="prepaid_draw_down", period="P1M", amount=money(12000), included_hours=100)
PARTS = (milestone("M1", 30000, due_date=date(2026, 12, 31)), milestone("M2", 57000, due_date=date(2027, 1, 1)))


def items_of(seen: Matter) -> tuple[Item, ...]:
    """The items, of a matter that nothing stands in the way of."""
    items, found = collect(seen, NONE)
    assert () == found
    return items


def codes_of(seen: Matter) -> list[tuple[str, str]]:
    return [(error.code, error.pointer) for error in collect(seen, NONE)[1]]


def shown(seen: Matter) -> list[tuple[str, str, bool]]:
    return [(one.item_id, one.amount.amount, one.due) for one in items_of(seen)]


def test_an_hour_is_an_item_with_its_price_and_its_approver() -> None:
    """Everything that the line, the claim and the audit trail need."""
    wanted = Item(
        item_id="tim_1",
        kind="time",
        version="v1",
        work_date=date(2026, 12, 7),
        quantity=Decimal("7.5"),
        unit_price=Decimal(145),
        amount=money("1087.50"),
        description="Engineer",
        line="Engineer|145|2026-12-07",
        account_role="unbilled_receivable",
        supply_from=date(2026, 12, 7),
        supply_to=date(2026, 12, 8),
        approved_by="Paula Lead",
        approved_at="2026-12-09T08:00:00+00:00",
    )
    assert (wanted,) == items_of(matter(entries=(entry(hours="7.5"),)))


def test_the_quantity_is_what_the_psa_bills() -> None:
    """Its own rounding of the hours worked, once (B33)."""
    (one,) = items_of(matter(entries=(entry(hours="7.33", billable_hours="7.5"),)))
    assert (Decimal("7.5"), money("1087.50")) == (one.quantity, one.amount)


@pytest.mark.parametrize(
    "change",
    [{"kind": "non_billable"}, {"kind": "internal"}, {"status": "submitted"}, {"work_date": date(2027, 1, 1)}],
)
def test_only_approved_billable_work_before_the_cut_off_is_billed(change: dict[str, Any]) -> None:
    """The worker's local date decides; the cut-off's own day is the next period's (B35)."""
    assert () == items_of(matter(entries=(entry(**change),)))


def test_the_oldest_work_comes_first() -> None:
    """Limits are used in the order of the work; of one day, by the item."""
    seen = matter(
        entries=(entry("tim_3", work_date=date(2026, 12, 9)), entry("tim_2"), entry("tim_1")),
        expenses=(expense("exp_1"),),
    )
    assert ["tim_1", "tim_2", "exp_1", "tim_3"] == [one.item_id for one in items_of(seen)]


def test_hours_of_a_week_at_one_price_share_a_line() -> None:
    """From Monday to Sunday; another price or the next Monday is another line."""
    days = (date(2026, 12, 7), date(2026, 12, 13), date(2026, 12, 14))
    seen = matter(entries=tuple(entry(f"tim_{place}", work_date=day) for place, day in enumerate(days)))
    lines = ["Engineer|145|2026-12-07", "Engineer|145|2026-12-07", "Engineer|145|2026-12-14"]
    assert lines == [one.line for one in items_of(seen)]


def test_late_time_is_on_the_next_invoice() -> None:
    """Work of months ago that was approved late is billed like any other (B9)."""
    assert [("tim_1", "1160.00", True)] == shown(matter(entries=(entry(work_date=date(2025, 2, 28)),)))


def test_all_work_that_cannot_be_priced_is_told_at_once() -> None:
    """Not one by one; what can be priced is still collected."""
    no_roles = replace(CONTRACT, roles=())
    entries = (entry("tim_1", price=None), entry("tim_2", price="99"), entry("tim_3"))
    seen = matter(no_roles, entries=entries, rate_cards=(card("project", "145"),), cut_off=date(2027, 1, 1))
    assert [("rate_drift", "/time_entries/tim_2")] == codes_of(seen)
    assert ["tim_1", "tim_3"] == [one.item_id for one in collect(seen, NONE)[0]]
    unpriced = matter(no_roles, entries=(entry("tim_1", price=None), entry("tim_2", price=None)))
    assert [("missing_rate", "/time_entries/tim_1"), ("missing_rate", "/time_entries/tim_2")] == codes_of(unpriced)


@pytest.mark.parametrize("method", ["fixed_fee", "milestone", "fixed_availability"])
def test_hours_of_a_fixed_fee_are_paid_by_its_amounts(method: str) -> None:
    """They are seen, at what they would be worth, and never billed; one without a price stands in nobody's way."""
    (one,) = items_of(matter(sold_by(method), entries=(entry(),)))
    assert (True, False, money(1160)) == (one.part_of_fixed_fee, one.coverable, one.amount)
    assert () == items_of(matter(sold_by(method, roles=()), entries=(entry(price=None),)))


def test_hours_of_a_fixed_fee_are_valued_at_the_frozen_price_whatever_was_agreed() -> None:
    """Approved value counts at frozen rates (B31): drift of what is not billed hides nothing."""
    (one,) = items_of(matter(sold_by("fixed_fee"), entries=(entry(price="150"),)))
    assert (True, money(1200)) == (one.part_of_fixed_fee, one.amount)


def test_hours_of_a_retainer_may_be_covered() -> None:
    """By what was prepaid; those beyond it are billed, so they need a price."""
    contract = sold_by("prepaid_retainer", amount=72000, retainer=RETAINER)
    retained = [one for one in items_of(matter(contract, entries=(entry(),))) if one.kind == "time"]
    assert [(False, True)] == [(one.part_of_fixed_fee, one.coverable) for one in retained]
    unpriced = matter(replace(contract, roles=()), entries=(entry(price=None),))
    assert [("missing_rate", "/time_entries/tim_1")] == codes_of(unpriced)


def test_an_expense_is_billed_at_cost_with_the_mark_up_on_its_net_amount() -> None:
    """By the contract's policy, rounded once; without a policy at cost."""
    policy = ExpensePolicy(markup_percent="7.5")
    (one,) = items_of(matter(replace(CONTRACT, expense_policy=policy), expenses=(expense(amount="33.33"),)))
    assert ("expense", money("35.83"), Decimal("35.83"), Decimal(1)) == (
        one.kind,
        one.amount,
        one.unit_price,
        one.quantity,
    )
    (one,) = items_of(matter(expenses=(expense(amount="33.33"),)))
    assert (money("33.33"), "Train to Vienna", "unbilled_receivable") == (one.amount, one.description, one.account_role)


@pytest.mark.parametrize("change", [{"billable": False}, {"status": "submitted"}, {"spend_date": date(2027, 1, 1)}])
def test_only_approved_billable_expenses_before_the_cut_off_are_billed(change: dict[str, Any]) -> None:
    """What is reimbursed to the worker is another matter (B32)."""
    assert () == items_of(matter(expenses=(expense(**change),)))


def test_an_expense_in_another_currency_is_not_taken_for_the_contract_s() -> None:
    """A hundred francs are no hundred euros, and nothing is converted here."""
    assert [("currency_not_allowed", "/expenses/exp_1")] == codes_of(matter(expenses=(expense(currency="CHF"),)))


def test_a_milestone_is_billed_on_acceptance() -> None:
    """The contract owns the amount, the PSA completion and acceptance (B22)."""
    contract = sold_by("milestone", milestones=PARTS)
    (one,) = items_of(matter(contract, milestones=(result(),)))
    assert ("mil_M1", "milestone", money(30000), date(2026, 12, 15), True, "Carl Client", "contract_liability") == (
        one.item_id,
        one.kind,
        one.amount,
        one.work_date,
        one.due,
        one.approved_by,
        one.account_role,
    )
    waiting = result(accepted=False, accepted_at=None, accepted_by=None)
    assert [("mil_M1", "30000.00", False)] == shown(matter(contract, milestones=(waiting,)))


def test_a_milestone_may_be_billed_on_completion() -> None:
    """Where the contract says so, nobody waits for acceptance."""
    contract = sold_by("milestone", milestones=(replace(PARTS[0], bill_on="completion"),))
    waiting = result(accepted=False, accepted_at=None, accepted_by=None)
    assert [("mil_M1", "30000.00", True)] == shown(matter(contract, milestones=(waiting,)))
    running = replace(waiting, completed=False, completed_at=None)
    assert [("mil_M1", "30000.00", False)] == shown(matter(contract, milestones=(running,)))


@pytest.mark.parametrize(
    ("zone", "accepted_at", "due"),
    [
        ("Europe/Berlin", datetime(2026, 12, 31, 22, 59, tzinfo=UTC), True),
        ("Europe/Berlin", datetime(2026, 12, 31, 23, 30, tzinfo=UTC), False),
        ("America/New_York", datetime(2027, 1, 1, 4, 30, tzinfo=UTC), True),
    ],
)
def test_the_entity_s_own_day_of_acceptance_decides(zone: str, accepted_at: datetime, due: bool) -> None:
    """Half an hour into the new year in Berlin is January, though UTC still writes December (B35)."""
    contract = sold_by("milestone", milestones=PARTS)
    seen = matter(contract, milestones=(result(accepted_at=accepted_at),), book_entity=replace(ENTITY, time_zone=zone))
    assert [("mil_M1", "30000.00", due)] == shown(seen)


def test_a_milestone_without_a_day_of_acceptance_is_due_when_it_is_accepted() -> None:
    """Some systems know that it was, not when: it stands under the agreed day."""
    (one,) = items_of(matter(sold_by("milestone", milestones=PARTS), milestones=(result(accepted_at=None),)))
    assert (date(2026, 12, 31), True) == (one.work_date, one.due)


def test_two_amounts_of_a_milestone_are_for_people() -> None:
    """The contract's counts, but somebody entered the other one for a reason."""
    seen = matter(sold_by("milestone", milestones=PARTS), milestones=(result(amount="31000"),))
    assert [("milestone_amount_differs", "/milestones/mil_M1")] == codes_of(seen)
    assert () == collect(seen, NONE)[0]
    without = matter(sold_by("milestone", milestones=PARTS), milestones=(result(amount=None),))
    assert [("mil_M1", "30000.00", True)] == shown(without)


def test_a_milestone_that_the_psa_marks_as_billed_is_not_billed_again() -> None:
    """It stands on an issued invoice: nobody may bill it twice."""
    contract = sold_by("milestone", milestones=PARTS)
    assert [("mil_M1", "30000.00", False)] == shown(matter(contract, milestones=(result(billing_state="invoiced"),)))


def test_a_fixed_fee_is_billed_by_its_days() -> None:
    """A day before the cut-off is due, the cut-off's own day is not yet."""
    wanted = [(f"ctr_{HEX}:M1", "30000.00", True), (f"ctr_{HEX}:M2", "57000.00", False)]
    assert wanted == shown(matter(sold_by("fixed_fee", milestones=PARTS)))


@pytest.mark.parametrize(
    ("methods", "wanted"),
    [
        (("milestone", "milestone"), ["mil_M1"]),
        (("fixed_fee", "fixed_fee"), [f"ctr_{HEX}:M1", f"ctr_{HEX}:M2"]),
        (("milestone", "fixed_fee"), ["mil_M1"]),
        (("fixed_fee", "milestone"), [f"ctr_{HEX}:M1", f"ctr_{HEX}:M2"]),
    ],
)
def test_what_several_lines_share_is_billed_once(methods: tuple[str, ...], wanted: list[str]) -> None:
    """Milestones are the contract's: two lines do not bill them twice, the first says how."""
    seen = matter(sold_by(*methods, milestones=PARTS), milestones=(result(),))
    assert wanted == [one.item_id for one in items_of(seen)]


@pytest.mark.parametrize("method", ["prepaid_retainer", "fixed_availability"])
def test_a_retainer_is_billed_in_advance_on_the_first_day_of_each_period(method: str) -> None:
    """One item for each period that has begun, with the period as its supply."""
    contract = sold_by(method, amount=72000, retainer=RETAINER)
    one, other = items_of(matter(contract, cut_off=date(2027, 1, 2)))
    assert [(f"ctr_{HEX}:L1:2026-12-01", money(12000)), (f"ctr_{HEX}:L1:2027-01-01", money(12000))] == [
        (one.item_id, one.amount),
        (other.item_id, other.amount),
    ]
    assert (date(2026, 12, 1), date(2027, 1, 1)) == (one.supply_from, one.supply_to)
    assert (date(2027, 1, 1), date(2027, 2, 1)) == (other.supply_from, other.supply_to)
    assert ("contract_liability", True) == (one.account_role, one.due)


def test_the_periods_of_a_retainer_never_exceed_what_the_line_is_worth() -> None:
    """The last one is billed with what is left, then nothing more."""
    contract = sold_by("prepaid_retainer", amount=30000, retainer=RETAINER)
    amounts = [one.amount.amount for one in items_of(matter(contract, cut_off=date(2027, 6, 1)))]
    assert ["12000.00", "12000.00", "6000.00"] == amounts


def test_a_changed_amount_is_another_version() -> None:
    """So that what was billed at the old one is seen to have changed."""
    (one,) = items_of(matter(sold_by("milestone", milestones=PARTS[:1]), milestones=(result(),)))
    dearer = sold_by("milestone", milestones=(replace(PARTS[0], amount=money(31000)),))
    (other,) = items_of(matter(dearer, milestones=(result(amount=None),)))
    assert one.item_id == other.item_id
    assert one.version != other.version


@pytest.mark.parametrize(
    ("cut_off", "hours"),
    [(date(2026, 12, 1), 0), (date(2027, 1, 1), 100), (date(2027, 1, 2), 200), (date(2030, 1, 1), 600)],
)
def test_unused_hours_stay_available(cut_off: date, hours: int) -> None:
    """Each period that begins adds its own; none are added after the contract's end."""
    assert Decimal(hours) == included_hours(sold_by("prepaid_retainer", amount=72000, retainer=RETAINER), cut_off)


@pytest.mark.parametrize(
    "retainer",
    [None, replace(RETAINER, included_hours=None), replace(RETAINER, kind="fixed_availability")],
)
def test_other_agreements_include_no_hours(retainer: Retainer | None) -> None:
    """Availability is paid for by the period, however many hours are worked."""
    assert NONE == included_hours(sold_by("fixed_availability", retainer=retainer), date(2027, 1, 1))


@pytest.mark.parametrize(
    ("currency", "price", "hours", "amount"), [("JPY", "15001", "7.5", "112508"), ("KWD", "45.1234", "7.25", "327.145")]
)
def test_hours_are_worth_what_the_currency_can_pay(currency: str, price: str, hours: str, amount: str) -> None:
    """Without decimals, or with three."""
    contract: Contract = sold_by("time_and_materials", currency=currency, roles=())
    (one,) = items_of(matter(contract, entries=(entry(hours=hours, price=price, currency=currency),)))
    assert money(amount, currency) == one.amount


def test_the_total_of_items_has_the_contract_s_currency() -> None:
    """Also of none."""
    assert money("1260.00") == planned_total(items_of(matter(entries=(entry(),), expenses=(expense(),))), "EUR")
    assert money(0, "JPY") == planned_total((), "JPY")
