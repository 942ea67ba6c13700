"""The demo firm's delegation-of-authority matrix."""

from decimal import Decimal

import msgspec

from demo import authorities
from process_apis.operations.approvals import Authority

MATRIX = msgspec.convert(authorities.matrix(), tuple[Authority, ...])


def test_only_the_cfo_approves_any_invoice() -> None:
    """Each entity's controller has a limit in the entity's own currency; above it there is one person."""
    limits = {
        (line.actor, code): (line.limit, line.currency)
        for line in MATRIX
        if line.role == "invoice-approver" and line.delegate_of is None
        for code in line.legal_entity_codes
    }
    controllers = {
        (actor, code): (Decimal(limit), currency) for code, (actor, currency, limit) in authorities.CONTROLLERS.items()
    }
    assert controllers == {key: value for key, value in limits.items() if key[0] != authorities.CFO}
    assert {"DE01", "US01", "GB01"} == {code for actor, code in limits if actor == authorities.CFO}


def test_a_delegate_has_the_limit_of_whom_they_stand_in_for() -> None:
    """Never more than that."""
    (line,) = (line for line in MATRIX if line.delegate_of is not None)
    controller, currency, limit = authorities.CONTROLLERS[authorities.DELEGATED]
    assert (controller, currency, Decimal(limit), (authorities.DELEGATED,)) == (
        line.delegate_of,
        line.currency,
        line.limit,
        line.legal_entity_codes,
    )
