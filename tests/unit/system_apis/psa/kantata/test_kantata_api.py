"""How Kantata is spoken to: errors, pages, tokens. The transport is httpx's own stand-in."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from servicekit.failures import Failure, Kind
from servicekit.settings import Secret
from servicekit.upstream import Upstream
from system_apis.psa.kantata.api import AccessToken, Api, reference

Answer = Callable[[httpx.Request], httpx.Response]
VENDOR_TEXT = "Please give your project a title"


class Wire:
    """An Api whose requests end in a function."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.answer: Answer = lambda _: httpx.Response(200, json={"results": []})
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._handle))
        self.api = Api(
            Upstream("psa-main", "https://psa.example", auth=AccessToken(Secret("abc")), http=http, retries=0)
        )

    def says(self, status: int, body: Any = None, text: str | None = None) -> None:
        self.answer = lambda _: httpx.Response(status, json=body) if text is None else httpx.Response(status, text=text)

    def _handle(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answer(request)


@pytest.fixture
async def wire() -> AsyncIterator[Wire]:
    wire = Wire()
    yield wire
    await wire.api.close()


async def failure_of_creating(wire: Wire) -> Failure:
    with pytest.raises(Failure) as caught:
        await wire.api.create("workspaces", "workspace", {"title": ""}, "")
    return caught.value


async def failure_of_reading(wire: Wire) -> Failure:
    with pytest.raises(Failure) as caught:
        await wire.api.one("workspaces", "5", "")
    return caught.value


@pytest.mark.parametrize(
    ("status", "creating", "reading"),
    [
        (400, Kind.INVALID, Kind.BAD_UPSTREAM),
        (401, Kind.MISCONFIGURED, Kind.MISCONFIGURED),
        (403, Kind.DENIED, Kind.DENIED),
        (404, Kind.MISSING, Kind.MISSING),
        (418, Kind.BAD_UPSTREAM, Kind.BAD_UPSTREAM),
        (422, Kind.INVALID, Kind.BAD_UPSTREAM),
        (429, Kind.THROTTLED, Kind.THROTTLED),
        (500, Kind.IN_DOUBT, Kind.UNAVAILABLE),
        (502, Kind.IN_DOUBT, Kind.UNAVAILABLE),
        (503, Kind.UNAVAILABLE, Kind.UNAVAILABLE),
        (504, Kind.IN_DOUBT, Kind.UNAVAILABLE),
    ],
)
async def test_a_status_says_what_went_wrong(wire: Wire, status: int, creating: Kind, reading: Kind) -> None:
    """After a gateway's answer to a create nobody knows; a 503 had no effect. Vendor text goes to the log only."""
    wire.says(status, {"errors": [{"type": "validation", "message": VENDOR_TEXT, "field": "title"}]})
    for failure, kind in ((await failure_of_creating(wire), creating), (await failure_of_reading(wire), reading)):
        assert kind is failure.kind
        assert VENDOR_TEXT not in failure.detail
        assert VENDOR_TEXT in failure.vendor_detail


async def test_a_duplicate_is_a_conflict(wire: Wire) -> None:
    """A value that is taken is told apart from one that is wrong."""
    wire.says(422, {"errors": [{"type": "validation", "message": "Value has already been taken", "field": "value"}]})
    failure = await failure_of_creating(wire)
    assert (Kind.CONFLICT, "already_exists") == (failure.kind, failure.code)


async def test_an_answer_that_is_not_kantata_s_is_bad(wire: Wire) -> None:
    """HTML from a gateway, or JSON of another form."""
    for text in ("<html>", '{"workspaces": {}}', '{"results": [{"id": 5}]}'):
        wire.says(200, text=text)
        assert Kind.BAD_UPSTREAM is (await failure_of_reading(wire)).kind
    wire.says(504, text="<html>gateway</html>")
    assert "gateway" in (await failure_of_reading(wire)).vendor_detail


async def test_every_request_carries_the_token(wire: Wire) -> None:
    """As a bearer token; ids are quoted in paths."""
    await wire.api.one("workspaces", "no such/id?", "")
    request = wire.requests[0]
    assert "Bearer abc" == request.headers["authorization"]
    assert b"/api/v1/workspaces/no%20such%2Fid%3F" == request.url.raw_path.partition(b"?")[0]


async def test_pages_are_read_until_the_last(wire: Wire) -> None:
    """200 at a time; a record that slid onto two pages counts once; side-loads are no results."""

    def answer(request: httpx.Request) -> httpx.Response:
        page = int(request.url.params["page"])
        ids = {1: ["1", "2"], 2: ["2", "3"]}[page]
        rows = {key: {"id": key, "name": f"role {key}"} for key in [*ids, "9"]}
        results = [{"key": "roles", "id": key} for key in ids]
        return httpx.Response(200, json={"results": results, "meta": {"page_count": 2}, "roles": rows})

    wire.answer = answer
    found = await wire.api.all("roles", "")
    assert ["1", "2", "3"] == [row.id for row in found.results]
    assert ["200", "200"] == [request.url.params["per_page"] for request in wire.requests]


async def test_other_systems_ids_go_into_the_filter_that_takes_texts(wire: Wire) -> None:
    """The single-value filter is numeric; the list cannot hold a comma: such a text is never asked for or written."""
    await wire.api.referenced("workspaces", reference("sf", "Opportunity", "006A"), "")
    params = wire.requests[0].url.params
    assert ("sf", "Opportunity", "006A") == (
        params["external_reference_service_name"],
        params["external_reference_service_model"],
        params["external_reference_service_model_refs"],
    )
    assert "external_reference_service_model_ref" not in params
    assert () == (await wire.api.referenced("workspaces", reference("sf", "X", "a,b"), "")).results
    with pytest.raises(Failure) as caught:
        await wire.api.refer("Workspace", "5", reference("sf", "X", "a,b"))
    assert (Kind.INVALID, 1) == (caught.value.kind, len(wire.requests))
