"""What callers may be allowed here, and what invoice-release may do at the system layer.

It reads what was agreed and done, and writes invoices, receivables and marks.
"""

from process_apis.finding import Scopes

_BOTH = ("read", "write")

SCOPES = Scopes(
    offered=tuple(f"invoice-release.releases.{how}" for how in (*_BOTH, "decide")),
    needed=(
        *("crm.contracts.read", "crm.customers.read", "billing.schedules.read"),
        *(f"psa.{what}.read" for what in ("projects", "milestones", "time-entries", "expenses", "rate-cards")),
        "psa.billing-marks.write",
        *(f"billing.{what}.{how}" for what in ("invoices", "credit-notes") for how in _BOTH),
        *(f"erp.{what}.read" for what in ("legal-entities", "tax-codes", "accounting-periods", "customer-accounts")),
        *(f"erp.{what}.read" for what in ("exchange-rates", "ledger-entries")),
        *(f"erp.receivables.{how}" for how in _BOTH),
    ),
)
