"""The demo firm's day, played once per test session on the whole system, which stays up for whoever asks it more."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import psycopg
from running_system import RunningSystem, running_system, until

from demo import day
from demo.checks import Check
from demo.morning import demo_firm
from demo.platforms import Seen, read_all
from servicekit.clock import SystemClock
from servicekit.database import driver_url


class PlayedDay(msgspec.Struct, kw_only=True):
    """The system after the day: its checks, what every platform held at its end, and the events by type."""

    system: RunningSystem
    checks: list[Check]
    seen: Seen
    events: Counter[str]


@asynccontextmanager
async def played_day(folder: Path) -> AsyncIterator[PlayedDay]:
    """Start a fresh system in *folder*, play the day, and keep the system up."""
    async with running_system(folder) as system:
        checks = await day.play(system.told, SystemClock())
        seen = await read_all(system.told, demo_firm(SystemClock().now().date()))
        events = await until(lambda: _with_the_hire(system), "the event of the day's hire")
        yield PlayedDay(system=system, checks=checks, seen=seen, events=events)


async def _with_the_hire(system: RunningSystem) -> Counter[str] | None:
    """HR is polled apart from the deals: its event may come after the last project."""
    events = event_counts(system)
    return events if events["employee-created"] else None


def event_counts(system: RunningSystem) -> Counter[str]:
    """How often each event stands in the log, by its short name."""
    url = driver_url(system.site.database_url("postgres"))
    with psycopg.connect(url, autocommit=True) as connection:
        rows = connection.execute("select type, count(*) from events.log group by type").fetchall()
    return Counter({kind.split(".")[1]: count for kind, count in rows})
