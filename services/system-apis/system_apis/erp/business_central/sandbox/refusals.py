"""How Business Central says no: OData error bodies whose message ends in two spaces and a CorrelationId.

Sources: Microsoft's dynamics-error-codes.md, operational-limits-online.md, labels of the AL source.
"""

import uuid
from collections.abc import Mapping

from starlette.responses import JSONResponse, Response

from sandboxkit.app import Dialect

XML_401 = (
    '<?xml version="1.0" encoding="utf-8"?><error xmlns="http://docs.oasis-open.org/odata/ns/metadata">'
    "<code>Unauthorized</code><message>The credentials provided are incorrect</message></error>"
)
NOT_AUTHENTICATED = "Web service call failed because user could not be authenticated or authorized."


class Refusal(Exception):  # noqa: N818  it is what the vendor answers, not a defect
    """An answer that is a no: HTTP status, BC's code, BC's words."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code, message)
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})

    def body(self) -> dict[str, dict[str, str]]:
        return {"error": {"code": self.code, "message": f"{self.message}  CorrelationId:  {uuid.uuid4()}."}}

    def response(self) -> Response:
        return JSONResponse(self.body(), self.status, headers=self.headers)


def bad_request(message: str, code: str = "BadRequest") -> Refusal:
    return Refusal(400, code, message)


def dialog(message: str) -> Refusal:
    """AL code raised an error on purpose: most business rules end here."""
    return Refusal(400, "Application_DialogException", message)


def no_such_relation(caption: str, table: str, value: str, related: str) -> Refusal:
    text = (
        f"The field {caption} of table {table} contains a value ({value})"
        f" that cannot be found in the related table ({related})."
    )
    return Refusal(400, "Internal_InvalidTableRelation", text)


def same_key(caption: str, number: str) -> Refusal:
    text = f"The {caption} already exists. Identification fields and values: No.='{number}'"
    return Refusal(400, "Internal_EntityWithSameKeyExists", text)


def no_record(caption: str, record_id: str) -> Refusal:
    text = f"The {caption} does not exist. Identification fields and values: Id='{record_id}'"
    return Refusal(404, "Internal_RecordNotFound", text)


def no_company() -> Refusal:
    text = (
        "Can't process the request because the default company can't be found. You must use a specific company"
        " in your request or specify a default company in the service configuration."
    )
    return Refusal(404, "Internal_CompanyNotFound", text)


def no_segment(name: str) -> Refusal:
    return Refusal(404, "BadRequest_ResourceNotFound", f"Resource not found for the segment '{name}'.")


def stale() -> Refusal:
    text = (
        "Another user has already changed the record. You can make your change to the updated record"
        " by getting it again."
    )
    return Refusal(409, "Request_EntityChanged", text)


def no_token() -> Refusal:
    text = (
        "Could not validate the client concurrency token required by the service."
        " Please provide a valid token in the client request."
    )
    return Refusal(400, "BadRequest_InvalidToken", text)


def not_taken(method: str, name: str, shape: str) -> Refusal:
    text = (
        f"'{method}' requests for '{name}' of EdmType '{shape}' are not allowed"
        " within Dynamics 365 Business Central OData web services."
    )
    return Refusal(405, "BadRequest_MethodNotAllowed", text)


def unauthenticated(accept: str = "application/json") -> Response:
    """401; without a wish for JSON in Accept it comes as XML."""
    headers = {"WWW-Authenticate": 'Bearer authorization_uri="https://login.windows.net/common/oauth2/authorize"'}
    if "json" not in accept:
        return Response(XML_401, 401, media_type="application/xml", headers=headers)
    return Refusal(401, "Authentication_InvalidCredentials", NOT_AUTHENTICATED, headers).response()


def too_many(actual: int, maximum: int) -> Refusal:
    """Without Retry-After: the documentation does not promise one."""
    text = f"Too many requests reached. Actual ({actual}). Maximum ({maximum})."
    return Refusal(429, "Application_TooManyRequests", text)


def unavailable() -> Refusal:
    text = "The tenant is not accessible."
    return Refusal(503, "Internal_TenantUnavailable", text, {"Retry-After": "1"})


def dialect() -> Dialect:
    return Dialect(
        outage=lambda: unavailable().response(),
        throttled=lambda: too_many(101, 100).response(),
        expired_token=unauthenticated,
    )
