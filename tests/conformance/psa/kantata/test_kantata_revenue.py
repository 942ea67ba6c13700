"""Revenue that finance recognised in Kantata, and its own way of keeping it."""

from typing import Any

import pytest
from psa_orders import new_project

RECORDS = "/api/v1/project_accounting_records"


@pytest.fixture
async def project(stage: Any) -> str:
    """A project in euro."""
    found: str = (await stage.psa.create_project(new_project(), "key-00000001")).id
    return found


async def test_kantata_lists_periods_by_their_end(stage: Any, project: str) -> None:
    """Two days with a semicolon, either may be left out; deleted records show only when they are asked for."""
    made = [await stage.hands.recognise(project, f"2026-{m}-01", f"2026-{m}-28", "1.00") for m in ("10", "11", "12")]

    async def listed(**asked: str) -> set[str]:
        return {row["id"] for row in (await stage.control.get(RECORDS, params=asked)).json()["results"]}

    assert {made[1]} == await listed(end_date="2026-11-01;2026-11-30")
    assert {made[0], made[1]} == await listed(end_date=";2026-11-28")
    assert {made[2]} == await listed(end_date="2026-12-28")
    assert set() == await listed(created_at="2099-01-01")
    await stage.hands.unrecognise(made[0])
    assert set(made[1:]) == await listed(type="Recognition")
    assert set(made) == await listed(show_deleted="true", workspace_id=project)


async def test_kantata_refuses_records_that_make_no_sense(stage: Any, project: str) -> None:
    """A period that ends before it starts, a type it does not know, no record to delete, and anybody's token."""
    good = {"workspace_id": project, "start_date": "2026-12-01", "end_date": "2026-12-31", "currency": "EUR"}
    for wrong in ({"end_date": "2026-11-30"}, {"type": "Revenue"}, {"currency": None}):
        record = {"project_accounting_record": {**good, **wrong}}
        assert 422 == (await stage.control.post(RECORDS, json=record)).status_code
    for ids, status in (([], 400), (["5"], 404)):
        assert status == (await stage.control.put(f"{RECORDS}/delete", json={"ids": ids})).status_code
    bens = {"Authorization": "Bearer ben's"}
    assert 403 == (await stage.control.get(RECORDS, headers=bens)).status_code
    assert 403 == (await stage.control.put(f"{RECORDS}/delete", json={"ids": ["5"]}, headers=bens)).status_code
