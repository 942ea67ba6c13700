"""What there is to bill by the contract's method: pure, from what was read; all that is missing is told at once."""

import hashlib
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

from canonical.delivery import Milestone
from canonical.entries import Expense, TimeEntry
from canonical.money import Money, total
from canonical.rounding import line_amount, with_percent
from canonical.sales import Contract, ContractLine, ContractMilestone, Retainer
from process_apis.invoice_release.facts import Item, Matter
from process_apis.invoice_release.periods import periods_begun, today_of
from process_apis.invoice_release.pricing import Priced, price
from servicekit.failures import FieldError

BY_THE_HOUR = frozenset({"time_and_materials", "capped_time_and_materials"})
_BY_RESULT = frozenset({"milestone", "fixed_fee"})
UNBILLED, LIABILITY = "unbilled_receivable", "contract_liability"

Found = Item | FieldError


def collect(matter: Matter, tolerance_percent: Decimal) -> tuple[tuple[Item, ...], tuple[FieldError, ...]]:
    """The items that may be billed up to the cut-off, oldest first, and what stands in the way of it."""
    found = [*_time(matter, tolerance_percent), *_expenses(matter), *_by_line(matter)]
    items = sorted((one for one in found if isinstance(one, Item)), key=lambda one: (one.work_date, one.item_id))
    return tuple(items), tuple(one for one in found if isinstance(one, FieldError))


def _time(matter: Matter, tolerance_percent: Decimal) -> Iterator[Found]:
    contract, cards = matter.agreement.contract, matter.work.rate_cards
    methods = matter.agreement.methods
    for entry in matter.work.entries:
        if entry.kind != "billable" or entry.status != "approved" or entry.work_date >= matter.cut_off:
            continue
        by_price = bool(methods & BY_THE_HOUR) or "prepaid_retainer" in methods
        priced = price(entry, contract, cards, tolerance_percent if by_price else None)
        if isinstance(priced, Priced):
            yield _time_item(entry, priced, methods, contract.currency)
        elif by_price:
            yield priced  # a fixed fee needs no price for its hours


def _time_item(entry: TimeEntry, priced: Priced, methods: set[str], currency: str) -> Item:
    """Hours of a retainer may be covered by what was prepaid; those of a fixed fee are paid by its amounts."""
    quantity = Decimal(entry.billable_hours)
    hourly, retained = bool(methods & BY_THE_HOUR), "prepaid_retainer" in methods
    monday = entry.work_date - timedelta(days=entry.work_date.weekday())
    role = entry.role or "Work"
    return Item(
        item_id=entry.id,
        kind="time",
        version=entry.version,
        work_date=entry.work_date,
        quantity=quantity,
        unit_price=priced.rate.value,
        amount=line_amount(quantity, priced.rate.value, currency),
        description=entry.narrative or role,
        line=f"{role}|{priced.rate.amount}|{monday.isoformat()}",
        account_role=UNBILLED,
        supply_from=entry.work_date,
        supply_to=entry.work_date + timedelta(days=1),
        approved_by=entry.approved_by,
        approved_at=None if entry.approved_at is None else entry.approved_at.isoformat(),
        coverable=retained,
        part_of_fixed_fee=not hourly and not retained,
    )


def _expenses(matter: Matter) -> Iterator[Found]:
    """Billable expenses at cost, with the contract's mark-up on the net amount. Nothing is converted."""
    policy, currency = matter.agreement.contract.expense_policy, matter.agreement.contract.currency
    percent = Decimal(0) if policy is None else Decimal(policy.markup_percent)
    for expense in matter.work.expenses:
        if not expense.billable or expense.status != "approved" or expense.spend_date >= matter.cut_off:
            continue
        if expense.amount.currency == currency:
            yield _expense_item(expense, with_percent(expense.amount, percent))
        else:
            message = f"the expense is in {expense.amount.currency}, the contract in {currency}"
            yield FieldError(pointer=f"/expenses/{expense.id}", code="currency_not_allowed", message=message)


def _expense_item(expense: Expense, amount: Money) -> Item:
    return Item(
        item_id=expense.id,
        kind="expense",
        version=expense.version,
        work_date=expense.spend_date,
        quantity=Decimal(1),
        unit_price=amount.value,
        amount=amount,
        description=expense.narrative or expense.category,
        line=f"expense|{expense.id}",
        account_role=UNBILLED,
        supply_from=expense.spend_date,
        supply_to=expense.spend_date + timedelta(days=1),
        approved_by=expense.approved_by,
        approved_at=None if expense.approved_at is None else expense.approved_at.isoformat(),
    )


def _by_line(matter: Matter) -> Iterator[Found]:
    """What is billed by amount: milestones by acceptance, fixed fees by date, retainers by period.

    Milestones are the contract's: what several lines share is billed once, as the first of them says.
    """
    contract = matter.agreement.contract
    by_result = next((line.method for line in contract.lines if line.method in _BY_RESULT), None)
    if by_result == "milestone":
        yield from _milestones(matter)
    elif by_result == "fixed_fee":
        for milestone in contract.milestones:
            yield _dated(contract, milestone, matter.cut_off)
    for line in contract.lines:
        if line.method in {"prepaid_retainer", "fixed_availability"} and contract.retainer is not None:
            yield from _retainer(contract, line, contract.retainer, matter.cut_off)


def _milestones(matter: Matter) -> Iterator[Found]:
    """The contract owns the amount, the PSA completion and acceptance (B22): they are held against each other."""
    known = {milestone.title: milestone for milestone in matter.work.milestones}
    for agreed in matter.agreement.contract.milestones:
        seen = known.get(agreed.title)
        if seen is None:
            continue
        if seen.amount is not None and seen.amount.value != agreed.amount.value:
            message = f"{agreed.title}: the PSA says {seen.amount.amount}, the contract {agreed.amount.amount}"
            yield FieldError(pointer=f"/milestones/{seen.id}", code="milestone_amount_differs", message=message)
            continue
        yield _milestone_item(agreed, seen, matter)


def _milestone_item(agreed: ContractMilestone, seen: Milestone, matter: Matter) -> Item:
    """The entity's own day decides whether it was reached before the cut-off."""
    reached_at = seen.accepted_at if agreed.bill_on == "acceptance" else seen.completed_at
    reached = seen.accepted if agreed.bill_on == "acceptance" else seen.completed
    day = agreed.due_date if reached_at is None else today_of(matter.books.entity, reached_at)
    return _amount_item(
        seen.id,
        "milestone",
        agreed.title,
        agreed.amount,
        day,
        due=reached and seen.billing_state == "unbilled" and (reached_at is None or day < matter.cut_off),
        approved_by=seen.accepted_by,
    )


def _dated(contract: Contract, milestone: ContractMilestone, cut_off: date) -> Item:
    item_id = f"{contract.id}:{milestone.key}"
    due = milestone.due_date < cut_off
    return _amount_item(item_id, "schedule", milestone.title, milestone.amount, milestone.due_date, due=due)


def _retainer(contract: Contract, line: ContractLine, retainer: Retainer, cut_off: date) -> Iterator[Item]:
    """Each period is billed in advance, on its first day; together they never exceed what the line is worth."""
    left = line.amount
    for begins, ends in periods_begun(contract.start_date, contract.end_date, retainer.period, cut_off):
        amount = retainer.amount if retainer.amount.value <= left.value else left
        if amount.value <= 0:
            return
        left = left - amount
        item_id = f"{contract.id}:{line.key}:{begins.isoformat()}"
        yield _amount_item(item_id, "schedule", line.description, amount, begins, due=True, supply=(begins, ends))


def _amount_item(
    item_id: str,
    kind: str,
    title: str,
    amount: Money,
    day: date,
    *,
    due: bool,
    approved_by: str | None = None,
    supply: tuple[date, date] | None = None,
) -> Item:
    begins, ends = supply or (day, day + timedelta(days=1))
    return Item(
        item_id=item_id,
        kind=kind,
        version=hashlib.sha256(f"{amount.amount}|{amount.currency}".encode()).hexdigest()[:16],
        work_date=day,
        quantity=Decimal(1),
        unit_price=amount.value,
        amount=amount,
        description=title,
        line=f"{kind}|{item_id}",
        account_role=LIABILITY,
        supply_from=begins,
        supply_to=ends,
        approved_by=approved_by,
        due=due,
    )


def included_hours(contract: Contract, cut_off: date) -> Decimal:
    """The hours that were prepaid in the periods begun by then; unused ones stay available until the contract ends."""
    retainer = contract.retainer
    if retainer is None or retainer.included_hours is None or retainer.kind != "prepaid_draw_down":
        return Decimal(0)
    begun = periods_begun(contract.start_date, contract.end_date, retainer.period, cut_off)
    return Decimal(retainer.included_hours) * len(begun)


def planned_total(items: tuple[Item, ...], currency: str) -> Money:
    """What all of them are worth."""
    return total([item.amount for item in items], currency)
