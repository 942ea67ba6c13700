"""The rehearsal's clock: one file moves every service of the copy, and each vendor's sandbox is moved with them."""

import asyncio
from datetime import datetime
from pathlib import Path

import httpx

from demo.surroundings import Surroundings
from servicekit.clock import Clock, RehearsalClock

_LOOKED_AT_S = 0.1  # services look at the file every 50 ms


async def move_to(told: Surroundings, moment: datetime, now: Clock) -> None:
    """Everybody lives at *moment* from now on. Never backwards: what has happened stays in the past.

    The vendors are moved last: what they tell of is never later than their reader's own now.
    """
    offset_s = (moment - now.now()).total_seconds()
    await asyncio.to_thread(_write, Path(told.clock_file), f"{offset_s:.0f}\n")
    await asyncio.sleep(_LOOKED_AT_S)
    headers = {"Sandbox-Control-Key": told.control_key}
    for platform in told.platforms.values():
        async with httpx.AsyncClient(base_url=platform.address, headers=headers, timeout=30) as http:
            (await http.post("/_sandbox/clock", json={"offset_s": round(offset_s)})).raise_for_status()


def of_the_rehearsal(told: Surroundings) -> Clock:
    """The clock that all of them live by."""
    return RehearsalClock(Path(told.clock_file))


def _write(file: Path, text: str) -> None:
    """Whole or not at all: it is read many times a second."""
    new = file.with_name(f"{file.name}.new")
    new.write_text(text, "ascii")
    new.replace(file)
