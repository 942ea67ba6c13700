"""How SCIM says no: an Error message with a status and, where the standard has one, a scimType (RFC 7644 3.12)."""

from typing import Any

from starlette.responses import JSONResponse, Response

ERROR_URN = "urn:ietf:params:scim:api:messages:2.0:Error"
MEDIA_TYPE = "application/scim+json"


class RefusalError(Exception):
    """A request that is not carried out."""

    def __init__(self, status: int, detail: str, scim_type: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.scim_type = scim_type

    def body(self) -> dict[str, Any]:
        found = {"schemas": [ERROR_URN], "status": str(self.status), "detail": self.detail}
        return found | {"scimType": self.scim_type} if self.scim_type else found

    def answer(self) -> Response:
        headers = {"WWW-Authenticate": 'Bearer realm="SCIM"'} if self.status == 401 else {}
        if self.status == 429:
            headers["Retry-After"] = "1"
        return JSONResponse(self.body(), self.status, headers, MEDIA_TYPE)


def invalid_value(detail: str) -> RefusalError:
    return RefusalError(400, detail, "invalidValue")


def invalid_syntax(detail: str) -> RefusalError:
    return RefusalError(400, detail, "invalidSyntax")


def invalid_filter(detail: str) -> RefusalError:
    return RefusalError(400, detail, "invalidFilter")


def invalid_path(detail: str) -> RefusalError:
    return RefusalError(400, detail, "invalidPath")


def no_target(path: str) -> RefusalError:
    return RefusalError(400, f"The path {path} selects nothing that could be operated on", "noTarget")


def mutability(name: str) -> RefusalError:
    return RefusalError(400, f"The attribute {name} cannot be modified this way", "mutability")


def not_found(what: str) -> RefusalError:
    return RefusalError(404, f"{what} not found")


def taken(name: str, value: str) -> RefusalError:
    return RefusalError(409, f"One or more values are in use already: {name} {value}", "uniqueness")


def stale() -> RefusalError:
    return RefusalError(412, "Failed to update. Resource has changed on the server")


def unauthorized() -> Response:
    return RefusalError(401, "Authorization failure. The authorization header is invalid or missing").answer()


def throttled() -> Response:
    return RefusalError(429, "Too many requests").answer()


def outage() -> Response:
    return RefusalError(503, "Service is temporarily unavailable").answer()
