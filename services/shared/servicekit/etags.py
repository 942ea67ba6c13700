"""Entity tags and preconditions: a tag is a digest of the representation. Source: RFC 9110 sections 8.8 and 13."""

from __future__ import annotations

import base64
import hashlib
import re

import msgspec

from servicekit.failures import Failure, Kind

_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_LIST = re.compile(rf"\s*{_TAG.pattern}\s*(?:,\s*{_TAG.pattern}\s*)*")


def etag_of(representation: object) -> str:
    """The strong tag of what is sent: a struct, or the bytes themselves. Equal values have equal tags."""
    content = representation if isinstance(representation, bytes) else encoded(representation)
    return f'"{base64.urlsafe_b64encode(hashlib.sha256(content).digest()[:18]).decode()}"'


def encoded(representation: object) -> bytes:
    """The bytes that a tag is made of; equal values are encoded alike."""
    return msgspec.json.encode(representation, order="deterministic")


def require_match(if_match: str | None, current: str) -> None:
    """Lets a write pass when If-Match names *current*. Fails PRECONDITION_REQUIRED without it, STALE if it differs."""
    if if_match is None:
        detail = "Send If-Match with the ETag of what you read."
        raise Failure(Kind.PRECONDITION_REQUIRED, detail)
    # Strong comparison: a weak tag never matches (RFC 9110 section 13.1.1).
    if if_match.strip() != "*" and current not in _tags(if_match):
        raise Failure(Kind.STALE, "It was changed since it was read; read it again.")


def unchanged(if_none_match: str | None, current: str) -> bool:
    """Whether a read may be answered with 304: If-None-Match names *current*, compared weakly."""
    if if_none_match is None:
        return False
    if if_none_match.strip() == "*":
        return True
    return current.removeprefix("W/") in {tag.removeprefix("W/") for tag in _tags(if_none_match)}


def _tags(header: str) -> list[str]:
    """The tags in the header. One that cannot be read names none: no precondition is met by it."""
    return _TAG.findall(header) if _LIST.fullmatch(header) else []
