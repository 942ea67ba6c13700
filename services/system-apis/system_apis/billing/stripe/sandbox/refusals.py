"""How Stripe says no: its error object, in its words. Sources: docs.stripe.com/api/errors, /error-codes."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse

from sandboxkit.app import Dialect

Body = dict[str, Any]


class Refusal(Exception):  # noqa: N818  it is the vendor's answer, not a mistake of the sandbox
    """An answer with an error object.

    `executed` says that the endpoint had begun its work: such an answer is stored under the idempotency key, whereas
    parameters that are refused beforehand are not.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        executed: bool = True,
        headers: Mapping[str, str] | None = None,
        more: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.executed = executed
        self.headers = dict(headers or {})
        error: Body = {"message": message, "type": kind}
        if code is not None:
            error |= {"code": code, "doc_url": f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"}
        if param is not None:
            error["param"] = param
        self.body: Body = {"error": dict(sorted((error | dict(more or {})).items()))}


def missing_resource(noun: str, given: str, *, param: str = "id") -> Refusal:
    """404 for the id in the path, 400 for an id in a parameter."""
    status = 404 if param == "id" else 400
    return Refusal(f"No such {noun}: '{given}'", status=status, code="resource_missing", param=param)


def invalid(message: str, param: str, code: str | None = None) -> Refusal:
    """A parameter that does not pass validation; nothing has begun."""
    return Refusal(message, code=code, param=param, executed=False)


def no_key() -> Refusal:
    message = (
        "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer "
        "auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://stripe.com/docs/api#authentication for "
        "details."
    )
    return Refusal(message, status=401, executed=False)


def wrong_key(key: str) -> Refusal:
    return Refusal(f"Invalid API Key provided: {masked(key)}", status=401, executed=False)


def masked(key: str) -> str:
    """As Stripe shows a key: its kind, and the last four letters of one that is long enough."""
    kind = "_".join(key.split("_")[:2]) + "_" if key.count("_") >= 2 else ""
    rest = key[len(kind) :]
    tail = rest[-4:] if len(rest) > 8 else ""
    return f"{kind}{'*' * max(len(rest) - len(tail), 5)}{tail}"


def too_many_requests() -> Refusal:
    message = "Request rate limit exceeded. Learn more about rate limits here https://stripe.com/docs/rate-limits."
    headers = {"Stripe-Should-Retry": "true", "Stripe-Rate-Limited-Reason": "global-rate"}
    return Refusal(message, status=429, code="rate_limit", executed=False, headers=headers)


def _outage() -> JSONResponse:
    error = {"message": "Stripe is temporarily unavailable. Please try again.", "type": "api_error"}
    return JSONResponse({"error": error}, 503, {"Stripe-Should-Retry": "true"})


def _throttled() -> JSONResponse:
    refusal = too_many_requests()
    return JSONResponse(refusal.body, refusal.status, refusal.headers)


def _expired() -> JSONResponse:
    error = {
        "code": "api_key_expired",
        "doc_url": "https://stripe.com/docs/error-codes/api-key-expired",
        "message": "Expired API Key provided: sk_test_*****",
        "type": "invalid_request_error",
    }
    return JSONResponse({"error": error}, 401)


DIALECT = Dialect(outage=_outage, throttled=_throttled, expired_token=_expired)
