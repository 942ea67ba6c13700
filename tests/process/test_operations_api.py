"""The operations API over HTTP: what people see to, each deed once, each with its trace in the audit trail."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from api_callers import person, token
from operations_caller import DANA, OLGA, READ, Operations, told

RETRY = {"decision": "retry", "reason": "mended in the ERP"}
NOBODY = "0" * 32


ROUTES = [
    ("GET", "/v1/exceptions", "operations.exceptions.read"),
    ("GET", f"/v1/exceptions/exc_{NOBODY}", "operations.exceptions.read"),
    ("PATCH", f"/v1/exceptions/exc_{NOBODY}", "operations.exceptions.write"),
    ("POST", f"/v1/exceptions/exc_{NOBODY}/decisions", "operations.exceptions.write"),
    ("GET", "/v1/exception-statistics", "operations.exceptions.read"),
    ("GET", "/v1/approvals", "operations.approvals.read"),
    ("GET", f"/v1/approvals/apr_{NOBODY}", "operations.approvals.read"),
    ("POST", f"/v1/approvals/apr_{NOBODY}/decisions", "operations.approvals.decide"),
    ("GET", "/v1/bindings", "operations.bindings.read"),
    ("PUT", "/v1/bindings/DE01/erp", "operations.bindings.write"),
    ("GET", "/v1/audit-records", "operations.audit.read"),
]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
async def test_every_route_needs_a_token_with_its_scope(
    operations: Operations, method: str, path: str, scope: str
) -> None:
    """401 without a token or with a wrong one, 403 with every scope but the one that counts."""
    others = token(*{one for _, _, one in ROUTES} - {scope})
    for headers, wanted in (
        ({}, (401, "token_required")),
        ({"Authorization": "Bearer none"}, (401, "invalid_token")),
        (others, (403, "insufficient_scope")),
    ):
        answer = await operations.http.request(method, path, headers=headers, json={} if method != "GET" else None)
        assert wanted == told(answer)


@pytest.mark.parametrize("path", [f"exceptions/exc_{NOBODY}", f"approvals/apr_{NOBODY}"])
async def test_what_nobody_knows_is_missing(operations: Operations, path: str) -> None:
    """404, to read and to decide on."""
    everything = token(*{scope for _, _, scope in ROUTES})
    assert (404, "not_found") == told(await operations.http.get(f"/v1/{path}", headers=everything))
    body = {"decision": "retry" if "exc_" in path else "approve", "reason": "because"}
    assert (404, "not_found") == told(await operations.decide(path, body, everything))


async def test_a_change_names_what_it_was_read_from(operations: Operations) -> None:
    """428 without If-Match, 412 with the tag of an older state, and the new tag for the next change."""
    path = f"/v1/exceptions/{(await operations.case())['id']}"
    read = await operations.http.get(path, headers=OLGA)
    change = {"reason": "mine", "assignee": "olga"}
    assert (428, "precondition_required") == told(await operations.http.patch(path, json=change, headers=OLGA))
    stale = {**OLGA, "If-Match": '"another"'}
    assert (412, "precondition_failed") == told(await operations.http.patch(path, json=change, headers=stale))
    operations.clock.advance(timedelta(seconds=1))
    changed = await operations.http.patch(path, json=change, headers={**OLGA, "If-Match": read.headers["etag"]})
    assert (200, "olga", "assigned") == (changed.status_code, changed.json()["assignee"], changed.json()["status"])
    again = await operations.http.patch(path, json=change, headers={**OLGA, "If-Match": read.headers["etag"]})
    assert (412, "precondition_failed") == told(again)
    assert changed.headers["etag"] == (await operations.http.get(path, headers=OLGA)).headers["etag"]


async def test_of_two_changes_at_once_one_is_made(operations: Operations) -> None:
    """Both were read from one state: the second is told so, and what the first has written stays."""
    path = f"/v1/exceptions/{(await operations.case())['id']}"
    headers = {**OLGA, "If-Match": (await operations.http.get(path, headers=OLGA)).headers["etag"]}
    changes = [{"reason": "mine", "assignee": name} for name in ("olga", "peter", "quinn", "rosa")]
    answers = await asyncio.gather(*(operations.http.patch(path, json=change, headers=headers) for change in changes))
    assert [200, 412, 412, 412] == sorted(answer.status_code for answer in answers)
    won = next(answer.json()["assignee"] for answer in answers if answer.status_code == 200)
    assert won == (await operations.http.get(path, headers=OLGA)).json()["assignee"]


async def test_a_comment_is_added_and_says_whose_it_is(operations: Operations) -> None:
    """What was said stays; who said it is the person, not the client; the trail has the reason."""
    path = f"/v1/exceptions/{(await operations.case())['id']}"
    for said in ("asked finance", "finance has opened it"):
        read = await operations.http.get(path, headers=OLGA)
        changes = {"reason": "to remember", "comment": said}
        await operations.http.patch(path, json=changes, headers={**OLGA, "If-Match": read.headers["etag"]})
    shown = (await operations.http.get(path, headers=OLGA)).json()
    wanted = [("olga@firm.example", "asked finance"), ("olga@firm.example", "finance has opened it")]
    assert wanted == [(comment["by"], comment["text"]) for comment in shown["comments"]]
    assert "open" == shown["status"]
    assert [("olga@firm.example", "console", "exception.change", "to remember")] * 2 == await operations.audited(
        shown["id"]
    )


async def test_a_decision_is_carried_out_once_per_key(operations: Operations) -> None:
    """The same key gets the first answer again and says so; with another request it is refused."""
    case = await operations.case()
    path, key = f"exceptions/{case['id']}", uuid4().hex
    first = await operations.decide(path, RETRY, OLGA, key)
    again = await operations.decide(path, RETRY, OLGA, key)
    assert (202, "retrying", None) == (
        *(first.status_code, first.json()["status"]),
        first.headers.get("idempotent-replayed"),
    )
    assert (202, first.content, "true") == (again.status_code, again.content, again.headers["idempotent-replayed"])
    other = await operations.decide(path, RETRY | {"reason": "another one"}, OLGA, key)
    assert (422, "idempotency_key_reused") == told(other)
    wanted = [("olga@firm.example", "console", "exception.retry", "mended in the ERP")]
    assert wanted == await operations.audited(case["id"])


async def test_keys_of_different_clients_never_meet(operations: Operations) -> None:
    """Another client's key of the same text is another command: here, one that comes too late."""
    case, key = await operations.case(), uuid4().hex
    await operations.decide(f"exceptions/{case['id']}", RETRY, OLGA, key)
    other = token("operations.exceptions.write", client="partner")
    assert (409, "nothing_to_decide") == told(await operations.decide(f"exceptions/{case['id']}", RETRY, other, key))


@pytest.mark.parametrize("key", [None, "short", "with space in it", "x" * 201])
async def test_a_command_needs_a_key(operations: Operations, key: str | None) -> None:
    """Eight to 200 plain characters; nothing is done without."""
    case = await operations.case()
    headers = OLGA if key is None else {**OLGA, "Idempotency-Key": key}
    answer = await operations.http.post(f"/v1/exceptions/{case['id']}/decisions", json=RETRY, headers=headers)
    assert 400 == answer.status_code
    assert [] == await operations.audited(case["id"])


async def test_a_decision_is_taken_once(operations: Operations) -> None:
    """While the run tries again there is nothing to decide; a refused command may be sent again under its key."""
    case, key = await operations.case(), uuid4().hex
    await operations.decide(f"exceptions/{case['id']}", RETRY, OLGA)
    for _ in range(2):
        discard = {"decision": "discard", "reason": "withdrawn"}
        answer = await operations.decide(f"exceptions/{case['id']}", discard, OLGA, key)
        assert (409, "nothing_to_decide") == told(answer)


@pytest.mark.parametrize(
    ("blocking", "decision", "pointer"),
    [
        (True, {"decision": "edit"}, "/edits"),
        (True, {"decision": "retry", "edits": {"cost_centre_code": "CC-D10"}}, "/edits"),
        (True, {"decision": "resolve"}, "/decision"),
        (False, {"decision": "retry"}, "/decision"),
        (False, {"decision": "discard"}, "/decision"),
    ],
)
async def test_a_decision_fits_the_exception(
    operations: Operations, blocking: bool, decision: dict[str, Any], pointer: str
) -> None:
    """422 with the field that does not fit; the exception stays open, and nothing is in the trail."""
    case = await operations.case(blocking=blocking)
    answer = await operations.decide(f"exceptions/{case['id']}", {"reason": "because"} | decision, OLGA)
    assert (422, "decision_does_not_fit") == told(answer)
    assert [pointer] == [error["pointer"] for error in answer.json()["errors"]]
    assert [] == await operations.audited(case["id"])


async def test_what_holds_nothing_up_is_called_done(operations: Operations) -> None:
    """Resolved by a person; a second time there is nothing to decide."""
    case = await operations.case(blocking=False)
    done = {"decision": "resolve", "reason": "somebody was hired"}
    answer = await operations.decide(f"exceptions/{case['id']}", done, OLGA)
    assert (202, "resolved") == (answer.status_code, answer.json()["status"])
    assert (409, "nothing_to_decide") == told(await operations.decide(f"exceptions/{case['id']}", done, OLGA))


async def test_pages_follow_each_other_by_their_cursors(operations: Operations) -> None:
    """Oldest first, each exception once, no cursor on the last page."""
    run_id = await operations.run()
    raised = []
    for step in ("one", "two", "three", "four", "five"):
        operations.clock.advance(timedelta(seconds=1))
        raised.append((await operations.case(run_id, step=step))["id"])
    pages, params = [], {"run_id": run_id, "limit": "2"}
    while True:
        page = (await operations.http.get("/v1/exceptions", params=params, headers=READ)).json()
        pages.append([case["id"] for case in page["items"]])
        if page.get("next") is None:
            break
        params["cursor"] = page["next"]
    assert [raised[:2], raised[2:4], raised[4:]] == pages


async def test_a_cursor_is_good_for_its_own_listing_and_a_day(operations: Operations) -> None:
    """400 with other filters or when it was tampered with, 410 when it is too old."""
    run_id = await operations.run()
    for step in ("one", "two"):
        await operations.case(run_id, step=step)
    listing = {"run_id": run_id, "limit": "1"}
    cursor = (await operations.http.get("/v1/exceptions", params=listing, headers=READ)).json()["next"]

    async def read(**params: str) -> tuple[int, str]:
        return told(await operations.http.get("/v1/exceptions", params=listing | params, headers=READ))

    assert (400, "invalid_cursor") == await read(cursor=cursor, status="open")
    assert (400, "invalid_cursor") == await read(cursor="A" + cursor[1:])
    operations.clock.advance(timedelta(hours=24))
    assert (410, "cursor_expired") == await read(cursor=cursor)


@pytest.mark.parametrize("params", [{"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"colour": "red"}])
async def test_a_listing_refuses_what_it_does_not_know(operations: Operations, params: dict[str, str]) -> None:
    """Limits from 1 to 200, and no parameter that would be ignored."""
    assert 400 == (await operations.http.get("/v1/exceptions", params=params, headers=READ)).status_code


async def test_an_approval_is_given_by_whoever_has_the_authority(operations: Operations) -> None:
    """Once; the trail has the person and the reason, and the answer is the same when it is asked for again."""
    approval, key = await operations.approval(), uuid4().hex
    path, agree = f"approvals/{approval['id']}", {"decision": "approve", "reason": "a good customer"}
    first, again = [await operations.decide(path, agree, DANA, key) for _ in range(2)]
    assert (200, "approved", "dana@firm.example") == (
        *(first.status_code, first.json()["status"]),
        first.json()["decided_by"],
    )
    assert (first.content, "true") == (again.content, again.headers["idempotent-replayed"])
    assert (409, "already_decided") == told(await operations.decide(path, agree | {"decision": "reject"}, DANA))
    wanted = [("dana@firm.example", "console", "approval.approve", "a good customer")]
    assert wanted == await operations.audited(approval["id"])


@pytest.mark.parametrize(
    ("asked", "actor", "code"),
    [
        ({"amount": 300001}, "dana@firm.example", "beyond_authority"),
        ({}, "olga@firm.example", "beyond_authority"),
        ({}, "console", "beyond_authority"),  # a machine has no authority
        ({"requested_by": "dana@firm.example"}, "dana@firm.example", "own_request"),
    ],
)
async def test_nobody_else_decides(operations: Operations, asked: dict[str, Any], actor: str, code: str) -> None:
    """Not beyond one's limit, not without a line in the matrix, not on one's own request; it stays pending."""
    approval = await operations.approval(**asked)
    headers = person(actor, "operations.approvals.read", "operations.approvals.decide")
    path, agree = f"approvals/{approval['id']}", {"decision": "approve", "reason": "because"}
    assert (403, code) == told(await operations.decide(path, agree, headers))
    assert "pending" == (await operations.http.get(f"/v1/{path}", headers=DANA)).json()["status"]
    assert [] == await operations.audited(approval["id"])
