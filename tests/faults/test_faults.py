"""A struck round ends like the undisturbed one. `make faults` is the long form: every strike, at every vendor write."""

from __future__ import annotations

from fault_harness import Case, played
from fault_world import FEW

CASES = (Case(strike="kill-process-api", seed=0),)
# One call each for an invoice, however much it bills.
OF_AN_INVOICE = (
    ("stripe", "POST", "/v1/invoices"),
    ("stripe", "POST", "/v1/invoices/{id}/add_lines"),
    ("business_central", "POST", "/v2.0/{id}/production/api/v2.0/companies()/salesInvoices"),
    ("kantata", "POST", "/api/v1/invoices"),
)


async def test_what_is_struck_ends_as_what_is_not() -> None:
    """Nothing is lost, doubled, different or stuck, in the platforms and in Syncline's own tables."""
    made = await played(CASES, FEW)
    assert [(case.strike, 0, 0, 0, (), ()) for case in CASES] == [
        (row.strike, row.lost, row.doubled, row.diverged, row.stuck, row.in_doubt) for row in made.rows
    ]
    assert all(row.parked and row.takeover_s is not None for row in made.rows)
    times = {(one.point.vendor, one.point.method, one.point.path): one.times for one in made.found}
    invoices = len(FEW.released) + len(FEW.credited)
    assert [invoices] * len(OF_AN_INVOICE) == [times[write] for write in OF_AN_INVOICE]
