"""The demo firm's day and its fortnight, played on a system of their own: its clock is moved, and nobody else's."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
from played_day import event_counts, played_day
from running_system import RunningSystem, until

from demo import fortnight
from demo.checks import Check
from servicekit.clock import SystemClock

ENTRIES = 95


class PlayedFortnight(msgspec.Struct, kw_only=True):
    """The system after it: its checks, and the events that came after the day's, by type."""

    system: RunningSystem
    checks: list[Check]
    events: Counter[str]


@asynccontextmanager
async def played_fortnight(folder: Path) -> AsyncIterator[PlayedFortnight]:
    """Start a fresh system in *folder*, play both, and keep the system up."""
    async with played_day(folder) as day:
        checks = await fortnight.play(day.system.told, SystemClock())
        events = await until(lambda: _with_the_time(day.system), "the events of the fortnight's time")
        yield PlayedFortnight(system=day.system, checks=checks, events=events - day.events)


async def _with_the_time(system: RunningSystem) -> Counter[str] | None:
    """The PSA is polled apart from the invoices: its events may come after the last posting."""
    events = event_counts(system)
    return events if events["time-approved"] >= ENTRIES else None
