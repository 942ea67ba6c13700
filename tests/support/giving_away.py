"""What an answer must not give away: secrets in any, and what is behind the API in a refusal."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from launcher.site import Site

#: One of these anywhere in a refusal shows what is behind it: code, stores, vendors, addresses.
TELLING = re.compile(
    rb"Traceback|\.py\b|line \d+, in |psycopg|sqlalchemy|litestar|msgspec|uvicorn|select .+ from |127\.0\.0\.1"
    rb"|MALFORMED_QUERY|BadRequest_|Application_|faultstring|soap|invalid_request_error|urn:ietf:params:scim"
    rb"|whsec_|eyJ[A-Za-z0-9_-]{10}|BEGIN [A-Z ]*PRIVATE",
    re.IGNORECASE,
)


def given_away(status: int, body: bytes, secrets: tuple[str, ...]) -> Iterator[str]:
    """Good answers are business data, which have secrets neither; but only problems must not tell of what is behind."""
    if status >= 400 and (found := TELLING.search(body)):
        yield f"it tells of {found[0]!r}"
    if any(secret.encode() in body for secret in secrets):
        yield "it holds a secret"


def secrets_of(site: Site) -> tuple[str, ...]:
    """Everything that a running system keeps secret."""
    kept: dict[str, str] = json.loads((site.places.secrets / "secrets.json").read_bytes())
    return tuple(kept.values())
