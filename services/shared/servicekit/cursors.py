"""Signed opaque cursors: where a listing goes on, bound to its filters and to a time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from datetime import timedelta
from typing import TypeVar

import msgspec

from servicekit.clock import Clock
from servicekit.failures import Failure, FieldError, Kind
from servicekit.settings import Secret

T = TypeVar("T")

LIFETIME = timedelta(hours=24)
MAX_CURSOR_LENGTH = 4096
_MAC_BYTES = 16  # half of a SHA-256: enough against forgery (RFC 2104 section 5), and shorter in a URL


class _Place(msgspec.Struct, frozen=True, array_like=True):
    position: msgspec.Raw
    filters: bytes
    expires_at: int  # seconds since 1970


class CursorSigner:
    """Makes and reads the cursors of one service. *secret* may have other uses: the key is derived from it."""

    def __init__(self, secret: Secret, *, clock: Clock, lifetime: timedelta = LIFETIME) -> None:
        self._key = hmac.digest(secret.reveal().encode(), b"syncline cursor v1", hashlib.sha256)
        self._clock = clock
        self._lifetime = lifetime

    def sign(self, position: object, filters: object = None) -> str:
        """A cursor for *position* (anything msgspec encodes) in the listing with these *filters*."""
        expires_at = int((self._clock.now() + self._lifetime).timestamp())
        place = _Place(msgspec.Raw(msgspec.json.encode(position)), _digest(filters), expires_at)
        payload = msgspec.json.encode(place)
        return _text(self._mac(payload) + payload)

    def read(self, cursor: str, wanted: type[T], filters: object = None) -> T:
        """The position in *cursor*. Fails MALFORMED if it is not ours or of another listing, GONE when expired."""
        if len(cursor) > MAX_CURSOR_LENGTH:
            raise _invalid("This cursor is not one that this service gave out.")
        try:
            raw = base64.b64decode(cursor.encode() + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError) as error:
            raise _invalid("This cursor is not one that this service gave out.") from error
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if cursor != _text(raw) or not hmac.compare_digest(mac, self._mac(payload)):
            raise _invalid("This cursor is not one that this service gave out.")
        place = msgspec.json.decode(payload, type=_Place)
        if self._clock.now().timestamp() >= place.expires_at:
            raise Failure(Kind.GONE, "This cursor has expired; begin the listing again.", code="cursor_expired")
        if place.filters != _digest(filters):
            raise _invalid("This cursor belongs to a listing with other filters.")
        return _position(place.position, wanted)

    def _mac(self, payload: bytes) -> bytes:
        return hmac.digest(self._key, payload, hashlib.sha256)[:_MAC_BYTES]


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _position(raw: msgspec.Raw, wanted: type[T]) -> T:
    try:
        return msgspec.json.decode(raw, type=wanted)
    except msgspec.ValidationError as error:  # signed by an older release, or for another listing
        raise _invalid("This cursor belongs to another listing.") from error


def _digest(filters: object) -> bytes:
    return hashlib.sha256(msgspec.json.encode(filters, order="deterministic")).digest()[:8]


def _invalid(detail: str) -> Failure:
    wrong = FieldError(pointer="query:cursor", code="invalid_cursor", message=detail)
    return Failure(Kind.MALFORMED, detail, code="invalid_cursor", errors=(wrong,))
