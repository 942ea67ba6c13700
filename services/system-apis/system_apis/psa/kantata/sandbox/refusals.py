"""How Kantata says no: `{"errors": [...]}` with a type and a message, a field only for validation (page section 7)."""

from typing import Any

from starlette.responses import JSONResponse, Response

Error = dict[str, str]


class RefusalError(Exception):
    """A request that Kantata turns down."""

    def __init__(self, status: int, errors: list[Error]) -> None:
        super().__init__(status, errors)
        self.status = status
        self.errors = errors

    def answer(self) -> Response:
        return JSONResponse({"errors": self.errors}, self.status)


def invalid(field: str, message: str) -> Error:
    return {"type": "validation", "message": message, "field": field}


def system(message: str) -> Error:
    return {"type": "system", "message": message}


def unprocessable(errors: list[Error]) -> RefusalError:
    return RefusalError(422, errors)


def malformed(message: str) -> RefusalError:
    return RefusalError(400, [system(message)])


def forbidden() -> RefusalError:
    return RefusalError(403, [system("You do not have permission to perform this action")])


def not_found() -> RefusalError:
    return RefusalError(404, [system("The requested resource could not be found")])


def unauthorized() -> RefusalError:
    return RefusalError(401, [{"type": "oauth", "message": "Invalid OAuth 2 Request"}])


def throttled() -> Response:
    """No Retry-After and no RateLimit headers: the client has to find its own pace."""
    return JSONResponse({"errors": [system("Too many requests")]}, 429)


def outage() -> Response:
    return JSONResponse({"errors": [system("Service is unavailable")]}, 503)


def expired_token() -> Response:
    return unauthorized().answer()


def no_content() -> Response:
    return Response(status_code=204)


def ok(body: dict[str, Any]) -> Response:
    return JSONResponse(body)
