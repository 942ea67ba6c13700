"""Plays the demo firm's day and fortnight: a program of its own, so that the launcher stays small."""

import asyncio
import sys
from pathlib import Path

import msgspec

import demo.day
import demo.fortnight
from demo.surroundings import Surroundings
from launcher.reports import Check
from launcher.vault import write_private
from servicekit.clock import SystemClock


async def _play(told: Surroundings) -> list[Check]:
    seen = [*await demo.day.play(told, SystemClock()), *await demo.fortnight.play(told, SystemClock())]
    return [Check(name=one.name, expected=str(one.expected), seen=str(one.seen), ok=bool(one.ok)) for one in seen]


def main(told: str, result: str) -> int:
    addresses_told = msgspec.json.decode(Path(told).read_bytes(), type=Surroundings)
    write_private(Path(result), msgspec.json.encode(asyncio.run(_play(addresses_told))))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
