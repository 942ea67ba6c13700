"""The report of tests/faults counts what was lost and doubled, and every case that ended otherwise."""

from fault_cases import Case, report


def test_a_case_diverges_by_loss_by_doubling_or_without_an_end() -> None:
    """Records are summed over the cases; a case that broke off counts as diverged though nothing was compared."""
    whole, lossy, broken = Case("whole"), Case("lossy"), Case("broken")
    whole.struck("a killed process")
    whole.ended([], [])
    lossy.ended(["a project", "a task"], ["a price"])
    found = report(case.row() for case in (whole, lossy, broken))
    assert (3, 2, 1, 2) == (found.cases, found.lost, found.doubled, found.diverged)
    assert [("whole", True), ("lossy", True), ("broken", False)] == [(row.name, row.ended) for row in found.rows]
    assert [("a killed process",), (), ()] == [row.struck for row in found.rows]


def test_no_case_is_no_divergence() -> None:
    """An empty report says that nothing was tried."""
    assert (0, 0) == (report([]).cases, report([]).diverged)
