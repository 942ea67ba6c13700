"""What schemathesis loads beside its own checks: the caller's tokens, and the promises that no contract file states.

Source of both forms: schemathesis 4, "Extending Schemathesis" (checks and authentication).
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import schemathesis
from answer_settings import SETTINGS, Settings
from giving_away import given_away

from servicekit.problems import PROBLEM_MEDIA_TYPE, PROBLEM_PATH

REFRESH_S = 300  # a token is good for 15 minutes
FIELDS = frozenset({"type", "title", "status", "code", "detail", "retryable", "trace_id"})
TOLD = msgspec.json.decode(Path(os.environ[SETTINGS]).read_bytes(), type=Settings)


@schemathesis.auth(refresh_interval=REFRESH_S)
class Signed:
    """Puts the caller's token on every request."""

    def get(self, _case: Any, _context: Any) -> str:
        known = TOLD.credentials
        if known.token:
            return known.token
        form = {"grant_type": "client_credentials", "resource": known.resource}
        answer = httpx.post(known.token_url, data=form, auth=(known.client, known.client_secret), trust_env=False)
        token: str = answer.raise_for_status().json()["access_token"]
        return token

    def set(self, case: Any, token: str, _context: Any) -> None:
        case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}


@schemathesis.hook
def before_load_schema(_context: Any, raw_schema: dict[str, Any]) -> None:
    """An open enumeration is asked for, and answered, by the values it has: a command with another goes no further."""
    for schema in _schemas(raw_schema):
        if "x-extensible-enum" in schema:
            or_none = [None] if {"type": "null"} in schema.get("anyOf", []) else []
            schema["enum"] = [*schema["x-extensible-enum"], *or_none]


def _schemas(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for inner in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from _schemas(inner)


@schemathesis.hook
def after_call(_context: Any, _case: Any, response: Any) -> None:
    """Every answer is counted for the report."""
    with Path(TOLD.tally).open("a", encoding="ascii") as tally:
        tally.write(f"{response.status_code}\n")


def _unread(response: Any) -> bool:
    """The edge could not read the request, and so could not number it (docs/security.md, group "wire")."""
    if TOLD.behind_the_edge or response.status_code != 400:
        return False
    problem = json.loads(response.content)
    return (problem.get("code"), problem.get("trace_id")) == ("malformed_request", None)


@schemathesis.check
def every_answer_has_a_trace_id(_context: Any, response: Any, _case: Any) -> None:
    """Whoever asks about an answer can name it."""
    assert response.headers.get("trace-id", [""])[0] or _unread(response), "no trace id in the headers"


@schemathesis.check
def every_error_is_a_problem(_context: Any, response: Any, _case: Any) -> None:
    """RFC 9457, with the fields that a caller acts by."""
    if response.status_code < 400:
        return
    media_type = response.headers.get("content-type", [""])[0]
    assert media_type == PROBLEM_MEDIA_TYPE, f"the media type is {media_type!r}"
    if response.request.method == "HEAD":
        return
    problem = json.loads(response.content)
    assert not FIELDS - problem.keys(), f"without {sorted(FIELDS - problem.keys())}"
    assert problem["status"] == response.status_code, f"it says status {problem['status']}"
    assert problem["type"].startswith(PROBLEM_PATH), f"its type is {problem['type']!r}"
    assert problem["trace_id"] or _unread(response), "without a trace id"


@schemathesis.check
def nothing_is_given_away(_context: Any, response: Any, _case: Any) -> None:
    """No secret, no code, no vendor's words."""
    found = list(given_away(response.status_code, response.content, TOLD.secrets))
    assert not found, "; ".join(found)
