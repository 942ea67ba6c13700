"""Salesforce's refusals as failures. Source: REST API Developer Guide v67.0, "Status Codes and Error Responses".

Data errors are arrays of {errorCode, message}, OAuth errors objects, and what stands before the API answers in HTML or
with nothing at all: whatever cannot be read is judged by its HTTP status.
"""

from typing import Any

import httpx
import msgspec

from servicekit.failures import Failure, Kind

FAILURES: dict[str, Kind] = {
    "INVALID_SESSION_ID": Kind.MISCONFIGURED,  # after a fresh token: the user may not use the API
    "API_DISABLED_FOR_ORG": Kind.MISCONFIGURED,
    "API_CURRENTLY_DISABLED": Kind.MISCONFIGURED,
    "INSUFFICIENT_ACCESS": Kind.MISCONFIGURED,
    "INSUFFICIENT_ACCESS_OR_READONLY": Kind.MISCONFIGURED,
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": Kind.MISCONFIGURED,
    "INVALID_FIELD": Kind.MISCONFIGURED,  # also a field that our user may not see
    "INVALID_TYPE": Kind.MISCONFIGURED,
    "MALFORMED_QUERY": Kind.MISCONFIGURED,
    "NOT_FOUND": Kind.MISSING,
    "ENTITY_IS_DELETED": Kind.MISSING,
    "MALFORMED_ID": Kind.MISSING,
    "INVALID_QUERY_FILTER_OPERATOR": Kind.MISSING,  # what was asked for is not even an id
    "REQUEST_LIMIT_EXCEEDED": Kind.THROTTLED,
    "INVALID_QUERY_LOCATOR": Kind.UNAVAILABLE,  # the result was forgotten between two pages: ask again
    "QUERY_TIMEOUT": Kind.TIMED_OUT,
    "UNABLE_TO_LOCK_ROW": Kind.UNAVAILABLE,
    "SERVER_UNAVAILABLE": Kind.UNAVAILABLE,
    "UNKNOWN_EXCEPTION": Kind.UNAVAILABLE,
}
STATUSES: dict[int, Kind] = {
    401: Kind.MISCONFIGURED,
    403: Kind.MISCONFIGURED,
    404: Kind.MISSING,
    406: Kind.UNAVAILABLE,  # seen at the edge, without a body, for moments
    420: Kind.UNAVAILABLE,  # the edge's "setting things up" page
    429: Kind.THROTTLED,
}
DETAILS: dict[Kind, str] = {
    Kind.MISCONFIGURED: "the CRM does not let our integration user do this; its rights or our settings are wrong",
    Kind.MISSING: "the CRM has no such record",
    Kind.THROTTLED: "the CRM takes no more calls for now",
    Kind.TIMED_OUT: "the CRM took too long over a query",
    Kind.UNAVAILABLE: "the CRM cannot answer right now",
    Kind.BAD_UPSTREAM: "the CRM answered what cannot be read",
}
# Salesforce sends no Retry-After. Concurrent calls end within seconds; the day's limit is rolling.
CONCURRENT_WAIT_S, DAILY_WAIT_S = 5.0, 900.0


def failure_of(response: httpx.Response) -> Failure:
    """The failure behind an answer that is not 2xx. Salesforce's own words are kept for the log only."""
    code, message = _first_error(response)
    kind = FAILURES.get(code) or STATUSES.get(response.status_code)
    if kind is None:
        kind = Kind.UNAVAILABLE if response.status_code >= 500 else Kind.BAD_UPSTREAM
    wait = None
    if kind is Kind.THROTTLED:
        wait = CONCURRENT_WAIT_S if "concurrent" in message.lower() else DAILY_WAIT_S
    vendor_detail = f"{response.status_code} {code} {message}".strip()[:500]
    return Failure(kind, DETAILS[kind], retry_after_s=wait, vendor_detail=vendor_detail)


def login_failure(response: httpx.Response) -> Failure:
    """The failure behind a refused token request."""
    if response.status_code not in {400, 401, 403}:
        return failure_of(response)
    body = _json(response)
    told = body if isinstance(body, dict) else {}
    vendor_detail = f"{told.get('error', response.status_code)} {told.get('error_description', '')}".strip()[:500]
    detail = "the CRM refuses our credentials"
    return Failure(Kind.MISCONFIGURED, detail, code="crm_login_refused", vendor_detail=vendor_detail)


def _first_error(response: httpx.Response) -> tuple[str, str]:
    body = _json(response)
    entry = body[0] if isinstance(body, list) and body else {}
    if not isinstance(entry, dict):
        return "", ""
    return str(entry.get("errorCode", "")), str(entry.get("message", ""))


def _json(response: httpx.Response) -> Any:
    try:
        return msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
