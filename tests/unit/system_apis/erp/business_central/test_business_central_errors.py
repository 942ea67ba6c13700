"""What each refusal of Business Central means, in its own codes and words."""

from typing import Any

import httpx
import pytest

from servicekit.failures import Kind
from system_apis.erp.business_central.errors import failure_of, spoken

CORRELATION = "  CorrelationId:  0e82377d-b2af-437d-be1d-71c99ea29421."
DIALOG = "Application_DialogException"
XML = (
    b'<error xmlns="http://docs.oasis-open.org/odata/ns/metadata"><code>Unauthorized</code>'
    b"<message>The credentials provided are incorrect</message></error>"
)


def answer(status: int, code: str, message: str = "Words.", **headers: str) -> httpx.Response:
    body = {"error": {"code": code, "message": message + CORRELATION}}
    return httpx.Response(status, json=body, headers=headers)


@pytest.mark.parametrize(
    ("status", "code", "message", "kind", "ours"),
    [
        (
            401,
            "Authentication_InvalidCredentials",
            "The server has rejected",
            Kind.MISCONFIGURED,
            "credentials_refused",
        ),
        (403, "Authorization_Denied", "No.", Kind.MISCONFIGURED, "permission_missing"),
        (
            400,
            "Internal_X",
            "Sorry, the current permissions prevented the action.",
            Kind.MISCONFIGURED,
            "permission_missing",
        ),
        (404, "Internal_CompanyNotFound", "Can't process", Kind.MISCONFIGURED, "company_not_found"),
        (404, "BadRequest_ResourceNotFound", "Resource not found", Kind.MISCONFIGURED, "page_not_published"),
        (404, "Internal_RecordNotFound", "The Customer does not exist.", Kind.MISSING, "not_found"),
        (404, "BadRequest_NotFound", "Bad Request", Kind.MISSING, "not_found"),
        (409, "Request_EntityChanged", "Another user has already changed", Kind.CONFLICT, "changed_meanwhile"),
        (412, "", "", Kind.CONFLICT, "changed_meanwhile"),
        (400, "Internal_EntityWithSameKeyExists", "The Project already exists.", Kind.CONFLICT, "number_taken"),
        (409, "Internal_EntityWithSameKeyExists", "The Project already exists.", Kind.CONFLICT, "number_taken"),
        (
            400,
            "Internal_InvalidTableRelation",
            "The field Currency Code of table Project contains a value (XXX) that cannot be found in the related table",
            Kind.INVALID,
            "currency_not_allowed",
        ),
        (
            400,
            "Internal_InvalidTableRelation",
            "The field Tax Area Code of table Customer contains a value (X) that cannot be found in the related table",
            Kind.INVALID,
            "unknown_reference",
        ),
        (
            400,
            DIALOG,
            "CC-D77 is not an available Dimension Value for that dimension.",
            Kind.INVALID,
            "unknown_cost_centre",
        ),
        (400, DIALOG, 'The "valueCode" does not match to a Dimension Value.', Kind.INVALID, "unknown_cost_centre"),
        (
            400,
            DIALOG,
            "Select a Dimension Value Code for the Dimension Code DEPARTMENT for G/L Account 40100.",
            Kind.INVALID,
            "missing_dimension",
        ),
        (
            400,
            DIALOG,
            "Select a Dimension Value Code for the Dimension Code DEPARTMENT for Project P-1.",
            Kind.INVALID,
            "cost_centre_required",
        ),
        (400, DIALOG, "Dimension Value COSTCENTRE - CC-1 is blocked.", Kind.INVALID, "cost_centre_blocked"),
        (400, DIALOG, "You may not enter numbers manually. If", Kind.MISCONFIGURED, "manual_numbers_off"),
        (400, DIALOG, "Some rule of an extension.", Kind.INVALID, "refused_by_platform"),
        (400, "Application_StringExceededLength", "The length of the string is 57", Kind.INVALID, "too_long"),
        (400, "Unknown", "'Won' is not an option.", Kind.INVALID, "unknown_option"),
        (400, "BadRequest", "Invalid Request Body", Kind.BAD_UPSTREAM, "request_not_understood"),
        (400, "BadRequest_InvalidToken", "Could not validate", Kind.BAD_UPSTREAM, "request_not_understood"),
    ],
)
def test_each_refusal_has_its_meaning(status: int, code: str, message: str, kind: Kind, ours: str) -> None:
    """By BC's code, then by its words, then by the status, then by the class of its code."""
    failure = failure_of(answer(status, code, message), wrote=True)
    assert (kind, ours) == (failure.kind, failure.code)


@pytest.mark.parametrize(
    ("message", "kind", "ours"),
    [
        (
            "Posting Date is not within your range of allowed posting dates in Sales Header: No.=1001.",
            Kind.INVALID,
            "period_closed",
        ),
        (
            "You cannot post this type of document when Customer C2001 is blocked with type All",
            Kind.INVALID,
            "customer_blocked",
        ),
        ("The sell-to customer cannot be found.", Kind.INVALID, "unknown_customer_account"),
        (
            "The field VAT Prod. Posting Group of table Sales Line contains a value (VAT99) that cannot be found in",
            Kind.INVALID,
            "unknown_tax_code",
        ),
        ("The field Tax Group Code of table Sales Line contains a value (X)", Kind.INVALID, "unknown_tax_code"),
        ("The VAT Posting Setup does not exist. Identification fields", Kind.INVALID, "tax_code_not_set_up"),
        ("The dimension set line already exists. Check existing", Kind.MISCONFIGURED, "dimension_defaulted"),
        ("The action can be applied to a draft invoice only.", Kind.CONFLICT, "already_posted"),
        ("The action can be applied to a draft credit memo only.", Kind.CONFLICT, "already_posted"),
        (
            "There is no Cust. Ledger Entry within the filter. Filters: Document No.: X",
            Kind.CONFLICT,
            "corrected_document_settled",
        ),
        ("There is no Currency Exchange Rate within the filter.", Kind.INVALID, "exchange_rate_missing"),
        ("Please add at least one line item to the invoice.", Kind.INVALID, "no_lines"),
        ("There is nothing to post.", Kind.CONFLICT, "nothing_to_post"),
        ("Document No. RR-1 is out of balance by 0.01. Please check", Kind.INVALID, "unbalanced"),
        ("Account does not exist.", Kind.MISCONFIGURED, "account_not_found"),
        ('The "accountNumber" does not match to an Account.', Kind.MISCONFIGURED, "account_not_found"),
        (
            "Direct Posting must be equal to 'Yes'  in G/L Account: No.=1200. Current value is 'No'.",
            Kind.MISCONFIGURED,
            "account_not_postable",
        ),
    ],
)
def test_each_refusal_of_a_posting_has_its_meaning(message: str, kind: Kind, ours: str) -> None:
    """In the words of the pages and of the base application, whatever stands before and after them."""
    failure = failure_of(answer(400, DIALOG, message), wrote=True)
    assert (kind, ours) == (failure.kind, failure.code)


@pytest.mark.parametrize(
    ("status", "code", "wrote", "kind"),
    [
        (500, "Internal_ServerError", True, Kind.IN_DOUBT),
        (500, "Internal_ServerError", False, Kind.UNAVAILABLE),
        (503, "Internal_TenantUnavailable", True, Kind.UNAVAILABLE),
        (503, "", True, Kind.IN_DOUBT),
        (504, "", True, Kind.IN_DOUBT),
        (408, "Internal_Timeout", True, Kind.IN_DOUBT),
        (429, "Application_TooManyRequests", True, Kind.THROTTLED),
    ],
)
def test_a_broken_write_is_in_doubt_unless_nothing_was_begun(status: int, code: str, wrote: bool, kind: Kind) -> None:
    """Only answers that rule out an effect may say UNAVAILABLE or THROTTLED to a write."""
    assert kind is failure_of(answer(status, code), wrote=wrote).kind


@pytest.mark.parametrize(
    ("given", "wait"), [({"Retry-After": "12"}, 12.0), ({}, None), ({"Retry-After": "soon"}, None)]
)
def test_a_retry_after_is_honoured_where_it_is_sent(given: dict[str, str], wait: float | None) -> None:
    """The documentation does not promise one."""
    assert wait == failure_of(httpx.Response(429, json={}, headers=given), wrote=False).retry_after_s


def test_callers_see_no_vendor_text() -> None:
    """BC's words are for the log, without the correlation id; what a caller sees is ours."""
    failure = failure_of(answer(400, DIALOG, "The customer Smith is odd."), wrote=True)
    assert "Smith" not in failure.detail
    assert "400 Application_DialogException: The customer Smith is odd." == failure.vendor_detail


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (XML, ("Unauthorized", "The credentials provided are incorrect")),
        (b"<html>Gateway</html>", ("", "<html>Gateway</html>")),
        (b"\xff", ("", "\ufffd")),
        (b"", ("", "")),
    ],
)
def test_refusals_that_are_no_json_are_read_all_the_same(content: bytes, told: tuple[str, str]) -> None:
    """XML, a proxy's page, or nothing."""
    response: Any = httpx.Response(401, content=content, headers={"Content-Type": "text/plain; charset=utf-8"})
    assert told == spoken(response)
