"""What keeps a struggling upstream from being hammered: a circuit breaker and a budget for retries."""

from __future__ import annotations

from collections.abc import Callable

from servicekit.failures import Failure, Kind


class Breaker:
    """Opens after *failures* in a row; after *open_s* lets one request through, whose end decides. Monotonic time."""

    def __init__(self, *, failures: int, open_s: float, monotonic: Callable[[], float]) -> None:
        self._limit = failures
        self._open_s = open_s
        self._monotonic = monotonic
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> str:
        """`closed`, `open`, or `half_open` while a probe may go or is under way."""
        if self._opened_at is None:
            return "closed"
        return "half_open" if self._probing or self._left_s() <= 0 else "open"

    def enter(self, name: str) -> None:
        """Asks to send a request to *name*. Fails UNAVAILABLE, with the seconds to wait, while open."""
        if self._opened_at is None:
            return
        if self._probing or self._left_s() > 0:
            wait = max(self._left_s(), 1.0)
            raise Failure(Kind.UNAVAILABLE, f"{name} is not being called after several failures.", retry_after_s=wait)
        self._probing = True

    def answered(self, *, broken: bool) -> None:
        """An answer came; *broken* when it says that the upstream itself is not well."""
        if broken:
            self.failed()
        else:
            self._failures, self._opened_at, self._probing = 0, None, False

    def failed(self) -> None:
        """No answer came, or one that says that the upstream is not well."""
        self._failures += 1
        if self._probing or self._failures >= self._limit:
            self._opened_at, self._probing = self._monotonic(), False

    def left(self) -> None:
        """The caller gave up before there was an outcome: it says nothing about the upstream."""
        self._probing = False

    def _left_s(self) -> float:
        assert self._opened_at is not None
        return self._opened_at + self._open_s - self._monotonic()


class RetryBudget:
    """Lets at most a tenth of the requests be repeats, plus a small reserve: retries must not double an overload."""

    def __init__(self, *, share: float = 0.1, reserve: float = 10.0) -> None:
        self._share = share
        self._reserve = reserve
        self._tokens = reserve

    def earn(self) -> None:
        self._tokens = min(self._reserve, self._tokens + self._share)

    def spend(self) -> bool:
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
