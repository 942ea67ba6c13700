"""A sandbox over real sockets: a vendor of ten lines behind the fault door, and the administrator's control door."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandboxkit.app import Context, Dialect, create_sandbox
from sandboxkit.server import serve
from sandboxkit.store import Store

KEY = {"Sandbox-Control-Key": "the-key"}
DIALECT = Dialect(
    outage=lambda: JSONResponse({"fault": "down for maintenance"}, 503),
    throttled=lambda: JSONResponse({"fault": "slow down"}, 429, {"Retry-After": "7"}),
    expired_token=lambda: JSONResponse({"fault": "session expired"}, 401),
)


@pytest.fixture
async def context() -> AsyncIterator[Context]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    made = Context(store=Store(":memory:"), control_key="the-key", base_url=f"http://127.0.0.1:{port}")
    app = create_sandbox(made, DIALECT, _routes(made), {"double": _double})
    serving = asyncio.create_task(serve({port: app}))
    await _answers(port)
    yield made
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
    made.store.close()


@pytest.fixture
async def vendor(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    """What a connector has: no control key."""
    async with httpx.AsyncClient(base_url=context.base_url, timeout=10) as client:
        yield client


@pytest.fixture
async def control(context: Context) -> AsyncIterator[httpx.AsyncClient]:
    """What a test has."""
    async with httpx.AsyncClient(base_url=f"{context.base_url}/_sandbox", headers=KEY, timeout=10) as client:
        yield client


def _routes(context: Context) -> list[Route]:
    """A vendor that keeps notes."""

    async def create(request: Request) -> Response:
        name = str(context.store.next_number("note"))
        return JSONResponse(context.store.insert("note", name, {"id": name, "text": (await request.body()).decode()}))

    async def listed(_: Request) -> Response:
        return JSONResponse(list(context.store.all("note")))

    async def token(_: Request) -> Response:
        return JSONResponse({"access_token": "t"})

    return [
        Route("/notes", create, methods=["POST"]),
        Route("/notes", listed, methods=["GET"]),
        Route("/oauth2/token", token, methods=["POST"]),
    ]


async def _double(wanted: dict[str, Any]) -> dict[str, Any]:
    return {"doubled": wanted["n"] * 2}


async def _answers(port: int) -> None:
    """Returns once something listens there; the server says nothing when it does."""
    async with asyncio.timeout(10):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return


async def _eventually(found: Callable[[], Awaitable[Any]]) -> Any:
    """What *found* answers once it is not empty: the request it waits for is on its way through a socket."""
    async with asyncio.timeout(10):
        while True:
            value = await found()
            if value:
                return value
            await asyncio.sleep(0.01)


async def _switch(control: httpx.AsyncClient, kind: str, **more: Any) -> None:
    answer = await control.post("/faults", json={"kind": kind} | more)
    assert 201 == answer.status_code


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/faults"),
        ("POST", "/faults"),
        ("DELETE", "/faults"),
        ("GET", "/held"),
        ("POST", "/held/1/release"),
        ("GET", "/journal"),
        ("GET", "/requests"),
        ("GET", "/kinds"),
        ("GET", "/records/note"),
        ("POST", "/records/note"),
        ("PATCH", "/records/note/1"),
        ("DELETE", "/records/note/1"),
        ("POST", "/actions/double"),
        ("POST", "/clock"),
        ("DELETE", "/state"),
    ],
)
async def test_the_control_door_asks_for_the_key(vendor: httpx.AsyncClient, method: str, path: str) -> None:
    """Every deed of the administrator needs the control key; the vendor's own credentials are none."""
    for headers in ({}, {"Sandbox-Control-Key": "another"}, {"Authorization": "Bearer the-key"}):
        answer = await vendor.request(method, f"/_sandbox{path}", headers=headers, json={})
        assert 401 == answer.status_code


async def test_health_is_open(vendor: httpx.AsyncClient) -> None:
    """Whoever starts a sandbox may ask whether it is there."""
    assert {"status": "ok"} == (await vendor.get("/_sandbox/health")).json()


@pytest.mark.parametrize("kind", ["outage", "throttle", "expire_token"])
async def test_a_refusal_is_the_vendors_own_and_has_no_effect(
    context: Context, vendor: httpx.AsyncClient, control: httpx.AsyncClient, kind: str
) -> None:
    """The client sees the vendor's own body and headers, once; nothing was written."""
    wanted = {"outage": DIALECT.outage, "throttle": DIALECT.throttled, "expire_token": DIALECT.expired_token}[kind]()
    await _switch(control, kind, method="POST")
    refused = await vendor.post("/notes", content=b"one")
    assert (wanted.status_code, bytes(wanted.body)) == (refused.status_code, refused.content)
    assert wanted.headers.get("retry-after") == refused.headers.get("retry-after")
    assert {} == context.store.kinds()
    assert 200 == (await vendor.post("/notes", content=b"one")).status_code


async def test_latency_lets_time_pass_first(vendor: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
    """The answer is the same, later."""
    await _switch(control, "latency", seconds=0.1)
    began = asyncio.get_running_loop().time()
    assert [] == (await vendor.get("/notes")).json()
    assert asyncio.get_running_loop().time() - began >= 0.1


@pytest.mark.parametrize(("kind", "kept"), [("drop", 0), ("lose_answer", 1)])
async def test_a_connection_is_closed_without_an_answer(
    context: Context, vendor: httpx.AsyncClient, control: httpx.AsyncClient, kind: str, kept: int
) -> None:
    """A dropped request has no effect, one whose answer is lost has; the client cannot tell them apart."""
    await _switch(control, kind, method="POST")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await vendor.post("/notes", content=b"one")
    assert kept == len(list(context.store.all("note")))
    assert 200 == (await vendor.get("/notes")).status_code


@pytest.mark.parametrize(("kind", "stage", "kept"), [("hold_before", "before", 0), ("hold_after", "after", 1)])
async def test_a_held_request_goes_on_when_it_is_released(
    context: Context, vendor: httpx.AsyncClient, control: httpx.AsyncClient, kind: str, stage: str, kept: int
) -> None:
    """Held before its effect there is none yet, held after there is one; either way the answer comes in the end."""
    await _switch(control, kind, method="POST")

    async def listed() -> Any:
        return (await control.get("/held")).json()

    waiting = asyncio.create_task(vendor.post("/notes", content=b"one"))
    (held,) = await _eventually(listed)
    assert {"id": held["id"], "stage": stage, "method": "POST", "path": "/notes", "trace": "", "follows": ""} == held
    assert kept == len(list(context.store.all("note")))
    assert 404 == (await control.post("/held/999/release")).status_code
    assert 204 == (await control.post(f"/held/{held['id']}/release")).status_code
    assert {"id": "1", "text": "one"} == (await waiting).json()
    assert ([], 1) == (await listed(), len(list(context.store.all("note"))))


async def test_clearing_the_faults_releases_what_is_held(vendor: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
    """A test that ends leaves nobody waiting."""
    await _switch(control, "hold_before", times=None)

    async def listed() -> Any:
        return (await control.get("/held")).json()

    waiting = asyncio.create_task(vendor.get("/notes"))
    await _eventually(listed)
    assert 204 == (await control.delete("/faults")).status_code
    assert 200 == (await waiting).status_code
    assert [] == (await control.get("/faults")).json()


@pytest.mark.parametrize(
    "wrong", [{"kind": "flood"}, {"kind": "outage", "path": "("}, {"kind": "drop", "often": 2}, {}]
)
async def test_a_fault_that_makes_no_sense_is_refused(control: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    """An unknown kind, a path that is no pattern, a field that does not exist."""
    assert 422 == (await control.post("/faults", json=wrong)).status_code
    assert [] == (await control.get("/faults")).json()


async def test_the_journal_holds_writes_with_their_outcome(
    context: Context, vendor: httpx.AsyncClient, control: httpx.AsyncClient
) -> None:
    """What may have changed something, in order, with the fault that struck it; reads are not noted."""
    await vendor.post("/notes", content=b"one")
    await vendor.get("/notes")
    await _switch(control, "outage")
    await vendor.post("/notes", content=b"two")
    await _switch(control, "lose_answer")
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        await vendor.post("/notes", content=b"three")
    wanted = [("one", 200, None), ("two", 503, "outage"), ("three", 200, "lose_answer")]
    journal = (await control.get("/journal")).json()
    assert wanted == [(entry["body"], entry["status"], entry["fault"]) for entry in journal]


async def test_the_journal_never_holds_a_token_request(
    context: Context, vendor: httpx.AsyncClient, control: httpx.AsyncClient
) -> None:
    """It carries the client's secret, also when it fails."""
    secret = {"grant_type": "client_credentials", "client_secret": "hunter2"}
    assert 200 == (await vendor.post("/oauth2/token", data=secret)).status_code
    await _switch(control, "outage")
    assert 503 == (await vendor.post("/oauth2/token", data=secret)).status_code
    assert [] == (await control.get("/journal")).json()


async def test_faults_do_not_strike_the_control_door(control: httpx.AsyncClient) -> None:
    """An outage of the vendor can be ended from outside."""
    await _switch(control, "outage", times=None)
    assert 1 == len((await control.get("/faults")).json())
    assert 204 == (await control.delete("/faults")).status_code


async def test_records_are_seeded_amended_and_removed(control: httpx.AsyncClient) -> None:
    """The administrator puts the vendor's records as the vendor holds them."""
    rows = [{"id": "1", "body": {"text": "one", "pinned": False}}, {"id": "a/b", "body": {"text": "two"}}]
    assert {"seeded": 2} == (await control.post("/records/note", json=rows)).json()
    assert {"note": 2} == (await control.get("/kinds")).json()
    amended = {"text": "one", "pinned": True}
    assert amended == (await control.patch("/records/note/1", json={"pinned": True})).json()
    assert 204 == (await control.delete("/records/note/a/b")).status_code
    assert [amended] == (await control.get("/records/note")).json()
    gone = [await control.delete("/records/note/9"), await control.patch("/records/note/9", json={})]
    assert [404, 404] == [answer.status_code for answer in gone]


async def test_the_vendors_own_deeds_are_called_by_name(control: httpx.AsyncClient) -> None:
    """What only this vendor's administrator can do; an unknown deed is missing."""
    assert {"doubled": 42} == (await control.post("/actions/double", json={"n": 21})).json()
    assert 404 == (await control.post("/actions/triple", json={"n": 21})).status_code


async def test_the_vendors_clock_is_moved(context: Context, control: httpx.AsyncClient) -> None:
    """Tokens expire and keys are forgotten without anybody waiting."""
    before = context.clock.now()
    moved = (await control.post("/clock", json={"offset_s": 3600})).json()["now"]
    assert timedelta(hours=1) <= datetime.fromisoformat(moved) - before < timedelta(hours=1, minutes=1)


async def test_clearing_the_state_leaves_an_empty_vendor(vendor: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
    """Records, numbers, journal and faults are gone."""
    await vendor.post("/notes", content=b"one")
    await _switch(control, "outage", times=None)
    assert 204 == (await control.delete("/state")).status_code
    assert ([], {}) == ((await control.get("/journal")).json(), (await control.get("/kinds")).json())
    assert "1" == (await vendor.post("/notes", content=b"again")).json()["id"]


async def test_what_the_vendor_was_asked_is_counted(vendor: httpx.AsyncClient, control: httpx.AsyncClient) -> None:
    """Reads too, which the journal leaves out, and what a fault struck; never what came by the control door."""
    await vendor.get("/notes")
    await _switch(control, "outage")
    await vendor.get("/notes")
    await vendor.post("/notes", content=b"one")
    assert {"GET /notes": 2, "POST /notes": 1} == (await control.get("/requests")).json()
