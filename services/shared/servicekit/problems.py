"""Failures and the framework's refusals as RFC 9457 problem details: the only place where an error becomes HTTP."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from litestar import Request, Response
from litestar.enums import ParamType
from litestar.exceptions import (
    HTTPException,
    MethodNotAllowedException,
    NotFoundException,
    ValidationException,
)
from litestar.params import ParameterKwarg
from litestar.types import ExceptionHandlersMap

from servicekit.checking import pointer
from servicekit.failures import Failure, FieldError, Kind
from servicekit.telemetry import current_trace_id

PROBLEM_MEDIA_TYPE = "application/problem+json"
PROBLEM_PATH = "/docs/problems/"
INTERNAL_CODE = "internal_error"

TITLES: Mapping[Kind, str] = {
    Kind.MALFORMED: "The request cannot be read",
    Kind.UNAUTHENTICATED: "A valid access token is needed",
    Kind.DENIED: "Not allowed",
    Kind.MISSING: "Not found",
    Kind.NOT_ALLOWED: "Method not allowed",
    Kind.CONFLICT: "In conflict with the present state",
    Kind.BUSY: "The same request is being worked on",
    Kind.GONE: "No longer there",
    Kind.STALE: "Changed in the meantime",
    Kind.TOO_LARGE: "The request is too large",
    Kind.UNSUPPORTED_MEDIA: "Unsupported media type",
    Kind.INVALID: "The request does not make sense",
    Kind.PRECONDITION_REQUIRED: "A precondition is needed",
    Kind.THROTTLED: "Too many requests",
    Kind.MISCONFIGURED: "Set up wrongly on our side",
    Kind.BAD_UPSTREAM: "A platform answered what we cannot use",
    Kind.UNAVAILABLE: "Not available right now",
    Kind.TIMED_OUT: "No answer in time",
    Kind.IN_DOUBT: "Sent, but not known to be done",
}
# The framework's own refusals by status; where a status has several kinds, the plain one.
_KIND_OF_STATUS: Mapping[int, Kind] = {kind.status: kind for kind in reversed(Kind)}
_DETAILS: Mapping[int, str] = {
    400: "The request cannot be read.",
    404: "There is nothing at this address.",
    405: "This address does not take that method; see Allow.",
    413: "The body is larger than this service takes.",
}
# Litestar's own words for a parameter that is not there; it gives no structure with them.
_MISSING = re.compile(r"Missing required (?P<source>query|header|path|cookie) parameter '(?P<name>[^']+)' for path")


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error, by RFC 9457. `type` names the kind of problem and `code` says it more exactly where there is more."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    trace_id: str | None  # None where the edge could not even read the request
    retryable: bool  # whether sending the same again can help
    errors: tuple[FieldError, ...] = ()
    instance: str | msgspec.UnsetType = msgspec.UNSET


def problem_of(failure: Failure) -> Problem:
    """*failure* as the caller sees it. What the vendor said stays out."""
    return Problem(
        type=PROBLEM_PATH + failure.kind.code,
        title=TITLES[failure.kind],
        status=failure.kind.status,
        code=failure.code,
        detail=failure.detail,
        trace_id=current_trace_id(),
        retryable=failure.kind.retryable,
        errors=failure.errors,
    )


def exception_handlers(resource_metadata: str) -> ExceptionHandlersMap:
    """Litestar's handlers. *resource_metadata* is the URL of the RFC 9728 document that a 401 and a 403 point to."""

    def failed(request: Request[Any, Any, Any], failure: Failure) -> Response[bytes]:
        _log(request, failure)
        return _answer(problem_of(failure), _headers(request, failure, resource_metadata))

    def refused(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
        if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return broke(request, error)
        answer = failed(request, _failure_of(error, request))
        for name, value in (error.headers or {}).items():
            if name.lower() == "allow":  # Litestar adds OPTIONS, which no contract of ours has
                methods = sorted(method for method in value.split(", ") if method != "OPTIONS")
                answer.headers["Allow"] = ", ".join(methods)
        return answer

    def broke(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        structlog.get_logger(__name__).error("request_broke", path=request.scope["path"], exc_info=error)
        return _answer(_internal(), {})

    return {Failure: failed, HTTPException: refused, Exception: broke}


def _failure_of(error: HTTPException, request: Request[Any, Any, Any]) -> Failure:
    if isinstance(error, ValidationException):
        return _invalid_parameters(error, request)
    if isinstance(error, NotFoundException | MethodNotAllowedException):
        return Failure(_KIND_OF_STATUS[error.status_code], _DETAILS[error.status_code])
    kind = _KIND_OF_STATUS.get(error.status_code, Kind.MALFORMED)
    return Failure(kind, _DETAILS.get(kind.status, f"{TITLES[kind]}."))


def _invalid_parameters(error: ValidationException, request: Request[Any, Any, Any]) -> Failure:
    found = error.extra if isinstance(error.extra, list) else []
    errors = tuple(_field_error(entry, request) for entry in found if isinstance(entry, dict))
    if any(entry.pointer == "" for entry in errors):
        return Failure(Kind.MALFORMED, "A JSON body is required.", code="body_required")
    if errors and all(entry.pointer.startswith("/") for entry in errors):
        return Failure(Kind.INVALID, "The body does not fit its schema; see errors.", errors=errors)
    errors = errors or _missing_parameter(error)
    return Failure(Kind.MALFORMED, "A parameter is missing or not valid; see errors.", "invalid_parameter", errors)


def _field_error(entry: dict[str, Any], request: Request[Any, Any, Any]) -> FieldError:
    source, key = entry.get("source", ParamType.QUERY), str(entry.get("key", ""))
    message = f"{str(entry.get('message', 'Not valid')).rstrip('.')}."
    if source == "body":
        place = "" if key == "data" else "".join(pointer("", step) for step in key.split("."))
    else:
        place = f"{ParamType(source).value}:{_sent_as(key, request)}"
    return FieldError(pointer=place, code="invalid", message=message)


def _sent_as(name: str, request: Request[Any, Any, Any]) -> str:
    """The name on the wire of the route's parameter *name*: `Idempotency-Key` for `key`."""
    field = request.route_handler.parsed_fn_signature.parameters.get(name)
    definition = field.kwarg_definition if field else None
    return (definition.name if isinstance(definition, ParameterKwarg) else None) or name


def _missing_parameter(error: ValidationException) -> tuple[FieldError, ...]:
    if not (match := _MISSING.match(error.detail)):
        return ()
    place = f"{match['source']}:{match['name']}"
    return (FieldError(pointer=place, code="required", message="This parameter is required."),)


def _headers(request: Request[Any, Any, Any], failure: Failure, resource_metadata: str) -> dict[str, str]:
    headers: dict[str, str] = {}
    if failure.retry_after_s is not None:
        headers["Retry-After"] = str(max(0, math.ceil(failure.retry_after_s)))
    if failure.kind is Kind.UNAUTHENTICATED:
        headers["WWW-Authenticate"] = _challenge(failure, resource_metadata)
    elif failure.kind is Kind.DENIED and failure.code == "insufficient_scope":
        scopes = " ".join(request.scope.get("state", {}).get("required_scopes", ()))
        headers["WWW-Authenticate"] = _challenge(failure, resource_metadata, scope=scopes)
    return headers


def _challenge(failure: Failure, resource_metadata: str, *, scope: str = "") -> str:
    """RFC 6750 section 3: no error code where no token was sent at all."""
    parts = (
        [] if failure.code == "token_required" else [f'error="{failure.code}"', f'error_description="{failure.detail}"']
    )
    if scope:
        parts.append(f'scope="{scope}"')
    return "Bearer " + ", ".join([*parts, f'resource_metadata="{resource_metadata}"'])


def _internal() -> Problem:
    return Problem(
        type=PROBLEM_PATH + INTERNAL_CODE,
        title="Something broke on our side",
        status=500,
        code=INTERNAL_CODE,
        detail="The request could not be completed. The trace id leads us to the reason.",
        trace_id=current_trace_id(),
        retryable=False,
    )


def _answer(problem: Problem, headers: dict[str, str]) -> Response[bytes]:
    content = msgspec.json.encode(problem)
    return Response(content, status_code=problem.status, media_type=PROBLEM_MEDIA_TYPE, headers=headers)


def _log(request: Request[Any, Any, Any], failure: Failure) -> None:
    log = structlog.get_logger(__name__)
    write = log.warning if failure.kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR else log.info
    write(
        "request_failed",
        path=request.scope["path"],
        status=failure.kind.status,
        code=failure.code,
        detail=failure.detail,
        **({"vendor_detail": failure.vendor_detail} if failure.vendor_detail else {}),
    )
