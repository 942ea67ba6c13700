"""The time, as an object that is handed in: nothing in Syncline reads a clock of its own."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol, runtime_checkable


@runtime_checkable
class Clock(Protocol):
    """Tells the moment, always aware and in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class RehearsalClock:
    """The machine's clock moved by the seconds that stand in a file, which whoever rehearses writes.

    Processes that share the file live on the same day, so that a month can be rehearsed in a minute. No file: no
    offset. The file is looked at again every 50 ms at most, for a moment is asked for often.
    """

    _LOOK_AGAIN_S = 0.05

    def __init__(self, file: Path) -> None:
        self._file = file
        self._offset = timedelta()
        self._looked = float("-inf")

    def now(self) -> datetime:
        if time.monotonic() - self._looked > self._LOOK_AGAIN_S:
            self._offset = _offset_in(self._file)
            self._looked = time.monotonic()
        return datetime.now(UTC) + self._offset


def clock_of(file: str | None) -> Clock:
    """The clock that a service is told to live by: the machine's, or one that is moved by a file."""
    return SystemClock() if file is None else RehearsalClock(Path(file))


def _offset_in(file: Path) -> timedelta:
    try:
        return timedelta(seconds=float(file.read_text("ascii")))
    except FileNotFoundError:
        return timedelta()


class SettableClock:
    """A clock that stands still until it is moved: for tests and rehearsals."""

    def __init__(self, now: datetime) -> None:
        self._now = now.astimezone(UTC)

    def now(self) -> datetime:
        return self._now

    def advance(self, by: timedelta) -> None:
        self._now += by
