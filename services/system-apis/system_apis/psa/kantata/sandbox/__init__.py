"""Kantata OX as a sandbox: the part of its API v1 that a PSA connector needs, in its own dialect.

Source: the vendor's published OpenAPI contract (version 1.0.0, 2026). Path prefix: /api/v1.
"""

import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandboxkit.app import Context, Dialect, create_sandbox
from system_apis.psa.kantata.sandbox import accounting, invoices, reading, refusals, submissions, writing
from system_apis.psa.kantata.sandbox.catalogue import KINDS
from system_apis.psa.kantata.sandbox.kinds import KindOfRecord
from system_apis.psa.kantata.sandbox.world import (
    EVENT_NAMES,
    EVENT_RETENTION,
    WITHOUT_EVENTS,
    Record,
    Snapshot,
    World,
)

_EVENT_VERBS = ("created", "updated", "deleted")


def create_sandbox_app(context: Context) -> ASGIApp:
    """The sandbox; `World` says what `context.config` may hold."""
    world = World(context)
    dialect = Dialect(outage=refusals.outage, throttled=refusals.throttled, expired_token=refusals.expired_token)
    route = Route("/api/v1/{path:path}", _answering(world), methods=["GET", "POST", "PUT", "DELETE"])
    return create_sandbox(context, dialect, [route])


def _answering(world: World) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            response = await _handle(world.acting_for(_user_of(world, request)), request)
        except refusals.RefusalError as refusal:
            response = refusal.answer()
        response.headers["x-request-id"] = str(uuid4())
        return response

    return answer


def _user_of(world: World, request: Request) -> str:
    """Whose token it is."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    found = [user for known, user in world.tokens.items() if hmac.compare_digest(token.encode(), known.encode())]
    if scheme.casefold() != "bearer" or not found:
        raise refusals.unauthorized()
    return str(found[0])


async def _handle(world: World, request: Request) -> Response:
    """Both `/workspaces/5` and `/workspaces/5.json` are understood."""
    steps = request.path_params["path"].removesuffix(".json").strip("/").split("/")
    asked = dict(request.query_params)
    if request.method == "POST" and steps[0] in submissions.BULK and len(steps) == 1:
        return refusals.ok(submissions.resolve_all(world, steps[0], await _body(request)))
    kind = KINDS.get(steps[0])
    if kind is None:
        raise refusals.not_found()
    if request.method == "GET":
        return refusals.ok(_read(world, kind, steps[1:], asked))
    if request.method == "DELETE" and len(steps) == 2 and "delete" in kind.actions:
        writing.delete(world, kind, steps[1])
        return refusals.no_content()
    body = await _body(request)
    if (request.method, steps) == ("PUT", [accounting.PROJECT_ACCOUNTING_RECORDS.key, "delete"]):
        records = accounting.soft_delete(world, body, asked)
    else:
        records = _written(world, kind, request.method, steps[1:], body)
    view = Snapshot(world)
    # A create answers 200 with the same envelope as a read.
    return refusals.ok(reading.envelope(view, kind, [view.all(kind.key)[row["id"]] for row in records], asked))


def _read(world: World, kind: KindOfRecord, steps: list[str], asked: dict[str, str]) -> dict[str, Any]:
    match steps:
        case []:
            return _listed(world, kind, asked)
        case ["event_types"] if kind.key == "subscribed_events":
            return _event_types(world)
        case ["next_invoice_number"] if kind.key == "invoices":
            return {"next_invoice_number": str(invoices.next_number(world))}
        case [record_id] if "show" in kind.actions:
            return reading.one(world, kind, record_id, asked)
    raise refusals.not_found()


def _written(world: World, kind: KindOfRecord, method: str, steps: list[str], body: Mapping[str, Any]) -> list[Record]:
    match method, steps:
        case "POST", ["create_or_update"] if kind.key == "external_references":
            return [writing.create_or_update_reference(world, body)]
        case "POST", [] if kind.key == "custom_field_values":
            return writing.set_custom_field_values(world, body)
        case "POST", [] if "create" in kind.actions:
            return writing.create(world, kind, body)
        case "PUT", [record_id] if "update" in kind.actions:
            return [writing.update(world, kind, record_id, body)]
        case "PUT", [record_id, verb] if kind.key in submissions.LINES and verb in submissions.VERBS:
            return [submissions.resolve(world, kind.key, record_id, verb, body)]
        case "PUT", [record_id, "cancel"] if kind.key == "invoices":
            return [invoices.cancel(world, record_id)]
    raise refusals.not_found()


def _listed(world: World, kind: KindOfRecord, asked: dict[str, str]) -> dict[str, Any]:
    if kind.key == "subscribed_events":
        if not world.subscribed_events:
            raise refusals.forbidden()
        _forget_old_events(world)
    return reading.many(world, kind, asked)


def _forget_old_events(world: World) -> None:
    oldest = (world.now() - EVENT_RETENTION).isoformat()
    for event in world.store.find("subscribed_events", lambda row: row["created_at"] < oldest):
        world.store.delete("subscribed_events", event["id"])


def _event_types(world: World) -> dict[str, Any]:
    if not world.subscribed_events:
        raise refusals.forbidden()
    told = (kind for kind in KINDS.values() if "create" in kind.actions and kind.key not in WITHOUT_EVENTS)
    names = [f"{EVENT_NAMES.get(kind.key, kind.singular)}:{verb}" for kind in told for verb in _EVENT_VERBS]
    return {"event_types": names}


async def _body(request: Request) -> dict[str, Any]:
    """JSON, or form fields named as Rails names them."""
    raw = await request.body()
    if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return _unfolded(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True))
    try:
        body = json.loads(raw or b"{}")
    except ValueError as error:
        raise refusals.malformed("The request body could not be parsed") from error
    if not isinstance(body, dict):
        raise refusals.malformed("The request body could not be parsed")
    return body


def _unfolded(fields: list[tuple[str, str]]) -> dict[str, Any]:
    """`workspace[title]=x` as `{"workspace": {"title": "x"}}`; `workspace[ids][]=1` as a list."""
    body: dict[str, Any] = {}
    for name, value in fields:
        steps = name.replace("]", "").split("[")
        place = body
        for step in steps[:-1] if steps[-1] else steps[:-2]:
            place = place.setdefault(step, {})
        if steps[-1]:
            place[steps[-1]] = value
        else:
            place.setdefault(steps[-2], []).append(value)
    return body
