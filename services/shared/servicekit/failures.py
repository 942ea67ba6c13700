"""Every expected failure in Syncline: one exception type with a kind. Wire form: RFC 9457, in problems.py."""

from __future__ import annotations

from enum import Enum, unique

import msgspec


@unique
class Kind(Enum):
    """What went wrong: HTTP status, stable code, and whether trying the same again can help."""

    MALFORMED = (400, "malformed_request", False)
    UNAUTHENTICATED = (401, "invalid_token", False)
    DENIED = (403, "denied", False)
    MISSING = (404, "not_found", False)
    NOT_ALLOWED = (405, "method_not_allowed", False)
    CONFLICT = (409, "conflict", False)
    BUSY = (409, "in_progress", True)  # the same operation key is being worked on right now
    GONE = (410, "gone", False)
    STALE = (412, "precondition_failed", False)
    TOO_LARGE = (413, "too_large", False)
    UNSUPPORTED_MEDIA = (415, "unsupported_media_type", False)
    INVALID = (422, "invalid", False)
    PRECONDITION_REQUIRED = (428, "precondition_required", False)
    THROTTLED = (429, "throttled", True)
    MISCONFIGURED = (500, "misconfigured", False)  # our credentials or settings for a platform are wrong
    BAD_UPSTREAM = (502, "bad_upstream_answer", True)  # the platform answered what its contract does not allow
    UNAVAILABLE = (503, "unavailable", True)
    TIMED_OUT = (504, "timed_out", True)
    IN_DOUBT = (504, "in_doubt", True)  # a write was sent and its answer is not known yet

    def __init__(self, status: int, code: str, retryable: bool) -> None:
        self.status = status
        self.code = code
        self.retryable = retryable


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One thing wrong with the input. `pointer` is a JSON Pointer (RFC 6901) or `query:<name>`, `header:<name>`."""

    pointer: str
    code: str
    message: str


class Failure(Exception):  # noqa: N818  a failure is a fact, not always an error
    """An expected failure.

    `detail` and `errors` are safe to show a caller. Vendor text goes into `vendor_detail`, which is only logged.
    `code` refines the kind's own code (`unknown_cost_centre` is an INVALID). `retry_after_s` is in seconds.
    Survives pickling: the workflow engine stores what a step raised.
    """

    def __init__(
        self,
        kind: Kind,
        detail: str,
        code: str = "",
        errors: tuple[FieldError, ...] = (),
        retry_after_s: float | None = None,
        vendor_detail: str = "",
    ) -> None:
        super().__init__(kind, detail, code, errors, retry_after_s, vendor_detail)
        self.kind = kind
        self.detail = detail
        self.code = code or kind.code
        self.errors = errors
        self.retry_after_s = retry_after_s
        self.vendor_detail = vendor_detail

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"
