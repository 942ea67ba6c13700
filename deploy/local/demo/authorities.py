"""Who may approve what in the demo firm: its delegation-of-authority matrix (domain rule B12).

Limits are in the legal entity's own currency. A controller approves invoices of one entity up to a limit, the chief
financial officer any of them; a delegate stands in for a controller, within that controller's limit.
"""

from typing import Any

Line = dict[str, Any]

DIRECTOR = "dana.director@northwind-advisory.example"
PROJECT_OWNER = "oscar.owner@northwind-advisory.example"
CFO = "celia.cfo@northwind-advisory.example"
# The controller of each entity, the currency of the limit, and the limit.
CONTROLLERS = {
    "DE01": ("carla.controller@northwind-advisory.example", "EUR", "30000"),
    "US01": ("cole.controller@northwind-advisory.example", "USD", "15000"),
    "GB01": ("chris.controller@northwind-advisory.example", "GBP", "20000"),
}
DELEGATE, DELEGATED = "dario.delegate@northwind-advisory.example", "US01"
_WITHOUT_LIMIT = "10000000"


def matrix() -> list[Line]:
    """Every line of it, as operations and the processes read it (`process_apis.operations.approvals.Authority`)."""
    return [
        *(_everywhere(DIRECTOR, "delivery-director", currency, "500000") for currency in ("EUR", "USD", "GBP")),
        *(
            line
            for code, (controller, currency, limit) in CONTROLLERS.items()
            for line in _of_entity(code, controller, currency, limit)
        ),
        _delegated(),
    ]


def _of_entity(code: str, controller: str, currency: str, limit: str) -> list[Line]:
    return [
        _line(PROJECT_OWNER, "project-owner", currency, _WITHOUT_LIMIT, code),
        _line(controller, "invoice-approver", currency, limit, code),
        _line(CFO, "invoice-approver", currency, _WITHOUT_LIMIT, code),
    ]


def _delegated() -> Line:
    controller, currency, limit = CONTROLLERS[DELEGATED]
    return _line(DELEGATE, "invoice-approver", currency, limit, DELEGATED) | {"delegate_of": controller}


def _everywhere(actor: str, role: str, currency: str, limit: str) -> Line:
    return _line(actor, role, currency, limit, *CONTROLLERS)


def _line(actor: str, role: str, currency: str, limit: str, *entities: str) -> Line:
    return {"actor": actor, "role": role, "currency": currency, "limit": limit, "legal_entity_codes": list(entities)}
