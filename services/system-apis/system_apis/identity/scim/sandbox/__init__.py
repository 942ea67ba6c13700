"""A SCIM 2.0 service provider as a sandbox: Users, Groups, discovery, filters, PATCH, Bulk.

Sources: RFC 7643, RFC 7644, and what Okta and Microsoft Entra send as clients. Base path: /scim/v2.
"""

import hmac
import json
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sandboxkit.app import Context, Dialect, create_sandbox
from system_apis.identity.scim.sandbox import bulk, discovery, refusals, resources
from system_apis.identity.scim.sandbox.attributes import Record, ResourceType
from system_apis.identity.scim.sandbox.listing import asked_in_body, asked_in_query, listed
from system_apis.identity.scim.sandbox.refusals import MEDIA_TYPE, RefusalError, invalid_syntax, not_found
from system_apis.identity.scim.sandbox.schemas import RESOURCE_TYPES, of_endpoint
from system_apis.identity.scim.sandbox.world import BASE_PATH, World

_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_READABLE = frozenset({"", MEDIA_TYPE, "application/json"})


def create_sandbox_app(context: Context) -> ASGIApp:
    """The sandbox; `World` says what `context.config` may hold. Kinds of records: users, groups."""
    world = World(context)
    dialect = Dialect(outage=refusals.outage, throttled=refusals.throttled, expired_token=refusals.unauthorized)
    answer = _answering(world)
    routes = [Route(BASE_PATH + rest, answer, methods=_METHODS) for rest in ("", "/{path:path}")]
    return create_sandbox(context, dialect, routes)


def _answering(world: World) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.casefold() != "bearer" or not hmac.compare_digest(token.encode(), world.token.encode()):
            return refusals.unauthorized()
        try:
            return await _handle(world, request)
        except RefusalError as refusal:
            return refusal.answer()

    return answer


async def _handle(world: World, request: Request) -> Response:
    steps = [step for step in request.path_params.get("path", "").split("/") if step]
    method = request.method
    match steps:
        case [first, *_] if first in discovery.ENDPOINTS:
            _demand(method, "GET")
            discovery.refuse_filter(request.query_params.get("filter"))
            return _json(discovery.described(world, steps))
        case ["Me", *_]:
            raise RefusalError(501, "/Me is not implemented")
        case ["Bulk"]:
            _demand(method, "POST")
            return _json(bulk.performed(world, await _body(request)))
        case [] | [".search"]:
            return await _queried(world, request, RESOURCE_TYPES, searching=bool(steps))
    resource_type = of_endpoint(steps[0])
    match steps[1:]:
        case [".search"] if resource_type is not None:
            return await _queried(world, request, (resource_type,), searching=True)
        case [] if resource_type is not None:
            return await _at_collection(world, request, resource_type)
        case [record_id] if resource_type is not None:
            return await _at_resource(world, request, resource_type, record_id)
    raise not_found(request.url.path)


async def _queried(
    world: World, request: Request, resource_types: tuple[ResourceType, ...], *, searching: bool
) -> Response:
    _demand(request.method, "POST" if searching else "GET")
    asked = asked_in_body(await _body(request)) if searching else asked_in_query(request.query_params)
    return _json(listed(world, resource_types, asked))


async def _at_collection(world: World, request: Request, resource_type: ResourceType) -> Response:
    if request.method == "POST":
        asked = asked_in_query(request.query_params)
        return _answer(resources.create(world, resource_type, await _body(request), asked))
    return await _queried(world, request, (resource_type,), searching=False)


async def _at_resource(world: World, request: Request, resource_type: ResourceType, record_id: str) -> Response:
    asked = asked_in_query(request.query_params)
    if request.method == "GET":
        return _answer(resources.read(world, resource_type, record_id, asked, request.headers.get("if-none-match")))
    body = await _body(request) if request.method in {"PUT", "PATCH"} else {}
    if_match = request.headers.get("if-match")
    return _answer(resources.act(world, request.method, resource_type, record_id, body, asked, if_match))


def _demand(method: str, only: str) -> None:
    if method != only:
        raise RefusalError(405, f"{method} is not allowed here")


async def _body(request: Request) -> Record:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().casefold()
    if media_type not in _READABLE:
        raise RefusalError(415, f"{MEDIA_TYPE} is expected")
    content = await request.body()
    if len(content) > discovery.MAX_PAYLOAD_BYTES:
        raise RefusalError(413, f"The size of the payload exceeds maxPayloadSize ({discovery.MAX_PAYLOAD_BYTES})")
    try:
        body = json.loads(content)
    except ValueError as error:
        raise invalid_syntax("The body is not JSON") from error
    if not isinstance(body, dict):
        raise invalid_syntax("The body is not an object")
    return body


def _answer(outcome: resources.Outcome) -> Response:
    if outcome.body is None:
        return Response(status_code=outcome.status, headers=dict(resources.headers(outcome)))
    return _json(outcome.body, outcome.status, dict(resources.headers(outcome)))


def _json(body: Record, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse(body, status, headers, MEDIA_TYPE)
