"""Stripe's refusals as failures. Sources: docs.stripe.com/error-low-level, docs.stripe.com/error-codes."""

from collections.abc import Mapping

import httpx
import msgspec

from servicekit.failures import Failure, Kind

# No wait is promised with a 429; the vendor's own client waits half a second to five.
WAIT_S = 1.0


class ErrorRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Stripe's error object, as far as it decides anything."""

    type: str = ""
    code: str = ""
    message: str = ""
    param: str = ""


class _Body(msgspec.Struct, frozen=True, kw_only=True):
    error: ErrorRecord = ErrorRecord()


class _Meaning(msgspec.Struct, frozen=True):
    kind: Kind
    detail: str
    code: str = ""


_REFUSED = _Meaning(Kind.INVALID, "the billing platform refused the request", "refused_by_platform")
_OUR_KEY = _Meaning(Kind.MISCONFIGURED, "the billing platform does not accept our key")
_DRIFT = _Meaning(Kind.MISCONFIGURED, "the billing platform does not know what we ask for", "vendor_drift")
_LOCKED = _Meaning(Kind.BUSY, "the billing platform is working on the same record right now")
_THROTTLED = _Meaning(Kind.THROTTLED, "the billing platform asks for fewer requests")
_DOWN = _Meaning(Kind.UNAVAILABLE, "the billing platform is not available right now")

BY_CODE: Mapping[str, _Meaning] = {
    "api_key_expired": _OUR_KEY,
    "email_invalid": _Meaning(Kind.INVALID, "the billing platform does not take this e-mail address", "invalid_email"),
    "idempotency_key_in_use": _LOCKED,
    "invoice_not_editable": _Meaning(Kind.CONFLICT, "the invoice is issued and cannot be changed"),
    "lock_timeout": _LOCKED,
    "parameter_unknown": _DRIFT,
    "rate_limit": _THROTTLED,
    "resource_already_exists": _Meaning(Kind.CONFLICT, "the billing platform has such a record already"),
    "status_transition_invalid": _Meaning(Kind.CONFLICT, "the record's state does not allow this"),
}
BY_TYPE: Mapping[str, _Meaning] = {
    "idempotency_error": _Meaning(Kind.CONFLICT, "the key was used for another request", "idempotency_key_reused"),
}
BY_STATUS: Mapping[int, _Meaning] = {
    400: _REFUSED,
    401: _OUR_KEY,
    402: _Meaning(Kind.CONFLICT, "the payment was declined", "payment_declined"),
    403: _Meaning(Kind.MISCONFIGURED, "our key at the billing platform lacks a permission"),
    404: _DRIFT,  # an unknown address; an unknown record says resource_missing
    409: _LOCKED,
    429: _THROTTLED,
}


def failure_of(response: httpx.Response, *, repeatable: bool) -> Failure:
    """The failure behind an answer that is none of success.

    `repeatable` says that the request may be sent again as it is: then a 5xx is UNAVAILABLE, else IN_DOUBT, because
    the vendor may have acted before it failed (and gives the same answer to the same key for a day).
    """
    error = _error(response.content)
    meaning = _meaning(response.status_code, error, repeatable=repeatable)
    request = response.headers.get("request-id", "")
    said = " ".join(filter(None, (str(response.status_code), error.code, error.param, error.message, request)))
    wait_s = WAIT_S if meaning.kind in {Kind.THROTTLED, Kind.BUSY} else None
    return Failure(meaning.kind, meaning.detail, meaning.code, retry_after_s=wait_s, vendor_detail=said)


def _meaning(status: int, error: ErrorRecord, *, repeatable: bool) -> _Meaning:
    if error.code == "resource_missing":
        if status == 404:
            return _Meaning(Kind.MISSING, "the billing platform has no such record")
        return _Meaning(Kind.INVALID, "the request names a record that is not there", "unknown_reference")
    if status >= 500:
        return _DOWN if repeatable else _Meaning(Kind.IN_DOUBT, "the billing platform failed; it may have acted")
    return BY_CODE.get(error.code) or BY_TYPE.get(error.type) or BY_STATUS.get(status, _REFUSED)


def _error(content: bytes) -> ErrorRecord:
    """What can be read of the error object; nothing of a proxy's page."""
    try:
        return msgspec.json.decode(content, type=_Body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ErrorRecord()
