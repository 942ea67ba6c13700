"""The pieces that all contracts share: problem responses, headers, parameters and the security scheme."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from servicekit.auth import ACTOR_HEADER, ACTOR_PATTERN
from servicekit.failures import Kind
from servicekit.problems import INTERNAL_CODE, PROBLEM_MEDIA_TYPE, PROBLEM_PATH, TITLES
from servicekit.telemetry import CORRELATION_HEADER, TRACE_HEADER

TOKEN_URL = "/oauth/token"  # noqa: S105  at the edge, relative to where the document is served
AUTHORIZATION_URL = "/oauth/authorize"
_EXAMPLE_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_ON_EVERY_ANSWER = (TRACE_HEADER, CORRELATION_HEADER)
_RATE = ("RateLimit", "RateLimit-Policy")


class SharedResponse(msgspec.Struct, frozen=True):
    """One entry of `components.responses`."""

    name: str
    kind: Kind
    headers: tuple[str, ...] = ()
    code: str = ""  # of the example, where it is not the kind's own
    pointer: str = ""  # of the example's field error


RESPONSES: Mapping[int, SharedResponse] = {
    400: SharedResponse("BadRequest", Kind.MALFORMED, _RATE, "unknown_parameter", "query:colour"),
    401: SharedResponse("Unauthorized", Kind.UNAUTHENTICATED, ("WWW-Authenticate",)),
    403: SharedResponse("Forbidden", Kind.DENIED, _RATE, "insufficient_scope"),
    404: SharedResponse("NotFound", Kind.MISSING, _RATE),
    405: SharedResponse("MethodNotAllowed", Kind.NOT_ALLOWED, ("Allow",)),
    409: SharedResponse("Conflict", Kind.CONFLICT, (*_RATE, "Retry-After")),
    410: SharedResponse("Gone", Kind.GONE, _RATE),
    412: SharedResponse("PreconditionFailed", Kind.STALE, _RATE),
    413: SharedResponse("ContentTooLarge", Kind.TOO_LARGE, _RATE),
    415: SharedResponse("UnsupportedMediaType", Kind.UNSUPPORTED_MEDIA, _RATE),
    422: SharedResponse("UnprocessableContent", Kind.INVALID, _RATE, "", "/value/currency"),
    428: SharedResponse("PreconditionRequired", Kind.PRECONDITION_REQUIRED, _RATE),
    429: SharedResponse("TooManyRequests", Kind.THROTTLED, (*_RATE, "Retry-After")),
    500: SharedResponse("InternalError", Kind.MISCONFIGURED, _RATE, INTERNAL_CODE),
    502: SharedResponse("BadGateway", Kind.BAD_UPSTREAM, _RATE),
    503: SharedResponse("ServiceUnavailable", Kind.UNAVAILABLE, (*_RATE, "Retry-After")),
    504: SharedResponse("GatewayTimeout", Kind.TIMED_OUT, (*_RATE, "Retry-After")),
}

_HEADERS: Mapping[str, dict[str, Any]] = {
    "Allow": {"description": "The methods that this address takes.", "example": "GET, POST"},
    "ETag": {"description": "The entity tag of this representation; send it as If-Match.", "example": '"xyzzy"'},
    "Location": {"description": "Where the new resource is.", "example": "/v1/onboardings/onb_01933b5e8f7a"},
    "RateLimit": {
        "description": "What this client may still do (IETF draft ratelimit-headers-10).",
        "example": '"client";r=599;t=1',
    },
    "RateLimit-Policy": {
        "description": "How much a client may do: q requests in w seconds (IETF draft ratelimit-headers-10).",
        "example": '"client";q=600;w=60',
    },
    "Retry-After": {"description": "Seconds to wait before trying again.", "example": 2},
    CORRELATION_HEADER: {"description": "The correlation id of the request, the caller's or ours.", "example": "cor_1"},
    TRACE_HEADER: {"description": "The trace of this request, to be told to support.", "example": _EXAMPLE_TRACE},
    "WWW-Authenticate": {
        "description": "What is needed to get in (RFC 6750), and where to read about it (RFC 9728).",
        "example": 'Bearer error="invalid_token"',
    },
}
# What the edge says by itself, before any service is asked, has no trace or correlation id: those are not required.
_REQUIRED = frozenset({"WWW-Authenticate", "Allow"})

HEADER_DESCRIPTIONS: Mapping[str, str] = {
    "Idempotency-Key": "Makes the command safe to repeat: the same key and body get the first answer again.",
    "If-Match": "The ETag of what was read; the write is refused when it has changed since.",
    "If-None-Match": "The ETag of what the caller holds; 304 when it is still current.",
}
HEADER_EXAMPLES: Mapping[str, str] = {
    "Idempotency-Key": "0193c0de-5e8f-7a7c-8e9d-2b4f6a8c0e1d",
    "If-Match": '"xyzzy"',
    "If-None-Match": '"xyzzy"',
}

_PARAMETERS: Mapping[str, dict[str, Any]] = {
    "Actor": {
        "name": ACTOR_HEADER,
        "description": "The person or partner the caller acts for. Only with the scope actor.assert.",
        "schema": {"type": "string", "pattern": ACTOR_PATTERN},
        "example": "per_01933b5e8f7a7c3e9d2b4f6a8c0e1d2f",
    },
    "CorrelationId": {
        "name": CORRELATION_HEADER,
        "description": "The caller's own id for this piece of business; echoed. One that does not fit is replaced.",
        "schema": {"type": "string"},
        "example": "deal-4711",
    },
    "Traceparent": {
        "name": "traceparent",
        "description": "W3C Trace Context.",
        "schema": {"type": "string"},
        "example": f"00-{_EXAMPLE_TRACE}-00f067aa0ba902b7-01",
    },
}
SHARED_PARAMETERS: tuple[dict[str, str], ...] = tuple(
    {"$ref": f"#/components/parameters/{name}"} for name in _PARAMETERS
)


def headers_of_success(answer: Mapping[str, Any]) -> list[str]:
    """The headers of a success: ours on every answer, and what the route declares of those we know."""
    declared = [name for name in answer.get("headers") or {} if name in _HEADERS]
    return [*dict.fromkeys([*declared, *_RATE, *_ON_EVERY_ANSWER])]


def components(layer: str, scopes: list[str], paths: Mapping[str, Any]) -> dict[str, Any]:
    """All components but the schemas: only those responses and headers that *paths* refer to."""
    used = {name for methods in paths.values() for operation in methods.values() for name in _used(operation)}
    responses = {shared.name: _response(shared) for shared in RESPONSES.values() if shared.name in used}
    return {
        "responses": responses,
        "parameters": {name: {**spec, "in": "header", "required": False} for name, spec in _PARAMETERS.items()},
        "headers": {name: _header(name) for name in sorted(_HEADERS)},
        "securitySchemes": {"oauth2": _security_scheme(layer, scopes)},
    }


def _used(operation: Mapping[str, Any]) -> list[str]:
    references = [response.get("$ref", "") for response in operation["responses"].values()]
    return [reference.removeprefix("#/components/responses/") for reference in references if reference]


def _response(shared: SharedResponse) -> dict[str, Any]:
    names = [*shared.headers, *_ON_EVERY_ANSWER]
    return {
        "description": f"{TITLES[shared.kind]}.",
        "headers": {name: {"$ref": f"#/components/headers/{name}"} for name in names},
        "content": {
            PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "example": _example(shared)}
        },
    }


def _example(shared: SharedResponse) -> dict[str, Any]:
    kind, code = shared.kind, shared.code or shared.kind.code
    error = {"pointer": shared.pointer, "code": code, "message": "What is wrong here."}
    return {
        "type": PROBLEM_PATH + (code if code == INTERNAL_CODE else kind.code),
        "title": TITLES[kind],
        "status": kind.status,
        "code": code,
        "detail": f"{TITLES[kind]}.",
        "trace_id": _EXAMPLE_TRACE,
        "retryable": kind.retryable,
        "errors": [error] if shared.pointer else [],
    }


def _header(name: str) -> dict[str, Any]:
    spec = _HEADERS[name]
    kind = "integer" if name == "Retry-After" else "string"
    return {
        "description": spec["description"],
        "required": name in _REQUIRED,
        "schema": {"type": kind},
        "example": spec["example"],
    }


def _security_scheme(layer: str, scopes: list[str]) -> dict[str, Any]:
    named = {scope: _spoken(scope) for scope in scopes}
    flows: dict[str, Any] = {"clientCredentials": {"tokenUrl": TOKEN_URL, "scopes": named}}
    if layer == "experience":
        flows["authorizationCode"] = {
            "authorizationUrl": AUTHORIZATION_URL,
            "tokenUrl": TOKEN_URL,
            "scopes": named,
        }
    description = f"Access tokens of the Syncline issuer for the audience syncline-{layer}."
    return {"type": "oauth2", "description": description, "flows": flows}


def _spoken(scope: str) -> str:
    """`crm.opportunities.read` as "Read opportunities of crm"."""
    api, _, rest = scope.partition(".")
    resource, _, verb = rest.rpartition(".")
    return f"{verb.capitalize()} {resource.replace('-', ' ')} of {api}." if resource else f"{scope}."
