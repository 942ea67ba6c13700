"""The delegation-of-authority matrix: role, currency, limit, entity, and the days of a delegation."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from canonical.money import Money
from canonical.work import Approval
from process_apis.operations.approvals import Authority

TODAY = date(2026, 12, 30)
NOW = datetime(2026, 12, 30, 9, 0, tzinfo=UTC)
ASKED = Approval(
    id=f"apr_{'0' * 32}",
    process="invoice-release",
    run_id="invoice-release:x:1",
    subject="invoice-approver:0",
    required_role="invoice-approver",
    because=(),
    legal_entity_code="GB01",
    value=Money.of(50000, "GBP"),
    requested_by="carl.clerk@firm.example",
    requested_at=NOW,
    due_at=NOW,
    status="pending",
    decided_by=None,
    decided_at=None,
    reason=None,
)
LINE = Authority(
    actor="anna@firm.example",
    role="invoice-approver",
    currency="GBP",
    limit=Decimal(50000),
    legal_entity_codes=("GB01",),
)


@pytest.mark.parametrize(
    ("changes", "covered"),
    [
        ({}, True),
        ({"limit": Decimal("49999.99")}, False),
        ({"currency": "EUR"}, False),
        ({"role": "project-owner"}, False),
        ({"legal_entity_codes": ("DE01",)}, False),
        ({"delegate_of": "cfo@firm.example", "from_date": TODAY, "to_date": date(2027, 1, 2)}, True),
        ({"delegate_of": "cfo@firm.example", "from_date": date(2026, 12, 31)}, False),
        ({"delegate_of": "cfo@firm.example", "to_date": TODAY}, False),
    ],
)
def test_a_line_covers_what_it_says_and_on_its_days_alone(changes: dict[str, Any], covered: bool) -> None:
    """A limit is met to the penny; a delegation is half-open, as every range of days."""
    assert covered == msgspec.structs.replace(LINE, **changes).covers(ASKED, TODAY)
