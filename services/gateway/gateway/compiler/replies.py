"""What Envoy answers by itself, as problem+json. Sources: RFC 9457, 6750, 9728; Envoy 1.40, local replies."""

from typing import Any

import msgspec

from servicekit.failures import Kind
from servicekit.problems import PROBLEM_MEDIA_TYPE, PROBLEM_PATH, TITLES

Json = dict[str, Any]

METADATA = "syncline"  # the routes' metadata namespace: api, resource

REQUEST_ID = "%REQ(X-REQUEST-ID)%"  # the trace's own id is not at hand in a reply; the access log holds both

_CEL = "type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter"
_SOON = (("retry-after", "1"),)
_RESOURCE = f"%METADATA(ROUTE:{METADATA}:resource)%"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """One local reply: which of Envoy's own answers it is for, and what the caller gets instead."""

    status: int  # what Envoy would answer
    code: str
    title: str
    detail: str
    retryable: bool = False
    answer: int = 0  # the status that is sent, when it is another one
    because: str = ""  # a part of Envoy's response code details that must be present
    headers: tuple[tuple[str, str], ...] = ()


def replies(origin: str) -> tuple[Reply, ...]:
    """Every local reply, the more exact before the more general."""
    return (*_about_tokens(origin), *_about_requests(), *_about_services())


def _about_tokens(origin: str) -> tuple[Reply, ...]:
    resource = f'resource_metadata="{origin}/.well-known/oauth-protected-resource{_RESOURCE}"'
    refused = (("www-authenticate", f'Bearer error="invalid_token", {resource}'),)
    detail = "The access token is missing, expired, malformed, or was issued for another layer."
    unchecked = Reply(
        status=401,
        answer=503,
        because="Jwks_remote_fetch",
        code=Kind.UNAVAILABLE.code,
        title=TITLES[Kind.UNAVAILABLE],
        detail="Access tokens cannot be checked right now.",
        retryable=True,
        headers=_SOON,
    )
    invalid = _of(Kind.UNAUTHENTICATED, detail, headers=refused)
    return (
        unchecked,
        msgspec.structs.replace(unchecked, status=403),
        msgspec.structs.replace(
            invalid, because="Jwt_is_missing", headers=(("www-authenticate", f"Bearer {resource}"),)
        ),
        invalid,
        # Envoy says 403 for an upgrade to another protocol as well, which has nothing to do with tokens.
        msgspec.structs.replace(
            _of(Kind.MALFORMED, "This protocol is not offered."), status=403, answer=400, because="upgrade_failed"
        ),
        # Envoy says 403 for an audience that is not the layer's; for us that token is not valid here.
        msgspec.structs.replace(invalid, status=403, answer=401),
    )


def _about_requests() -> tuple[Reply, ...]:
    return (
        _of(Kind.MALFORMED, "The request line, a header or the path is not acceptable."),
        # A coding of the body that nobody here reads: no fault of the edge, and trying again does not help.
        msgspec.structs.replace(_of(Kind.MALFORMED, "This transfer coding is not known."), status=501, answer=400),
        _of(Kind.MISSING, "No API offers this path."),
        _of(Kind.NOT_ALLOWED, "This path does not offer this method; see Allow."),
        Reply(
            status=408,
            code="request_timeout",
            title="Request timeout",
            detail="The request did not arrive in time.",
            retryable=True,
        ),
        _of(Kind.GONE, "This version of the API has ended; see Link for its successor."),
        _of(Kind.TOO_LARGE, "The request body is larger than the edge accepts."),
        Reply(
            status=426,
            code="upgrade_required",
            title="Upgrade required",
            detail="This protocol version is not accepted.",
        ),
        _of(Kind.THROTTLED, "Too many requests from this caller.", headers=_SOON),
        Reply(
            status=431,
            code="headers_too_large",
            title="Headers too large",
            detail="The request headers are larger than the edge accepts.",
        ),
    )


def _about_services() -> tuple[Reply, ...]:
    late = "The service did not answer in time. A write may have happened: repeat it with the same Idempotency-Key."
    return (
        _of(Kind.BAD_UPSTREAM, "The service gave an answer that is not HTTP."),
        _of(Kind.UNAVAILABLE, "The service does not answer right now.", headers=_SOON),
        _of(Kind.TIMED_OUT, late),
    )


def local_reply_config(origin: str) -> Json:
    """Envoy's `local_reply_config`; whatever is not foreseen still becomes problem+json, without Envoy's words."""
    other = Reply(status=0, code="error", title="Error", detail="The edge could not handle this request.")
    return {
        "mappers": [*(_plain(status) for status in (200, 302)), *(_mapper(reply) for reply in replies(origin))],
        "body_format": _body(other, "%RESPONSE_CODE%"),
    }


def _of(kind: Kind, detail: str, *, headers: tuple[tuple[str, str], ...] = ()) -> Reply:
    return Reply(
        status=kind.status,
        code=kind.code,
        title=TITLES[kind],
        detail=detail,
        retryable=kind.retryable,
        headers=headers,
    )


def _mapper(reply: Reply) -> Json:
    status = reply.answer or reply.status
    headers = (*reply.headers, ("cache-control", "no-store"), ("trace-id", REQUEST_ID))
    return {
        "filter": _filter(reply),
        "status_code": status,
        "headers_to_add": [
            {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
            for name, value in headers
        ],
        "body_format_override": _body(reply, status),
    }


def _body(reply: Reply, status: int | str) -> Json:
    return {
        "content_type": PROBLEM_MEDIA_TYPE,
        "json_format": {
            "type": PROBLEM_PATH + reply.code,
            "title": reply.title,
            "status": status,
            "detail": reply.detail,
            "code": reply.code,
            "retryable": reply.retryable,
            "trace_id": REQUEST_ID,
        },
    }


def _plain(status: int) -> Json:
    """The edge's own good news is no problem."""
    body = {"content_type": "text/plain", "text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}}
    return {"filter": _filter(Reply(status=status, code="", title="", detail="")), "body_format_override": body}


def _filter(reply: Reply) -> Json:
    by_status = {
        "status_code_filter": {
            "comparison": {"op": "EQ", "value": {"default_value": reply.status, "runtime_key": "edge.status_of_reply"}}
        }
    }
    if not reply.because:
        return by_status
    expression = f"response.code_details.contains('{reply.because}')"
    by_details = {
        "extension_filter": {
            "name": "envoy.access_loggers.extension_filters.cel",
            "typed_config": {"@type": _CEL, "expression": expression},
        }
    }
    return {"and_filter": {"filters": [by_status, by_details]}}
