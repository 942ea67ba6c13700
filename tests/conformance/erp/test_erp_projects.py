"""The ledger by project: what the ERP recognised by itself is found by the project dimension of its entries."""

from datetime import date
from typing import Any

import httpx
import pytest

from canonical.money import Money
from servicekit.failures import Failure, Kind

DECEMBER, NEW_YEAR = date(2026, 12, 31), date(2027, 1, 1)
HERE = {"connection": "erp-main"}


def euros(amount: str) -> Money:
    return Money(amount=amount, currency="EUR")


async def recognised(stage: Any) -> None:
    """Two documents of P-100, one of them with P-200 in it, and one without any project."""
    await stage.recognise("WIP-0001", DECEMBER, {"P-100": "1000.50"})
    await stage.recognise("WIP-0002", NEW_YEAR, {"P-100": "200.00", "P-200": "7.00"})


async def test_entries_are_found_by_project(stage: Any) -> None:
    """Those of the project alone, whatever the case of its number; each entry says which project it has."""
    await recognised(stage)
    found = (await stage.erp.ledger_entries("DE01", "revenue", None, None, 200, project_number="p-100")).items
    assert [("WIP-0001", euros("-1000.50"), "P-100"), ("WIP-0002", euros("-200.00"), "P-100")] == [
        (entry.document_number, entry.amount, entry.project_number) for entry in found
    ]
    whole = (await stage.erp.ledger_entries("DE01", None, "WIP-0002", None, 200)).items
    assert ["P-100", "P-100", "P-200", "P-200"] == [entry.project_number for entry in whole]


async def test_entries_are_of_days_before(stage: Any) -> None:
    """The bound itself is too late."""
    await recognised(stage)
    for bound, documents in ((DECEMBER, []), (NEW_YEAR, ["WIP-0001"]), (date(2027, 1, 2), ["WIP-0001", "WIP-0002"])):
        listing = await stage.erp.ledger_entries(
            "DE01", "revenue", None, None, 200, project_number="P-100", posted_before=bound
        )
        assert documents == [entry.document_number for entry in listing.items]


async def test_a_page_of_a_project_may_be_empty(stage: Any) -> None:
    """Only an absent cursor ends the list: nothing is lost between pages."""
    await recognised(stage)
    pages: list[int] = []
    cursor = None
    while True:
        listing = await stage.erp.ledger_entries("DE01", "revenue", None, cursor, 1, project_number="P-200")
        pages.append(len(listing.items))
        cursor = listing.cursor
        if cursor is None:
            break
    assert [0, 0, 1] == pages


async def test_a_ledger_without_a_project_dimension_says_so(stage: Any) -> None:
    """INVALID where the connection names none; without the wish for a project the entries are told all the same."""
    with pytest.raises(Failure) as caught:
        await stage.erp.ledger_entries("GB01", "revenue", None, None, 5, project_number="P-100")
    assert (Kind.INVALID, "project_dimension_not_set") == (caught.value.kind, caught.value.code)
    assert () == (await stage.erp.ledger_entries("GB01", "revenue", None, None, 5)).items


async def test_projects_are_asked_for_from_outside(stage: Any, api: httpx.AsyncClient) -> None:
    """By query; a cursor belongs to its project, and a ledger that knows no projects is 422."""
    await recognised(stage)
    path = "/v1/legal-entities/{}/ledger-entries"
    asked = {**HERE, "account_role": "revenue", "project_number": "P-100", "posted_before": "2027-01-01"}
    (entry,) = (await api.get(path.format("DE01"), params=asked)).json()["items"]
    assert ("-1000.50", "P-100") == (entry["amount"]["amount"], entry["project_number"])
    first = (await api.get(path.format("DE01"), params={**asked, "limit": "1", "posted_before": "2028-01-01"})).json()
    other = {**asked, "limit": "1", "project_number": "P-200", "cursor": first["next"]}
    assert 400 == (await api.get(path.format("DE01"), params=other)).status_code
    refused = await api.get(path.format("GB01"), params=asked)
    assert (422, "project_dimension_not_set") == (refused.status_code, refused.json()["code"])
