"""Has the demo firm's day and fortnight played, in a process of its own (`launcher.playing`)."""

import asyncio

import msgspec

from demo.authorities import DIRECTOR
from demo.surroundings import Platform, Surroundings
from launcher.problem import LaunchError
from launcher.processes import Command, python, spawn
from launcher.reports import Check
from launcher.settings import CAPABILITIES, DEMO, write
from launcher.site import Site
from launcher.supervisor import rotate
from launcher.vendors import VENDORS


def surroundings(site: Site) -> Surroundings:
    """What the day is told: the edge, its client there, and each vendor's sandbox as its administrator knows it."""
    return Surroundings(
        edge=site.origin,
        client_id=DEMO,
        client_secret=site.vault.secret(f"client {DEMO}"),
        director=DIRECTOR,
        clock_file=str(site.places.clock),
        control_key=site.vault.secret("sandboxes control"),
        connections={
            capability: sorted(
                name for vendor in VENDORS if vendor.capability == capability for name in vendor.connections(site)
            )
            for capability in CAPABILITIES
        },
        platforms={
            vendor.folder: Platform(address=site.address(vendor.port), config=vendor.accepts(site))
            for vendor in VENDORS
        },
    )


async def play(site: Site) -> list[Check]:
    """Run the day, its own lines on our console. Raises LaunchError if it does not come to its end."""
    told = write(site.places, "day", msgspec.to_builtins(surroundings(site)))
    result = site.places.state / "day.json"
    result.unlink(missing_ok=True)
    command = Command(
        arguments=python("-m", "launcher.playing", told, str(result)),
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
