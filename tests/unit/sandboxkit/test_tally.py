"""Requests are counted by what was asked, never by whom it was about."""

import pytest

from sandboxkit.tally import Tally, pattern


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v1/invoices", "/v1/invoices"),
        ("/v1/invoices/in_1OaB/finalize", "/v1/invoices/{id}/finalize"),
        ("/api/v1/time_entries.json", "/api/v1/time_entries.json"),
        ("/api/v1/workspaces/3001", "/api/v1/workspaces/{id}"),
        ("/services/data/v67.0/query", "/services/data/v67.0/query"),
        ("/api/v2.0/companies(9f-0)/salesInvoices(1)/NAV.post", "/api/v2.0/companies()/salesInvoices()/NAV.post"),
    ],
)
def test_ids_are_taken_out_of_a_path_and_versions_stay(path: str, expected: str) -> None:
    """Otherwise every record would be a count of its own."""
    assert expected == pattern(path)


def test_each_method_and_kind_of_path_has_its_count() -> None:
    """Two records of a kind are asked for alike."""
    tally = Tally()
    for method, path in (("GET", "/notes/1"), ("GET", "/notes/2"), ("POST", "/notes")):
        tally.count(method, path)
    assert {"GET /notes/{id}": 2, "POST /notes": 1} == tally.shown()
