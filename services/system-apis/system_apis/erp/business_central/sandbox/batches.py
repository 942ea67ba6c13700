"""$batch in JSON: up to a hundred requests in one. Source: use-odata-batch.md."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.responses import Response

from system_apis.erp.business_central.sandbox.refusals import bad_request

MOST = 100


@dataclass(frozen=True)
class Envelope:
    """One request of a batch."""

    id: str
    method: str
    path: str
    options: dict[str, str]
    headers: dict[str, str]
    body: bytes


def envelopes(batch: Any) -> list[Envelope]:
    """Raises Refusal 400."""
    requests = batch.get("requests") if isinstance(batch, dict) else None
    if not isinstance(requests, list) or not all(isinstance(request, dict) for request in requests):
        raise bad_request("Invalid Request Body")
    if len(requests) > MOST:
        raise bad_request(f"The current batch message contains too many parts. A maximum of {MOST} is allowed.")
    return [_envelope(request) for request in requests]


def gathered(answers: list[tuple[Envelope, Response]]) -> dict[str, Any]:
    return {"responses": [_told(envelope, answer) for envelope, answer in answers]}


def _envelope(request: dict[str, Any]) -> Envelope:
    if not {"id", "method", "url"} <= request.keys():
        raise bad_request("Invalid Request Body")
    path, _, query = str(request["url"]).partition("?")
    return Envelope(
        id=str(request["id"]),
        method=str(request["method"]).upper(),
        path=unquote(path),
        options=dict(parse_qsl(query)),
        headers={name.lower(): str(value) for name, value in request.get("headers", {}).items()},
        body=json.dumps(request["body"]).encode() if "body" in request else b"",
    )


def _told(envelope: Envelope, answer: Response) -> dict[str, Any]:
    headers = {name: value for name, value in answer.headers.items() if name in {"content-type", "location", "etag"}}
    told: dict[str, Any] = {"id": envelope.id, "status": answer.status_code, "headers": headers}
    body = bytes(answer.body)
    if body:
        told["body"] = json.loads(body) if "json" in headers.get("content-type", "") else body.decode()
    return told
