"""The connector at servers that do less than the standard, or something else: made up here, as authors met them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from servicekit.clock import SystemClock
from servicekit.failures import Failure, Kind
from servicekit.settings import Secret
from servicekit.upstream import Upstream
from system_apis.identity.scim import Connector, Settings

Answer = Callable[[httpx.Request], httpx.Response]
NUMBER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
PEOPLE = [
    {
        "id": f"u{n}",
        "userName": f"user{n}@x.example",
        "meta": {"created": f"2026-01-0{n}T00:00:00Z", "lastModified": f"2026-01-0{n}T00:00:00Z"},
        NUMBER: {"employeeNumber": f"W{n}"},
    }
    for n in range(1, 8)
]


def connected(answer: Answer, **settings: Any) -> Connector:
    wanted = Settings(base_url="https://idp.example", token=Secret("t"), **settings)
    http = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    upstream = Upstream("idp", "https://idp.example/scim/v2", http=http, retries=0)
    return Connector(upstream, wanted, SystemClock())


def window(request: httpx.Request, people: list[dict[str, Any]], most: int = 100) -> httpx.Response:
    start, count = int(request.url.params["startIndex"]), min(int(request.url.params["count"]), most)
    page = people[start - 1 : start - 1 + count]
    return httpx.Response(200, json={"totalResults": len(people), "Resources": page})


async def everyone(connector: Connector, since: datetime | None) -> list[str]:
    found, cursor = [], None
    while True:
        page = await connector.accounts(since, cursor, 3)
        found += [one.id for one in page.items]
        cursor = page.cursor
        if cursor is None:
            return found


async def test_a_filter_that_is_ignored_finds_nobody_wrong() -> None:
    """A server that answers every search with everybody is searched through."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("Config"):
            return httpx.Response(200, json={"sort": {"supported": False}})
        return window(request, PEOPLE, most=2)

    connector = connected(answer)
    assert ["u5"] == [one.id for one, _ in await connector.accounts_of("W5", None)]
    assert ["u6"] == [one.id for one, _ in await connector.accounts_of("W6", "user7@x.example")]
    assert () == await connector.accounts_of("W9", "nobody@x.example")
    assert ["u6", "u7"] == await everyone(connector, datetime(2026, 1, 6, tzinfo=UTC))


@pytest.mark.parametrize("status", [400, 403, 501])
async def test_a_filter_that_is_refused_is_done_without(status: int) -> None:
    """Then everybody is read, and looked through here."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("Config"):
            return httpx.Response(404)
        if "filter" in request.url.params:
            return httpx.Response(status, json={"status": status, "scimType": "invalidFilter"})
        return window(request, PEOPLE)

    connector = connected(answer)
    assert ["u5"] == [one.id for one, _ in await connector.accounts_of("W5", None)]
    assert ["u6", "u7"] == await everyone(connector, datetime(2026, 1, 6, tzinfo=UTC))


async def test_a_server_that_refuses_everything_is_no_endless_search() -> None:
    """What is refused without a filter too is a failure."""
    connector = connected(lambda _: httpx.Response(403))
    for asked in (connector.accounts_of("W1", None), connector.accounts(datetime.now(UTC), None, 3)):
        with pytest.raises(Failure) as failed:
            await asked
        assert Kind.MISCONFIGURED is failed.value.kind


async def test_an_order_is_asked_for_only_where_the_server_has_one() -> None:
    """The server's own description says so, and is read once."""
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        if request.url.path.endswith("Config"):
            return httpx.Response(200, json={"sort": {"supported": True}, "patch": {"supported": True}})
        return window(request, PEOPLE)

    connector = connected(answer)
    assert [f"u{n}" for n in range(1, 8)] == await everyone(connector, None)
    assert [None, "meta.created", "meta.created", "meta.created"] == [url.params.get("sortBy") for url in asked]


async def test_a_server_without_moments_of_change_changes_always() -> None:
    """Better read twice than passed over."""
    people = [{"id": "u1", "userName": "a"}]
    connector = connected(lambda request: window(request, people) if "startIndex" in str(request.url) else _plain())
    assert ["u1"] == await everyone(connector, datetime.now(UTC))


async def test_only_the_chosen_attribute_is_a_worker_number() -> None:
    """Where externalId is the provider's own id it is neither searched for nor believed."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.params.get("filter", ""))
        people = [{"id": "u1", "userName": "ada@x.example", "externalId": "00u1"}]
        return window(request, people) if "startIndex" in request.url.params else _plain()

    connector = connected(answer, worker_number_in=("employeeNumber",))
    found = await connector.accounts_of("W1", "ada@x.example")
    assert [("u1", "email")] == [(one.id, by) for one, by in found]
    assert not [one for one in asked if "externalId" in one]


@pytest.mark.parametrize(
    "body", [b"<html>", b"[]", b'{"totalResults": "many"}', b'{"totalResults": 1, "Resources": [{"id": 5}]}', b"\xff"]
)
async def test_what_cannot_be_read_is_the_servers_fault(body: bytes) -> None:
    """BAD_UPSTREAM, whatever came; nothing of it is shown."""
    connector = connected(lambda _: httpx.Response(200, content=body))
    with pytest.raises(Failure) as failed:
        await connector.check()
    assert (Kind.BAD_UPSTREAM, "the identity provider answered what its contract does not allow") == (
        failed.value.kind,
        failed.value.detail,
    )


async def test_a_cursor_of_another_kind_is_refused() -> None:
    """A cursor says how the listing goes on, and from where."""
    with pytest.raises(Failure) as failed:
        await connected(lambda _: _plain()).accounts(None, "7", 3)
    assert (Kind.MALFORMED, "invalid_cursor") == (failed.value.kind, failed.value.code)


def _plain() -> httpx.Response:
    """A description that promises nothing."""
    return httpx.Response(200, json={})
