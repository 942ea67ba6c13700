"""Callers are told by their traces: what each wrote is known, and the next call of one can be held at any vendor."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandboxkit.app import Context, Dialect, create_sandbox
from sandboxkit.callers import Callers, Write, trace_of
from sandboxkit.faults import Fault
from sandboxkit.store import Store

RUN, OTHER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331aaaaaaaaaaaaaaaa"
DIALECT = Dialect(
    outage=lambda: Response(status_code=503),
    throttled=lambda: Response(status_code=429),
    expired_token=lambda: Response(status_code=401),
)


class _Vendor:
    """A vendor that keeps notes, and its callers."""

    def __init__(self, name: str, callers: Callers) -> None:
        self.context = Context(store=Store(":memory:"), control_key="k", base_url=f"http://{name}", callers=callers)
        self.notes: list[str] = []
        routes = [Route("/{path:path}", self._answer, methods=["GET", "POST"])]
        transport = httpx.ASGITransport(create_sandbox(self.context, DIALECT, routes))
        self.http = httpx.AsyncClient(transport=transport, base_url=self.context.base_url)

    async def _answer(self, request: Request) -> Response:
        self.notes.append(request.url.path)
        return JSONResponse({})

    async def call(self, method: str, path: str, trace: str = "") -> None:
        headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"} if trace else {}
        (await self.http.request(method, path, headers=headers)).raise_for_status()


@pytest.fixture
def vendors() -> tuple[_Vendor, _Vendor]:
    """Two of one process."""
    callers = Callers()
    return _Vendor("psa", callers), _Vendor("billing", callers)


async def _held(vendor: _Vendor) -> list[tuple[str, str, str]]:
    """What the vendor holds once a call had its chance to arrive."""
    for _ in range(20):
        await asyncio.sleep(0)
    return [(held.stage, held.path, held.trace) for held in vendor.context.faults.held()]


async def test_the_next_call_of_the_same_caller_is_held(vendors: tuple[_Vendor, _Vendor]) -> None:
    """The write is answered; the caller's next call, here to another vendor, waits before its effect."""
    psa, billing = vendors
    psa.context.faults.add(Fault("hold_next", method="POST", path="/projects$"))
    await psa.call("POST", "/projects", RUN)
    await psa.call("POST", "/tasks", OTHER)
    waiting = asyncio.create_task(billing.call("GET", "/schedules", RUN))
    assert [("next", "/schedules", RUN)] == await _held(billing)
    assert "http://psa POST /projects" == billing.context.faults.held()[0].follows
    assert (["/projects", "/tasks"], []) == (psa.notes, billing.notes)
    billing.context.faults.release(billing.context.faults.held()[0].id)
    await waiting
    await billing.call("GET", "/schedules", RUN)
    assert ["/schedules", "/schedules"] == billing.notes


async def test_fetching_a_token_is_nobodys_next_call(vendors: tuple[_Vendor, _Vendor]) -> None:
    """Whoever comes first fetches it, for all."""
    psa, billing = vendors
    psa.context.faults.add(Fault("hold_next"))
    await psa.call("POST", "/projects", RUN)
    await billing.call("POST", "/oauth2/token", RUN)
    waiting = asyncio.create_task(billing.call("POST", "/products", RUN))
    assert [("next", "/products", RUN)] == await _held(billing)
    billing.context.faults.clear()
    await waiting


async def test_who_carries_no_trace_is_not_waited_for(vendors: tuple[_Vendor, _Vendor]) -> None:
    """One such caller cannot be told from another."""
    psa, _ = vendors
    psa.context.faults.add(Fault("hold_next"))
    await psa.call("POST", "/projects")
    await psa.call("POST", "/projects")
    assert ["/projects", "/projects"] == psa.notes


async def test_writes_are_known_by_caller_and_whether_more_followed(vendors: tuple[_Vendor, _Vendor]) -> None:
    """Ids are taken out of paths; reads, tokens and callers without a trace are left out."""
    psa, billing = vendors
    await psa.call("POST", "/projects/17/tasks", RUN)
    await billing.call("GET", "/products", RUN)
    await psa.call("POST", "/projects", OTHER)
    await psa.call("POST", "/oauth2/token", RUN)
    await psa.call("POST", "/by-hand")
    fixed: dict[str, Any] = {"vendor": "http://psa", "method": "POST"}
    first = {**fixed, "trace": RUN, "path": "/projects/{id}/tasks", "followed": True}
    second = {**fixed, "trace": OTHER, "path": "/projects", "followed": False}
    assert [first, second] == psa.context.callers.shown("http://psa")
    assert [] == psa.context.callers.shown("http://billing")


def test_a_trace_is_read_from_its_header_alone() -> None:
    """What does not look like one is none."""
    good = (b"traceparent", f"00-{RUN}-00f067aa0ba902b7-01".encode())
    assert RUN == trace_of({"headers": [(b"accept", b"*/*"), good]})
    assert "" == trace_of({"headers": [(b"traceparent", b"00-xyz-1-01")]})
    assert "" == trace_of({"headers": []})


def test_clearing_waits_for_nobody() -> None:
    """As it does with faults."""
    callers = Callers()
    callers.came(Write("http://psa", RUN, "POST", "/"), is_write=True)
    callers.hold_next(Write("http://psa", RUN, "POST", "/"))
    callers.clear()
    assert callers.awaited(RUN) is None
