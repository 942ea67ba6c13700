"""The error table: each of Salesforce's refusals becomes the kind that says what to do about it."""

import httpx
import pytest

from servicekit.failures import Kind
from system_apis.crm.salesforce.errors import failure_of, login_failure


def refusal(status: int, code: str, message: str = "") -> httpx.Response:
    return httpx.Response(status, json=[{"errorCode": code, "message": message}])


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (refusal(401, "INVALID_SESSION_ID"), Kind.MISCONFIGURED),
        (refusal(403, "INSUFFICIENT_ACCESS"), Kind.MISCONFIGURED),
        (refusal(400, "INVALID_FIELD"), Kind.MISCONFIGURED),
        (refusal(404, "NOT_FOUND"), Kind.MISSING),
        (refusal(404, "ENTITY_IS_DELETED"), Kind.MISSING),
        (refusal(400, "QUERY_TIMEOUT"), Kind.TIMED_OUT),
        (refusal(400, "INVALID_QUERY_LOCATOR"), Kind.UNAVAILABLE),
        (refusal(503, "SERVER_UNAVAILABLE"), Kind.UNAVAILABLE),
        (refusal(400, "A_CODE_OF_TOMORROW"), Kind.BAD_UPSTREAM),
        (httpx.Response(500, text="<html>down</html>"), Kind.UNAVAILABLE),
        (httpx.Response(406), Kind.UNAVAILABLE),
        (httpx.Response(420, text="<html>setting things up</html>"), Kind.UNAVAILABLE),
        (httpx.Response(414, text="<h1>Bad Message 414</h1>"), Kind.BAD_UPSTREAM),
        (httpx.Response(400, json={"error": "an object"}), Kind.BAD_UPSTREAM),
        (httpx.Response(400, json=["a text"]), Kind.BAD_UPSTREAM),
    ],
)
def test_each_refusal_has_its_kind(response: httpx.Response, kind: Kind) -> None:
    """By error code, else by status; HTML, objects and nothing at all are survived."""
    assert failure_of(response).kind is kind


def test_limits_say_how_long_to_wait() -> None:
    """Too many calls at a time pass within seconds, the day's limit within many minutes."""
    busy = failure_of(refusal(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded."))
    used_up = failure_of(refusal(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."))
    assert (busy.kind, busy.retry_after_s) == (Kind.THROTTLED, 5.0)
    assert (used_up.kind, used_up.retry_after_s) == (Kind.THROTTLED, 900.0)


def test_the_vendors_text_is_for_the_log_alone() -> None:
    """What Salesforce says may hold names and values of records."""
    failure = failure_of(refusal(400, "INVALID_FIELD", "No such column 'Secret__c'"))
    assert "Secret__c" not in failure.detail
    assert failure.vendor_detail == "400 INVALID_FIELD No such column 'Secret__c'"


def test_a_refused_login_is_our_misconfiguration() -> None:
    """OAuth errors are objects, their description may be absent; an outage of the login host is no refusal."""
    refused = login_failure(httpx.Response(400, json={"error": "invalid_grant"}))
    down = login_failure(httpx.Response(503, text="down"))
    assert (refused.kind, refused.code, refused.vendor_detail) == (
        Kind.MISCONFIGURED,
        "crm_login_refused",
        "invalid_grant",
    )
    assert down.kind is Kind.UNAVAILABLE
