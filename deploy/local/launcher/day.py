"""Plays the demo firm's day in a process of its own: `demo.day.play(addresses)` gives the checks."""

import asyncio
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path

import msgspec

from launcher.problem import LaunchError
from launcher.processes import Command, python, spawn
from launcher.reports import Check
from launcher.settings import write
from launcher.site import Site
from launcher.supervisor import rotate
from launcher.vault import write_private


def addresses(site: Site) -> dict[str, str]:
    """Every address by its port's name, the edge as callers write it, and the secret of the client `demo`."""
    named = {name: site.address(name) for name in site.ports}
    return {**named, "edge": site.origin, "client_secret": site.vault.secret("client demo")}


async def play(site: Site) -> list[Check]:
    """Run the day, its own lines on our console. Raises LaunchError if it does not come to its end."""
    told = write(site.places, "day", addresses(site))
    result = site.places.state / "day.json"
    result.unlink(missing_ok=True)
    command = Command(
        arguments=python("-m", "launcher.day", told, str(result)),
        folder=site.places.clone,
        environment=site.environment,
    )
    log = site.places.log("day")
    rotate(log)
    process = await spawn(command, log, spoken=True)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if code != 0 or not result.exists():
        raise LaunchError("The day was not played to its end.", log)
    return msgspec.json.decode(result.read_bytes(), type=list[Check])


async def _play(told: Mapping[str, str]) -> list[Check]:
    day = importlib.import_module("demo.day")
    seen = await day.play(told)
    return [Check(name=one.name, expected=str(one.expected), seen=str(one.seen), ok=bool(one.ok)) for one in seen]


def main(told: str, result: str) -> int:
    addresses_told = msgspec.json.decode(Path(told).read_bytes(), type=dict[str, str])
    write_private(Path(result), msgspec.json.encode(asyncio.run(_play(addresses_told))))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
