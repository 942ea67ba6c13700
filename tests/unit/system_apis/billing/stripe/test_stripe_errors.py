"""What each refusal of Stripe means to us."""

import json

import httpx
import pytest

from servicekit.failures import Kind
from system_apis.billing.stripe.errors import failure_of

CASES = [
    (400, {"type": "invalid_request_error", "code": "email_invalid"}, Kind.INVALID, "invalid_email"),
    (400, {"type": "invalid_request_error", "code": "resource_missing"}, Kind.INVALID, "unknown_reference"),
    (400, {"type": "invalid_request_error", "code": "resource_already_exists"}, Kind.CONFLICT, "conflict"),
    (400, {"type": "invalid_request_error", "code": "parameter_unknown"}, Kind.MISCONFIGURED, "vendor_drift"),
    (400, {"type": "invalid_request_error", "code": "parameter_missing"}, Kind.INVALID, "refused_by_platform"),
    (400, {"type": "invalid_request_error", "code": "invoice_not_editable"}, Kind.CONFLICT, "conflict"),
    (400, {"type": "invalid_request_error", "code": "status_transition_invalid"}, Kind.CONFLICT, "conflict"),
    (400, {"type": "idempotency_error"}, Kind.CONFLICT, "idempotency_key_reused"),
    (400, {"type": "something_new"}, Kind.INVALID, "refused_by_platform"),
    (401, {"type": "invalid_request_error"}, Kind.MISCONFIGURED, "misconfigured"),
    (401, {"type": "invalid_request_error", "code": "api_key_expired"}, Kind.MISCONFIGURED, "misconfigured"),
    (402, {"type": "card_error", "code": "card_declined"}, Kind.CONFLICT, "payment_declined"),
    (403, {"type": "invalid_request_error"}, Kind.MISCONFIGURED, "misconfigured"),
    (404, {"type": "invalid_request_error", "code": "resource_missing"}, Kind.MISSING, "not_found"),
    (404, {"type": "invalid_request_error"}, Kind.MISCONFIGURED, "vendor_drift"),
    (409, {"type": "idempotency_error", "code": "idempotency_key_in_use"}, Kind.BUSY, "in_progress"),
    (429, {"type": "invalid_request_error", "code": "lock_timeout"}, Kind.BUSY, "in_progress"),
    (429, {"type": "invalid_request_error", "code": "rate_limit"}, Kind.THROTTLED, "throttled"),
]


@pytest.mark.parametrize(("status", "error", "kind", "code"), CASES)
def test_a_refusal_has_its_kind_whether_or_not_it_may_be_repeated(
    status: int, error: dict[str, str], kind: Kind, code: str
) -> None:
    """The code decides before the type, the type before the status."""
    response = httpx.Response(status, json={"error": {"message": "No such thing: 'sk_test_x'", **error}})
    for repeatable in (True, False):
        failure = failure_of(response, repeatable=repeatable)
        assert (kind, code) == (failure.kind, failure.code)


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_broken_platform_leaves_a_keyed_write_in_doubt(status: int) -> None:
    """A read, or a state that is set, is only unavailable."""
    response = httpx.Response(status, json={"error": {"type": "api_error"}})
    assert Kind.UNAVAILABLE is failure_of(response, repeatable=True).kind
    assert Kind.IN_DOUBT is failure_of(response, repeatable=False).kind


@pytest.mark.parametrize("content", [b"", b"<html>no</html>", b"[]", b'{"error":"x"}', b"\xff"])
def test_what_is_not_an_error_object_is_judged_by_its_status(content: bytes) -> None:
    """A proxy's page must not break anything."""
    assert Kind.THROTTLED is failure_of(httpx.Response(429, content=content), repeatable=True).kind


def test_the_vendors_words_are_only_for_the_log() -> None:
    """The caller is told nothing that the vendor said; the log has it with the vendor's request id."""
    body = {"error": {"type": "invalid_request_error", "code": "x", "message": "Invalid sk_test_1", "param": "email"}}
    failure = failure_of(
        httpx.Response(400, content=json.dumps(body), headers={"Request-Id": "req_1"}), repeatable=True
    )
    assert "400 x email Invalid sk_test_1 req_1" == failure.vendor_detail
    assert "sk_test" not in failure.detail
