"""Keeps what became of each case, and leaves it in `.syncline/reports/faults.json` when the last one is over."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fault_cases import Case, Row, report
from running_system import ROOT

from launcher import reports


@pytest.fixture(scope="session")
def case_rows() -> Iterator[list[Row]]:
    """The rows of all cases; the report is written from them, also when cases failed."""
    rows: list[Row] = []
    yield rows
    reports.write(ROOT / ".syncline" / "reports", "faults", report(rows))


@pytest.fixture
def case(request: pytest.FixtureRequest, case_rows: list[Row]) -> Iterator[Case]:
    """The case that the test is: it says what it strikes with, and how the day ended."""
    running = Case(request.node.name)
    yield running
    case_rows.append(running.row())
