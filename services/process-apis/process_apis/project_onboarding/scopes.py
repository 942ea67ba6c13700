"""What callers may be allowed here, and what project-onboarding may do at the system layer: never read pay."""

from process_apis.finding import Scopes

_BOTH = ("read", "write")
_PSA = ("projects", "tasks", "milestones", "resource-requests", "assignments", "resources")
_ERP = ("legal-entities", "dimension-values", "tax-codes", "accounting-periods", "payment-terms")

SCOPES = Scopes(
    offered=tuple(f"project-onboarding.onboardings.{how}" for how in _BOTH),
    needed=(
        *("crm.opportunities.read", "crm.customers.read", "crm.contracts.read"),
        *("hr.workers.read", "hr.absences.read", "identity.account-matches.write"),
        *(f"psa.{what}.{how}" for what in _PSA for how in _BOTH),
        *(f"billing.{what}.{how}" for what in ("accounts", "schedules") for how in _BOTH),
        *(f"erp.{what}.read" for what in _ERP),
        *(f"erp.{what}.{how}" for what in ("customer-accounts", "project-shells") for how in _BOTH),
    ),
)
