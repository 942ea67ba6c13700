"""Bindings and the audit trail over HTTP: how far Syncline may go for whom, and who said so."""

from __future__ import annotations

from datetime import date
from typing import Any

import httpx
import pytest
from api_callers import token
from operations_caller import AUDIT, BINDER, Operations, told

CHANGE = {"connection": "erp-main", "from_date": "2026-12-01", "mode": "shadow", "reason": "rehearsal"}


async def put(operations: Operations, path: str, **changes: Any) -> httpx.Response:
    return await operations.http.put(f"/v1/bindings/{path}", json=CHANGE | changes, headers=BINDER)


async def shown(operations: Operations, entity: str) -> list[tuple[str, str, str, str]]:
    """The bindings of an entity: capability, first day, connection and mode."""
    answer = await operations.http.get("/v1/bindings", params={"legal_entity_code": entity}, headers=BINDER)
    names = ("capability", "from_date", "connection", "mode")
    return [tuple(one[name] for name in names) for one in answer.json()["items"]]


async def test_a_binding_is_told_as_it_was_made(operations: Operations) -> None:
    """Entity and capability from the address, the rest from the body, the moment from our clock."""
    answer = await put(operations, "AA01/erp")
    now = operations.clock.now().isoformat().replace("+00:00", "Z")
    wanted = {"legal_entity_code": "AA01", "capability": "erp", "updated_at": now} | CHANGE
    del wanted["reason"]
    assert (200, wanted) == (answer.status_code, answer.json())
    assert [("erp", "2026-12-01", "erp-main", "shadow")] == await shown(operations, "AA01")


async def test_a_binding_of_the_same_day_is_changed_and_of_another_added(operations: Operations) -> None:
    """Dated: what holds from a later day on leaves what holds until then."""
    await put(operations, "AB01/erp")
    await put(operations, "AB01/erp", mode="automatic")
    await put(operations, "AB01/erp", from_date="2027-01-01", connection="erp-new")
    wanted = [("erp", "2026-12-01", "erp-main", "automatic"), ("erp", "2027-01-01", "erp-new", "shadow")]
    assert wanted == await shown(operations, "AB01")


async def test_an_entity_sees_its_own_bindings_only(operations: Operations) -> None:
    """In the order of capability and day."""
    for path in ("AC01/psa", "AC02/psa", "AC01/billing"):
        await put(operations, path)
    assert ["billing", "psa"] == [capability for capability, *_ in await shown(operations, "AC01")]
    everything = (await operations.http.get("/v1/bindings", headers=BINDER)).json()["items"]
    assert {"AC01", "AC02"} <= {one["legal_entity_code"] for one in everything}


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"mode": "full"}, "/mode"),
        ({"connection": "ERP main"}, "/connection"),
        ({"connection": ""}, "/connection"),
        ({"from_date": "2026-13-01"}, "/from_date"),
        ({"from_date": "2026-12-01T00:00:00Z"}, "/from_date"),
        ({"reason": ""}, "/reason"),
        ({"reason": "   "}, "/reason"),
        ({"colour": "red"}, "/colour"),
    ],
)
async def test_a_binding_that_makes_no_sense_is_refused(
    operations: Operations, changes: dict[str, Any], pointer: str
) -> None:
    """With the field that is wrong; nothing is bound and nothing is in the trail."""
    answer = await put(operations, "AD01/erp", **changes)
    assert 422 == answer.status_code
    assert [pointer] == [error["pointer"] for error in answer.json()["errors"]]
    assert [] == await shown(operations, "AD01")
    assert [] == await operations.audited("binding:AD01:erp")


@pytest.mark.parametrize("missing", sorted(CHANGE))
async def test_a_binding_says_everything(operations: Operations, missing: str) -> None:
    """Nothing has a default: connection, day, mode and reason are said."""
    body = {name: value for name, value in CHANGE.items() if name != missing}
    answer = await operations.http.put("/v1/bindings/AD01/erp", json=body, headers=BINDER)
    assert 422 == answer.status_code
    assert [f"/{missing}"] == [error["pointer"] for error in answer.json()["errors"]]


@pytest.mark.parametrize("path", ["de01/erp", "D/erp", "DE01/payroll", "DE01/ERP"])
async def test_an_address_names_an_entity_and_a_capability(operations: Operations, path: str) -> None:
    """An entity's code, and one of the six capabilities."""
    answer = await put(operations, path)
    assert (400, "application/problem+json") == (answer.status_code, answer.headers["content-type"])


async def test_a_binding_is_in_the_audit_trail(operations: Operations) -> None:
    """Who bound what for whom, from when, in which mode, and why."""
    await put(operations, "AE01/erp")
    await put(operations, "AE01/erp", mode="off", reason="stop")
    wanted = [
        ("ivan@firm.example", "console", "binding.put", "rehearsal"),
        ("ivan@firm.example", "console", "binding.put", "stop"),
    ]
    assert wanted == await operations.audited("binding:AE01:erp")
    found = await operations.http.get("/v1/audit-records", params={"subject": "binding:AE01:erp"}, headers=AUDIT)
    detail = {"connection": "erp-main", "mode": "off", "from_date": date(2026, 12, 1).isoformat()}
    assert detail == found.json()["items"][-1]["detail"]


async def test_the_audit_trail_is_read_page_by_page(operations: Operations) -> None:
    """Oldest first, each record once; a cursor is good for its own subject only."""
    for number in range(5):
        await put(operations, "AF01/erp", reason=f"change {number}")
    reasons, params = [], {"subject": "binding:AF01:erp", "limit": "2"}
    while True:
        page = (await operations.http.get("/v1/audit-records", params=params, headers=AUDIT)).json()
        reasons.append([record["reason"] for record in page["items"]])
        if page.get("next") is None:
            break
        params["cursor"] = page["next"]
    assert [["change 0", "change 1"], ["change 2", "change 3"], ["change 4"]] == reasons
    other = params | {"subject": "binding:AE01:erp"}
    answer = await operations.http.get("/v1/audit-records", params=other, headers=AUDIT)
    assert (400, "invalid_cursor") == told(answer)


async def test_the_audit_trail_cannot_be_written(operations: Operations) -> None:
    """It is written by deeds alone."""
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = await operations.http.request(method, "/v1/audit-records", headers=AUDIT, json={})
        assert (405, "method_not_allowed") == told(answer)


async def test_a_person_is_named_only_by_whom_may(operations: Operations) -> None:
    """Without the scope a client speaks for itself; it cannot put somebody else into the trail."""
    headers = {**token("operations.bindings.write", client="partner"), "Syncline-Actor": "olga@firm.example"}
    answer = await operations.http.put("/v1/bindings/AG01/erp", json=CHANGE, headers=headers)
    assert (403, "actor_not_allowed") == told(answer)
    plain = token("operations.bindings.write", client="partner")
    assert 200 == (await operations.http.put("/v1/bindings/AG01/erp", json=CHANGE, headers=plain)).status_code
    assert [("partner", "partner", "binding.put", "rehearsal")] == await operations.audited("binding:AG01:erp")


async def test_open_exceptions_are_counted_by_owner(operations: Operations) -> None:
    """How many, and what they hold up; what is done is no longer counted."""

    async def counted() -> tuple[int, str]:
        answer = await operations.http.get("/v1/exception-statistics", headers=token("operations.exceptions.read"))
        mine = [one for one in answer.json()["owners"] if one["owner_team"] == "finance-master-data"]
        return (mine[0]["count"], mine[0]["value_at_stake"][0]["amount"]) if mine else (0, "0")

    count, value = await counted()
    case = await operations.case(blocking=False)
    assert (count + 1, f"{float(value) + 87000:.2f}") == await counted()
    done = {"decision": "resolve", "reason": "it is open now"}
    headers = token("operations.exceptions.write")
    assert 202 == (await operations.decide(f"exceptions/{case['id']}", done, headers)).status_code
    assert count == (await counted())[0]
