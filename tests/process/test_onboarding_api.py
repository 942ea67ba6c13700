"""The project-onboarding API over HTTP, on the running engine: ask for a run, follow it, decide about it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import httpx
import pytest
from api_callers import TokenSaysAll, calling, person, process_service, token
from operations_caller import told
from platforms import FakeBilling, FakeCrm, FakeErp, FakePsa, Platforms
from running_onboarding import RunningOnboarding

from process_apis.deciding import Deciding
from process_apis.operations.runs import RunChange
from process_apis.project_onboarding.app import API
from process_apis.project_onboarding.routes import OnboardingRoutes, StatisticsRoutes
from process_apis.project_onboarding.viewing import Viewing
from process_apis.systems.connecting import Systems
from servicekit.answers import StoredAnswers
from servicekit.app import create_service
from servicekit.cursors import CursorSigner
from servicekit.database import Database
from servicekit.ids import mint
from servicekit.limits import Limiter
from servicekit.settings import Secret

READ, WRITE = "project-onboarding.onboardings.read", "project-onboarding.onboardings.write"
PIA = person("pia@partner.example", READ, WRITE, client="partner")
NOBODY = f"onb_{'0' * 32}"


@pytest.fixture(scope="module")
async def http(
    onboarding: RunningOnboarding, process_database: str, redis_url: str
) -> AsyncIterator[httpx.AsyncClient]:
    """The API before the module's engine: there is one engine per process, so the service opens none."""
    database, clock, desk, runs = (
        Database(process_database, "process"),
        onboarding.clock,
        onboarding.desk,
        onboarding.runs,
    )
    shown = onboarding.platforms
    systems = SimpleNamespace(crm=FakeCrm(shown), psa=FakePsa(shown), billing=FakeBilling(shown), erp=FakeErp(shown))
    answers = StoredAnswers(database, clock, owner="test")
    service = create_service(
        process_service("process-project-onboarding", process_database, redis_url),
        api=API,
        routes=[OnboardingRoutes, StatisticsRoutes],
        dependencies={
            "answers": answers,
            "cursors": CursorSigner(Secret("a key for cursors of thirty-two b"), clock=clock),
            "desk": desk,
            "runs": runs,
            "starter": onboarding.starter,
            "deciding": Deciding("Onboarding", runs.one, desk.cases, desk.decisions, answers),
            "viewing": Viewing(cast("Systems", systems), clock),
        },
        clock=clock,
        verifier=TokenSaysAll(),
        limiter=Limiter(10_000, clock=clock),
    )
    async with calling(service) as client:
        yield client
    await database.close()


async def post(http: httpx.AsyncClient, path: str, body: dict[str, Any], key: str = "") -> httpx.Response:
    headers = {**PIA, "Idempotency-Key": key or uuid4().hex}
    return await http.post(f"/v1/onboardings{path}", json=body, headers=headers)


async def parked(http: httpx.AsyncClient, onboarding: RunningOnboarding) -> dict[str, Any]:
    """A run that waits for a cost centre."""
    opportunity_id = onboarding.won(contract_cost_centre_code="CC-D77")
    run = (await post(http, "", {"opportunity_id": opportunity_id})).json()
    await onboarding.until(run["run_id"], "in_exception")
    await onboarding.open_case(run["run_id"])
    return cast("dict[str, Any]", run)


ROUTES = [
    ("GET", "", READ),
    ("POST", "", WRITE),
    ("GET", f"/{NOBODY}", READ),
    ("GET", f"/{NOBODY}/plan", READ),
    ("GET", f"/{NOBODY}/systems", READ),
    ("POST", f"/{NOBODY}/retries", WRITE),
    ("POST", f"/{NOBODY}/edits", WRITE),
    ("POST", f"/{NOBODY}/discards", WRITE),
]


@pytest.mark.parametrize(("method", "path", "scope"), ROUTES)
async def test_every_route_needs_its_scope(http: httpx.AsyncClient, method: str, path: str, scope: str) -> None:
    """401 without a token, 403 with the other scope."""
    body = None if method == "GET" else {}
    address = f"/v1/onboardings{path}"
    assert (401, "token_required") == told(await http.request(method, address, json=body))
    other = token(READ if scope == WRITE else WRITE)
    assert (403, "insufficient_scope") == told(await http.request(method, address, json=body, headers=other))


async def test_a_run_is_asked_for_and_followed(
    http: httpx.AsyncClient, onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """202 with the address of the run; there its steps and its end are told, with the tag of what was read."""
    opportunity_id = onboarding.won()
    answer = await post(http, "", {"opportunity_id": opportunity_id})
    started = answer.json()
    assert (202, opportunity_id, f"/v1/onboardings/{started['id']}") == (
        *(answer.status_code, started["opportunity_id"]),
        answer.headers["location"],
    )
    await onboarding.until(started["run_id"], "activated")
    shown = await http.get(answer.headers["location"], headers=PIA)
    assert ("activated", "automatic", "new") == tuple(shown.json()[name] for name in ("state", "mode", "kind"))
    assert {"done"} == {step["state"] for step in shown.json()["steps"]}
    assert shown.headers["etag"].startswith('"')
    plan = (await http.get(f"{answer.headers['location']}/plan", headers=PIA)).json()
    assert ("CC-D10", {"amount": "87000.00", "currency": "EUR"}) == (plan["shell"]["cost_centre_code"], plan["total"])


async def test_the_same_win_has_the_same_run(
    http: httpx.AsyncClient, onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """Under the same key the first answer again, under another one the same run: nothing is set up twice."""
    body, key = {"opportunity_id": onboarding.won()}, uuid4().hex
    first, again = [await post(http, "", body, key) for _ in range(2)]
    assert (first.content, "true") == (again.content, again.headers["idempotent-replayed"])
    assert first.headers["location"] == again.headers["location"]
    other = await post(http, "", body)
    assert (202, first.json()["id"]) == (other.status_code, other.json()["id"])
    reused = await post(http, "", {"opportunity_id": onboarding.won()}, key)
    assert (422, "idempotency_key_reused") == told(reused)
    await onboarding.until(first.json()["run_id"], "activated")
    assert 1 == platforms.calls.count("create_project")


async def test_a_key_is_one_persons(http: httpx.AsyncClient, onboarding: RunningOnboarding) -> None:
    """Another actor of the same client gets neither the first one's answer nor anything done under its key."""
    body, key = {"opportunity_id": onboarding.won()}, uuid4().hex
    first = await post(http, "", body, key)
    otto = person("otto@partner.example", READ, WRITE, client="partner")
    other = await http.post("/v1/onboardings", json=body, headers={**otto, "Idempotency-Key": key})
    assert (202, (422, "idempotency_key_reused")) == (first.status_code, told(other))


async def test_only_a_won_opportunity_is_set_up(
    http: httpx.AsyncClient, onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """422 for one that is open and for one that the CRM does not know; and for what is no id."""
    still_open = onboarding.won(status="open", won_at=None)
    assert (422, "opportunity_not_won") == told(await post(http, "", {"opportunity_id": still_open}))
    assert (422, "opportunity_not_found") == told(await post(http, "", {"opportunity_id": mint("opp")}))
    for wrong in ({"opportunity_id": "006A"}, {}, {"opportunity_id": still_open, "mode": "automatic"}):
        assert 422 == (await post(http, "", wrong)).status_code


async def test_a_run_nobody_knows_is_missing(http: httpx.AsyncClient, onboarding: RunningOnboarding) -> None:
    """404 to read and to decide on."""
    for path in (f"/{NOBODY}", f"/{NOBODY}/plan", f"/{NOBODY}/systems"):
        assert (404, "not_found") == told(await http.get(f"/v1/onboardings{path}", headers=PIA))
    assert (404, "not_found") == told(await post(http, f"/{NOBODY}/retries", {"reason": "because"}))


async def test_a_run_that_has_prepared_nothing_has_no_plan(
    http: httpx.AsyncClient, onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """404 with a code of its own: the run is there, the plan is not yet."""
    run = await parked(http, onboarding)
    assert (404, "not_planned") == told(await http.get(f"/v1/onboardings/{run['id']}/plan", headers=PIA))


async def test_an_edit_mends_a_run_that_waits(
    http: httpx.AsyncClient, onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """Once per key; the trail has the person, and the run goes by what was said."""
    run, key = await parked(http, onboarding), uuid4().hex
    body = {"reason": "the right one", "edits": {"cost_centre_code": "CC-D10"}}
    first, again = [await post(http, f"/{run['id']}/edits", body, key) for _ in range(2)]
    assert (202, 202, "true") == (first.status_code, again.status_code, again.headers["idempotent-replayed"])
    await onboarding.until(run["run_id"], "activated")
    (case,) = await onboarding.desk.cases.many(run_id=run["run_id"])
    records, _ = await onboarding.desk.audit.records(case.id, 0, 10)
    assert [("pia@partner.example", "partner", "exception.edit", "the right one")] == [
        (one.actor, one.client_id, one.action, one.reason) for one in records
    ]


async def test_a_retry_goes_on_and_a_discard_gives_up(
    http: httpx.AsyncClient, onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """The same exception again while nothing is mended; in the end the run is discarded and nothing was set up."""
    run = await parked(http, onboarding)
    assert 202 == (await post(http, f"/{run['id']}/retries", {"reason": "perhaps"})).status_code
    await onboarding.open_case(run["run_id"])
    assert 202 == (await post(http, f"/{run['id']}/discards", {"reason": "withdrawn"})).status_code
    await onboarding.until(run["run_id"], "discarded")
    assert [] == platforms.calls


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("retries", {"reason": "because"}),
        ("edits", {"reason": "because", "edits": {}}),
        ("discards", {"reason": "because"}),
    ],
)
async def test_a_run_that_does_not_wait_takes_no_decision(
    http: httpx.AsyncClient, onboarding: RunningOnboarding, platforms: Platforms, path: str, body: dict[str, Any]
) -> None:
    """409 with what the run is instead."""
    run = (await post(http, "", {"opportunity_id": onboarding.won()})).json()
    await onboarding.until(run["run_id"], "activated")
    answer = await post(http, f"/{run['id']}/{path}", body)
    assert (409, "nothing_to_decide") == told(answer)
    assert "activated" in answer.json()["detail"]


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}, {"reason": "because", "force": True}])
async def test_a_decision_has_a_reason(
    http: httpx.AsyncClient, onboarding: RunningOnboarding, body: dict[str, Any]
) -> None:
    """In words, and nothing else that would be ignored."""
    assert 422 == (await post(http, f"/{NOBODY}/retries", body)).status_code


async def test_runs_are_listed_newest_first_page_by_page(
    http: httpx.AsyncClient, onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """Each once, by their filters, without steps; a cursor belongs to its filters."""
    entity, ids = "ZZ01", []
    for _ in range(3):
        onboarding.clock.advance(timedelta(seconds=1))
        run = (await post(http, "", {"opportunity_id": onboarding.won(kind="no_services", contract_id=None)})).json()
        await onboarding.until(run["run_id"], "closed_without_project")
        async with onboarding.runs._database.begin() as session:
            change = RunChange(state="closed_without_project", legal_entity_code=entity)
            await onboarding.runs.change(session, run["run_id"], change)
        ids.insert(0, run["id"])
    params, pages = {"legal_entity_code": entity, "limit": "2"}, []
    while True:
        page = (await http.get("/v1/onboardings", params=params, headers=PIA)).json()
        pages.append([one["id"] for one in page["items"]])
        if page.get("next") is None:
            break
        params["cursor"] = page["next"]
    assert [ids[:2], ids[2:]] == pages
    answer = await http.get("/v1/onboardings", params=params | {"state": "activated"}, headers=PIA)
    assert (400, "invalid_cursor") == told(answer)


async def test_each_platform_tells_its_view_of_the_project(
    http: httpx.AsyncClient, onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """Read now, side by side; what the run has not made is absent."""
    run = await parked(http, onboarding)
    sections = (await http.get(f"/v1/onboardings/{run['id']}/systems", headers=PIA)).json()["sections"]
    wanted = [("crm", "fresh", "won"), ("psa", "absent", None), ("billing", "absent", None), ("erp", "absent", None)]
    assert wanted == [(one["system"], one["status"], one["state"]) for one in sections]


async def test_runs_are_counted_by_state(
    http: httpx.AsyncClient, onboarding: RunningOnboarding, platforms: Platforms
) -> None:
    """With the cycle time of the last 30 days, or of the period that was asked for."""
    run = (await post(http, "", {"opportunity_id": onboarding.won()})).json()
    await onboarding.until(run["run_id"], "activated")
    counted = (await http.get("/v1/onboarding-statistics", headers=PIA)).json()
    assert counted["cycle_time"]["activated"] >= 1
    assert "activated" in {state["state"] for state in counted["states"]}
    period = {"period_from": "2020-01-01T00:00:00Z", "period_to": "2020-02-01T00:00:00Z"}
    former = (await http.get("/v1/onboarding-statistics", params=period, headers=PIA)).json()
    assert (0, None) == (former["cycle_time"]["activated"], former["cycle_time"].get("p50_s"))
