"""What people should see to although nothing is held up: each with its value."""

from decimal import Decimal

import pytest
from msgspec.structs import replace
from sold import CONTRACT, milestone
from worked import entry, item, matter, money, result, sold_by

from canonical.sales import Cap
from process_apis.invoice_release.facts import Matter
from process_apis.invoice_release.notices import notices
from process_apis.invoice_release.sharing import Limits, Shared, Standing, share_out

NOTHING = Shared(shares=(), left_out=())


def told(seen: Matter, shared: Shared = NOTHING) -> list[tuple[str, str, list[str]]]:
    return [(one.code, one.value.amount, [error.pointer for error in one.errors]) for one in notices(seen, shared)]


def test_where_all_is_well_nobody_is_told() -> None:
    """Approved work within the limits is no news."""
    assert [] == told(matter(entries=(entry(),)), share_out((item(),), {}, Limits()))


def test_time_that_is_not_approved_at_cut_off_is_told_with_its_value() -> None:
    """The invoice goes without it; what has no price is worth nothing yet, what drifts its frozen price (B9)."""
    waiting = (
        entry("tim_1", status="submitted"),
        entry("tim_2", "2", price="999", status="submitted"),
        entry("tim_3", price=None, role="Tester", status="submitted"),
    )
    pointers = ["/time_entries/tim_1", "/time_entries/tim_2", "/time_entries/tim_3"]
    assert [("time_missing", "3158.00", pointers)] == told(matter(unapproved=waiting))
    (notice,) = notices(matter(unapproved=waiting[:1]), NOTHING)
    assert "8 hours of 2026-12-07 are submitted and not approved" == notice.errors[0].message


def test_a_completed_milestone_that_waits_for_acceptance_is_told() -> None:
    """At the contract's amount; one that is billed on completion waits for nobody (B22)."""
    waiting = result(accepted=False, accepted_at=None, accepted_by=None)
    contract = sold_by("milestone", milestones=(milestone("M1", 30000),))
    assert [("milestone_not_accepted", "30000.00", ["/milestones/mil_M1"])] == told(
        matter(contract, milestones=(waiting,))
    )
    assert [] == told(matter(contract, milestones=(result(),)))
    assert [] == told(matter(contract, milestones=(replace(waiting, completed=False),)))
    on_completion = replace(contract, milestones=(milestone("M1", 30000, bill_on="completion"),))
    assert [] == told(matter(on_completion, milestones=(waiting,)))


def test_a_milestone_that_the_psa_does_not_know_is_told() -> None:
    """It was renamed or removed there, and would never be billed: at the contract's amount (B22)."""
    contract = sold_by("milestone", milestones=(milestone("M1", 30000), milestone("M2", 12000)))
    seen = matter(contract, milestones=(replace(result(), title="Another name"),))
    expected = ("milestone_missing", "42000.00", ["/contract/milestones/M1", "/contract/milestones/M2"])
    assert [expected] == told(seen)


@pytest.mark.parametrize(("cap", "code"), [(Cap(amount=money(580)), "cap_exceeded"), (None, "po_exhausted")])
def test_work_beyond_a_limit_is_told_with_its_value(cap: Cap | None, code: str) -> None:
    """Somebody has to agree a change order, or write it off (B23)."""
    shared = share_out((item(), item("tim_2")), {}, Limits(purchase_order=Decimal(580)))
    assert [(code, "1740.00", ["/time/tim_1", "/time/tim_2"])] == told(matter(replace(CONTRACT, cap=cap)), shared)


def test_billed_work_that_changed_is_told_at_what_it_is_worth_now() -> None:
    """It is credited and billed anew by people."""
    known = {"tim_1": Standing(claimed_quantity=Decimal(9), claimed_amount=Decimal(1305), claimed_version="v0")}
    shared = share_out((item(),), known, Limits())
    assert [("changed_after_invoicing", "1160.00", ["/time/tim_1"])] == told(matter(), shared)
