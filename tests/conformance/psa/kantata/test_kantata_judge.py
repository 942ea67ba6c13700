"""Judges the Kantata sandbox by restated facts: no outside client exists that could be installed here.

Restated: how singer-io/tap-mavenlink walks a collection (page and per_page=200 until meta.page_count, any status but
200 is an error), and the vendor's published contract, asked over plain httpx.
"""

from collections.abc import AsyncIterator

import pytest
from psa.kantata.judging import Judge, judging
from serving import CONTROL


@pytest.fixture
async def judge() -> AsyncIterator[Judge]:
    async with judging() as found:
        yield found


async def test_the_walk_of_a_known_client_finds_every_record_once(judge: Judge) -> None:
    """450 projects come in three pages of at most 200, and none is lost or repeated."""
    for batch in range(5):
        rows = [{"title": f"Project {batch * 90 + n:03}", "creator_role": "maven"} for n in range(90)]
        answer = await judge.http.post("/api/v1/workspaces", json={"workspaces": rows})
        assert 200 == answer.status_code
    titles = [row["title"] for row in await judge.walk("workspaces", order="created_at:asc")]
    assert [f"Project {n:03}" for n in range(450)] == titles


async def test_the_envelope_has_references_in_order_and_maps_by_id(judge: Judge) -> None:
    """Count, meta, results with key and id, and one map for the asked kind and one for each included kind."""
    group = await judge.make("workspace_groups", "workspace_group", name="Acme", company=True)
    made = await judge.make("workspaces", "workspace", title="Rollout", workspace_group_ids=[group["id"]])
    body = (await judge.http.get("/api/v1/workspaces", params={"include": "workspace_groups"})).json()
    assert {"count", "meta", "results", "workspaces", "workspace_groups"} == set(body)
    assert {"count": 1, "page_count": 1, "page_number": 1, "page_size": 20} == body["meta"]
    assert [{"key": "workspaces", "id": made["id"]}] == body["results"]
    assert [group["id"]] == body["workspaces"][made["id"]]["workspace_group_ids"]
    assert "Acme" == body["workspace_groups"][group["id"]]["name"]


async def test_foreign_keys_appear_only_when_they_are_included(judge: Judge) -> None:
    """A time entry does not tell whose it is unless user and workspace are included."""
    await judge.seed("users", "1", full_name="Ada Brandt", email_address="ada@x.example")
    workspace = await judge.make("workspaces", "workspace", title="Rollout")
    entry = {"workspace_id": workspace["id"], "date_performed": "2026-12-03", "time_in_minutes": 90}
    plain = await judge.make("time_entries", "time_entry", **entry)
    assert not {"workspace_id", "user_id", "story_id", "active_submission_id"} & set(plain)
    full = await judge.make("time_entries", "time_entry", include="workspace,user,story", **entry)
    assert (workspace["id"], "1", None) == (full["workspace_id"], full["user_id"], full["story_id"])


async def test_an_archived_project_is_hidden_from_lists_and_by_its_own_address(judge: Judge) -> None:
    """The default filter hides it and makes the show route say 404, until include_archived=true."""
    made = await judge.make("workspaces", "workspace", title="Old")
    path = f"/api/v1/workspaces/{made['id']}.json"
    assert 200 == (await judge.http.put(path, json={"workspace": {"archived": True}})).status_code
    assert 404 == (await judge.http.get(path)).status_code
    assert [] == await judge.walk("workspaces")
    assert 200 == (await judge.http.get(path, params={"include_archived": "true"})).status_code
    assert ["Old"] == [row["title"] for row in await judge.walk("workspaces", include_archived="true")]
    assert ["Old"] == [row["title"] for row in await judge.walk("workspaces", archived="only")]


async def test_some_booleans_count_by_their_presence(judge: Judge) -> None:
    """`approved=false` means approved=true: an unapproved entry is filtered out."""
    workspace = await judge.make("workspaces", "workspace", title="Rollout")
    entry = {"workspace_id": workspace["id"], "date_performed": "2026-12-03", "time_in_minutes": 90}
    await judge.make("time_entries", "time_entry", **entry)
    assert 1 == len(await judge.walk("time_entries"))
    assert [] == await judge.walk("time_entries", approved="false")


async def test_a_page_never_has_more_than_200(judge: Judge) -> None:
    """per_page=500 is cut to 200; limit and offset win over page and per_page."""
    for _ in range(3):
        rows = [{"title": f"P{n}"} for n in range(80)]
        await judge.http.post("/api/v1/workspaces", json={"workspaces": rows})
    body = (await judge.http.get("/api/v1/workspaces", params={"per_page": "500"})).json()
    assert (200, 2, 240) == (len(body["results"]), body["meta"]["page_count"], body["count"])
    body = (await judge.http.get("/api/v1/workspaces", params={"limit": "3", "offset": "6", "page": "9"})).json()
    assert (3, 3) == (len(body["results"]), body["meta"]["page_number"])


async def test_refusals_are_lists_of_typed_errors(judge: Judge) -> None:
    """401 names oauth, 422 lists every wrong field, 404 is of the system; the request id is always there."""
    answer = await judge.http.get("/api/v1/workspaces", headers={"Authorization": "Bearer wrong"})
    assert (401, {"errors": [{"type": "oauth", "message": "Invalid OAuth 2 Request"}]}) == (
        answer.status_code,
        answer.json(),
    )
    assert answer.headers["x-request-id"]
    answer = await judge.http.post("/api/v1/workspaces", json={"workspace": {"stage": "dream", "due_date": "soon"}})
    assert 422 == answer.status_code
    assert {"type": "validation", "message": "Please give your project a title", "field": "title"} in (
        answer.json()["errors"]
    )
    assert {"title", "stage", "due_date"} == {error["field"] for error in answer.json()["errors"]}
    answer = await judge.http.get("/api/v1/workspaces/123")
    assert (404, ["system"]) == (answer.status_code, [error["type"] for error in answer.json()["errors"]])


async def test_too_many_requests_come_without_a_hint_when_to_come_back(judge: Judge) -> None:
    """429 has neither Retry-After nor RateLimit headers."""
    await judge.http.post("/_sandbox/faults", json={"kind": "throttle"}, headers=CONTROL)
    answer = await judge.http.get("/api/v1/workspaces")
    assert 429 == answer.status_code
    assert [] == [name for name in answer.headers if name.startswith(("retry", "ratelimit", "x-rate"))]


async def test_external_references_are_upserts_by_service_name(judge: Judge) -> None:
    """One reference per service name and record; only the csv filter takes other systems' ids."""
    made = await judge.make(
        "workspaces",
        "workspace",
        include="external_references",
        title="Rollout",
        external_reference={"service_name": "sf", "service_model": "Opportunity", "service_model_ref": "006A"},
    )
    reference = {"subject_type": "Workspace", "subject_id": made["id"], "service_name": "sf"}
    body = {"external_reference": {**reference, "service_model": "Opportunity", "service_model_ref": "006B"}}
    assert 200 == (await judge.http.post("/api/v1/external_references/create_or_update", json=body)).status_code
    rows = await judge.walk("external_references", subject_type="Workspace")
    assert [(made["external_reference_ids"][0], "006B")] == [(row["id"], row["service_model_ref"]) for row in rows]
    found = await judge.walk(
        "workspaces", external_reference_service_name="sf", external_reference_service_model_refs="006A,006B"
    )
    assert ["Rollout"] == [row["title"] for row in found]
    answer = await judge.http.get("/api/v1/workspaces", params={"external_reference_service_model_ref": "006B"})
    assert 400 == answer.status_code
    assert 422 == (await judge.http.get("/api/v1/external_references")).status_code


async def test_time_is_refused_until_the_project_leaves_the_estimate_stage(judge: Judge) -> None:
    """An estimate takes no time entry (422); the project stage does; an archived project does not."""
    made = await judge.make("workspaces", "workspace", title="Rollout", stage="estimate")
    entry = {"workspace_id": made["id"], "date_performed": "2026-12-03", "time_in_minutes": 90}

    async def tried() -> int:
        return (await judge.http.post("/api/v1/time_entries", json={"time_entry": entry})).status_code

    assert 422 == await tried()
    await judge.http.put(f"/api/v1/workspaces/{made['id']}", json={"workspace": {"stage": "project"}})
    assert 200 == await tried()
    await judge.http.put(f"/api/v1/workspaces/{made['id']}", json={"workspace": {"archived": True}})
    assert 422 == await tried()


async def test_unnamed_resources_are_listed_on_request_and_allocated_softly(judge: Judge) -> None:
    """include_unnamed shows them; a hard allocation needs a person."""
    await judge.seed("roles", "5", name="Engineer")
    workspace = await judge.make("workspaces", "workspace", title="Rollout")
    resource = await judge.make("workspace_resources", "workspace_resource", workspace_id=workspace["id"], role_id=5)
    assert ("Unnamed Engineer", "Engineer", None) == (
        resource["display_label"],
        resource["role_name"],
        resource["full_name"],
    )
    assert [] == await judge.walk("workspace_resources")
    assert 1 == len(await judge.walk("workspace_resources", include_unnamed="true"))
    allocation = {"resource_id": resource["id"], "start_date": "2026-12-01", "end_date": "2026-12-31", "minutes": 600}
    answer = await judge.http.post(
        "/api/v1/workspace_allocations", json={"workspace_allocation": {**allocation, "hard": True}}
    )
    assert (422, "hard") == (answer.status_code, answer.json()["errors"][0]["field"])
    soft = await judge.make(
        "workspace_allocations", "workspace_allocation", include="workspace_resource,workspace", **allocation
    )
    assert (resource["id"], workspace["id"], False) == (
        soft["workspace_resource_id"],
        soft["workspace_id"],
        soft["hard"],
    )


async def test_people_outside_projects_are_listed_on_request(judge: Judge) -> None:
    """/users shows who takes part in a project; on_my_account=true shows everyone, in alphabetical order."""
    await judge.seed("users", "7", full_name="Zoe Ash", email_address="zoe@x.example")
    await judge.seed("users", "8", full_name="Abe Oak", email_address="abe@x.example")
    assert [] == await judge.walk("users")
    assert ["Abe Oak", "Zoe Ash"] == [row["full_name"] for row in await judge.walk("users", on_my_account="true")]
    found = await judge.walk("users", on_my_account="true", by_email_address="zoe@x.example")
    assert ["7"] == [row["id"] for row in found]


async def test_money_is_written_in_main_units_and_read_in_the_smallest(judge: Judge) -> None:
    """`price` 120000 USD reads as 12000000 cents; yen have a base unit of 1."""
    dollars = await judge.make("workspaces", "workspace", title="A", price=120000, currency="USD")
    yen = await judge.make("workspaces", "workspace", title="B", price=120000, currency="JPY")
    assert (12000000, 100) == (dollars["price_in_cents"], dollars["currency_base_unit"])
    assert (120000, 1) == (yen["price_in_cents"], yen["currency_base_unit"])


async def test_form_fields_are_taken_as_rails_names_them(judge: Judge) -> None:
    """The body may be form encoded; the answer is JSON all the same."""
    answer = await judge.http.post(
        "/api/v1/workspaces.json", data={"workspace[title]": "Form", "workspace[price]": "5"}
    )
    assert 200 == answer.status_code
    assert ["Form"] == [row["title"] for row in answer.json()["workspaces"].values()]


async def test_events_are_kept_for_nine_days(judge: Judge) -> None:
    """The feed tells of changes, payloads on request only, and forgets after nine days."""
    made = await judge.make("workspaces", "workspace", title="Rollout")
    params = {"event_types": "workspace:created", "order": "created_at:asc"}
    (event,) = await judge.walk("subscribed_events", **params)
    assert ("Workspace", made["id"]) == (event["subject_type"], event["subject_id"])
    assert "payload_changes" not in event
    (event,) = await judge.walk("subscribed_events", **params, optional_fields="payload_changes")
    assert [None, "Rollout"] == event["payload_changes"]["title"]
    await judge.http.post("/_sandbox/clock", json={"offset_s": 10 * 86400}, headers=CONTROL)
    assert [] == await judge.walk("subscribed_events")


async def test_a_deletion_is_final_and_without_a_body(judge: Judge) -> None:
    """DELETE answers 204; the record is gone."""
    made = await judge.make("workspaces", "workspace", title="Mistake")
    answer = await judge.http.delete(f"/api/v1/workspaces/{made['id']}")
    assert (204, b"") == (answer.status_code, answer.content)
    assert [] == await judge.walk("workspaces", include_archived="true")
