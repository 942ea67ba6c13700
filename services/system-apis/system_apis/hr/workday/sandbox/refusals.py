"""How Workday says no: REST error bodies, SOAP faults, report faults, and what stands before it in HTML."""

from collections.abc import Mapping
from typing import Any

from starlette.responses import HTMLResponse, JSONResponse, Response


class Refusal(Exception):  # noqa: N818  the vendor's answer, not an error of the sandbox
    """A refusal in the form of the REST surfaces."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = dict(body)

    def answer(self) -> Response:
        return JSONResponse(self.body, self.status)


def unauthorized() -> Refusal:
    return Refusal(401, {"error": "Invalid Access Token"})


def denied() -> Refusal:
    return Refusal(403, {"error": "permission denied", "code": "S22"})


def not_found() -> Refusal:
    return Refusal(404, {"error": "not found", "code": "S21"})


def malformed_id(text: str) -> Refusal:
    return Refusal(400, {"error": f"invalid ID value: {text}", "code": "A1"})


def invalid(message: str, field: str = "", code: str = "") -> Refusal:
    """A validation error: its texts are illustrative, its keys are Workday's."""
    entry = {"error": message}
    if code:
        entry["code"] = code
    if field:
        entry |= {"field": field, "path": f"/{field}"}
    return Refusal(400, {"error": "validation error", "errors": [entry]})


def outage() -> Response:
    """What a tenant under maintenance answers: a page for people."""
    return HTMLResponse("<html><body><h1>Workday is currently unavailable.</h1></body></html>", 503)


def throttled() -> Response:
    """No Retry-After, no quota headers."""
    return JSONResponse({"error": "Too Many Requests"}, 429)


def expired_token() -> Response:
    return unauthorized().answer()
