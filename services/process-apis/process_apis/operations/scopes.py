"""What callers may be allowed here. Operations calls no platform."""

from process_apis.finding import Scopes

SCOPES = Scopes(
    offered=(
        *("operations.exceptions.read", "operations.exceptions.write"),
        *("operations.approvals.read", "operations.approvals.decide"),
        *("operations.bindings.read", "operations.bindings.write", "operations.audit.read"),
    ),
    needed=(),
)
