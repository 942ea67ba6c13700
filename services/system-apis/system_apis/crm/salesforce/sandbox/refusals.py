"""How Salesforce says no: data errors are arrays, OAuth errors objects. Source: REST API guide, "Errors"."""

import json
from typing import Any

from starlette.responses import Response

JSON = "application/json;charset=UTF-8"


class Refusal(Exception):  # noqa: N818  the vendor's refusal, not an error of the sandbox
    """An error of the data APIs: HTTP status, `errorCode`, `message` and, where there are some, `fields`."""

    def __init__(self, status: int, code: str, message: str, fields: list[str] | None = None) -> None:
        super().__init__(code, message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = fields

    def entry(self) -> dict[str, Any]:
        """One entry of the array."""
        entry: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        return entry if self.fields is None else entry | {"fields": self.fields}

    def row_error(self) -> dict[str, Any]:
        """The same in an answer with a result per row, where the key is `statusCode`."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields or []}


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer as Salesforce writes it; none for 204."""
    content = b"" if body is None else json.dumps(body).encode()
    media_type = None if body is None else JSON
    return Response(content, status, headers=headers, media_type=media_type)


def refused(refusal: Refusal) -> Response:
    return answer(refusal.status, [refusal.entry()])


def outage() -> Response:
    return refused(Refusal(503, "SERVER_UNAVAILABLE", "We are down for maintenance."))


def throttled() -> Response:
    return refused(Refusal(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests Limit exceeded."))


def invalid_session() -> Response:
    return refused(bad_session())


def bad_session() -> Refusal:
    return Refusal(401, "INVALID_SESSION_ID", "Session expired or invalid")


def not_found() -> Refusal:
    return Refusal(404, "NOT_FOUND", "The requested resource does not exist")
