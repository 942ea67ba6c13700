"""The signing keys: made at the first start, published before use, replaced while running. Source: RFC 7517, 7638."""

import json
import os
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
from joserfc.jwk import RSAKey

from servicekit.clock import Clock
from servicekit.failures import Failure, Kind

# Verifiers read the key set anew after 10 minutes (services) or one (the edge); until then no key signs.
PUBLISHED_AHEAD = timedelta(hours=1)
_BITS = 2048


class _StoredKey(msgspec.Struct, frozen=True, kw_only=True):
    """A private key and the moment from which it signs."""

    signs_from: datetime
    jwk: dict[str, Any]


class SigningKeys:
    """The key set holds two keys: the one that signs, and the next one or the last one. The file is read once."""

    def __init__(self, path: Path, clock: Clock, *, key_life: timedelta) -> None:
        self._path = path
        self._clock = clock
        self._key_life = key_life
        self._lock = threading.Lock()
        self._stored = _read(path)
        if not self._stored:
            self._add(clock.now())

    def current(self) -> RSAKey:
        """The key that signs now."""
        with self._lock:
            self._renew()
            now = self._clock.now()
            usable = [stored for stored in self._stored if stored.signs_from <= now]
            return _key((usable or self._stored)[-1])

    def published(self) -> dict[str, Any]:
        """The public key set, for `jwks_uri`."""
        with self._lock:
            self._renew()
            return {"keys": [_key(stored).as_dict(private=False) for stored in self._stored]}

    def rotate(self) -> None:
        """Makes the next key now, instead of when the current one is old."""
        with self._lock:
            self._add(self._clock.now() + PUBLISHED_AHEAD)

    def _renew(self) -> None:
        newest = self._stored[-1].signs_from
        if self._clock.now() >= newest + self._key_life - PUBLISHED_AHEAD:
            self._add(max(self._clock.now() + PUBLISHED_AHEAD, newest + self._key_life))

    def _add(self, signs_from: datetime) -> None:
        key = RSAKey.generate_key(_BITS, {"use": "sig", "alg": "RS256"})
        key.ensure_kid()
        made = _StoredKey(signs_from=signs_from, jwk=dict(key.as_dict(private=True)))
        self._stored = (*self._stored, made)[-2:]
        _write(self._path, self._stored)


def _key(stored: _StoredKey) -> RSAKey:
    return RSAKey.import_key(stored.jwk)


def _read(path: Path) -> tuple[_StoredKey, ...]:
    if not path.exists():
        return ()
    if path.stat().st_mode & 0o077:
        raise Failure(Kind.MISCONFIGURED, "the file of signing keys may be read by others than its owner")
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[_StoredKey, ...])
    except msgspec.DecodeError as error:
        raise Failure(Kind.MISCONFIGURED, "the file of signing keys cannot be read") from error


def _write(path: Path, stored: tuple[_StoredKey, ...]) -> None:
    """Never readable by others, not even for the moment of writing; replaced in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".next")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(json.dumps([msgspec.to_builtins(one) for one in stored], indent=1).encode())
    beside.replace(path)
