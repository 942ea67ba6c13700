"""Judges the SCIM sandbox with scim2-tester, a conformance client of other authors, and asks what it does not ask."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from scim2_client.client import BaseSyncSCIMClient
from scim2_tester import CheckResult, check_server
from serving import running_sandbox

from system_apis.identity.scim.sandbox import create_sandbox_app

TOKEN = "token-of-the-provisioning-app"
CORE = "urn:ietf:params:scim:schemas:core:2.0"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
MESSAGES = "urn:ietf:params:scim:api:messages:2.0"


@pytest.fixture
async def base() -> AsyncIterator[str]:
    """The SCIM base URL of a running sandbox."""
    async with running_sandbox(create_sandbox_app, {"token": TOKEN}) as sandbox:
        yield f"{sandbox.base_url}/scim/v2"


@pytest.fixture
async def scim(base: str) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/scim+json"}
    async with httpx.AsyncClient(base_url=base, headers=headers) as client:
        yield client


class OverHttp(BaseSyncSCIMClient):
    """scim2-client over httpx; its own engine wants another HTTP library."""

    def __init__(self, http: httpx.Client) -> None:
        super().__init__()
        self._http = http

    def request(self, method: str, url: str, **kwargs: Any) -> Any:
        return self._http.request(method, url, **kwargs)

    def _parse_json(self, response: Any) -> Any:
        return response.json()

    def _stays_under_base_url(self, endpoint: str) -> bool:
        built = str(self._http.build_request("GET", endpoint).url)
        return built.startswith(str(self._http.base_url))


def judged(base: str) -> list[CheckResult]:
    """What scim2-tester finds; it is a synchronous client and wants a thread of its own."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=base, headers=headers, timeout=10) as http:
        return check_server(OverHttp(http))


async def test_scim2_tester_finds_no_error(base: str) -> None:
    """Discovery, create, read, replace, delete, projection, search and PATCH of every attribute, as the RFCs say."""
    results = await asyncio.to_thread(judged, base)
    good = {"SUCCESS", "COMPLIANT", "ACCEPTABLE", "SKIPPED"}
    assert [] == [(found.title, found.reason) for found in results if found.status.name not in good]
    assert 100 < len(results)
    assert {None, "User", "Group"} == {found.resource_type for found in results}


async def made(scim: httpx.AsyncClient, **attributes: Any) -> dict[str, Any]:
    """A user as the sandbox answers it."""
    body = {"schemas": [f"{CORE}:User", ENTERPRISE], **attributes}
    answer = await scim.post("Users", json=body)
    assert 201 == answer.status_code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def patched(scim: httpx.AsyncClient, path: str, *operations: dict[str, Any]) -> httpx.Response:
    body = {"schemas": [f"{MESSAGES}:PatchOp"], "Operations": list(operations)}
    return await scim.patch(path, json=body)


async def found(scim: httpx.AsyncClient, wanted: str, **parameters: Any) -> list[str]:
    answer = await scim.get("Users", params={"filter": wanted, **parameters})
    assert 200 == answer.status_code, answer.text
    return [one["userName"] for one in answer.json().get("Resources", [])]


async def test_a_user_comes_back_as_rfc_7643_writes_it(scim: httpx.AsyncClient) -> None:
    """201 with Location and ETag; what is read-only or unknown is left out; a password is never shown."""
    answer = await scim.post(
        "Users",
        json={
            "schemas": [f"{CORE}:User", ENTERPRISE],
            "id": "mine",
            "userName": "ada@example.com",
            "password": "secret",
            "groups": [],
            "active": "True",
            "favouriteColour": "blue",
            "EMAILS": [{"value": "ada@example.com", "type": "work", "primary": True}],
            ENTERPRISE: {"employeeNumber": "W1"},
        },
    )
    user = answer.json()
    assert (201, user["meta"]["location"]) == (answer.status_code, answer.headers["location"])
    assert user["meta"]["version"] == answer.headers["etag"]
    assert "application/scim+json" == answer.headers["content-type"]
    assert {"schemas", "id", "userName", "active", "emails", ENTERPRISE, "meta"} == set(user)
    assert (True, {"employeeNumber": "W1"}) == (user["active"], user[ENTERPRISE])
    assert "mine" != user["id"]
    assert user == (await scim.get(user["meta"]["location"])).json()


async def test_refusals_are_scim_errors(scim: httpx.AsyncClient) -> None:
    """Each has its status and, where the standard names one, its scimType."""
    user = await made(scim, userName="ada@example.com")
    path = f"Users/{user['id']}"
    core = [f"{CORE}:User"]
    cases = [
        (await scim.post("Users", json={"schemas": core, "userName": "ADA@example.com"}), 409, "uniqueness"),
        (await scim.post("Users", json={"schemas": core}), 400, "invalidValue"),
        (await scim.post("Users", json={"userName": "x"}), 400, "invalidSyntax"),
        (await scim.post("Users", content=b"{"), 400, "invalidSyntax"),
        (await scim.post("Users", content=b"{}", headers={"Content-Type": "text/plain"}), 415, None),
        (await scim.get("Users", params={"filter": "userName eq"}), 400, "invalidFilter"),
        (await scim.get("Users", params={"filter": 'shoeSize eq "44"'}), 400, "invalidFilter"),
        (await scim.get("Users", params={"cursor": ""}), 501, None),
        (await scim.get("Users/nobody"), 404, None),
        (await scim.delete("Users/nobody"), 404, None),
        (await scim.get("Me"), 501, None),
        (await patched(scim, path, {"op": "replace", "path": "id", "value": "x"}), 400, "mutability"),
        (await patched(scim, path, {"op": "remove", "path": "userName"}), 400, "mutability"),
        (await patched(scim, path, {"op": "replace", "path": "shoeSize", "value": 1}), 400, "invalidPath"),
        (await patched(scim, path, {"op": "remove"}), 400, "noTarget"),
        (await patched(scim, path, {"op": "remove", "path": 'emails[type eq "fax"]'}), 400, "noTarget"),
        (await patched(scim, path, {"op": "move", "path": "title", "value": "x"}), 400, "invalidSyntax"),
        (await patched(scim, path, {"op": "replace", "path": "active", "value": "perhaps"}), 400, "invalidValue"),
    ]
    for answer, status, scim_type in cases:
        told = answer.json()
        assert (status, str(status), scim_type) == (answer.status_code, told["status"], told.get("scimType"))
        assert [f"{MESSAGES}:Error"] == told["schemas"]
    assert user == (await scim.get(path)).json()


async def test_a_wrong_token_is_refused_everywhere(base: str) -> None:
    """401 with WWW-Authenticate, whatever is asked for."""
    async with httpx.AsyncClient(base_url=base, headers={"Authorization": "Bearer other"}) as stranger:
        for path in ("Users", "ServiceProviderConfig", "nowhere"):
            answer = await stranger.get(path)
            assert (401, 'Bearer realm="SCIM"') == (answer.status_code, answer.headers["www-authenticate"])


async def test_a_patch_is_all_or_nothing(scim: httpx.AsyncClient) -> None:
    """One refused operation undoes those before it."""
    user = await made(scim, userName="ada@example.com", title="Engineer")
    answer = await patched(
        scim,
        f"Users/{user['id']}",
        {"op": "replace", "path": "title", "value": "Principal"},
        {"op": "remove", "path": 'phoneNumbers[type eq "fax"]'},
    )
    assert 400 == answer.status_code
    assert user == (await scim.get(f"Users/{user['id']}")).json()


async def test_stale_writes_are_refused(scim: httpx.AsyncClient) -> None:
    """If-Match with a former version is 412; If-None-Match with the present one is 304."""
    user = await made(scim, userName="ada@example.com")
    path, first = f"Users/{user['id']}", user["meta"]["version"]
    assert 304 == (await scim.get(path, headers={"If-None-Match": first})).status_code
    body = {"schemas": [f"{CORE}:User"], "userName": "ada@example.com", "title": "Engineer"}
    second = await scim.put(path, json=body, headers={"If-Match": first})
    assert 200 == second.status_code
    assert first != second.headers["etag"]
    for answer in (
        await scim.put(path, json=body, headers={"If-Match": first}),
        await scim.delete(path, headers={"If-Match": first}),
    ):
        assert 412 == answer.status_code
    assert 204 == (await scim.delete(path, headers={"If-Match": second.headers["etag"]})).status_code


async def test_okta_as_a_client_is_served(scim: httpx.AsyncClient) -> None:
    """Existence test, create, PUT that deactivates, PATCH without a path, a group renamed and its members changed."""
    assert [] == await found(scim, 'userName eq "ada@acme.test"', startIndex=1, count=100)
    user = await made(scim, userName="ada@acme.test", externalId="00u1", active=True, groups=[], password="x")
    whole = (await scim.get(f"Users/{user['id']}")).json() | {"active": False}
    assert not (await scim.put(f"Users/{user['id']}", json=whole)).json()["active"]
    answer = await patched(scim, f"Users/{user['id']}", {"op": "replace", "value": {"active": True}})
    assert answer.json()["active"]
    created = await scim.post("Groups", json={"schemas": [f"{CORE}:Group"], "displayName": "PM", "members": []})
    group = created.json()
    path = f"Groups/{group['id']}"
    renamed = {"op": "replace", "value": {"id": group["id"], "displayName": "Project managers"}}
    joined = {"op": "add", "path": "members", "value": [{"value": user["id"], "display": "ada@acme.test"}]}
    for operation in (renamed, joined, joined):
        assert 204 == (await patched(scim, path, operation)).status_code
    group = (await scim.get(path)).json()
    assert ("Project managers", [user["id"]]) == (group["displayName"], [one["value"] for one in group["members"]])
    assert ["Project managers"] == [one["display"] for one in (await scim.get(f"Users/{user['id']}")).json()["groups"]]
    left = {"op": "remove", "path": f'members[value eq "{user["id"]}"]'}
    assert 204 == (await patched(scim, path, left)).status_code
    assert "members" not in (await scim.get(path)).json()


async def test_entra_as_a_client_is_served(scim: httpx.AsyncClient) -> None:
    """Capital operations, booleans as text, `remove` with a value, dotted keys, a work address that is not there."""
    user = await made(scim, userName="ada@acme.test", active=True)
    path = f"Users/{user['id']}"
    await patched(scim, path, {"op": "Replace", "path": "active", "value": "False"})
    address = {"op": "Replace", "path": 'emails[type eq "work"].value', "value": "ada@acme.test"}
    await patched(scim, path, address)
    dotted = {"name.givenName": "Ada", "active": True, f"{ENTERPRISE}:costCenter": "CC-20", "unknown": 1}
    now = (await patched(scim, path, {"op": "replace", "value": dotted})).json()
    assert ([{"type": "work", "value": "ada@acme.test"}], {"givenName": "Ada"}) == (now["emails"], now["name"])
    assert (True, {"costCenter": "CC-20"}) == (now["active"], now[ENTERPRISE])
    assert ["ada@acme.test"] == await found(scim, 'emails[type eq "work"].value eq "ADA@acme.test"')
    member = {"value": user["id"]}
    body = {"schemas": [f"{CORE}:Group", "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"]}
    group = (await scim.post("Groups", json={**body, "displayName": "PM", "members": [member]})).json()
    gone = await patched(scim, f"Groups/{group['id']}", {"op": "Remove", "path": "members", "value": [member]})
    assert 204 == gone.status_code
    assert "members" not in (await scim.get(f"Groups/{group['id']}")).json()


async def test_lists_come_in_windows_and_in_order(scim: httpx.AsyncClient) -> None:
    """A window begins at startIndex, counted from one; count=0 gives the total only; sorting is by any attribute."""
    for name in ("c", "a", "b"):
        await made(scim, userName=name)
    page = (await scim.get("Users", params={"startIndex": 2, "count": 1, "sortBy": "userName"})).json()
    assert ([3, 2, 1], "b") == (
        [page[name] for name in ("totalResults", "startIndex", "itemsPerPage")],
        page["Resources"][0]["userName"],
    )
    total = (await scim.get("Users", params={"count": 0})).json()
    assert (3, 0, None) == (total["totalResults"], total["itemsPerPage"], total.get("Resources"))
    search = {"schemas": [f"{MESSAGES}:SearchRequest"], "sortBy": "userName", "sortOrder": "descending", "count": 2}
    answer = (await scim.post("Users/.search", json=search)).json()
    assert ["c", "b"] == [one["userName"] for one in answer["Resources"]]


async def test_a_manager_is_a_user(scim: httpx.AsyncClient) -> None:
    """Shown with their name; an id that nobody has is refused."""
    boss = await made(scim, userName="grace", displayName="Grace Hopper")
    ada = await made(scim, userName="ada", **{ENTERPRISE: {"manager": {"value": boss["id"]}}})
    assert "Grace Hopper" == ada[ENTERPRISE]["manager"]["displayName"]
    wrong = {"op": "replace", "path": f"{ENTERPRISE}:manager", "value": {"value": "nobody"}}
    answer = await patched(scim, f"Users/{ada['id']}", wrong)
    assert (400, "invalidValue") == (answer.status_code, answer.json()["scimType"])


async def test_bulk_operations_may_refer_to_each_other(scim: httpx.AsyncClient) -> None:
    """In any order; each has its own outcome; failOnErrors ends the work."""
    group = {"schemas": [f"{CORE}:Group"], "displayName": "PM", "members": [{"value": "bulkId:u1"}]}
    user = {"schemas": [f"{CORE}:User"], "userName": "ada"}
    operations = [
        {"method": "POST", "path": "/Groups", "bulkId": "g1", "data": group},
        {"method": "POST", "path": "/Users", "bulkId": "u1", "data": user},
        {"method": "POST", "path": "/Users", "bulkId": "u2", "data": user},
        {"method": "DELETE", "path": "/Users/nobody"},
    ]
    body = {"schemas": [f"{MESSAGES}:BulkRequest"], "failOnErrors": 1, "Operations": operations}
    answer = await scim.post("Bulk", json=body)
    told = answer.json()["Operations"]
    assert [("u1", "201"), ("g1", "201"), ("u2", "409")] == [(one["bulkId"], one["status"]) for one in told]
    assert "uniqueness" == told[2]["response"]["scimType"]
    made_group = (await scim.get(told[1]["location"])).json()
    assert [told[0]["location"].rsplit("/", 1)[-1]] == [one["value"] for one in made_group["members"]]
