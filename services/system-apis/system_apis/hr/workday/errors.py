"""Workday's refusals as failures. Source: Staffing v6 OpenAPI (error body), Workday Web Services (faults).

REST errors are `{error, code?, errors[]}`; SOAP faults all come with HTTP 500 and are judged by their faultcode; what
stands before the tenant answers in HTML.
"""

from typing import Any

import httpx
import msgspec
from lxml import etree

from servicekit.failures import Failure, Kind

CODES: dict[str, Kind] = {"S22": Kind.MISCONFIGURED, "S21": Kind.MISSING, "A1": Kind.MISSING}
STATUSES: dict[int, Kind] = {
    400: Kind.MISCONFIGURED,  # all we ask is put together from settings: a field or report that is not there
    401: Kind.MISCONFIGURED,  # after a fresh token
    403: Kind.MISCONFIGURED,
    404: Kind.MISSING,
    429: Kind.THROTTLED,
    502: Kind.UNAVAILABLE,
    503: Kind.UNAVAILABLE,
    504: Kind.TIMED_OUT,
}
FAULTS: dict[str, Kind] = {
    "Client.authenticationError": Kind.MISCONFIGURED,
    "Client.validationError": Kind.MISCONFIGURED,
    "Server.processingFault": Kind.UNAVAILABLE,
}
DETAILS: dict[Kind, str] = {
    Kind.MISCONFIGURED: "HR does not let our integration user do this; its rights or our settings are wrong",
    Kind.MISSING: "HR has no such record",
    Kind.THROTTLED: "HR takes no more calls for now",
    Kind.TIMED_OUT: "HR took too long",
    Kind.UNAVAILABLE: "HR cannot answer right now",
    Kind.BAD_UPSTREAM: "HR answered what cannot be read",
}
WAIT_S = 30.0  # Workday sends no Retry-After


def failure_of(response: httpx.Response) -> Failure:
    """The failure behind an answer of REST, WQL or a report that is not 2xx. Its words are kept for the log only."""
    body = _json(response)
    code = str(body.get("code", ""))
    kind = CODES.get(code) or STATUSES.get(response.status_code)
    if kind is None:
        kind = Kind.UNAVAILABLE if response.status_code >= 500 else Kind.BAD_UPSTREAM
    entries = [entry for entry in body.get("errors") or [] if isinstance(entry, dict)]
    told = "; ".join(str(entry.get("error", "")) for entry in entries) or str(body.get("error", ""))
    return _failure(kind, f"{response.status_code} {code} {told}")


def report_failure(response: httpx.Response) -> Failure:
    """The failure behind a report that does not come: one that is not there is no missing worker."""
    failure = failure_of(response)
    if failure.kind is not Kind.MISSING:
        return failure
    detail = "a report that we need is not there or not shared with our integration user"
    return Failure(Kind.MISCONFIGURED, detail, code="hr_report_missing", vendor_detail=failure.vendor_detail)


def login_failure(response: httpx.Response) -> Failure:
    """The failure behind a refused token request."""
    if response.status_code not in {400, 401, 403}:
        return failure_of(response)
    body = _json(response)
    vendor_detail = f"{response.status_code} {body.get('error', '')} {body.get('error_description', '')}".strip()
    detail = "HR refuses our credentials"
    return Failure(Kind.MISCONFIGURED, detail, code="hr_login_refused", vendor_detail=vendor_detail[:500])


def fault_failure(response: httpx.Response) -> Failure:
    """The failure behind a SOAP fault. An unknown fault is taken for a passing one: throttling has no code."""
    try:
        root = etree.fromstring(response.content, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return failure_of(response)
    code = (root.findtext(".//faultcode") or "").rpartition(":")[2]
    text = (root.findtext(".//faultstring") or "").strip()
    if not code:
        return failure_of(response)
    kind = FAULTS.get(code) or (Kind.BAD_UPSTREAM if code.startswith("Client") else Kind.UNAVAILABLE)
    return _failure(kind, f"{code} {text}")


def unreadable(reason: str = "") -> Failure:
    return Failure(Kind.BAD_UPSTREAM, DETAILS[Kind.BAD_UPSTREAM], vendor_detail=reason)


def _failure(kind: Kind, vendor_detail: str) -> Failure:
    wait = WAIT_S if kind is Kind.THROTTLED else None
    return Failure(kind, DETAILS[kind], retry_after_s=wait, vendor_detail=vendor_detail.strip()[:500])


def _json(response: httpx.Response) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}
