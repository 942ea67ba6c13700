"""What no design can close: writes to vendors that neither know our key nor refuse our id a second time.

A process that stands still between its claim and its request may send it when another has looked, found nothing, and
sent its own. Where the vendor cannot tell the two apart, the write is in doubt, and a person looks.
"""

from __future__ import annotations

from running_system import RunningSystem

from launcher.vendors import VENDORS
from servicekit.clock import SystemClock
from system_apis.connections import ConnectionSettings, connect_all

OPEN = frozenset({"marker_search", "none"})


async def residual(system: RunningSystem) -> tuple[str, ...]:
    """Each such write by name, as the connectors themselves declare it."""
    found: set[str] = set()
    for vendor in VENDORS:
        told = vendor.connections(system.site)
        wanted = {name: ConnectionSettings(vendor=vendor.folder, settings=one) for name, one in told.items()}
        connected = connect_all(vendor.capability, wanted, SystemClock())
        for _, connector in connected:
            settlements = getattr(connector, "settlements", {})  # a port that writes nothing has none
            found |= {f"{vendor.folder} {name}: {one.kind}" for name, one in settlements.items() if one.kind in OPEN}
        await connected.close()
    return tuple(sorted(found))
