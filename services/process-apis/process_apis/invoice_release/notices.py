"""What people should see to about a draft although it holds nothing up: each with its value. Pure."""

from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from canonical.money import Money
from canonical.releases import LeftOut
from process_apis.invoice_release.facts import Matter
from process_apis.invoice_release.pricing import Priced, price
from process_apis.invoice_release.sharing import Shared
from servicekit.failures import FieldError


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """An exception that does not block: its code, what was found, and how much it is about."""

    code: str
    errors: tuple[FieldError, ...]
    value: Money


def notices(matter: Matter, shared: Shared) -> tuple[Notice, ...]:
    """Time that is missing, milestones that wait for acceptance, limits that are used up, billed work that changed."""
    of_milestones = (*_unaccepted(matter), *_unknown_to_the_psa(matter))
    return (*_unapproved(matter), *of_milestones, *_beyond_limits(matter, shared), *_changed(matter, shared))


def _unapproved(matter: Matter) -> Iterator[Notice]:
    """Submitted and not approved at cut-off: the invoice goes without it, and it goes on the next one."""
    entries = matter.work.unapproved
    if not entries:
        return
    contract, cards = matter.agreement.contract, matter.work.rate_cards
    worth = Decimal(0)
    for entry in entries:
        priced = price(entry, contract, cards, None)
        worth += Decimal(entry.billable_hours) * (priced.rate.value if isinstance(priced, Priced) else 0)
    errors = tuple(
        FieldError(
            pointer=f"/time_entries/{entry.id}",
            code="time_missing",
            message=f"{entry.hours} hours of {entry.work_date} are submitted and not approved",
        )
        for entry in entries
    )
    yield Notice(code="time_missing", errors=errors, value=Money.of(worth, contract.currency))


def _unaccepted(matter: Matter) -> Iterator[Notice]:
    contract = matter.agreement.contract
    agreed = {milestone.title: milestone for milestone in contract.milestones if milestone.bill_on == "acceptance"}
    waiting = [one for one in matter.work.milestones if one.completed and not one.accepted and one.title in agreed]
    if waiting and "milestone" in matter.agreement.methods:
        errors = tuple(
            FieldError(
                pointer=f"/milestones/{one.id}",
                code="milestone_not_accepted",
                message=f"{one.title} is completed and waits for the customer's acceptance",
            )
            for one in waiting
        )
        worth = sum((agreed[one.title].amount.value for one in waiting), Decimal(0))
        yield Notice(code="milestone_not_accepted", errors=errors, value=Money.of(worth, contract.currency))


def _unknown_to_the_psa(matter: Matter) -> Iterator[Notice]:
    """Nobody can complete what is not there: a milestone that was renamed or removed would never be billed."""
    contract = matter.agreement.contract
    known = {milestone.title for milestone in matter.work.milestones}
    lost = [one for one in contract.milestones if one.title not in known]
    if lost and "milestone" in matter.agreement.methods:
        errors = tuple(
            FieldError(
                pointer=f"/contract/milestones/{one.key}",
                code="milestone_missing",
                message=f"the project has no milestone {one.title}",
            )
            for one in lost
        )
        worth = sum((one.amount.value for one in lost), Decimal(0))
        yield Notice(code="milestone_missing", errors=errors, value=Money.of(worth, contract.currency))


def _beyond_limits(matter: Matter, shared: Shared) -> Iterator[Notice]:
    code = "po_exhausted" if matter.agreement.contract.cap is None else "cap_exceeded"
    left = [one for one in shared.left_out if one.reason == "above_cap"]
    if left:
        yield _of(code, left, "is beyond what may be billed", matter)


def _changed(matter: Matter, shared: Shared) -> Iterator[Notice]:
    left = [one for one in shared.left_out if one.reason == "changed_after_invoicing"]
    if left:
        yield _of("changed_after_invoicing", left, "was billed as it was before, and is now worth this", matter)


def _of(code: str, left: Iterable[LeftOut], says: str, matter: Matter) -> Notice:
    listed = list(left)
    errors = tuple(
        FieldError(
            pointer=f"/{one.kind}/{one.item_id}",
            code=code,
            message=f"{one.kind} {one.item_id}: {one.amount.amount} {one.amount.currency} {says}",
        )
        for one in listed
    )
    worth = sum((one.amount.value for one in listed), Decimal(0))
    return Notice(code=code, errors=errors, value=Money.of(worth, matter.agreement.contract.currency))
