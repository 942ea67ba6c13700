"""A sandbox as an ASGI application: the vendor's routes behind the fault door, beside a control door.

The control door `/_sandbox/...` is the vendor's administrator for tests and demo scripts; it asks for the control key.
"""

import asyncio
import hmac
import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sandboxkit.callers import Callers, Write, changes, trace_of
from sandboxkit.faults import Fault, Faults
from sandboxkit.store import Record, Store
from sandboxkit.tally import Tally, pattern

Action = Callable[[Record], Awaitable[Any]]


class VendorClock:
    """The vendor's own clock: the machine's, moved by the control door."""

    def __init__(self) -> None:
        self.offset = timedelta()

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset


@dataclass
class Context:
    """What a vendor's sandbox is given: where its state is, its clock, its configuration (credentials it accepts)."""

    store: Store
    control_key: str
    base_url: str
    config: Mapping[str, Any] = field(default_factory=dict)
    clock: VendorClock = field(default_factory=VendorClock)
    faults: Faults = field(default_factory=Faults)
    tally: Tally = field(default_factory=Tally)
    callers: Callers = field(default_factory=Callers)  # one for all vendors of a process


@dataclass(frozen=True)
class Dialect:
    """How this vendor says no: its own bodies and headers for an outage, for too many requests, for a stale token."""

    outage: Callable[[], Response]
    throttled: Callable[[], Response]
    expired_token: Callable[[], Response]


def create_sandbox(
    context: Context, dialect: Dialect, routes: Sequence[BaseRoute], actions: Mapping[str, Action] | None = None
) -> ASGIApp:
    """The vendor's routes and the control door as one application. `actions` are the vendor's own admin deeds."""
    vendor = Starlette(routes=list(routes))
    control = Starlette(routes=_control_routes(context, actions or {}))
    door = _FaultDoor(vendor, context, dialect)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        is_control = scope["type"] == "http" and scope["path"].startswith("/_sandbox/")
        await (control if is_control else door)(scope, receive, send)

    return app


class _FaultDoor:
    """Lets requests through to the vendor, or does to them what a switched fault says."""

    def __init__(self, app: ASGIApp, context: Context, dialect: Dialect) -> None:
        self._app = app
        self._context = context
        self._dialect = dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _whole_body(receive)
        method, path, context = scope["method"], scope["path"], self._context
        context.tally.count(method, path)
        await self._meet(trace_of(scope), method, path)
        fault = context.faults.take(method, path)
        number = self._note(method, scope, body)
        status = await self._pass(scope, body, send, fault)
        if number is not None:
            self._context.store.note_outcome(number, status, fault.kind if fault else None)

    async def _meet(self, trace: str, method: str, path: str) -> None:
        """Note who calls, and hold the call if it was waited for; a token is got for whoever asks next."""
        callers, is_write = self._context.callers, changes(method, path)
        if "token" not in path:
            callers.came(Write(self._context.base_url, trace, method, pattern(path)), is_write=is_write)
            if (write := callers.awaited(trace)) is not None:
                follows = f"{write.vendor} {write.method} {write.path}"
                await self._context.faults.hold("next", method, path, trace, follows)

    def _note(self, method: str, scope: Scope, body: bytes) -> int | None:
        """Only what may change something is written down, and never a token request: it holds a secret."""
        if not changes(method, scope["path"]):
            return None
        at = self._context.clock.now().isoformat()
        return self._context.store.note(at, method, scope["path"], body.decode("utf-8", "replace"))

    async def _pass(self, scope: Scope, body: bytes, send: Send, fault: Fault | None) -> int | None:
        kind = fault.kind if fault else None
        refusals = {
            "outage": self._dialect.outage,
            "throttle": self._dialect.throttled,
            "expire_token": self._dialect.expired_token,
        }
        if kind == "drop":
            _abort(scope)
            return None
        if kind in refusals:
            refusal = refusals[kind]()
            await refusal(scope, _replay(body), send)
            return refusal.status_code
        if kind == "latency" and fault is not None:
            await asyncio.sleep(fault.seconds)
        called = (scope["method"], scope["path"], trace_of(scope))
        if kind == "hold_before":
            await self._context.faults.hold("before", *called)
        answer = _Answer()
        await self._app(scope, _replay(body), answer.keep)
        if kind == "hold_after":
            await self._context.faults.hold("after", *called)
        if kind == "hold_next":
            method, path, trace = called
            self._context.callers.hold_next(Write(self._context.base_url, trace, method, pattern(path)))
        if kind == "lose_answer":
            _abort(scope)
            return answer.status
        await answer.deliver(send)
        return answer.status


class _Answer:
    """A whole answer, kept back until it may go."""

    def __init__(self) -> None:
        self._messages: list[Message] = []
        self.status = 500

    async def keep(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self._messages.append(message)

    async def deliver(self, send: Send) -> None:
        for message in self._messages:
            await send(message)


async def _whole_body(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    while True:
        message = await receive()
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _abort(scope: Scope) -> None:
    """Close the connection without an answer; the server puts its transport into the scope (see server.py)."""
    transport = scope.get("sandboxkit.transport")
    if transport is None:
        raise RuntimeError("only sandboxkit.server can lose an answer")
    transport.abort()


def _control_routes(context: Context, actions: Mapping[str, Action]) -> list[BaseRoute]:
    doors = _Control(context, actions)
    paths: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]] = [
        ("GET", "/_sandbox/health", doors.health),
        ("GET", "/_sandbox/faults", doors.list_faults),
        ("POST", "/_sandbox/faults", doors.add_fault),
        ("DELETE", "/_sandbox/faults", doors.clear_faults),
        ("GET", "/_sandbox/held", doors.list_held),
        ("POST", "/_sandbox/held/{held_id:int}/release", doors.release),
        ("GET", "/_sandbox/journal", doors.journal),
        ("GET", "/_sandbox/requests", doors.requests),
        ("GET", "/_sandbox/writes", doors.writes),
        ("GET", "/_sandbox/kinds", doors.kinds),
        ("GET", "/_sandbox/records/{kind}", doors.records),
        ("POST", "/_sandbox/records/{kind}", doors.seed),
        ("PATCH", "/_sandbox/records/{kind}/{record_id:path}", doors.amend),
        ("DELETE", "/_sandbox/records/{kind}/{record_id:path}", doors.remove),
        ("POST", "/_sandbox/actions/{action}", doors.act),
        ("POST", "/_sandbox/clock", doors.move_clock),
        ("DELETE", "/_sandbox/state", doors.clear),
    ]
    return [Route(path, handler, methods=[method]) for method, path, handler in _guarded(context, paths)]


def _guarded(
    context: Context, paths: list[tuple[str, str, Callable[[Request], Awaitable[Response]]]]
) -> list[tuple[str, str, Callable[[Request], Awaitable[Response]]]]:
    def guard(handler: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def guarded(request: Request) -> Response:
            given = request.headers.get("sandbox-control-key", "")
            if request.url.path != "/_sandbox/health" and not hmac.compare_digest(given, context.control_key):
                return JSONResponse({"error": "the control key is missing or wrong"}, 401)
            return await handler(request)

        return guarded

    return [(method, path, guard(handler)) for method, path, handler in paths]


class _Control:
    """The administrator's deeds on a sandbox."""

    def __init__(self, context: Context, actions: Mapping[str, Action]) -> None:
        self._context = context
        self._actions = actions

    async def health(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def list_faults(self, _: Request) -> Response:
        return JSONResponse(self._context.faults.shown())

    async def add_fault(self, request: Request) -> Response:
        try:
            fault = self._context.faults.add(Fault(**await request.json()))
        except (TypeError, ValueError, re.error) as error:
            return JSONResponse({"error": str(error)}, 422)
        return JSONResponse({"id": fault.id}, 201)

    async def clear_faults(self, _: Request) -> Response:
        self._context.callers.clear()
        self._context.faults.clear()
        return Response(status_code=204)

    async def list_held(self, _: Request) -> Response:
        return JSONResponse([held.shown() for held in self._context.faults.held()])

    async def release(self, request: Request) -> Response:
        found = self._context.faults.release(request.path_params["held_id"])
        return Response(status_code=204 if found else 404)

    async def journal(self, _: Request) -> Response:
        return JSONResponse(self._context.store.journal())

    async def requests(self, _: Request) -> Response:
        return JSONResponse(self._context.tally.shown())

    async def writes(self, _: Request) -> Response:
        return JSONResponse(self._context.callers.shown(self._context.base_url))

    async def kinds(self, _: Request) -> Response:
        return JSONResponse(self._context.store.kinds())

    async def records(self, request: Request) -> Response:
        return JSONResponse(list(self._context.store.all(request.path_params["kind"])))

    async def seed(self, request: Request) -> Response:
        """A list of `{"id": ..., "body": {...}}`, created or replaced as the vendor holds them."""
        rows = json.loads(await request.body())
        for row in rows:
            self._context.store.put(request.path_params["kind"], row["id"], row["body"])
        return JSONResponse({"seeded": len(rows)}, 201)

    async def amend(self, request: Request) -> Response:
        kind, record_id = request.path_params["kind"], request.path_params["record_id"]
        record = self._context.store.get(kind, record_id)
        if record is None:
            return Response(status_code=404)
        return JSONResponse(self._context.store.put(kind, record_id, record | json.loads(await request.body())))

    async def remove(self, request: Request) -> Response:
        gone = self._context.store.delete(request.path_params["kind"], request.path_params["record_id"])
        return Response(status_code=204 if gone else 404)

    async def act(self, request: Request) -> Response:
        action = self._actions.get(request.path_params["action"])
        if action is None:
            return Response(status_code=404)
        return JSONResponse(await action(json.loads(await request.body() or b"{}")))

    async def move_clock(self, request: Request) -> Response:
        self._context.clock.offset = timedelta(seconds=float((await request.json())["offset_s"]))
        return JSONResponse({"now": self._context.clock.now().isoformat()})

    async def clear(self, _: Request) -> Response:
        self._context.faults.clear()
        self._context.store.clear()
        return Response(status_code=204)
