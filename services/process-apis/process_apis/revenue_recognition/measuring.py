"""How much of a contract is earned: pure, by the measure that the rules give to each billing method (rule B1)."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

from canonical.effective import as_of
from canonical.entries import TimeEntry
from canonical.money import Money, Rate, total
from canonical.recognition import Measured
from canonical.rounding import line_amount, with_percent
from canonical.sales import Contract
from process_apis.invoice_release.collecting import included_hours
from process_apis.invoice_release.periods import periods_begun
from process_apis.invoice_release.pricing import Priced, price
from process_apis.revenue_recognition.facts import Delivered
from servicekit.failures import Failure, FieldError, Kind

Facts = dict[str, str]
_HUNDRED = Decimal(100)
_OF_THE_CONTRACT = frozenset({"work_done", "acceptance", "hours_used"})  # of all its work: measured once


def measure(delivered: Delivered, measures: dict[str, str]) -> tuple[Measured, ...]:
    """Cumulative revenue of each billing method of the contract, and of its expenses, before the end of the period.

    Raises INVALID `missing_rate` for work that has no price, and what a measure lacks.
    """
    found: dict[str, Measured] = {}
    for method in dict.fromkeys(line.method for line in delivered.contract.lines):
        name = measures[method]
        key = name if name in _OF_THE_CONTRACT else method
        if key not in found:
            found[key] = _MEASURES[name](delivered, method)
    if "hours_used" in found:
        found.pop("work_done", None)  # hours beyond the prepaid ones are in it
    if "work_done" not in found:
        found |= _beside(delivered)
    return tuple(found.values())


def _beside(delivered: Delivered) -> dict[str, Measured]:
    """Expenses are earned, and price concessions given, whatever the work is measured by."""
    worth = _worth_of_expenses(delivered) - delivered.written_down
    if not worth:
        return {}
    facts = {"expenses": f"{worth + delivered.written_down:f}", "written_down": f"{delivered.written_down:f}"}
    return {"beside": _measured("work_done", None, facts, Money.of(worth, delivered.contract.currency))}


def _work_done(delivered: Delivered, _: str) -> Measured:
    """Approved work at its price, up to a hard cap; price concessions take back what they concede."""
    contract = delivered.contract
    worth = _worth_of_time(delivered) + _worth_of_expenses(delivered) - delivered.written_down
    cap = contract.cap
    earned = worth if cap is None or not cap.hard else min(worth, cap.amount.value)
    facts = {"work_done": f"{worth:f}", "hours": f"{delivered.hours:f}", "written_down": f"{delivered.written_down:f}"}
    if cap is not None:
        facts["cap"] = cap.amount.amount
    return _measured("work_done", None, facts, Money.of(earned, contract.currency))


def _worth_of_time(delivered: Delivered) -> Decimal:
    return _worth(delivered, [entry for entry in delivered.entries if entry.kind == "billable"], {})


def _worth(delivered: Delivered, entries: list[TimeEntry], covered: dict[str, Decimal]) -> Decimal:
    """Each entry at its price, less the hours of it that are paid for otherwise. Raises INVALID for those without."""
    contract, found = delivered.contract, []
    worth = Decimal(0)
    for entry in entries:
        priced = price(entry, contract, delivered.rate_cards, None)
        if isinstance(priced, Priced):
            for hours in (Decimal(entry.billable_hours), -covered.get(entry.id, Decimal(0))):
                worth += line_amount(hours, priced.rate.value, contract.currency).value
        else:
            found.append(priced)
    _refuse(found)
    return worth


def _worth_of_expenses(delivered: Delivered) -> Decimal:
    """Billable expenses with their mark-up: the firm is principal."""
    policy, currency = delivered.contract.expense_policy, delivered.contract.currency
    percent = Decimal(0) if policy is None else Decimal(policy.markup_percent)
    billable = [one for one in delivered.expenses if one.billable]
    _refuse(
        [
            FieldError(
                pointer=f"/expenses/{one.id}",
                code="currency_not_allowed",
                message=f"the expense is in {one.amount.currency}, the contract in {currency}",
            )
            for one in billable
            if one.amount.currency != currency
        ]
    )
    return total([with_percent(one.amount, percent) for one in billable], currency).value


def _effort(delivered: Delivered, method: str) -> Measured:
    """Hours done / (hours done + hours still planned). More hours than planned are never more than the whole."""
    done = delivered.hours
    planned = Decimal(sum(role.hours for role in delivered.contract.roles))
    left = max(planned - done, Decimal(0))
    if done + left == 0:
        raise _lacking("no hours are planned and none are done", "/roles")
    facts = {"hours_done": f"{done:f}", "hours_to_complete": f"{left:f}"}
    return _by_progress("effort", done / (done + left), facts, delivered, method)


def _cost_to_cost(delivered: Delivered, method: str) -> Measured:
    """Cost to date / (cost to date + estimate to complete), the rest of the plan at the average cost so far."""
    costs = [_cost(delivered, entry) for entry in delivered.entries]
    if len({one.currency for one in costs}) > 1:
        raise _lacking("the cost rates are in several currencies", "/cost_rates")
    cost = sum(
        (Decimal(entry.hours) * one.value for entry, one in zip(delivered.entries, costs, strict=True)), Decimal(0)
    )
    done = delivered.hours
    planned = Decimal(sum(role.hours for role in delivered.contract.roles))
    to_complete = max(planned - done, Decimal(0)) * (cost / done) if done else Decimal(0)
    progress = cost / (cost + to_complete) if cost else Decimal(0)
    facts = {"cost_to_date": f"{cost:.2f}", "estimate_to_complete": f"{to_complete:.2f}"}
    return _by_progress("cost_to_cost", progress, facts, delivered, method)


def _cost(delivered: Delivered, entry: TimeEntry) -> Rate:
    """The cost rate of the person that holds on the work date."""
    rate = as_of(delivered.cost_rates.get(entry.resource_id, ()), entry.work_date)
    if rate is None:
        raise _lacking(f"whoever worked on {entry.work_date} has no cost rate for that day", "/cost_rates")
    return rate.rate


def _by_progress(name: str, progress: Decimal, facts: Facts, delivered: Delivered, method: str) -> Measured:
    agreed = _agreed(delivered.contract, method)
    percent = f"{(progress * _HUNDRED).quantize(Decimal('0.0001')).normalize():f}"
    earned = Money.of(agreed.value * progress, agreed.currency)
    return _measured(name, percent, {**facts, "agreed": agreed.amount}, earned)


def _acceptance(delivered: Delivered, _: str) -> Measured:
    """Control passes with the customer's acceptance of each milestone."""
    agreed = {milestone.title: milestone.amount for milestone in delivered.contract.milestones}
    accepted = [
        agreed[one.title]
        for one in delivered.milestones
        if one.title in agreed
        and one.accepted
        and (one.accepted_at is None or one.accepted_at.date() < delivered.period_end)
    ]
    earned = total(accepted, delivered.contract.currency)
    return _measured("acceptance", None, {"accepted": str(len(accepted))}, earned)


def _hours_used(delivered: Delivered, _: str) -> Measured:
    """Prepaid hours as they are used; what nobody used is earned when the contract ends. Hours beyond are work done."""
    contract, retainer = delivered.contract, delivered.contract.retainer
    if retainer is None or not retainer.included_hours:
        raise _lacking("the retainer says no hours", "/retainer")
    prepaid = included_hours(contract, delivered.period_end)
    covered, beyond = _drawn(delivered)
    drawn = prepaid if delivered.period_end >= contract.end_date else sum(covered.values(), Decimal(0))
    earned = drawn * retainer.amount.value / retainer.included_hours
    over = sum((Decimal(entry.billable_hours) - covered[entry.id] for entry in beyond), Decimal(0))
    used = sum(covered.values(), over)
    facts = {"hours_prepaid": f"{prepaid:f}", "hours_used": f"{used:f}", "hours_beyond": f"{over:f}"}
    worth = _worth(delivered, beyond, covered)
    return _measured("hours_used", None, facts, Money.of(earned + worth, contract.currency))


def _drawn(delivered: Delivered) -> tuple[dict[str, Decimal], list[TimeEntry]]:
    """The hours of each entry that were prepaid on its work date, oldest first, and the entries that go beyond them."""
    covered: dict[str, Decimal] = {}
    beyond: list[TimeEntry] = []
    drawn = Decimal(0)
    billable = (entry for entry in delivered.entries if entry.kind == "billable")
    for entry in sorted(billable, key=lambda one: (one.work_date, one.id)):
        hours = Decimal(entry.billable_hours)
        left = included_hours(delivered.contract, entry.work_date + timedelta(days=1)) - drawn
        covered[entry.id] = min(hours, left)
        drawn += covered[entry.id]
        if covered[entry.id] < hours:
            beyond.append(entry)
    return covered, beyond


def _time_passed(delivered: Delivered, method: str) -> Measured:
    """Each period's fee evenly over its days."""
    contract, retainer = delivered.contract, delivered.contract.retainer
    if retainer is None:
        raise _lacking("the agreement has no period and amount", "/retainer")
    earned, days = Decimal(0), 0
    for begins, ends in periods_begun(contract.start_date, contract.end_date, retainer.period, delivered.period_end):
        passed = (min(ends, delivered.period_end) - begins).days
        earned += retainer.amount.value * passed / (ends - begins).days
        days += passed
    limit = _agreed(contract, method).value
    return _measured("time_passed", None, {"days": str(days)}, Money.of(min(earned, limit), contract.currency))


_MEASURES: dict[str, Callable[[Delivered, str], Measured]] = {
    "work_done": _work_done,
    "effort": _effort,
    "cost_to_cost": _cost_to_cost,
    "acceptance": _acceptance,
    "hours_used": _hours_used,
    "time_passed": _time_passed,
}


def _agreed(contract: Contract, method: str) -> Money:
    return total([line.amount for line in contract.lines if line.method == method], contract.currency)


def _measured(name: str, percent: str | None, facts: Facts, cumulative: Money) -> Measured:
    return Measured(measure=name, percent_complete=percent, facts=facts, cumulative=cumulative)


def _lacking(message: str, pointer: str) -> Failure:
    error = FieldError(pointer=pointer, code="measure_lacks_facts", message=message)
    return Failure(Kind.INVALID, message, "measure_lacks_facts", (error,))


def _refuse(found: list[FieldError]) -> None:
    if found:
        raise Failure(Kind.INVALID, "; ".join(one.message for one in found), found[0].code, tuple(found))
