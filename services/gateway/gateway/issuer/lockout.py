"""Counts wrong secrets and locks out who guesses."""

import threading
from collections import OrderedDict, deque
from datetime import datetime, timedelta

from servicekit.clock import Clock

_REMEMBERED = 10_000  # who is watched; the one longest untouched is forgotten first


class Lockout:
    """After *allowed* failures within *period* a key is locked until the oldest of them is that long ago."""

    def __init__(self, clock: Clock, *, allowed: int, period: timedelta) -> None:
        self._clock = clock
        self._allowed = allowed
        self._period = period
        self._lock = threading.Lock()  # secrets are checked in threads
        self._failures: OrderedDict[str, deque[datetime]] = OrderedDict()

    def wait_s(self, key: str) -> int:
        """Whole seconds until *key* may try again; 0 when it may now."""
        with self._lock:
            failures = self._recent(key)
            if len(failures) < self._allowed:
                return 0
            return int((failures[0] + self._period - self._clock.now()).total_seconds()) + 1

    def failed(self, key: str) -> None:
        """A wrong secret."""
        with self._lock:
            self._failures.setdefault(key, deque(maxlen=self._allowed)).append(self._clock.now())
            self._failures.move_to_end(key)
            while len(self._failures) > _REMEMBERED:
                self._failures.popitem(last=False)

    def succeeded(self, key: str) -> None:
        """The right one: what was before is forgotten."""
        with self._lock:
            self._failures.pop(key, None)

    def _recent(self, key: str) -> deque[datetime]:
        failures = self._failures.get(key, deque())
        while failures and failures[0] + self._period <= self._clock.now():
            failures.popleft()
        return failures
