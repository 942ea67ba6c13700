"""The PSA system API from the outside: canonical ids, keys, pages and matches, on PostgreSQL and a vendor's sandbox."""

import httpx
from psa_calls import HERE, PROJECT, REQUEST, made


async def test_a_project_has_a_canonical_id_and_says_where_it_is(api: httpx.AsyncClient) -> None:
    """Minted once; the platform's own id is among the external ids; the same key gives the same project."""
    project = await made(api, "/v1/projects", PROJECT, "run-1.project", **HERE)
    again = await made(api, "/v1/projects", PROJECT, "run-1.project", **HERE)
    assert project == again
    assert project["id"].startswith("prj_")
    assert ["psa-main", "project"] == [project["external_ids"][0][name] for name in ("connection", "kind")]
    assert "set_up" == project["status"]
    assert PROJECT["opportunity_id"] == project["opportunity_id"]
    read = await api.get(f"/v1/projects/{project['id']}")
    assert (200, project) == (read.status_code, read.json())
    unchanged = await api.get(f"/v1/projects/{project['id']}", headers={"If-None-Match": read.headers["etag"]})
    assert (304, b"") == (unchanged.status_code, unchanged.content)


async def test_a_key_is_good_for_one_request(api: httpx.AsyncClient) -> None:
    """Another body under the same key is refused; no key at all is refused, too."""
    await made(api, "/v1/projects", PROJECT, "run-1.project", **HERE)
    other = {**PROJECT, "number": "P-101"}
    answer = await api.post("/v1/projects", json=other, params=HERE, headers={"Idempotency-Key": "run-1.project"})
    assert (422, "idempotency_key_reused") == (answer.status_code, answer.json()["code"])
    answer = await api.post("/v1/projects", json=other, params=HERE)
    assert (400, "header:Idempotency-Key") == (answer.status_code, answer.json()["errors"][0]["pointer"])


async def test_opening_amending_and_closing_are_repeatable(api: httpx.AsyncClient) -> None:
    """Each state is put, twice to the same end; what contradicts a closed project is a conflict."""
    path = f"/v1/projects/{(await made(api, '/v1/projects', PROJECT, 'run-1.project', **HERE))['id']}"
    amendment = {
        "contract_id": f"ctr_{4:032x}",
        "end_date": "2027-06-30",
        "budget": {"amount": "200000.00", "currency": "EUR"},
    }
    for _ in range(2):
        assert "open_for_time" == (await api.put(f"{path}/opening")).json()["status"]
        amended = (await api.put(f"{path}/amendment", json=amendment)).json()
        assert ("2027-06-30", amendment["budget"]) == (amended["end_date"], amended["budget"])
    for _ in range(2):
        assert "closed" == (await api.put(f"{path}/closing")).json()["status"]
    for answer in (await api.put(f"{path}/opening"), await api.put(f"{path}/amendment", json=amendment)):
        assert (409, "project_closed") == (answer.status_code, answer.json()["code"])


async def test_plan_and_staffing_speak_canonical_ids(api: httpx.AsyncClient) -> None:
    """Everything below a project names the project's canonical id; an assignment takes canonical ids and fills."""
    project = (await made(api, "/v1/projects", PROJECT, "run-1.project", **HERE))["id"]
    path = f"/v1/projects/{project}"
    days = {"start_date": "2026-12-01", "end_date": "2027-03-31"}
    task = await made(api, f"{path}/tasks", {"title": "Design", "billable": True, **days}, "run-1.task.1")
    amount = {"amount": "60000.00", "currency": "EUR"}
    milestone = await made(
        api, f"{path}/milestones", {"title": "Pilot", "due_date": "2027-01-31", "amount": amount}, "run-1.milestone.1"
    )
    request = await made(api, f"{path}/resource-requests", REQUEST, "run-1.request.1")
    people = (await api.get("/v1/resources", params=HERE)).json()["items"]
    ada = next(person["id"] for person in people if person["name"] == "Ada Brandt")
    booking = {"resource_request_id": request["id"], "resource_id": ada, "hours": 600, **days}
    assignment = await made(api, f"{path}/assignments", booking, "run-1.assignment.1")
    assert [project] * 4 == [row["project_id"] for row in (task, milestone, request, assignment)]
    assert ["tsk", "mil", "rrq", "asg"] == [
        row["id"].partition("_")[0] for row in (task, milestone, request, assignment)
    ]
    assert (ada, True) == (assignment["resource_id"], assignment["tentative"])
    for name, row in (("tasks", task), ("milestones", milestone), ("assignments", assignment)):
        assert {"items": [row], "next": None} == (await api.get(f"{path}/{name}")).json()
    requests = (await api.get(f"{path}/resource-requests")).json()["items"]
    assert [(request["id"], "filled")] == [(row["id"], row["status"]) for row in requests]


async def test_a_stranger_in_an_assignment_is_refused(api: httpx.AsyncClient) -> None:
    """An id that this platform does not have is the caller's mistake."""
    project = (await made(api, "/v1/projects", PROJECT, "run-1.project", **HERE))["id"]
    booking = {
        "resource_request_id": f"rrq_{9:032x}",
        "resource_id": f"res_{9:032x}",
        "hours": 1,
        "start_date": "2026-12-01",
        "end_date": "2026-12-31",
    }
    answer = await api.post(
        f"/v1/projects/{project}/assignments", json=booking, headers={"Idempotency-Key": "run-1.assignment.1"}
    )
    assert (422, "unknown_reference") == (answer.status_code, answer.json()["code"])


async def test_projects_come_in_signed_pages_and_by_contract(api: httpx.AsyncClient) -> None:
    """`next` leads on and is good for this list only; a contract number gives its project or nothing."""
    ids = [
        (
            await made(
                api, "/v1/projects", {**PROJECT, "number": f"P-{n}", "contract_number": f"D{n}"}, f"run-{n}.p", **HERE
            )
        )["id"]
        for n in range(103, 106)
    ]
    first = (await api.get("/v1/projects", params={**HERE, "limit": 2})).json()
    second = (await api.get("/v1/projects", params={**HERE, "limit": 2, "cursor": first["next"]})).json()
    assert (ids, None) == ([row["id"] for row in first["items"] + second["items"]], second["next"])
    wrong = await api.get("/v1/resources", params={**HERE, "cursor": first["next"]})
    assert (400, "invalid_cursor") == (wrong.status_code, wrong.json()["code"])
    found = (await api.get("/v1/projects", params={**HERE, "contract_number": "D104"})).json()
    assert [ids[1]] == [row["id"] for row in found["items"]]
    assert [] == (await api.get("/v1/projects", params={**HERE, "contract_number": "D9"})).json()["items"]


async def test_unknown_things_are_not_found(api: httpx.AsyncClient) -> None:
    """A connection nobody bound and ids nobody minted are 404; the list needs its connection."""
    answer = await api.get("/v1/projects", params={"connection": "psa-other"})
    assert (404, "unknown_connection") == (answer.status_code, answer.json()["code"])
    assert 404 == (await api.get(f"/v1/projects/prj_{9:032x}")).status_code
    assert 404 == (await api.get(f"/v1/projects/prj_{9:032x}/tasks")).status_code
    assert 400 == (await api.get("/v1/projects")).status_code
    assert 400 == (await api.get("/v1/projects/41%00")).status_code


async def test_a_scope_is_needed_for_each_resource(api: httpx.AsyncClient) -> None:
    """Reading people does not allow matching them."""
    headers = {"Authorization": "Bearer psa.resources.read"}
    assert 200 == (await api.get("/v1/resources", params=HERE, headers=headers)).status_code
    answer = await api.post("/v1/resource-matches", params=HERE, headers=headers, json={})
    assert (403, "insufficient_scope") == (answer.status_code, answer.json()["code"])


async def matched(api: httpx.AsyncClient, worker: int, number: str, name: str, email: str | None) -> httpx.Response:
    body = {"worker_id": f"wrk_{worker:032x}", "worker_number": number, "name": name, "email": email}
    return await api.post("/v1/resource-matches", params=HERE, json=body)


async def test_a_worker_is_linked_by_number_or_by_two_strong_facts(api: httpx.AsyncClient) -> None:
    """Linked records show the worker and are found by the worker; the same match again says the same."""
    for _ in range(2):
        by_number = (await matched(api, 1, "W1", "A. Brandt", None)).json()
        by_facts = (await matched(api, 2, "W2", "VOGEL, Ben", "Ben.Vogel@x.example")).json()
        assert ("linked", "worker_number") == (by_number["result"], by_number["matched_by"])
        assert ("linked", "email_and_name") == (by_facts["result"], by_facts["matched_by"])
    found = (await api.get("/v1/resources", params={**HERE, "worker_id": f"wrk_{2:032x}"})).json()["items"]
    assert [(by_facts["matched_id"], "Ben Vogel")] == [(row["id"], row["name"]) for row in found]
    read = (await api.get(f"/v1/resources/{by_number['matched_id']}")).json()
    assert (f"wrk_{1:032x}", "Ada Brandt") == (read["worker_id"], read["name"])
    assert [] == (await api.get("/v1/resources", params={**HERE, "worker_id": f"wrk_{3:032x}"})).json()["items"]


async def test_what_is_not_certain_is_left_to_a_person(api: httpx.AsyncClient) -> None:
    """Nobody: unmatched. An e-mail with another name, or of somebody with another number: ambiguous, nothing linked."""
    results = [
        (await matched(api, 4, "W4", "Nobody Known", "nobody@x.example")).json(),
        (await matched(api, 5, "W5", "Eva Vogel", "ben.vogel@x.example")).json(),
        (await matched(api, 6, "W6", "Ada Brandt", "ada.brandt@x.example")).json(),
    ]
    assert ["unmatched", "ambiguous", "ambiguous"] == [row["result"] for row in results]
    assert [None, None, None] == [row["matched_id"] for row in results]
    people = (await api.get("/v1/resources", params=HERE)).json()["items"]
    assert {None} == {row["worker_id"] for row in people}


async def test_a_record_has_one_worker(api: httpx.AsyncClient) -> None:
    """Linking somebody else to the same record is a conflict, and so is a second record for the same worker."""
    assert "linked" == (await matched(api, 1, "W1", "Ada Brandt", None)).json()["result"]
    answer = await matched(api, 7, "W1", "Ada Brandt", None)
    assert (409, "already_linked") == (answer.status_code, answer.json()["code"])
    answer = await matched(api, 1, "W9", "Ben Vogel", "ben.vogel@x.example")
    assert (409, "already_linked") == (answer.status_code, answer.json()["code"])
    kept = (await matched(api, 1, "W9", "Somebody", None)).json()
    assert ("linked", None) == (kept["result"], kept["matched_by"])
