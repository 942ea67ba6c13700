"""SCIM's refusals of reads as failures. Source: RFC 7644 section 3.12; nothing is ever written."""

import httpx
import msgspec

from servicekit.failures import Failure, Kind
from system_apis.identity.scim.records import ErrorRecord

# Retry-After is optional in SCIM.
THROTTLED_FOR_S = 5.0

# A server that cannot filter by an attribute, or not at all, says one of these.
FILTER_REFUSALS = frozenset({400, 403, 501})

_TABLE = {
    400: (Kind.BAD_UPSTREAM, "the identity provider does not understand how we ask"),
    401: (Kind.MISCONFIGURED, "the identity provider does not accept our token"),
    403: (Kind.MISCONFIGURED, "the identity provider does not let our token read this"),
    404: (Kind.MISSING, "the identity provider has no such account"),
    408: (Kind.TIMED_OUT, "the identity provider did not answer in time"),
    429: (Kind.THROTTLED, "the identity provider asks for fewer requests"),
    500: (Kind.UNAVAILABLE, "the identity provider failed"),
    501: (Kind.BAD_UPSTREAM, "the identity provider cannot do what we ask"),
    502: (Kind.UNAVAILABLE, "the identity provider cannot be reached"),
    503: (Kind.UNAVAILABLE, "the identity provider is not available right now"),
    504: (Kind.TIMED_OUT, "the identity provider did not answer in time"),
}


def failure_of(response: httpx.Response) -> Failure:
    """The failure behind a refusal; the server's own words are kept for the log only."""
    unknown = (Kind.BAD_UPSTREAM, f"the identity provider answered {response.status_code}")
    kind, detail = _TABLE.get(response.status_code, unknown)
    wait = _wait_s(response) if kind is Kind.THROTTLED else None
    return Failure(kind, detail, retry_after_s=wait, vendor_detail=_said(response))


def _wait_s(response: httpx.Response) -> float:
    asked = response.headers.get("retry-after", "")
    return float(asked) if asked.isascii() and asked.isdigit() else THROTTLED_FOR_S


def _said(response: httpx.Response) -> str:
    """The Error message, or the beginning of what a gateway said."""
    try:
        error = msgspec.json.decode(response.content, type=ErrorRecord)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return f"{response.status_code} {response.text[:200]}"
    return f"{response.status_code} {error.scim_type or ''} {error.detail or ''}"[:500]
