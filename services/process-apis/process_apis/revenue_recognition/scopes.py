"""What callers may be allowed here, and what revenue-recognition may do at the system layer.

It alone may ask what people cost, and it writes nothing but journals.
"""

from process_apis.finding import Scopes

_BOTH = ("read", "write")
_PSA = ("projects", "milestones", "time-entries", "expenses", "rate-cards", "resources", "recognised-revenue")
_ERP = ("legal-entities", "accounting-periods", "exchange-rates", "ledger-entries", "account-balances")

SCOPES = Scopes(
    offered=tuple(f"revenue-recognition.recognitions.{how}" for how in _BOTH),
    needed=(
        *("crm.contracts.read", "hr.cost-rates.read", "billing.invoices.read"),
        *(f"psa.{what}.read" for what in _PSA),
        *(f"erp.{what}.read" for what in _ERP),
        *(f"erp.journals.{how}" for how in _BOTH),
    ),
)
