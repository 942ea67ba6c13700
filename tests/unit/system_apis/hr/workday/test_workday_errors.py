"""Workday's refusals as failures: judged by code and faultcode, its words never shown."""

import httpx
import pytest

from servicekit.failures import Failure, Kind
from system_apis.hr.workday.errors import failure_of, fault_failure, login_failure, report_failure

WORDS = "SECRET WORDS"
FAULT = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body><e:Fault>'
    "<faultcode>{}</faultcode><faultstring>SECRET WORDS</faultstring></e:Fault></e:Body></e:Envelope>"
)


def shown(failure: Failure) -> Kind:
    """The kind, once it is sure that the vendor's words stay in the log."""
    assert WORDS not in failure.detail
    assert WORDS in failure.vendor_detail
    return failure.kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "validation error", "errors": [{"error": WORDS, "field": "query"}]}, Kind.MISCONFIGURED),
        (400, {"error": WORDS, "code": "A1"}, Kind.MISSING),
        (401, {"error": WORDS}, Kind.MISCONFIGURED),
        (403, {"error": WORDS, "code": "S22"}, Kind.MISCONFIGURED),
        (404, {"error": WORDS, "code": "S21"}, Kind.MISSING),
        (418, {"error": WORDS}, Kind.BAD_UPSTREAM),
        (429, {"error": WORDS}, Kind.THROTTLED),
        (500, {"error": WORDS}, Kind.UNAVAILABLE),
    ],
)
def test_rest_errors_by_code_and_status(status: int, body: dict[str, object], kind: Kind) -> None:
    """A code says more than a status; an unknown one leaves the status to judge."""
    assert kind is shown(failure_of(httpx.Response(status, json=body)))


@pytest.mark.parametrize(("status", "kind"), [(502, Kind.UNAVAILABLE), (503, Kind.UNAVAILABLE), (504, Kind.TIMED_OUT)])
def test_what_answers_in_html_is_judged_by_its_status(status: int, kind: Kind) -> None:
    """A tenant under maintenance answers with a page, SOAP's door included."""
    page = httpx.Response(status, html="<html><p>down</p></html>")
    assert (kind, kind) == (failure_of(page).kind, fault_failure(page).kind)


def test_throttling_asks_for_patience() -> None:
    """Workday names no wait, so we do."""
    assert 30.0 == failure_of(httpx.Response(429, json={})).retry_after_s


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("SOAP-ENV:Client.validationError", Kind.MISCONFIGURED),
        ("SOAP-ENV:Client.authenticationError", Kind.MISCONFIGURED),
        ("SOAP-ENV:Client.other", Kind.BAD_UPSTREAM),
        ("SOAP-ENV:Server.processingFault", Kind.UNAVAILABLE),
        ("throttled", Kind.UNAVAILABLE),
    ],
)
def test_faults_are_judged_by_faultcode(code: str, kind: Kind) -> None:
    """All of them come with HTTP 500; what has no known code passes."""
    assert kind is shown(fault_failure(httpx.Response(500, text=FAULT.format(code))))


def test_a_missing_report_is_no_missing_worker() -> None:
    """A report that was renamed or not shared is a matter of the settings."""
    failure = report_failure(httpx.Response(404, text="<error/>"))
    assert (Kind.MISCONFIGURED, "hr_report_missing") == (failure.kind, failure.code)


@pytest.mark.parametrize("status", [400, 401, 403])
def test_refused_credentials_are_ours_to_mend(status: int) -> None:
    """Whatever the token endpoint calls it, waiting does not help."""
    failure = login_failure(httpx.Response(status, json={"error": "invalid_grant", "error_description": WORDS}))
    assert Kind.MISCONFIGURED is shown(failure)
    assert "hr_login_refused" == failure.code
    assert Kind.UNAVAILABLE is login_failure(httpx.Response(503, text="")).kind
