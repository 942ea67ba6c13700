"""The invoice-release API over HTTP, on the running engine: what callers are answered, and what they are refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx
import pytest
from api_callers import TokenSaysAll, calling, person, process_service, token
from firm import Firm
from operations_caller import told
from running_money import APPROVER, CLERK, OWNER, RunningMoney

from process_apis.invoice_release.app import API
from process_apis.invoice_release.batch_routes import BatchRoutes
from process_apis.invoice_release.routes import InvoicingRoutes, ReleaseRoutes
from servicekit.app import create_service
from servicekit.cursors import CursorSigner
from servicekit.ids import mint
from servicekit.limits import Limiter
from servicekit.settings import Secret

READ, WRITE = "invoice-release.releases.read", "invoice-release.releases.write"
DECIDE = "invoice-release.releases.decide"
CARL = person(CLERK.actor, READ, WRITE, DECIDE, client="partner")
ANNA = person(APPROVER.actor, READ, DECIDE)
OLGA = person(OWNER.actor, READ, DECIDE)
PARTS = (
    "starter",
    "releases",
    "viewing",
    "agreeing",
    "adjusting",
    "previewing",
    "deciding",
    "batches",
    "answers",
    "rehearsing",
)
UNTIL = "2027-01-01"


@pytest.fixture(scope="module")
async def http(money: RunningMoney, process_database: str, redis_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """The API before the module's engine."""
    service = create_service(
        process_service("process-invoice-release", process_database, redis_url),
        api=API,
        routes=[ReleaseRoutes, BatchRoutes, InvoicingRoutes],
        dependencies={
            **{name: money.release[name] for name in PARTS},
            "cursors": CursorSigner(Secret("a key for cursors of thirty-two b"), clock=money.clock),
        },
        clock=money.clock,
        verifier=TokenSaysAll(),
        limiter=Limiter(10_000, clock=money.clock),
    )
    async with calling(service) as client:
        yield client


async def post(
    http: httpx.AsyncClient, path: str, body: dict[str, Any], who: dict[str, str] = CARL, key: str = ""
) -> httpx.Response:
    return await http.post(f"/v1/{path}", json=body, headers={**who, "Idempotency-Key": key or uuid4().hex})


async def test_a_release_is_accepted_and_its_repeat_is_the_first_answer(
    http: httpx.AsyncClient, money: RunningMoney, firm: Firm
) -> None:
    """202 with where to look; the same key gets the same answer, another body under it is refused."""
    contract = money.agreed()
    money.worked(contract, "8")
    body = {"contract_id": contract.id, "cut_off": UNTIL}
    first = await post(http, "releases", body, key="release-0001")
    again = await post(http, "releases", body, key="release-0001")
    assert (202, first.json(), "true") == (again.status_code, again.json(), again.headers["idempotent-replayed"])
    assert f"/v1/releases/{first.json()['id']}" == first.headers["location"]
    other = await post(http, "releases", {**body, "cut_off": "2027-02-01"}, key="release-0001")
    assert (422, "idempotency_key_reused") == told(other)


async def test_who_may_not_is_refused(http: httpx.AsyncClient, money: RunningMoney, firm: Firm) -> None:
    """Reading needs its scope, writing another, deciding a third."""
    contract = money.agreed()
    body = {"contract_id": contract.id, "cut_off": UNTIL}
    assert (403, "insufficient_scope") == told(await post(http, "releases", body, token(READ)))
    assert (403, "insufficient_scope") == told(await http.get("/v1/releases", headers=token(WRITE)))
    assert (401, "token_required") == told(await http.get("/v1/releases"))


async def test_what_cannot_be_released_says_which_field_and_why(
    http: httpx.AsyncClient, money: RunningMoney, firm: Firm
) -> None:
    """An unknown contract, a day that is none, a field that nobody knows."""
    unknown = await post(http, "releases", {"contract_id": mint("ctr"), "cut_off": UNTIL})
    assert ((422, "contract_not_found"), "/contract_id") == (told(unknown), unknown.json()["errors"][0]["pointer"])
    wrong = await post(http, "releases", {"contract_id": mint("ctr"), "cut_off": "tomorrow", "please": True})
    assert {"/cut_off", "/please"} == {error["pointer"] for error in wrong.json()["errors"]}


async def test_a_draft_is_previewed_held_agreed_to_and_posted(
    http: httpx.AsyncClient, money: RunningMoney, firm: Firm
) -> None:
    """The whole way over HTTP, each person within what is theirs."""
    contract = money.agreed()
    money.worked(contract, "8")
    disputed = money.worked(contract, "1")
    asked = {"contract_id": contract.id, "cut_off": UNTIL}
    preview = (await http.get("/v1/release-previews", params=asked, headers=CARL)).json()
    assert ("1080.00", []) == (preview["draft"]["net"]["amount"], preview["findings"])
    release = (await post(http, "releases", asked)).json()
    await money.until(release["run_id"], "waiting_for_approval")
    path = f"releases/{release['id']}"
    assert (403, "own_request") == told(
        await post(http, f"{path}/approvals", {"decision": "approve", "reason": "all is well"}, CARL)
    )
    held = await post(http, f"{path}/holds", {"item_ids": [disputed.id], "reason": "the client asks"})
    assert 202 == held.status_code
    await money.redrafted(release["run_id"], 2)
    for who in (OLGA, ANNA):
        answer = await post(http, f"{path}/approvals", {"decision": "approve", "reason": "all is well"}, who)
        assert 202 == answer.status_code
    posted = await money.until(release["run_id"], "posted")
    assert ("960.00", "posted") == (posted.net.amount if posted.net else "", posted.posting_state)
    late = await post(http, f"{path}/holds", {"item_ids": [disputed.id], "reason": "too late"})
    assert (409, "already_approved") == told(late)
    assert (
        204 == (await http.delete(f"/v1/holds/{disputed.id}", params={"reason": "settled"}, headers=CARL)).status_code
    )


async def test_only_what_is_posted_is_credited(http: httpx.AsyncClient, money: RunningMoney, firm: Firm) -> None:
    """Before that it is discarded; and a line that is not there is named."""
    contract = money.agreed()
    money.worked(contract, "8")
    release = (await post(http, "releases", {"contract_id": contract.id, "cut_off": UNTIL})).json()
    await money.until(release["run_id"], "waiting_for_approval")
    path = f"releases/{release['id']}"
    assert (409, "not_posted") == told(await post(http, f"{path}/credits", {"reason": "wrong rate"}))
    assert (409, "nothing_to_decide") == told(await post(http, f"{path}/retries", {"reason": "once more"}))
    unknown = await post(http, f"{path}/holds", {"item_ids": ["ten_nobody"], "reason": "the client asks"})
    assert ((422, "not_on_the_draft"), "/item_ids/0") == (told(unknown), unknown.json()["errors"][0]["pointer"])


async def test_releases_are_listed_page_by_page(http: httpx.AsyncClient, money: RunningMoney, firm: Firm) -> None:
    """Newest first; a cursor belongs to its filters."""
    contract = money.agreed()
    for _ in range(3):
        money.worked(contract, "1")
        await money.posted(contract)
    query: dict[str, Any] = {"contract_id": contract.id, "limit": 2}
    first = (await http.get("/v1/releases", params=query, headers=CARL)).json()
    rest = (await http.get("/v1/releases", params={**query, "cursor": first["next"]}, headers=CARL)).json()
    assert ([3, 2], [1], None) == (
        [one["revision"] for one in first["items"]],
        [one["revision"] for one in rest["items"]],
        rest["next"],
    )
    other = await http.get("/v1/releases", params={"limit": 2, "cursor": first["next"]}, headers=CARL)
    assert 400 == other.status_code
    assert 404 == (await http.get(f"/v1/releases/{mint('rel')}", headers=CARL)).status_code


async def test_a_batch_is_followed_and_steered(http: httpx.AsyncClient, money: RunningMoney, firm: Firm) -> None:
    """202 with where to look; what its state does not allow is a conflict."""
    batch = await post(http, "batches", {"legal_entity_code": "GB01", "cut_off": UNTIL})
    batch_id = batch.json()["id"]
    assert (202, f"/v1/batches/{batch_id}") == (batch.status_code, batch.headers["location"])
    resumed = await post(http, f"batches/{batch_id}/changes", {"action": "resume", "reason": "go on"})
    assert (409, "batch_is_over") == told(resumed)
    cancelled = await post(http, f"batches/{batch_id}/changes", {"action": "cancel", "reason": "not today"})
    assert "cancelled" == cancelled.json()["state"]
    assert [] == (await http.get(f"/v1/batches/{batch_id}/items", headers=CARL)).json()["items"]


async def test_screens_are_told_what_is_unbilled_and_who_is_waited_for(
    http: httpx.AsyncClient, money: RunningMoney, firm: Firm
) -> None:
    """The value that waits, by whom, and the chain from the entry to the ledger."""
    contract = money.agreed()
    entry = money.worked(contract, "8")
    release = await money.posted(contract)
    lineage = (await http.get(f"/v1/releases/{release.id}/lineage", headers=CARL)).json()
    assert {"receivable", "unbilled_receivable", "tax_payable"} == {one["account_role"] for one in lineage["entries"]}
    assert entry.id == lineage["release"]["draft"]["lines"][0]["sources"][0]["item_id"]
    money.worked(contract, "2")
    run_id = await money.start(contract)
    await money.until(run_id, "waiting_for_approval")
    shown = (await http.get("/v1/release-statistics", params={"legal_entity_code": "GB01"}, headers=CARL)).json()
    waiting = {one["required_role"] for one in shown["waiting"] if one["release_id"] == (await money.of(run_id)).id}
    assert {"project-owner", "invoice-approver"} == waiting


async def test_rehearsals_are_asked_for_by_entity_and_cut_off(
    http: httpx.AsyncClient, money: RunningMoney, firm: Firm
) -> None:
    """A page like any other; both are asked for, and reading is a scope."""
    asked = {"legal_entity_code": "GB01", "cut_off": "2031-01-01"}
    assert {"items": [], "next": None} == (await http.get("/v1/rehearsals", params=asked, headers=CARL)).json()
    lacking = await http.get("/v1/rehearsals", params={"cut_off": "2031-01-01"}, headers=CARL)
    assert ["query:legal_entity_code"] == [error["pointer"] for error in lacking.json()["errors"]]
    assert (403, "insufficient_scope") == told(await http.get("/v1/rehearsals", params=asked, headers=token(WRITE)))
