"""The identity system API from the outside: canonical ids, pages and matches, on PostgreSQL and a vendor's sandbox."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from servicekit.app import Service
from servicekit.auth import Caller
from servicekit.clock import SystemClock
from servicekit.limits import Limiter
from servicekit.migrate import migrate
from servicekit.settings import Secret, ServiceSettings
from system_apis.connections import ConnectionSettings
from system_apis.identity.app import create_app
from system_apis.service import MIGRATIONS, SystemSettings

SCHEMA = "system_identity"
SCOPES = ("identity.accounts.read", "identity.account-matches.write")
HERE = {"connection": "identity-main"}


class ScopesAreTheToken:
    """A token's text is its caller's scopes."""

    async def verify(self, token: str) -> Caller:
        return Caller(subject="svc", client_id="svc", scopes=frozenset(token.split("+")), actor="svc")


@pytest.fixture
async def api(stage: Any, database_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running service, whose connection identity-main is the stage's sandbox."""
    migrate(database_url, SCHEMA, MIGRATIONS)
    connection = ConnectionSettings(vendor=stage.vendor, settings=stage.settings)
    settings = SystemSettings(
        service=ServiceSettings(
            name="system-identity",
            layer="system",
            port=1,
            issuer="https://edge.example/oauth",
            audience="syncline-system",
            client_id="system-identity",
            client_secret=Secret("hidden"),
            database_url=Secret(database_url),
            schema=SCHEMA,
            redis_url="redis://localhost:1",
        ),
        cursor_key=Secret("a key of at least thirty-two bytes"),
        connections={"identity-main": connection},
    )
    clock = SystemClock()
    service = create_app(settings, verifier=ScopesAreTheToken(), limiter=Limiter(6000, clock=clock))
    transport = httpx.ASGITransport(service, raise_app_exceptions=False)
    headers = {"Authorization": f"Bearer {'+'.join(SCOPES)}"}
    async with running(service), httpx.AsyncClient(transport=transport, base_url="http://t", headers=headers) as client:
        yield client


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[None]:
    """The service's lifespan, as a server runs it: in a task of its own."""
    said: asyncio.Queue[str] = asyncio.Queue()
    told: asyncio.Queue[dict[str, str]] = asyncio.Queue()

    async def send(message: Any) -> None:
        await said.put(message["type"])

    task = asyncio.create_task(service({"type": "lifespan"}, told.get, send))
    await told.put({"type": "lifespan.startup"})
    assert await said.get() == "lifespan.startup.complete"
    try:
        yield
    finally:
        await told.put({"type": "lifespan.shutdown"})
        await task


async def accounts(api: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await api.get("/v1/accounts", params={**HERE, **params})
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


async def matched(api: httpx.AsyncClient, worker: int, number: str, name: str, email: str | None) -> httpx.Response:
    body = {"worker_id": f"wrk_{worker:032x}", "worker_number": number, "name": name, "email": email}
    return await api.post("/v1/account-matches", params=HERE, json=body)


async def test_an_account_has_a_canonical_id_and_says_where_it_is(api: httpx.AsyncClient) -> None:
    """Minted once; the platform's own id is among the external ids; no worker is named before a match."""
    first = (await accounts(api, limit=1))[0]
    assert first == (await accounts(api, limit=1))[0]
    assert first["id"].startswith("acc_")
    where = {"connection": "identity-main", "kind": "identity_account", "id": "u1"}
    assert [where] == [{name: one[name] for name in where} for one in first["external_ids"]]
    assert (None, "W1", "Ada Brandt", True) == tuple(
        first[name] for name in ("worker_id", "worker_number", "name", "active")
    )
    read = await api.get(f"/v1/accounts/{first['id']}")
    assert (200, first) == (read.status_code, read.json())
    again = await api.get(f"/v1/accounts/{first['id']}", headers={"If-None-Match": read.headers["etag"]})
    assert (304, b"") == (again.status_code, again.content)


async def test_accounts_come_in_signed_pages(api: httpx.AsyncClient) -> None:
    """`next` leads on to the end and is good for the same question only."""
    found, cursor = [], None
    while True:
        params: dict[str, Any] = {**HERE, "limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await api.get("/v1/accounts", params=params)).json()
        found += [one["external_ids"][0]["id"] for one in page["items"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert [f"u{n}" for n in range(1, 8)] == found
    other = {**HERE, "cursor": cursor, "updated_after": "2026-01-01T00:00:00Z"}
    wrong = await api.get("/v1/accounts", params=other)
    assert (400, "invalid_cursor") == (wrong.status_code, wrong.json()["code"])


async def test_changes_are_asked_for_by_their_moment(api: httpx.AsyncClient) -> None:
    """From that moment on, and including it; a moment needs a zone."""
    found = await accounts(api, updated_after="2026-01-06T09:00:00+01:00")
    assert ["u6", "u7"] == [one["external_ids"][0]["id"] for one in found]
    answer = await api.get("/v1/accounts", params={**HERE, "updated_after": "2026-01-06T09:00:00"})
    assert 400 == answer.status_code


async def test_unknown_things_are_not_found(api: httpx.AsyncClient) -> None:
    """A connection nobody bound and ids nobody minted are 404; the list needs its connection."""
    answer = await api.get("/v1/accounts", params={"connection": "identity-other"})
    assert (404, "unknown_connection") == (answer.status_code, answer.json()["code"])
    assert 404 == (await api.get(f"/v1/accounts/acc_{9:032x}")).status_code
    assert 400 == (await api.get("/v1/accounts")).status_code
    assert 400 == (await api.get("/v1/accounts/u1")).status_code


async def test_reading_does_not_allow_linking(api: httpx.AsyncClient) -> None:
    """Each needs its own scope."""
    headers = {"Authorization": "Bearer identity.accounts.read"}
    assert 200 == (await api.get("/v1/accounts", params=HERE, headers=headers)).status_code
    answer = await api.post("/v1/account-matches", params=HERE, headers=headers, json={})
    assert (403, "insufficient_scope") == (answer.status_code, answer.json()["code"])


async def test_a_worker_is_linked_by_number_or_by_two_strong_facts(api: httpx.AsyncClient) -> None:
    """Linked accounts show the worker; the same match again says the same."""
    for _ in range(2):
        by_number = (await matched(api, 1, "W1", "A. Brandt", None)).json()
        by_facts = (await matched(api, 2, "W2", "VOGEL, Ben", "Ben.Vogel@x.example")).json()
        assert ("linked", "worker_number") == (by_number["result"], by_number["matched_by"])
        assert ("linked", "email_and_name") == (by_facts["result"], by_facts["matched_by"])
    read = (await api.get(f"/v1/accounts/{by_number['matched_id']}")).json()
    assert (f"wrk_{1:032x}", "Ada Brandt") == (read["worker_id"], read["name"])
    listed = {one["external_ids"][0]["id"]: one["worker_id"] for one in await accounts(api)}
    assert {"u1": f"wrk_{1:032x}", "u2": f"wrk_{2:032x}"} == {key: one for key, one in listed.items() if one}


async def test_a_deactivated_account_is_linked_too(api: httpx.AsyncClient) -> None:
    """Who comes back has an account already; a second is never made."""
    found = (await matched(api, 3, "W3", "Clara Weiss", None)).json()
    assert ("linked", "worker_number") == (found["result"], found["matched_by"])
    assert not (await api.get(f"/v1/accounts/{found['matched_id']}")).json()["active"]


async def test_what_is_not_certain_is_left_to_a_person(api: httpx.AsyncClient) -> None:
    """Nobody: unmatched. Several, another name, or another worker's address: ambiguous. Nothing is linked."""
    results = [
        (await matched(api, 4, "W4", "Nobody Known", "nobody@x.example")).json(),
        (await matched(api, 5, "W5", "Emil Otto", "emil.otto@x.example")).json(),
        (await matched(api, 6, "W6", "Eva Vogel", "ben.vogel@x.example")).json(),
        (await matched(api, 7, "W7", "Ada Brandt", "ada.brandt@x.example")).json(),
        (await matched(api, 8, "W8", "Dora Lenz", "d.lenz@x.example")).json(),
    ]
    assert ["unmatched", *["ambiguous"] * 4] == [row["result"] for row in results]
    assert {None} == {row["matched_id"] for row in results}
    assert {None} == {one["worker_id"] for one in await accounts(api)}


async def test_an_account_has_one_worker(api: httpx.AsyncClient) -> None:
    """Somebody else on the same account is a conflict, and so is a second account for the same worker."""
    assert "linked" == (await matched(api, 1, "W1", "Ada Brandt", None)).json()["result"]
    answer = await matched(api, 7, "W1", "Ada Brandt", None)
    assert (409, "already_linked") == (answer.status_code, answer.json()["code"])
    answer = await matched(api, 1, "W9", "Ben Vogel", "ben.vogel@x.example")
    assert (409, "already_linked") == (answer.status_code, answer.json()["code"])
    kept = (await matched(api, 1, "W9", "Somebody", None)).json()
    assert ("linked", None) == (kept["result"], kept["matched_by"])


async def test_a_deleted_account_binds_nobody(api: httpx.AsyncClient, stage: Any) -> None:
    """Its worker may be matched anew, to the account that is there now; the old one is not found."""
    former = (await matched(api, 1, "W1", "Ada Brandt", None)).json()["matched_id"]
    await stage.delete("u1")
    assert 404 == (await api.get(f"/v1/accounts/{former}")).status_code
    assert "unmatched" == (await matched(api, 1, "W1", "Ada Brandt", None)).json()["result"]
    for _ in range(2):
        found = (await matched(api, 1, "W3", "Ada Brandt", None)).json()
        assert "linked" == found["result"]
        assert former != found["matched_id"]


async def test_an_outage_of_the_platform_is_told_as_one(api: httpx.AsyncClient, stage: Any) -> None:
    """503 and worth repeating; the platform's own words stay inside."""
    await stage.fail("outage", times=None)
    answer = await api.get("/v1/accounts", params=HERE)
    assert (503, "unavailable") == (answer.status_code, answer.json()["code"])
    assert "Service is temporarily unavailable" not in answer.text
