"""Kantata's refusals as failures. Source: developer.kantata.com, "Response Codes", and the contract's Errors schema.

There is no machine code: status, `type` and `field` decide. A 503 has no effect; after a 500, 502 or 504 to a write
nobody knows.
"""

import httpx
import msgspec

from servicekit.failures import Failure, Kind

# Kantata gives no hint when to come back.
THROTTLED_FOR_S = 5.0

_TAKEN = "already been taken"
_IN_DOUBT = frozenset({500, 502, 504})
_TABLE = {
    400: (Kind.INVALID, "the PSA does not understand the record", "refused_by_platform"),
    401: (Kind.MISCONFIGURED, "the PSA does not accept our token", ""),
    403: (Kind.DENIED, "the PSA does not let our user do this", ""),
    404: (Kind.MISSING, "the PSA has no such record", ""),
    422: (Kind.INVALID, "the PSA refuses the record", "refused_by_platform"),
    429: (Kind.THROTTLED, "the PSA asks for fewer requests", ""),
    500: (Kind.UNAVAILABLE, "the PSA failed", ""),
    502: (Kind.UNAVAILABLE, "the PSA cannot be reached", ""),
    503: (Kind.UNAVAILABLE, "the PSA is not available right now", ""),
    504: (Kind.UNAVAILABLE, "the PSA did not answer in time", ""),
}


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One entry of `errors`; `field` is there for `validation` only."""

    type: str = ""
    message: str = ""
    field: str = ""


class ErrorsRecord(msgspec.Struct, frozen=True, kw_only=True):
    errors: tuple[ErrorRecord, ...] = ()


def failure_of(response: httpx.Response, *, repeatable: bool) -> Failure:
    """The failure behind a refusal; `repeatable` says that doing the same again is safe."""
    said = _said(response)
    if response.request.method == "GET" and response.status_code in {400, 422}:
        return Failure(Kind.BAD_UPSTREAM, "the PSA does not understand how we ask", vendor_detail=said)
    if response.status_code in _IN_DOUBT and not repeatable:
        detail = "the PSA failed while it worked on the request; whether it acted is not known yet"
        return Failure(Kind.IN_DOUBT, detail, vendor_detail=said)
    if response.status_code == 422 and _TAKEN in said:
        return Failure(Kind.CONFLICT, "the PSA has such a record already", code="already_exists", vendor_detail=said)
    unknown = (Kind.BAD_UPSTREAM, f"the PSA answered {response.status_code}", "")
    kind, detail, code = _TABLE.get(response.status_code, unknown)
    wait = THROTTLED_FOR_S if kind is Kind.THROTTLED else None
    return Failure(kind, detail, code=code, retry_after_s=wait, vendor_detail=said)


def _said(response: httpx.Response) -> str:
    """For the log: Kantata's messages, its request id, or the beginning of what a gateway said."""
    request_id = response.headers.get("x-request-id", "")
    try:
        errors = msgspec.json.decode(response.content, type=ErrorsRecord).errors
    except msgspec.DecodeError:
        return f"{response.text[:200]} [{request_id}]"
    return "; ".join(f"{error.type} {error.field}: {error.message}" for error in errors) + f" [{request_id}]"
