"""Things that are valid for a while under an unguessable name: authorization codes and sessions. Lost at a restart."""

import secrets
from collections import OrderedDict
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from servicekit.clock import Clock

T = TypeVar("T")

_HELD = 10_000


class Expiring(Generic[T]):
    """Holds at most 10,000; the oldest gives way."""

    def __init__(self, clock: Clock, life: timedelta) -> None:
        self._clock = clock
        self._life = life
        self._held: OrderedDict[str, tuple[T, datetime]] = OrderedDict()

    def put(self, thing: T, name: str = "") -> str:
        """Keeps *thing* and returns its name, a new one of 256 bits unless given."""
        name = name or secrets.token_urlsafe(32)
        self._held[name] = (thing, self._clock.now() + self._life)
        while len(self._held) > _HELD:
            self._held.popitem(last=False)
        return name

    def get(self, name: str) -> T | None:
        """The thing, unless it has expired or never was."""
        thing, until = self._held.get(name, (None, None))
        return thing if until is not None and self._clock.now() < until else None

    def take(self, name: str) -> T | None:
        """The thing, once: of two that ask at the same time, one gets it."""
        thing, until = self._held.pop(name, (None, None))
        return thing if until is not None and self._clock.now() < until else None
