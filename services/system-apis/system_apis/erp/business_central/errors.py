"""Business Central's refusals as Failures. Sources: dynamics-error-codes.md and labels of the AL source."""

import re
from typing import NamedTuple

import httpx
import msgspec

from servicekit.failures import Failure, Kind

_CORRELATION = re.compile(r"\s*CorrelationId:\s+[0-9a-fA-F-]+\.?\s*$")
_XML = re.compile(r"<code>(?P<code>.*?)</code>.*?<message[^>]*>(?P<message>.*?)</message>", re.DOTALL)


class Refusal(NamedTuple):
    """What one kind of refusal means to us."""

    kind: Kind
    code: str
    detail: str


class _Error(msgspec.Struct, frozen=True):
    code: str = ""
    message: str = ""


class _Body(msgspec.Struct, frozen=True):
    error: _Error


# By BC's own code, whatever the status.
CODES: dict[str, Refusal] = {
    "Internal_EntityWithSameKeyExists": Refusal(Kind.CONFLICT, "number_taken", "the number is taken in the ERP"),
    "Internal_CompanyNotFound": Refusal(
        Kind.MISCONFIGURED, "company_not_found", "the ERP has no company for this legal entity"
    ),
    "BadRequest_ResourceNotFound": Refusal(
        Kind.MISCONFIGURED, "page_not_published", "the ERP does not publish the page that is asked for"
    ),
    "NoEnvironment": Refusal(Kind.MISCONFIGURED, "environment_not_found", "the ERP has no such environment"),
    "Request_EntityChanged": Refusal(Kind.CONFLICT, "changed_meanwhile", "the record was changed in the meantime"),
    "Application_StringExceededLength": Refusal(Kind.INVALID, "too_long", "a text is longer than the ERP takes"),
    "Application_FieldValidationException": Refusal(
        Kind.INVALID, "setup_incomplete", "a record in the ERP lacks a field that it needs"
    ),
    "Unknown": Refusal(Kind.INVALID, "unknown_option", "a value is not among the ERP's options"),
}

# By BC's own words, in English: the connector asks for en-US. The first that fits counts.
_UNKNOWN_CURRENCY = Refusal(Kind.INVALID, "currency_not_allowed", "the currency is not set up in this legal entity")
_UNKNOWN_TERMS = Refusal(Kind.INVALID, "unknown_payment_terms", "the payment terms are not set up in this legal entity")
_UNKNOWN_COST_CENTRE = Refusal(
    Kind.INVALID, "unknown_cost_centre", "the cost centre does not exist in this legal entity"
)
WORDS: tuple[tuple[re.Pattern[str], Refusal], ...] = tuple(
    (re.compile(pattern), refusal)
    for pattern, refusal in (
        (
            r"Select a Dimension Value Code for the Dimension Code \S+ for (?:G/L Account|Customer)",
            Refusal(Kind.INVALID, "missing_dimension", "the ERP demands a dimension, such as a cost centre"),
        ),
        (
            r"Select a Dimension Value Code for the Dimension Code",
            Refusal(Kind.INVALID, "cost_centre_required", "the ERP demands a cost centre"),
        ),
        (r"is not an available Dimension Value", _UNKNOWN_COST_CENTRE),
        (r'"valueCode" does not match to a Dimension Value', _UNKNOWN_COST_CENTRE),
        (
            r"Dimension Value .* is blocked",
            Refusal(Kind.INVALID, "cost_centre_blocked", "the cost centre is blocked in this legal entity"),
        ),
        (r'"currency(?:Code|Id)" does not match|field Currency Code of table', _UNKNOWN_CURRENCY),
        (r'"paymentTermsId" does not match', _UNKNOWN_TERMS),
        (
            r"field Country/Region Code of table",
            Refusal(Kind.INVALID, "unknown_country", "the country is not set up in this legal entity"),
        ),
        (
            r"field Bill-to Customer No\. of table",
            Refusal(Kind.INVALID, "unknown_customer_account", "the customer account does not exist"),
        ),
        (
            r"not within your range of allowed posting dates",
            Refusal(Kind.INVALID, "period_closed", "the ERP takes no postings on this day"),
        ),
        (
            r"type of document when Customer \S+ is blocked",
            Refusal(Kind.INVALID, "customer_blocked", "the customer account is blocked in the ERP"),
        ),
        (
            r"sell-to customer cannot be found",
            Refusal(Kind.INVALID, "unknown_customer_account", "the customer account does not exist"),
        ),
        (
            r"field (?:VAT Prod\. Posting Group|Tax Group Code) of table",
            Refusal(Kind.INVALID, "unknown_tax_code", "the tax code does not exist in this legal entity"),
        ),
        (
            r"VAT Posting Setup does not exist",
            Refusal(Kind.INVALID, "tax_code_not_set_up", "the tax code has no posting set-up for this customer"),
        ),
        (
            r"dimension set line already exists",
            Refusal(Kind.MISCONFIGURED, "dimension_defaulted", "a default dimension stands where ours should"),
        ),
        (
            r"can be applied to a draft (?:invoice|credit memo) only",
            Refusal(Kind.CONFLICT, "already_posted", "the document is posted already"),
        ),
        (
            r"no Cust\. Ledger Entry within the filter",
            Refusal(Kind.CONFLICT, "corrected_document_settled", "what the credit note corrects is not open any more"),
        ),
        (
            r"no Currency Exchange Rate within the filter",
            Refusal(Kind.INVALID, "exchange_rate_missing", "the ERP has no exchange rate for this day"),
        ),
        (
            r"Please add at least one line item",
            Refusal(Kind.INVALID, "no_lines", "the document has no lines"),
        ),
        (
            r"There is nothing to post",
            Refusal(Kind.CONFLICT, "nothing_to_post", "the journal has no lines"),
        ),
        (
            r"is out of balance by",
            Refusal(Kind.INVALID, "unbalanced", "the lines do not add up to nothing"),
        ),
        (
            r'Account does not exist\.|"account(?:Number|Id)" does not match|account values do not match',
            Refusal(Kind.MISCONFIGURED, "account_not_found", "the account of a role does not exist in the ERP"),
        ),
        (
            r"(?:Direct Posting|Blocked) must be equal to .* in G/L Account",
            Refusal(Kind.MISCONFIGURED, "account_not_postable", "the account of a role may not be written to"),
        ),
        (
            r"Customer has set Blocked to",
            Refusal(Kind.CONFLICT, "customer_blocked", "the customer account is blocked in the ERP"),
        ),
        (
            r"You may not enter numbers manually",
            Refusal(Kind.MISCONFIGURED, "manual_numbers_off", "the ERP's number series does not take our numbers"),
        ),
        (
            r"must be equal to or earlier than",
            Refusal(Kind.INVALID, "dates_reversed", "the start lies after the end"),
        ),
        (
            r"current permissions prevented the action",
            Refusal(Kind.MISCONFIGURED, "permission_missing", "our app lacks a permission in the ERP"),
        ),
        (r"another user has (?:locked|already)", CODES["Request_EntityChanged"]),
        (
            r"cannot be found in the related table",
            Refusal(Kind.INVALID, "unknown_reference", "something that is referred to does not exist in the ERP"),
        ),
    )
)

# What neither code nor words say.
_CREDENTIALS = Refusal(Kind.MISCONFIGURED, "credentials_refused", "the ERP refuses our credentials")
_PERMISSION = Refusal(Kind.MISCONFIGURED, "permission_missing", "our app lacks a permission in the ERP")
_REFUSED = Refusal(Kind.INVALID, "refused_by_platform", "the ERP refuses the record")
STATUSES: dict[int, Refusal] = {
    401: _CREDENTIALS,
    403: _PERMISSION,
    404: Refusal(Kind.MISSING, "", "the ERP has no such record"),
    409: CODES["Request_EntityChanged"],
    412: CODES["Request_EntityChanged"],
}
CLASSES: tuple[tuple[str, Refusal], ...] = (
    ("Authentication_", _CREDENTIALS),
    ("Authorization_", _PERMISSION),
    (
        "BadRequest",
        Refusal(Kind.BAD_UPSTREAM, "request_not_understood", "the ERP did not understand our request"),
    ),
)

# These 5xx answers say that nothing was begun; any other one to a write leaves it in doubt.
WITHOUT_EFFECT = frozenset({"Internal_TenantUnavailable", "Internal_TenantNotFound"})


def failure_of(answer: httpx.Response, *, wrote: bool) -> Failure:
    """The Failure behind an answer that is no success; *wrote* says that the request was to change something."""
    code, message = spoken(answer)
    status, told = answer.status_code, f"{answer.status_code} {code}: {message}"
    if status == 429:
        wait = _seconds(answer.headers.get("retry-after", ""))
        detail = "the ERP asks for fewer requests"
        return Failure(Kind.THROTTLED, detail, retry_after_s=wait, vendor_detail=told)
    if status >= 500 or status == 408:
        return _broken(code, told, wrote=wrote)
    kind, own_code, detail = _meaning(status, code, message)
    return Failure(kind, detail, code=own_code, vendor_detail=told)


def spoken(answer: httpx.Response) -> tuple[str, str]:
    """BC's code and words, the CorrelationId taken off; some refusals come as XML, some as neither."""
    try:
        error = msgspec.json.decode(answer.content, type=_Body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = _XML.search(answer.text)
        error = _Error(found["code"], found["message"]) if found else _Error("", answer.text[:300])
    return error.code, _CORRELATION.sub("", error.message)


def _meaning(status: int, code: str, message: str) -> Refusal:
    by_words = next((refusal for pattern, refusal in WORDS if pattern.search(message)), None)
    by_class = next((refusal for beginning, refusal in CLASSES if code.startswith(beginning)), None)
    return CODES.get(code) or by_words or STATUSES.get(status) or by_class or _REFUSED


def _broken(code: str, told: str, *, wrote: bool) -> Failure:
    if wrote and code not in WITHOUT_EFFECT:
        detail = "the ERP failed while it was writing; whether it wrote is not known yet"
        return Failure(Kind.IN_DOUBT, detail, vendor_detail=told)
    return Failure(Kind.UNAVAILABLE, "the ERP cannot answer right now", vendor_detail=told)


def _seconds(value: str) -> float | None:
    return float(value) if value.isascii() and value.isdigit() else None
